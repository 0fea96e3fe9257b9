/**
 * A simulated process: carries out operations on a disk, at once or later, lets faults happen to
 * them, and ends when somebody wants it to.
 *
 * @module
 */

import { type CallOptions, Future, type IoErrorCode } from "../../core/io.ts";
import type { TearOptions } from "./cut.ts";
import { SimDisk } from "./disk.ts";
import { type Fault, type FaultSource, NO_FAULTS } from "./faults.ts";
import type { OperationKind, SimOperation } from "./faults.ts";
import { type ProfileName, PROFILES } from "./profile.ts";
import { Random } from "./random.ts";
import { LATENCIES, type Latency, Scheduler } from "./scheduler.ts";
import { Trace } from "./trace.ts";

/** How operations are carried out. */
export type Blocking =
  /** Every operation is complete when it returns. */
  | "always"
  /** Operations with `{ blocking: true }` are, all others take time. */
  | "on request"
  /** Every operation takes time. */
  | "never";

/** How a simulated Io works. */
export interface SimOptions {
  /** What everything follows from. Default: 1. */
  readonly seed?: number;
  /** What syncs keep, for a new disk. Default: `"posix"`. */
  readonly profile?: ProfileName;
  /** The disk, one that an earlier run left, say. Default: an empty one. */
  readonly disk?: SimDisk;
  /** Whether operations take time. Default: `"always"`. */
  readonly blocking?: Blocking;
  /** How much time. Default: one of {@link LATENCIES}, drawn. */
  readonly latency?: Latency;
  /** What goes wrong. Default: nothing. */
  readonly faults?: FaultSource;
  /** What the clock shows in the beginning, in milliseconds since 1970. Default: 1.7 × 10¹². */
  readonly startMs?: number;
  /** Whether the clock jumps. Default: false. */
  readonly clockJumps?: boolean;
  /** Whether the random source repeats itself. Default: false. */
  readonly repeatRandom?: boolean;
  /** Whether to keep the trace in words. Default: false; its hash is always there. */
  readonly keepTrace?: boolean;
}

/** What became of an operation: a value, or the code and the words of an error. */
export interface Outcome<T> {
  /** What it settles with, where it succeeded. */
  readonly value?: T;
  /** The code of its error. */
  readonly code?: IoErrorCode;
  /** The words of its error. */
  readonly message?: string;
}

/** A simulated process. It ends with {@link SimProcess.crash}. */
export class SimProcess {
  /** For people. */
  readonly description: string;
  /** Whether `{ blocking: true }` is honoured. */
  readonly canBlock: boolean;
  /** Whether the store is told to hand out slices: for odd seeds. */
  readonly cheapSlices: boolean;
  /** The disk. */
  readonly disk: SimDisk;
  /** Decides what goes wrong; may be changed at any time. */
  faults: FaultSource;
  /** What goes on, in one word or two; noted with each operation. */
  phase = "";
  /** What was done, and a hash of it. */
  readonly trace: Trace;
  /** What the caller did that the contract forbids. */
  readonly breaches: string[] = [];
  /** Bytes of memory handed out. */
  allocatedBytes = 0;
  /** Operations asked for. */
  operations = 0;
  /** Called for each operation when it was issued. */
  onOperation: (operation: SimOperation, fault: Fault | undefined) => void = () => {};
  /** Called for each operation when it is over, with the code of its error or "". */
  onCompletion: (operation: SimOperation, code: IoErrorCode | "") => void = () => {};
  /** Decides by chance. */
  readonly chance: Random;
  readonly #scheduler: Scheduler;
  readonly #blocking: Blocking;
  #dead = false;
  #diesAt = Infinity;

