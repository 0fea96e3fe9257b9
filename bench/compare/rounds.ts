/**
 * Runs a benchmark: every contestant in every round, in fresh processes that take turns, so that
 * whatever else the machine does meets all of them.
 *
 * @module
 */

import { spawn } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import process from "node:process";

import type { Scratch } from "../support/scratch.ts";
import type { Plan } from "./arguments.ts";
import { type Contestant, CONTESTANTS, isKvig, KVIG } from "./contestants.ts";
import type { Part } from "./part.ts";
import { PARTS } from "./parts/all.ts";
import type { Configuration, Series, Settings } from "./results.ts";
import { commandOf, type Runtime, RUNTIMES } from "./runtimes.ts";
import type { Job, Outcome } from "./session.ts";
import { KEY_SHAPES } from "./shapes.ts";

/** Memory for pages and size of the log, unless a part says otherwise. */
export const CACHE_BYTES = 256 * 2 ** 20;
const LONGEST_MILLISECONDS = 300_000;

/** What to measure, and where to tell of it. */
export interface Rounds {
  /** What was asked for. */
  readonly plan: Plan;
  /** Who takes part. */
  readonly contestants: readonly Contestant[];
  /** The sources of kvig for a contestant, where not the repository's own. */
  readonly kvigRoots: Readonly<Record<string, string>>;
  /** Ends everything, the running process too. */
  readonly signal: AbortSignal;
  /** Called with what is being done. */
  readonly tell: (line: string) => void;
}

/** What came out. */
export interface Measured {
  /** The figures. */
  readonly series: Series[];
  /** What could not be measured, and why. */
  readonly remarks: string[];
}

/** The contestants of a plan, kvig first. */
export function contestantsOf(plan: Plan): Contestant[] {
  return CONTESTANTS.filter(({ id }) => id === KVIG || plan.contestants.includes(id));
}

/** The sizes of a plan. */
export function settingsOf(plan: Plan): Settings {
  const { rounds, entries } = plan;
  return { rounds, entries, cacheBytes: CACHE_BYTES, logBytes: CACHE_BYTES };
}

/** Measures everything that the plan asks for. */
export async function runAll(rounds: Rounds, scratch: Scratch): Promise<Measured> {
  const measured: Measured = { series: [], remarks: [] };
  const { plan } = rounds;
  for (const id of plan.runtimes) {
    const runtime = RUNTIMES.find((each) => each.id === id)!;
    for (const shape of plan.shapes) {
      for (const valueBytes of plan.valueBytes) {
        for (const cache of plan.caches) {
          const how = { shape, valueBytes, cache };
          for (const part of PARTS) {
            const works = part.works.map((work) => work.id).filter((work) =>
              plan.works.includes(work)
            );
            // What has a cache of its own is measured once.
            if (works.length === 0 || (cache === "quarter" && part.timesCache !== undefined)) {
              continue;
            }
            await new PartRun(rounds, scratch, runtime, part, works, how).run(measured);
          }
        }
      }
    }
  }
  return measured;
}

/** What a page holds beside keys and values, and what it keeps free, in bytes for an entry. */
const OVERHEAD_BYTES = 60;
const LEAST_CACHE_BYTES = 2 ** 20;

/** The sizes of a part's store. Large values come in smaller numbers. */
function sizesOf(plan: Plan, part: Part, { shape, valueBytes, cache }: Configuration): {
  entries: number;
  cacheBytes: number;
  logBytes: number;
} {
  const { keyBytes } = KEY_SHAPES.find(({ id }) => id === shape)!;
  const entryBytes = keyBytes + valueBytes + OVERHEAD_BYTES;
  const cacheBytes = part.cacheBytes ?? CACHE_BYTES;
  const logBytes = cacheBytes;
  if (part.timesCache !== undefined) {
    const entries = Math.ceil(cacheBytes * part.timesCache / (keyBytes + valueBytes));
    return { entries, cacheBytes, logBytes };
  }
  const entries = Math.min(plan.entries, Math.floor(cacheBytes / 2 / entryBytes));
  if (cache === "fits") return { entries, cacheBytes, logBytes };
  const quarter = Math.max(LEAST_CACHE_BYTES, Math.floor(entries * (keyBytes + valueBytes) / 4));
  return { entries, cacheBytes: quarter, logBytes };
}

/** All rounds of one part on one runtime. */
class PartRun {
  readonly #rounds: Rounds;
  readonly #scratch: Scratch;
  readonly #runtime: Runtime;
  readonly #part: Part;
  readonly #works: readonly string[];
  readonly #how: Configuration;
  readonly #sizes: { entries: number; cacheBytes: number; logBytes: number };
  readonly #series = new Map<string, Series>();
  readonly #failed = new Map<string, string>();

  constructor(
    rounds: Rounds,
    scratch: Scratch,
    runtime: Runtime,
    part: Part,
    works: readonly string[],
    how: Configuration,
  ) {
    this.#rounds = rounds;
    this.#scratch = scratch;
    this.#runtime = runtime;
    this.#part = part;
    this.#works = works;
    this.#how = how;
    this.#sizes = sizesOf(rounds.plan, part, how);
  }

