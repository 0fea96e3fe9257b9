/**
 * The sweep: every operation of every workload is struck by every fault that can happen to it, once
 * and from there on for ever.
 *
 * @module
 */

import type { IoErrorCode } from "../../core/io.ts";
import { Cells } from "../sim/cells.ts";
import { canHappen, FAULT_KINDS, type FaultKind, type SimOperation } from "../sim/faults.ts";
import { LATENCIES } from "../sim/scheduler.ts";
import { type Form, run, type RunOptions, type RunResult, type Workload } from "./run.ts";
import type { Injection } from "./striker.ts";

/** What is swept. */
export interface SweepOptions {
  /** What everything follows from. */
  readonly seed: number;
  /** Only workloads whose name contains this. */
  readonly only?: string | undefined;
  /** Only this fault. */
  readonly kind?: FaultKind | undefined;
  /** Only this form. */
  readonly form?: Form | undefined;
  /** Only the operation with this number. */
  readonly index?: number | undefined;
  /** Only once, or only for ever. */
  readonly ever?: boolean | undefined;
  /** Only this round. */
  readonly round?: number | undefined;
  /** Whether to keep the traces of violations in words. */
  readonly trace?: boolean;
  /** Rounds with other seeds, latencies and parts. */
  readonly rounds: number;
  /** Which share of the injections is done here: number `share` of `shares`. */
  readonly share: number;
  /** Of how many. */
  readonly shares: number;
  /** One injection in so many is done. Default: 1. */
  readonly oneIn?: number;
  /** Every fault strikes once or for ever in turn, and only some both ways. Default: both. */
  readonly brief?: boolean;
  /** Called with each violation. */
  readonly onViolation?: (violation: Violation) => void;
}

/** Something that was wrong, and how to see it again. */
export interface Violation {
  /** The name of the workload. */
  readonly workload: string;
  /** Its form. */
  readonly form: Form;
  /** Number of the round. */
  readonly round: number;
  /** What was injected; undefined where nothing was. */
  readonly injection: Injection | undefined;
  /** What was wrong. */
  readonly what: readonly string[];
  /** The operations, where that was asked for. */
  readonly trace: readonly string[];
}

/** What a sweep counted. */
export interface SweepResult {
  injected: number;
  operations: number;
  /** Workloads of which some operation was struck by nothing. */
  unreached: string[];
  violations: number;
  failedSyncAcknowledged: number;
  failedSyncRetried: number;
  readonly cells: Cells;
}

/** Faults that only an asynchronous Io has. */
const ONLY_LATE: readonly FaultKind[] = ["never"];

/** Codes that opening fails with, in turn. */
const OPEN_CODES: readonly IoErrorCode[] = ["KVIG_ACCESS", "KVIG_IO", "KVIG_NOT_FOUND"];

/** Of so many pairs of an operation and a fault one is struck both ways in a brief sweep. */
const BOTH_ONE_IN = 3;

/** Whether a brief sweep leaves an injection out; of once and for ever it never does both. */
function leftOut({ kind, index, ever }: Injection, round: number): boolean {
  const turn = index * FAULT_KINDS.length + FAULT_KINDS.indexOf(kind) + index + round;
  return turn % BOTH_ONE_IN !== 0 && ever !== (turn % 2 === 0);
}

/** Every injection into a workload whose operations are `operations`. */
export function injectionsOf(
  operations: readonly SimOperation[],
  form: Form,
  round: number,
): Injection[] {
  const injections: Injection[] = [];
  operations.forEach((operation, index) => {
    for (const kind of FAULT_KINDS) {
      if (!canHappen(kind, operation) || (form !== "late" && ONLY_LATE.includes(kind))) continue;
      const part = 0.001 + ((index * 0.618 + round * 0.271 + 0.37) % 1) * 0.998;
      for (const ever of [false, true]) {
        const injection: Injection = { kind, index, ever, part };
        if (kind === "open error") {
          injections.push({ ...injection, code: OPEN_CODES[(index + round) % OPEN_CODES.length] });
        } else injections.push(injection);
      }
    }
  });
  return injections;
}

/** Sweeps `workloads`. */
export async function sweep(
  workloads: readonly Workload[],
  options: SweepOptions,
): Promise<SweepResult> {
  const result: SweepResult = {
    injected: 0,
    operations: 0,
    unreached: [],
    violations: 0,
    failedSyncAcknowledged: 0,
    failedSyncRetried: 0,
    cells: new Cells(),
  };
  let turn = 0;
  for (const workload of workloads) {
    if (!workload.name.includes(options.only ?? "")) continue;
    for (const form of workload.forms) {
      if (options.form !== undefined && form !== options.form) continue;
      const { round: first = 0, rounds } = options;
      const end = options.round === undefined ? rounds : first + 1;
      for (let round = first; round < end; round++) {
        turn = await sweepOne(workload, form, round, options, result, turn);
      }
    }
  }
  return result;
}

async function sweepOne(
  workload: Workload,
  form: Form,
  round: number,
  options: SweepOptions,
  result: SweepResult,
  firstTurn: number,
): Promise<number> {
  const { share, shares, oneIn = 1 } = options;
  const running: RunOptions = {
    seed: options.seed + round * 104_729,
    latency: LATENCIES[round % 4],
    cells: result.cells,
    keepTrace: options.trace ?? false,
  };
  const baseline = await run(workload, form, undefined, running);
  const note = (injection: Injection | undefined, { violations, trace }: RunResult): void => {
    if (violations.length === 0) return;
    result.violations++;
    const what = violations;
    options.onViolation?.({ workload: workload.name, form, round, injection, what, trace });
  };
  note(undefined, baseline);
  const { operations } = baseline;
  const reached = new Set<number>();
  let turn = firstTurn;
  for (const injection of injectionsOf(operations, form, round)) {
    if (options.kind !== undefined && injection.kind !== options.kind) continue;
    if (options.index !== undefined && injection.index !== options.index) continue;
    if (options.ever !== undefined && injection.ever !== options.ever) continue;
    if (options.brief === true && leftOut(injection, round)) continue;
    reached.add(injection.index);
    if (turn++ % (shares * oneIn) !== share) continue;
    const done = await run(workload, form, injection, running);
    const again = ["the operation was not reached again: the run is not the same each time"];
    note(injection, done.struck === 0 ? { ...done, violations: again } : done);
    result.injected++;
    result.failedSyncAcknowledged += done.failedSyncAcknowledged;
    result.failedSyncRetried += done.failedSyncRetried;
  }
  if (round === (options.round ?? 0)) result.operations += operations.length;
  if (reached.size < operations.length) result.unreached.push(`${workload.name} ${form}`);
  return turn;
}
