/**
 * The page cache: which page sits in which frame, and what may be done with it.
 *
 * A place of the file is in at most one frame. A frame is *dirty* until its page has been written,
 * *written* once its place has been handed to the Io in this life of the frame, and *busy* while an
 * operation of the Io uses its memory; only a frame that is neither dirty nor busy may be evicted.
 * All memory is reserved by the constructor.
 *
 * @module
 */

import { assert } from "./assert.ts";
import {
  FRAME_EPOCH,
  FRAME_PAGE,
  FRAME_READY,
  FRAME_VISITED,
  Frames,
  INFO_SHIFT,
} from "./frames.ts";
import { Sieve } from "./sieve.ts";

/** The page differs from what its place in the file holds. */
export const DIRTY = 1;
/** The page's place has been written: it is never changed in place again. */
export const WRITTEN = 2;
/** An operation in flight uses the frame. */
export const BUSY = 4;
/** The frame holds a page. */
export const USED = 8;
/** The page is being read from the file: busy, and not to be looked at. */
export const LOADING = 16;
/** The page is changed once more when its state is closed: it is not spilled before. */
export const KEEP = 32;

/** Pages in memory. */
export class PageCache {
  /** The memory of the frames; the last ones are scratch and never hold a cached page. */
  readonly frames: Frames;
  /** Number of frames for pages. */
  readonly capacity: number;
  /** First scratch frame. */
  readonly scratch: number;
  /** Page number in each frame. */
  readonly page: Uint32Array;
  /** Epoch of the page in each frame. */
  readonly epoch: Uint32Array;
  /** Generation in which the page in each frame was made; 0 for one read from the file. */
  readonly birth: Float64Array;
  /** Generation in which the page in each frame was superseded; Infinity while it is not. */
  readonly death: Float64Array;
  /** DIRTY, WRITTEN, BUSY, USED. */
  readonly flags: Uint8Array;
  /** Order of eviction. */
  readonly sieve: Sieve;
  /** Number of dirty frames. */
  dirtyCount = 0;
  /** Number of frames that are busy and not dirty. */
  busyCount = 0;
  /** Number of busy frames. */
  inFlight = 0;
  /** Number of pages evicted since opening. */
  evictions = 0;
  #table: Int32Array;
  #tableMask: number;
  #tableShift: number;
  #free: Int32Array;
  #freeCount: number;

  /** Divides `memory` into `capacity` frames for pages and the rest into scratch frames. */
  constructor(memory: Uint8Array, pageBytes: number, capacity: number) {
    this.frames = new Frames(memory, pageBytes);
    this.capacity = capacity;
    this.scratch = capacity;
    this.page = new Uint32Array(capacity);
    this.epoch = new Uint32Array(capacity);
    this.birth = new Float64Array(capacity);
    this.death = new Float64Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.sieve = new Sieve(capacity);
    const bits = 32 - Math.clz32(capacity * 2 - 1);
    this.#table = new Int32Array(2 ** bits);
    this.#tableMask = 2 ** bits - 1;
    this.#tableShift = 32 - bits;
    this.#free = new Int32Array(capacity);
    this.#freeCount = capacity;
    for (let i = 0; i < capacity; i++) this.#free[i] = capacity - 1 - i;
  }

  /** Number of frames that hold no page. */
  get freeCount(): number {
    return this.#freeCount;
  }

  /** Number of frames that hold no page or one that may be evicted. */
  get available(): number {
    return this.capacity - this.dirtyCount - this.busyCount;
  }

  /** The frame that holds `page`, a signed or unsigned integer, or −1. */
  lookup(page: number): number {
    const table = this.#table;
    const mask = this.#tableMask;
    const { info } = this.frames;
    const wanted = page | 0;
    let i = Math.imul(page, 0x9E3779B1) >>> this.#tableShift;
    for (;;) {
      const frame = table[i] - 1;
      if (frame < 0 || info[(frame << INFO_SHIFT) + FRAME_PAGE] === wanted) return frame;
      i = (i + 1) & mask;
    }
  }

