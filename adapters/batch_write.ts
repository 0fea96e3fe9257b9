/**
 * Writes whole batches run by run, at once or in the background.
 *
 * @module
 */

import { KvigError, type WriteBatch } from "../core/io.ts";
import { type BatchPlan, PlanPool, StagingPool } from "./batch_plan.ts";
import type { Channel } from "./channel.ts";
import type { Done } from "./capabilities.ts";
import { isFailure } from "./system_calls.ts";
import { Transfer } from "./transfer.ts";

/**
 * How many runs of a batch are written at once in the background. Measured: half of them take 1.5
 * times as long, twice as many gain 15 % and let a read that comes behind wait twice as long.
 */
const RUNS_IN_FLIGHT_MAX = 8;

/** How many writes of nothing are put up with, one after another. */
const EMPTY_WRITES_MAX = 8;

/** Writes batches for all files of one Io, which share its buffers. */
export class BatchWriter {
  readonly #plans = new PlanPool();
  readonly #staging = new StagingPool();

  /**
   * Plans how `batch` is written, which is done by one call of the other methods.
   *
   * @throws {RangeError} when an entry lies outside of the memory, or two overlap.
   */
  plan(batch: WriteBatch): BatchPlan {
    return this.#plans.take(batch);
  }

  /** Writes `batch` before returning. Throws the system's error. */
  writeNow(channel: Channel, batch: WriteBatch, plan: BatchPlan): void {
    let staging: Uint8Array | undefined;
    try {
      if (channel.batches !== undefined) {
        if (channel.batches.now(channel, batch, plan)) return;
        plan.begin(batch);
      }
      while (plan.next(batch)) {
        if (plan.contiguous) {
          writeWhole(channel, plan.at, batch.memory, plan.offset, plan.length);
        } else {
          staging ??= this.#staging.take();
          plan.stage(batch, staging);
          writeWhole(channel, plan.at, staging, 0, plan.length);
        }
      }
    } finally {
      if (staging !== undefined) this.#staging.put(staging);
      this.#plans.put(plan);
    }
  }

  /** Begins to write `batch`; `done` is called when nothing of it is in flight any more. */
  writeLater(channel: Channel, batch: WriteBatch, plan: BatchPlan, done: Done<void>): void {
    const report: Done<void> = (error) => {
      this.#plans.put(plan);
      done(error, undefined);
    };
    const portable = () => new BatchFlight(channel, batch, plan, this.#staging, report).fill();
    const begun = channel.batches?.later(channel, batch, plan, (error, whole) => {
      if (isFailure(error) || whole) {
        report(error, undefined);
        return;
      }
      plan.begin(batch);
      portable();
    });
    if (begun !== true) portable();
  }
}

function writeWhole(
  channel: Channel,
  at: number,
  memory: Uint8Array,
  offset: number,
  length: number,
): void {
  let empty = 0;
  for (let done = 0; done < length;) {
    const written = channel.writeNow(at + done, memory, offset + done, length - done);
    done += written;
    empty = written === 0 ? empty + 1 : 0;
    if (empty > EMPTY_WRITES_MAX) throw noProgress();
  }
}

function noProgress(): KvigError {
  return new KvigError("KVIG_IO", "cannot write a batch: the system writes nothing");
}

/** A run in flight: what is left of it. */
class Run extends Transfer {
  /** Whether `memory` is a buffer of the pool. */
  readonly staged: boolean;
  readonly #flight: BatchFlight;
  /** Writes of nothing, one after another. */
  #empty = 0;

  constructor(
    channel: Channel,
    flight: BatchFlight,
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    staged: boolean,
  ) {
    super(channel, "write", at, memory, offset, length);
    this.#flight = flight;
    this.staged = staged;
  }

  protected override ended(error: unknown, written: number): void {
    if (isFailure(error)) {
      this.#flight.end(this, error);
      return;
    }
    this.at += written;
    this.offset += written;
    this.length -= written;
    this.#empty = written === 0 ? this.#empty + 1 : 0;
    if (this.#empty > EMPTY_WRITES_MAX) this.#flight.end(this, noProgress());
    else if (this.length > 0 && !this.#flight.failed) this.begin();
    else this.#flight.end(this, undefined);
  }
}

/** One batch in the background, some of its runs in flight. */
class BatchFlight {
  readonly #channel: Channel;
  readonly #batch: WriteBatch;
  readonly #plan: BatchPlan;
  readonly #staging: StagingPool;
  readonly #done: Done<void>;
  #running = 0;
  /** Whether runs are being begun, further up the stack. */
  #filling = false;
  /** The first error; no run is begun after it. */
  #error: unknown = undefined;

  constructor(
    channel: Channel,
    batch: WriteBatch,
    plan: BatchPlan,
    staging: StagingPool,
    done: Done<void>,
  ) {
    this.#channel = channel;
    this.#batch = batch;
    this.#plan = plan;
    this.#staging = staging;
    this.#done = done;
  }

  /** Begins runs while there is room, copying 2 MiB at most; reports when none is left. */
  fill(): void {
    if (this.#filling) return;
    this.#filling = true;
    while (this.#running < RUNS_IN_FLIGHT_MAX && this.#error === undefined) {
      if (!this.#plan.next(this.#batch)) break;
      this.#running++;
      try {
        this.#nextRun().begin();
      } catch (error) {
        this.#error = error;
        this.#running--;
      }
    }
    this.#filling = false;
    if (this.#running === 0) this.#done(this.#error, undefined);
  }

  #nextRun(): Run {
    const { at, length, offset, contiguous } = this.#plan;
    if (contiguous) {
      return new Run(this.#channel, this, at, this.#batch.memory, offset, length, false);
    }
    const memory = this.#staging.take();
    this.#plan.stage(this.#batch, memory);
    return new Run(this.#channel, this, at, memory, 0, length, true);
  }

  /** Whether an error was met: runs in flight are not gone on with. */
  get failed(): boolean {
    return this.#error !== undefined;
  }

  /** For a run: it is not in flight any more, with an error or undefined. */
  end(run: Run, error: unknown): void {
    this.#error ??= error;
    if (run.staged) this.#staging.put(run.memory);
    this.#running--;
    this.fill();
  }
}