  /** Makes an Io of a process that begins now. */
  constructor(options: SimOptions = {}) {
    const { seed = 1, profile = "posix", blocking = "always" } = options;
    this.chance = new Random(seed);
    this.disk = options.disk ?? new SimDisk({}, PROFILES[profile]);
    this.#blocking = blocking;
    this.canBlock = blocking !== "never";
    // Both ways of handing bytes out are lived through.
    this.cheapSlices = (seed & 1) === 1;
    this.faults = options.faults ?? NO_FAULTS;
    this.trace = new Trace(options.keepTrace ?? false);
    const latency = options.latency ?? this.chance.pick(LATENCIES);
    this.#scheduler = new Scheduler(this.chance.fork(), latency);
    this.description = `simulated, seed ${seed}, ${this.disk.profile.name}, blocking ${blocking}`;
  }

  /** Whether an operation that is called like this is complete when it returns. */
  atOnce(options: CallOptions | undefined): boolean {
    return this.#blocking === "always" ||
      (this.#blocking === "on request" && options?.blocking === true);
  }

  /** Hops of the scheduler since the beginning. */
  get hops(): number {
    return this.#scheduler.hops;
  }

  /** Whether the process is dead. */
  get dead(): boolean {
    return this.#dead;
  }

  /** Operations that are under way. */
  get inFlight(): number {
    return this.#scheduler.flights.length;
  }

  /**
   * Ends the process: what is in flight happens or not, and nothing ever completes. With `"power"`
   * the disk that is left may lack whatever no sync has covered; with `"kill"` nothing is lost.
   */
  crash(how: "power" | "kill", options: TearOptions = {}): SimDisk {
    this.#die();
    return how === "kill" ? this.disk.killed() : this.disk.cut(this.chance.fork(), options);
  }

  /**
   * Lets the process die at the operation that comes after so many: that one does not happen, and
   * nothing completes any more. {@link crash} gives what it leaves.
   */
  dieAfter(operations: number): void {
    this.#diesAt = this.operations + operations;
  }

  #die(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#scheduler.stop();
  }

  /** For files: notes that an operation is issued. */
  begin(
    kind: OperationKind,
    path: string,
    at: number,
    length: number,
    pieces: number,
    size = 0,
  ): SimOperation {
    const number = this.operations++;
    return { number, kind, path, at, length, pieces, size, phase: this.phase };
  }

  /** For files: asks what goes wrong with an operation, and notes it. */
  choose(operation: SimOperation): Fault | undefined {
    const fault = this.faults.choose(operation);
    this.trace.issued(operation, fault);
    this.onOperation(operation, fault);
    return fault;
  }

  /**
   * For files: carries out an operation, now or later. `effect` does it; `over` is called when it
   * is complete, before anybody is told.
   */
  perform<T>(
    operation: SimOperation,
    options: CallOptions | undefined,
    effect: (fault: Fault | undefined) => Outcome<T>,
    over: (outcome: Outcome<T>) => void = () => {},
  ): Future<T> {
    if (operation.number >= this.#diesAt) this.#die();
    const future = new Future<T>();
    if (this.#dead) return future;
    const fault = this.choose(operation);
    if (fault?.kind === "throws") {
      over({ code: "KVIG_IO" });
      this.onCompletion(operation, "KVIG_IO");
      throw new Error(`${operation.kind} of ${operation.path} throws`);
    }
    let outcome: Outcome<T> = {};
    const act = (): void => {
      outcome = effect(fault);
    };
    const end = (): void => {
      if (fault?.kind === "never") return;
      over(outcome);
      this.trace.completed(operation, outcome.code ?? "");
      this.onCompletion(operation, outcome.code ?? "");
      settle(future, outcome);
      if (fault?.kind === "completed twice") future.fail("KVIG_IO", "completed once more");
    };
    if (this.atOnce(options)) {
      act();
      end();
    } else this.#scheduler.issue(act, end);
    return future;
  }
}

function settle<T>(future: Future<T>, { value, code, message = "" }: Outcome<T>): void {
  if (code === undefined) future.settle(value as T);
  else future.fail(code, message, new Error(`simulated: ${message}`));
}