  /** Adds its figures and remarks. */
  async run(measured: Measured): Promise<void> {
    const { plan, tell } = this.#rounds;
    const contestants = this.#contestants();
    for (let round = 0; round < plan.rounds; round++) {
      for (let i = 0; i < contestants.length; i++) {
        // Another one begins each time.
        const { id } = contestants[(round + i) % contestants.length];
        if (this.#failed.has(id)) continue;
        const { shape, valueBytes, cache } = this.#how;
        const how = `${shape} keys, ${valueBytes} bytes, ${cache}`;
        const turn = `round ${round + 1} of ${plan.rounds}, ${id}`;
        tell(`${this.#runtime.what}, ${this.#part.id}, ${how}: ${turn}`);
        await this.#round(id, round, measured.remarks);
      }
    }
    measured.series.push(...this.#series.values());
    for (const [id, why] of this.#failed) {
      measured.remarks.push(
        `${this.#runtime.what}, ${this.#part.id}, ${id}: FAILED: ${why}`,
      );
    }
  }

  #contestants(): Contestant[] {
    return this.#rounds.contestants.filter(({ id, runtimes, parts }) =>
      runtimes.includes(this.#runtime.id) &&
      (parts?.includes(this.#part.id) ?? true) &&
      (this.#part.onlyKvig !== true || isKvig(id))
    );
  }

  async #round(id: string, round: number, remarks: string[]): Promise<void> {
    const directory = this.#scratch.file("store");
    fs.rmSync(directory, { recursive: true, force: true });
    fs.mkdirSync(directory);
    try {
      for (const step of this.#part.steps ?? ["run"]) {
        const outcome = await this.#process(id, step, directory);
        for (const [work, figure] of Object.entries(outcome.figures)) {
          this.#note(id, work, round, figure);
        }
        for (const [work, why] of Object.entries(outcome.skipped)) {
          const remark = `${this.#runtime.what}, ${work}: SKIPPED: ${why}`;
          if (!remarks.includes(remark)) remarks.push(remark);
        }
      }
    } catch (error) {
      // That is no failure of the contestant's.
      if (this.#rounds.signal.aborted) throw error;
      this.#failed.set(id, error instanceof Error ? error.message : String(error));
    } finally {
      fs.rmSync(directory, { recursive: true, force: true });
    }
  }

  #note(contestant: string, work: string, round: number, figure: number): void {
    if (!this.#works.includes(work)) {
      throw new Error(`${work} was measured without being asked`);
    }
    const name = JSON.stringify([contestant, work]);
    let series = this.#series.get(name);
    if (series === undefined) {
      const figures = new Array<number | null>(this.#rounds.plan.rounds).fill(null);
      const { entries } = this.#sizes;
      series = { runtime: this.#runtime.id, ...this.#how, entries, work, contestant, figures };
      this.#series.set(name, series);
    }
    series.figures[round] = figure;
  }

  async #process(id: string, step: string, directory: string): Promise<Outcome> {
    const kvigRoot = this.#rounds.kvigRoots[id];
    const job: Job = {
      part: this.#part.id,
      step,
      contestant: id,
      works: this.#works,
      directory,
      shape: this.#how.shape,
      valueBytes: this.#how.valueBytes,
      fits: this.#how.cache === "fits" && this.#part.timesCache === undefined,
      ...this.#sizes,
      ...(kvigRoot === undefined ? {} : { kvigRoot }),
    };
    const [program, ...words] = commandOf(this.#runtime, join("compare", "worker"));
    const ended = await runProcess(program, [...words, JSON.stringify(job)], this.#rounds.signal);
    // A step but the last may end by killing itself.
    const killsItself = this.#part.steps?.includes(step) && this.#part.steps.at(-1) !== step;
    if (ended.how === "SIGKILL" && killsItself && !ended.late) return { figures: {}, skipped: {} };
    if (ended.late) throw new Error(`took longer than ${LONGEST_MILLISECONDS / 1000} s`);
    const last = ended.output.trim().split("\n").at(-1) ?? "";
    if (ended.how === 0 && last.startsWith("{")) return JSON.parse(last) as Outcome;
    const said = ended.errors.trim().split("\n").slice(0, 12).join("\n");
    throw new Error(`ended with ${ended.how}: ${said}`);
  }
}

/** How a process ended: its exit code or the signal, and what it wrote. */
interface Ended {
  readonly how: number | string | null;
  readonly late: boolean;
  readonly output: string;
  readonly errors: string;
}

/** Runs a program to its end; it is killed when it takes too long, and when `signal` says so. */
function runProcess(program: string, words: string[], signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
      signal,
      killSignal: "SIGKILL",
    });
    let late = false;
    const limit = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, LONGEST_MILLISECONDS);
    let [output, errors] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (errors += text));
    child.on("error", (error) => {
      clearTimeout(limit);
      reject(error);
    });
    child.on("close", (code, killedBy) => {
      clearTimeout(limit);
      resolve({ how: killedBy ?? code, late, output, errors });
    });
  });
}
