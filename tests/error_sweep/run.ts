/**
 * One run of a workload with one fault, and the look at what it leaves.
 *
 * @module
 */

import type { SimDisk } from "../sim/disk.ts";
import type { SimOperation } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { type Cells, type Doing, phaseOf, type Role, roleOf } from "../sim/cells.ts";
import type { Latency } from "../sim/scheduler.ts";
import type { TinyOptions } from "../sim/tiny_store.ts";
import { Aftermath } from "./aftermath.ts";
import { Judge } from "./judge.ts";
import { Ledger } from "./ledger.ts";
import { PATH } from "./paths.ts";
import { engineOf, Session } from "./session.ts";
import { standstill } from "./settled.ts";
import { type Injection, Striker } from "./striker.ts";

/** How calls are made and operations carried out. */
export type Form =
  /** Synchronous calls, on an Io that blocks. */
  | "sync"
  /** Promises, on an Io that is always done at once. */
  | "promises"
  /** Promises, on an Io whose operations take time and complete in any order. */
  | "late";

/** Fixed work with a store. */
export interface Workload {
  /** Its name. */
  readonly name: string;
  /** The forms in which it is run. */
  readonly forms: readonly Form[];
  /** How the store is opened. */
  readonly options?: TinyOptions;
  /** What was done to the store before. Default: there is none. */
  readonly prepare?: (session: Session) => Promise<void>;
  /** Whether a power cut then took everything that was not durable. Default: the process ends. */
  readonly cut?: boolean;
  /** The work. */
  readonly run: (session: Session) => Promise<void>;
}

/** What one run was like. */
export interface RunResult {
  /** Operations that were issued. */
  readonly operations: readonly SimOperation[];
  /** What each of them was for. */
  readonly roles: readonly Role[];
  /** How many of them were struck. */
  readonly struck: number;
  /** What was wrong. */
  readonly violations: readonly string[];
  /** Acknowledged after a failed sync. */
  readonly failedSyncAcknowledged: number;
  /** Syncs after a failed one. */
  readonly failedSyncRetried: number;
  /** Trace in words, where it was kept. */
  readonly trace: readonly string[];
}

/** How one run goes besides its fault. */
export interface RunOptions {
  /** Decides latencies, orders and what a power cut keeps. */
  readonly seed: number;
  /** How long operations take in the form "late". */
  readonly latency: Latency;
  /** Whether to keep the trace in words. */
  readonly keepTrace?: boolean;
  /** Where to count what happened. */
  readonly cells?: Cells;
}

/** What a workload begins with. */
interface Start {
  readonly disk: SimDisk;
  readonly ledger: Ledger;
  readonly provable: number;
}

const starts = new WeakMap<Workload, Promise<Start>>();

async function prepare({ options, prepare, cut }: Workload): Promise<Start> {
  const io = new SimIo({ seed: 99 });
  const ledger = new Ledger();
  const judge = new Judge(io, new Striker(undefined), ledger);
  watch(io, judge, () => undefined);
  const writable = { ...options, readOnly: false };
  if (prepare !== undefined) await prepare(new Session(io, true, ledger, judge, writable));
  if (judge.violations.length > 0) throw new Error(judge.violations[0]);
  const disk = cut === true ? io.disk.durable() : io.disk.killed();
  return { disk, ledger, provable: judge.provable };
}

/** Tells the judge of syncs, and `strike` of operations that are struck. */
function watch(
  io: SimIo,
  judge: Judge,
  issued: (operation: SimOperation, struck: boolean) => void,
): void {
  io.onOperation = (operation, fault) => {
    issued(operation, fault !== undefined);
    if (syncsFile(operation)) {
      judge.syncIssued(operation.path, operation.kind === "sync data");
    }
    if (fault !== undefined) judge.struckOperation(operation);
  };
  io.onCompletion = (operation, code) => {
    if (code !== "" && syncsFile(operation)) judge.syncFailed(operation.path);
  };
}

/** Runs `workload`, lets `injection` happen, and looks at everything it leaves. */
export async function run(
  workload: Workload,
  form: Form,
  injection: Injection | undefined,
  options: RunOptions,
): Promise<RunResult> {
  let starting = starts.get(workload);
  if (starting === undefined) starts.set(workload, starting = prepare(workload));
  const start = await starting;
  const striker = new Striker(injection);
  const io = new SimIo({
    seed: options.seed,
    disk: start.disk.killed(),
    blocking: form === "late" ? "never" : "always",
    latency: options.latency,
    faults: striker,
    keepTrace: options.keepTrace ?? false,
  });
  const ledger = new Ledger(start.ledger);
  const judge = new Judge(io, striker, ledger);
  judge.provable = start.provable;
  const session = new Session(io, form === "sync", ledger, judge, workload.options ?? {});
  const operations: SimOperation[] = [];
  const roles: Role[] = [];
  watch(io, judge, (operation, struck) => {
    const doing = doingOf(session);
    const role: Role = roleOf(operation, { path: PATH, pageBytes: 512 }, doing);
    const phase = phaseOf(operation, role, doing);
    if (!striker.over) {
      operations.push({ ...operation, phase });
      roles.push(role);
    }
    if (!struck || injection === undefined) return;
    if (striker.struck.length === 1) judge.firstStrike(role, phase);
    options.cells?.record(injection.kind, role, phase);
  });
  await workload.run(session);
  await standstill(io);
  striker.over = true;
  await new Aftermath(session, striker, options.seed).look();
  const { violations, failedSyncAcknowledged, failedSyncRetried } = judge;
  return {
    operations,
    roles,
    struck: striker.struck.length,
    violations: [...violations, ...io.breaches],
    failedSyncAcknowledged,
    failedSyncRetried,
    trace: io.trace.lines,
  };
}

/** Whether an operation is a sync of a file of the store; that of names is another matter. */
function syncsFile({ kind, path }: SimOperation): boolean {
  return (kind === "sync data" || kind === "sync full") && path.startsWith(PATH);
}

const NOTHING: Doing = { spilling: false, checkpointing: false };

/** What the store does now. */
function doingOf({ store }: Session): Doing {
  if (store === undefined) return NOTHING;
  const { pager, parts } = engineOf(store);
  return { spilling: pager.spilling, checkpointing: parts.checkpointer.running };
}
