/**
 * One store, one worker, one fault in the middle of its work, and what must be true afterwards.
 *
 * @module
 */

import fs from "node:fs";
import { basename, join } from "node:path";

import type { Random } from "../support/random.ts";
import type { Arena } from "./disks.ts";
import type { Life } from "./life.ts";
import type { Blame, Report } from "./report.ts";
import type { Subject } from "./subject.ts";
import { Trace } from "./trace.ts";
import { type LifeEnd, RUNTIMES, startWorker, type WorkerProcess } from "./worker_process.ts";

const WAYS_AT_ONCE = 2;
const TRACED_CALLS = 40;
const UNTRACED = { failed: 0, logFailed: false, retried: 0 } as const;

/** What every scenario works with. */
export interface Context {
  /** Where disks are. */
  readonly arena: Arena;
  /** What is counted. */
  readonly report: Report;
  /** What is drawn. */
  readonly random: Random;
  /** Whether strace is there. */
  readonly tracing: boolean;
}

/** A fault and what belongs to it. */
export interface Ordeal {
  /** What it is called. */
  readonly scenario: string;
  /** The runtime of the worker. */
  readonly runtime: string;
  /** The store. */
  readonly subject: Subject;
  /** What the worker does. */
  readonly life: Life;
  /** Sees the worker's system calls. */
  readonly trace?: Trace | undefined;
  /** What stands before the worker's command. */
  readonly before?: readonly string[];
  /** After how many commits it is hurt; 0 where it is from the beginning. */
  readonly commits: number;
  /** Brings the fault; it may be one of the worker's process alone. */
  hurt(pid: number): void;
  /** Takes it away. */
  heal(): void;
  /** Throws where the life did not end as it must. */
  expect(end: LifeEnd): void;
}

/** A violation that goes to a counter of its own. */
export class BlamedError extends Error {
  /** The counter. */
  readonly blame: Blame;

  /** Blames with a message. */
  constructor(blame: Blame, message: string) {
    super(message);
    this.blame = blame;
  }
}

/** Does `work` for each runtime, blocking and not, several at a time. */
export async function everyWay(
  work: (runtime: string, blocking: boolean) => Promise<void>,
): Promise<void> {
  const ways = RUNTIMES.flatMap((
    runtime,
  ) => [{ runtime, blocking: false }, { runtime, blocking: true }]);
  const queue = ways.values();
  const next = async (): Promise<void> => {
    for (const { runtime, blocking } of queue) await work(runtime, blocking);
  };
  await Promise.all(Array.from({ length: WAYS_AT_ONCE }, next));
}

/** Does `work` with a worker that is ended afterwards; a failure is a violation. */
export async function withWorker(
  { report }: Context,
  scenario: string,
  runtime: string,
  files: () => readonly string[],
  work: (worker: WorkerProcess) => Promise<void>,
): Promise<boolean> {
  const worker = await startWorker(runtime);
  try {
    await work(worker);
    return true;
  } catch (error) {
    const what = `${scenario}, ${runtime}`;
    const more = worker.said;
    report.violation({ scenario: what, blame: "otherViolations", error, files: files(), more });
    return false;
  } finally {
    await worker.end();
  }
}

/** Lets a store live through a fault; tells whether all was as it must be. */
export async function undergo(context: Context, ordeal: Ordeal): Promise<LifeEnd | undefined> {
  const { report, random } = context;
  const { subject, runtime, life } = ordeal;
  const said: string[] = [];
  const kept = context.arena.image("left");
  let left: readonly string[] = [];
  try {
    const end = await liveThrough(ordeal, said);
    ordeal.expect(end);
    judgeSyncs(context, ordeal, end);
    ordeal.heal();
    fs.mkdirSync(kept);
    left = subject.files.map((file) => join(kept, basename(file)));
    for (const file of subject.files) fs.copyFileSync(file, join(kept, basename(file)));
    // Another runtime looks at what this one left.
    const well = await startWorker(random.pick(RUNTIMES));
    try {
      await subject.assertWell(well, { blocking: random.oneIn(2) });
    } finally {
      said.push("— afterwards", ...well.said);
      await well.end();
    }
    return end;
  } catch (error) {
    report.violation({
      scenario: `${ordeal.scenario}, ${runtime}`,
      blame: error instanceof BlamedError ? error.blame : "otherViolations",
      error,
      files: left.length > 0 ? left : subject.files,
      more: [JSON.stringify(life), ...said, ...tracedWords(ordeal)],
    });
    return undefined;
  } finally {
    fs.rmSync(kept, { recursive: true, force: true });
  }
}