  /** Makes sure that `count` frames hold no page, evicting others; false where that cannot be. */
  reserve(count: number): boolean {
    if (this.#freeCount >= count) return true;
    if (this.available < count) return false;
    while (this.#freeCount < count) this.#evict();
    return true;
  }

  /** Puts `page` into a free frame and returns it; one must have been reserved. */
  take(page: number, epoch: number, birth: number, flags: number): number {
    assert(this.#freeCount > 0, "a frame was reserved");
    const frame = this.#free[--this.#freeCount];
    this.page[frame] = page;
    this.epoch[frame] = epoch;
    const { info } = this.frames;
    info[(frame << INFO_SHIFT) + FRAME_PAGE] = page;
    info[(frame << INFO_SHIFT) + FRAME_EPOCH] = epoch;
    info[(frame << INFO_SHIFT) + FRAME_READY] = (flags & LOADING) === 0 ? 1 : 0;
    info[(frame << INFO_SHIFT) + FRAME_VISITED] = 0;
    this.birth[frame] = birth;
    this.death[frame] = Infinity;
    this.flags[frame] = flags | USED;
    if ((flags & DIRTY) !== 0) this.dirtyCount++;
    else if ((flags & BUSY) !== 0) this.busyCount++;
    if ((flags & BUSY) !== 0) this.inFlight++;
    this.#enter(page, frame);
    this.sieve.insert(frame);
    return frame;
  }

  /** Forgets the page in `frame`, dirty or not, and frees the frame. It must not be busy. */
  drop(frame: number): void {
    const flags = this.flags[frame];
    assert((flags & BUSY) === 0 && (flags & USED) !== 0, "a frame is dropped when it is idle");
    if ((flags & DIRTY) !== 0) this.dirtyCount--;
    this.#leave(this.page[frame]);
    this.sieve.remove(frame);
    this.flags[frame] = 0;
    this.frames.set(frame, FRAME_READY, 0);
    this.#free[this.#freeCount++] = frame;
  }

  /** Changes the flags of `frame`, keeping the counts. */
  setFlags(frame: number, set: number, clear: number): void {
    const old = this.flags[frame];
    const now = (old & ~clear) | set;
    this.dirtyCount += (now & DIRTY) - (old & DIRTY);
    this.busyCount += (idleBusy(now) ? 1 : 0) - (idleBusy(old) ? 1 : 0);
    this.inFlight += ((now & BUSY) - (old & BUSY)) / BUSY;
    this.flags[frame] = now;
    this.frames.set(frame, FRAME_READY, (now & LOADING) === 0 ? 1 : 0);
  }

  #evict(): void {
    const { flags, sieve } = this;
    for (let steps = 0; steps <= 3 * this.capacity; steps++) {
      const frame = sieve.next();
      if (frame < 0 || (flags[frame] & (DIRTY | BUSY)) !== 0) continue;
      if (this.frames.get(frame, FRAME_VISITED) !== 0) {
        this.frames.set(frame, FRAME_VISITED, 0);
        continue;
      }
      this.evictions++;
      this.drop(frame);
      return;
    }
    assert(false, "a frame that may be evicted is found");
  }

  #enter(page: number, frame: number): void {
    let i = Math.imul(page, 0x9E3779B1) >>> this.#tableShift;
    while (this.#table[i] !== 0) {
      assert(this.page[this.#table[i] - 1] !== page, "a place is in one frame");
      i = (i + 1) & this.#tableMask;
    }
    this.#table[i] = frame + 1;
  }

  #leave(page: number): void {
    const table = this.#table;
    const mask = this.#tableMask;
    let i = Math.imul(page, 0x9E3779B1) >>> this.#tableShift;
    while (this.page[table[i] - 1] !== page) {
      assert(table[i] !== 0, "a cached page is in the table");
      i = (i + 1) & mask;
    }
    for (let hole = i;;) {
      table[hole] = 0;
      for (;;) {
        i = (i + 1) & mask;
        const entry = table[i];
        if (entry === 0) return;
        const home = Math.imul(this.page[entry - 1], 0x9E3779B1) >>> this.#tableShift;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
          table[hole] = entry;
          hole = i;
          break;
        }
      }
    }
  }
}

function idleBusy(flags: number): boolean {
  return (flags & (BUSY | DIRTY)) === BUSY;
}
