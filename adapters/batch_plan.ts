/**
 * Turns a batch of scattered writes into few large ones.
 *
 * A {@link BatchPlan} orders the entries of a batch by position, without changing the batch, and
 * walks over **runs**: entries that lie next to each other in the file. A run is written at once:
 * straight from the caller's memory when its entries lie next to each other there too, else from a
 * {@link StagingPool} buffer into which they are copied first.
 *
 * Both are kept for the next batch, so a settled program allocates none of them.
 *
 * @module
 */

import { assert } from "../core/assert.ts";
import { sortIndices } from "../core/index_sort.ts";
import type { WriteBatch } from "../core/io.ts";
import { allocateAligned } from "./aligned_memory.ts";
import { checkRange } from "./check_range.ts";

/** A run that lies in one piece in memory is at most this long, unless it is a single entry. */
const CONTIGUOUS_BYTES_MAX = 1_048_576;

/** A run that is copied is at most this long: many small copies keep the event loop going. */
export const STAGED_BYTES_MAX = 262_144;

/** How many buffers and plans are kept for reuse. */
const KEPT = 8;

/** The runs of one batch, one after another. */
export class BatchPlan {
  /** Position of the run in the file, in bytes. */
  at = 0;
  /** Length of the run, in bytes. */
  length = 0;
  /** Offset in the batch's memory of its first entry, in bytes. */
  offset = 0;
  /** Whether the run lies in one piece in the batch's memory. */
  contiguous = true;

  #order = new Uint32Array(256);
  #count = 0;
  #first = 0;
  #next = 0;

  /**
   * Begins with `batch`: afterwards {@link next} leads to its first run.
   *
   * @throws {RangeError} when an entry lies outside of the memory, or two overlap.
   */
  begin(batch: WriteBatch): void {
    if (this.#order.length < batch.count) {
      this.#order = new Uint32Array(Math.max(batch.count, this.#order.length * 2));
    }
    this.#count = 0;
    this.#next = 0;
    for (let index = 0; index < batch.count; index++) {
      checkRange(batch.at[index], batch.memory, batch.offset[index], batch.length[index]);
      if (batch.length[index] > 0) this.#order[this.#count++] = index;
    }
    sortIndices(this.#order, this.#count, batch.at);
    this.#checkOverlaps(batch);
  }

  /** Goes to the next run of `batch`; false at the end. */
  next(batch: WriteBatch): boolean {
    if (this.#next >= this.#count) return false;
    this.#first = this.#next;
    const first = this.#order[this.#next++];
    this.at = batch.at[first];
    this.offset = batch.offset[first];
    this.length = batch.length[first];
    this.contiguous = true;
    while (this.#next < this.#count && this.#extend(batch, this.#order[this.#next])) this.#next++;
    return true;
  }

  /** How many entries the run has. */
  get entries(): number {
    return this.#next - this.#first;
  }

  /** Which entry of the batch is number `place` of the run. */
  entry(place: number): number {
    return this.#order[this.#first + place];
  }

  /** Copies the entries of the run to the beginning of `staging`. */
  stage(batch: WriteBatch, staging: Uint8Array): void {
    let filled = 0;
    for (let place = this.#first; place < this.#next; place++) {
      const index = this.#order[place];
      const offset = batch.offset[index];
      staging.set(batch.memory.subarray(offset, offset + batch.length[index]), filled);
      filled += batch.length[index];
    }
    assert(filled === this.length, "a staged run is as long as its entries");
  }

  #checkOverlaps(batch: WriteBatch): void {
    let end = 0;
    for (let place = 0; place < this.#count; place++) {
      const index = this.#order[place];
      if (batch.at[index] < end) {
        throw new RangeError(`entries of a batch overlap at position ${batch.at[index]}`);
      }
      end = batch.at[index] + batch.length[index];
    }
  }

  #extend(batch: WriteBatch, index: number): boolean {
    const end = this.at + this.length;
    const length = batch.length[index];
    const contiguous = this.contiguous && batch.offset[index] === this.offset + this.length;
    const most = contiguous ? CONTIGUOUS_BYTES_MAX : STAGED_BYTES_MAX;
    if (batch.at[index] !== end || this.length + length > most) return false;
    this.contiguous = contiguous;
    this.length += length;
    return true;
  }
}

/** Aligned buffers of {@link STAGED_BYTES_MAX}, one for each run in flight. */
export class StagingPool {
  #free: Uint8Array[] = [];

  /** A buffer, which belongs to the caller until it is put back. */
  take(): Uint8Array {
    return this.#free.pop() ?? allocateAligned(STAGED_BYTES_MAX);
  }

  /** Takes a buffer back. Nothing may touch it any more. */
  put(staging: Uint8Array): void {
    if (this.#free.length < KEPT) this.#free.push(staging);
  }
}

/** Plans for reuse. */
export class PlanPool {
  #free: BatchPlan[] = [];

  /** A plan that has begun with `batch`, which belongs to the caller until it is put back. */
  take(batch: WriteBatch): BatchPlan {
    const plan = this.#free.pop() ?? new BatchPlan();
    plan.begin(batch);
    return plan;
  }

  /** Takes a plan back. */
  put(plan: BatchPlan): void {
    if (this.#free.length < KEPT) this.#free.push(plan);
  }
}
