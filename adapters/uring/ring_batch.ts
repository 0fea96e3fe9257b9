/**
 * Whole batches through a ring: an entry for each run, all of them submitted together. What is not
 * in one piece in memory is not copied but named piece by piece.
 *
 * @module
 */

import { ALIGNMENT_BYTES, isAligned } from "../aligned_memory.ts";
import type { WriteBatch } from "../../core/io.ts";
import type { BatchPlan } from "../batch_plan.ts";
import type { BatchTarget } from "../capabilities.ts";
import { isPassing } from "../system_calls.ts";
import type { PieceTable } from "./fixed_memory.ts";
import { DRAIN, OPERATION, type Operation, type Ring, type Source } from "./ring.ts";
import { ringError } from "./system_error.ts";

/** IOV_MAX: how many pieces one writev takes. */
const PIECES_MAX = 1024;

/** One batch on its way. The object is used again for the next one. */
export class RingBatch implements Operation, Source {
  /** The first error of the system. */
  error: Error | undefined = undefined;
  /** Whether all has been written; else, without an error, it must be written again. */
  whole = true;
  /** Called when nothing is in flight any more. */
  ended: (batch: RingBatch) => void = ignore;

  readonly #pieces: PieceTable;
  #target: BatchTarget | undefined = undefined;
  #batch: WriteBatch | undefined = undefined;
  #plan: BatchPlan | undefined = undefined;
  #address = 0;
  #running = 0;
  /** Whether a run of the plan is waiting for room. */
  #held = false;
  #planned = false;
  /** The ring, from when all is filled and an entry behind it reports that. */
  #reporting: Ring | undefined = undefined;
  #reports = false;
  readonly #report: Operation = { complete: (result) => this.#reported(result) };

  /** With the table that it shares with all others of its ring. */
  constructor(pieces: PieceTable) {
    this.#pieces = pieces;
  }

  /**
   * Begins with a batch whose memory lies at `address`. With `reports` an entry behind all others
   * reports the end, so that not every one of them wakes the event loop.
   */
  begin(
    target: BatchTarget,
    batch: WriteBatch,
    plan: BatchPlan,
    address: number,
    reports: boolean,
  ): void {
    this.#reports = reports;
    this.#target = target;
    this.#batch = batch;
    this.#plan = plan;
    this.#address = address;
    this.#running = 0;
    this.#held = false;
    this.#planned = false;
    this.error = undefined;
    this.whole = true;
  }

  /** Whether nothing is left to fill and nothing in flight. */
  get over(): boolean {
    return this.#planned && this.#running === 0;
  }

  /** Fills entries while there is room. */
  feed(ring: Ring): boolean {
    const [plan, batch] = [this.#plan!, this.#batch!];
    while (!this.#planned) {
      if (!this.#held && !plan.next(batch)) {
        this.#planned = true;
        if (this.#reports && this.#running >= REPORTED_MIN && ring.room > 0) this.#fillReport(ring);
        break;
      }
      this.#held = true;
      if (!this.whole || plan.entries > PIECES_MAX) {
        this.whole = false;
        this.#planned = true;
        break;
      }
      if (ring.room === 0 || plan.entries > this.#pieces.room) return false;
      this.#fillRun(ring, plan, batch);
      this.#held = false;
      this.#running++;
    }
    if (this.#running === 0) this.#end();
    return true;
  }

  /** One run was written, or not. */
  complete(result: number, at: number, length: number): void {
    this.#running--;
    if (this.#reporting !== undefined) {
      this.#reporting.quiet--;
      // Of the report itself alone nothing else would tell.
      if (this.#running === 1) this.#speakUp();
    }
    if (result < 0) this.#fail(-result);
    else {
      this.#target!.grow(at, result);
      if (result < length) this.whole = false;
    }
    if (this.#running === 0 && this.#planned) this.#end();
  }

  #fillRun(ring: Ring, plan: BatchPlan, batch: WriteBatch): void {
    const { at, offset, length } = plan;
    const { memory } = batch;
    if (plan.contiguous) {
      const fd = this.#target!.descriptor(at, memory, offset, length);
      const address = this.#address + offset;
      ring.fill(OPERATION.write, 0, fd, at, address, length, 0, length, memory, this);
      return;
    }
    const table = this.#pieces.next;
    let fd = this.#target!.descriptor(at, memory, batch.offset[plan.entry(0)], length);
    for (let place = 0; place < plan.entries; place++) {
      const entry = plan.entry(place);
      const [from, bytes] = [batch.offset[entry], batch.length[entry]];
      const aligned = isAligned(memory, from) && bytes % ALIGNMENT_BYTES === 0;
      // One piece that is not aligned takes the whole run with it.
      if (!aligned) fd = this.#target!.descriptor(at, memory, from + 1, length);
      this.#pieces.add(this.#address + from, bytes);
    }
    ring.fill(OPERATION.writev, 0, fd, at, table, plan.entries, 0, length, memory, this);
  }

  /** Fills an entry that adds one to the eventfd when all before it are complete. */
  #fillReport(ring: Ring): void {
    const { memory, address } = this.#pieces.one;
    ring.fill(OPERATION.write, DRAIN, ring.eventfd, 0, address, 8, 0, 8, memory, this.#report);
    this.#running++;
    ring.quiet += this.#running;
    this.#reporting = ring;
  }

  #reported(result: number): void {
    this.#running--;
    // It was not carried out: those that are in flight report themselves.
    if (result < 0 && this.#reporting !== undefined) {
      this.#reporting.quiet--;
      this.#speakUp();
    }
    if (this.#running === 0 && this.#planned) this.#end();
  }

  #speakUp(): void {
    this.#reporting!.quiet -= this.#running;
    this.#reporting = undefined;
  }

  #fail(errno: number): void {
    this.whole = false;
    const error = ringError(errno);
    // EINVAL: another alignment is wanted. The portable way finds out, and what to do about it.
    const again = errno === EINVAL || isPassing(error, 1);
    if (!again) this.error ??= error;
  }

  #end(): void {
    // What it was given is not kept any longer.
    this.#target = undefined;
    this.#batch = undefined;
    this.#plan = undefined;
    this.ended(this);
  }
}

const EINVAL = 22;

/** From so many runs on one report is worth an entry more. */
const REPORTED_MIN = 4;

function ignore(): void {
  // Nobody waits for it.
}