function tracedWords({ trace }: Ordeal): string[] {
  const calls = trace?.calls().slice(-TRACED_CALLS) ?? [];
  return calls.map((call) => JSON.stringify(call));
}

async function liveThrough(ordeal: Ordeal, said: string[]): Promise<LifeEnd> {
  const { subject, trace, life, commits } = ordeal;
  const worker = await startWorker(ordeal.runtime, ordeal.before ?? trace?.words() ?? []);
  let hurt = commits === 0;
  if (hurt) ordeal.hurt(worker.pid);
  let issued = 0;
  const marks = trace === undefined ? {} : { marks: trace.marks };
  try {
    return await subject.live(worker, { ...life, ...marks }, () => hurt, ([word]) => {
      if (word !== "i" || ++issued !== commits) return;
      hurt = true;
      ordeal.hurt(worker.pid);
    });
  } finally {
    said.push(...worker.said);
    await worker.end();
  }
}

/** A failed sync must fail the store, acknowledge nothing, and be the last one. */
function judgeSyncs({ report }: Context, ordeal: Ordeal, end: LifeEnd): void {
  const { trace, life, subject } = ordeal;
  const storeFailed = end.failure?.code === "KVIG_FAILED";
  const { failed, logFailed, retried } = trace?.judge(storeFailed) ?? UNTRACED;
  // Where the data file's sync failed, one of the log that was under way may succeed still.
  if (storeFailed && (life.window === 1 || logFailed) && end.acknowledgedAfter > 0) {
    throw new BlamedError(
      "failedSyncAcknowledged",
      `${end.acknowledgedAfter} commits were acknowledged after the failure`,
    );
  }
  report.counts.failedSyncs += failed;
  if (failed > 0 && end.failure === undefined) {
    throw new BlamedError("failedSyncAcknowledged", `${failed} syncs failed, the store did not`);
  }
  // A creation that failed is taken back, and synced once more for that: nothing rests on it.
  if (retried > 0 && subject.created) {
    throw new BlamedError("failedSyncRetried", `${retried} syncs after a failed one`);
  }
}

/**
 * Throws unless the store failed as a whole, and says so to every call after that. What failed
 * first may be a call alone on which no commit rests, such as a large transaction or a compaction
 * that could not put its pages aside, and so may others after it: the next write of the log finds
 * out. None of them may be acknowledged.
 */
export function expectFailed({ failure, after }: LifeEnd): void {
  if (failure === undefined) throw new Error("the fault was not met");
  let whole = failure.code === "KVIG_FAILED";
  for (const { call, code, outcome, message } of after) {
    const allowed: (string | undefined)[] = ["KVIG_FAILED"];
    if (call === "close") allowed.push(undefined);
    if (!whole) allowed.push(failure.code);
    if (!allowed.includes(code)) {
      throw new Error(`after the failure ${call} gave ${code ?? "no error"}: ${message}`);
    }
    if (code !== undefined && whole && outcome !== "none") {
      throw new Error(`after the failure ${call} says that its outcome is ${outcome}`);
    }
    whole ||= code === "KVIG_FAILED";
  }
  if (!whole) throw new Error("the store never failed as a whole");
}

/** A trace of the files of a store, where strace is there. */
export function traceOf({ arena, tracing }: Context, { path }: Subject): Trace | undefined {
  if (!tracing) return undefined;
  const directory = arena.fresh("trace");
  fs.mkdirSync(directory);
  return new Trace(path, directory);
}
