/**
 * Pages in memory as the states see them: which page may be changed in place, what a change makes
 * of the old one, and the epoch that new pages carry. No input or output here.
 *
 * Rules (the reasons are in docs/design.md):
 * - A page is changed in place only while it is dirty, its place was never written, and it was made
 *   in the running generation, so that no held state reaches it.
 * - The epoch moves on before a place that may have been written under it is handed out again.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { FRAME_EPOCH, FRAME_READY, FRAME_VISITED, INFO_SHIFT } from "./frames.ts";
import { BUSY, DIRTY, type PageCache, USED, WRITTEN } from "./page_cache.ts";
import { Holds, State } from "./state.ts";

/** Entry of {@link Pages.lookups} for pages that were found. */
export const HITS = 0;
/** Entry of {@link Pages.lookups} for pages that were not there. */
export const MISSES = 1;

/** The pages of all states, as far as they are in memory. */
export class Pages {
  /** Where they are. */
  readonly cache: PageCache;
  /** The states that are held. */
  readonly holds: Holds = new Holds();
  /** The state that writes change; its generation is the running one. */
  readonly work: State = new State();
  /** What readers outside of a transaction see: the working state, or the last committed one. */
  visible: State = this.work;
  /** The epoch of pages made now. */
  epoch = 1;
  /** Pages are written with epochs below this one only. */
  epochLimit = 1;
  /** Whether pages with the running epoch were handed to the Io. */
  epochWritten = false;
  /** How often {@link resident} found a page, and how often it did not. */
  readonly lookups: Float64Array = new Float64Array(2);
  /** Page number that {@link resident} last missed. */
  missPage = 0;
  /** Epoch that {@link resident} last missed. */
  missEpoch = 0;
  /** Makes the error for a page that does not fit its place; set by the pager. */
  damaged: (page: number, what: string) => Error = (page, what) => new Error(`${page} ${what}`);
  /**
   * Makes the error for damage that was met in the middle of a change: the store fails with it; set
   * by the engine.
   */
  broken: (page: number, what: string) => Error = (page, what) => this.damaged(page, what);
  #changed = true;
  #frozen: State | undefined = undefined;
  #superseded: Int32Array;
  #supersededCount = 0;
  #supersededAt: Int32Array;

  /** Takes charge of the pages in `cache`. */
  constructor(cache: PageCache) {
    this.cache = cache;
    this.work.generation = 1;
    this.#superseded = new Int32Array(cache.capacity);
    this.#supersededAt = new Int32Array(cache.capacity).fill(-1);
  }

  /** Number of dirty frames whose page only held states reach. */
  get supersededCount(): number {
    return this.#supersededCount;
  }

  /** The dirty frame number `index` of those whose page only held states reach. */
  supersededFrame(index: number): number {
    return this.#superseded[index];
  }

  /** The frame of a page, or −1 after noting which page is missing. */
  resident(page: number, epoch: number): number {
    const frame = this.cache.lookup(page | 0);
    if (frame >= 0) {
      const { info } = this.cache.frames;
      const at = frame << INFO_SHIFT;
      if (info[at + FRAME_EPOCH] === (epoch | 0) && info[at + FRAME_READY] !== 0) {
        if (info[at + FRAME_VISITED] === 0) info[at + FRAME_VISITED] = 1;
        this.lookups[HITS]++;
        return frame;
      }
    }
    this.lookups[MISSES]++;
    this.missPage = page >>> 0;
    this.missEpoch = epoch >>> 0;
    return -1;
  }

  /** Whether the page in `frame` may be changed where it is. */
  inPlace(frame: number): boolean {
    return (this.cache.flags[frame] & (DIRTY | WRITTEN)) === DIRTY &&
      this.cache.birth[frame] === this.work.generation;
  }

  /** Whether the next place can be handed out without raising the epoch limit. */
  epochReady(): boolean {
    return this.epoch + 2 < this.epochLimit;
  }

  /** Whether pages with that epoch can stand in the file: else two writings might share it. */
  wasWritten(epoch: number): boolean {
    return epoch < this.epoch || (epoch === this.epoch && this.epochWritten);
  }

  /** A new dirty page at `place`, with the bytes of whatever was in the frame before. */
  create(place: number): number {
    this.#changed = true;
    return this.cache.take(place, this.freshEpoch(), this.work.generation, DIRTY);
  }

  /** The epoch for places that are handed out now. */
  freshEpoch(): number {
    if (this.epochWritten) {
      this.epoch++;
      this.epochWritten = false;
    }
    assert(this.epoch < this.epochLimit, "a page is made below the epoch limit");
    return this.epoch;
  }

  /** A dirty copy at `place` of the page in `frame`. */
  copy(frame: number, place: number): number {
    const copy = this.create(place);
    this.cache.frames.copy(frame, copy);
    return copy;
  }

  /** The working state no longer reaches the page in `frame`. */
  supersede(frame: number): void {
    const { cache } = this;
    this.#changed = true;
    cache.death[frame] = this.work.generation;
    if ((cache.flags[frame] & DIRTY) === 0) return;
    this.#supersededAt[frame] = this.#supersededCount;
    this.#superseded[this.#supersededCount++] = frame;
    this.#dropUnreached(frame);
  }

  /** The page in `frame` has been written to its place. */
  written(frame: number): void {
    this.cache.setFlags(frame, 0, DIRTY | BUSY);
    if (this.#supersededAt[frame] >= 0) this.#unlist(frame);
  }

  /** A write of the page in `frame` failed: it stays dirty, and is copied when touched. */
  writeFailed(frame: number): void {
    this.cache.setFlags(frame, 0, BUSY);
    if (this.#supersededAt[frame] >= 0) this.#dropUnreached(frame);
  }

  /** Notes that something of the working state changed outside of its pages. */
  touchState(): void {
    this.#changed = true;
  }

  /** The working state as it is now, as one that never changes; a new generation begins. */
  freeze(): State {
    if (!this.#changed && this.#frozen !== undefined) return this.#frozen;
    const frozen = this.work.clone();
    this.#frozen = frozen;
    this.#changed = false;
    this.work.generation++;
    return frozen;
  }

  /** Gives up one hold; behind the last one dirty pages that nothing reaches are forgotten. */
  release(state: State): boolean {
    if (!this.holds.release(state)) return false;
    for (let i = this.#supersededCount - 1; i >= 0; i--) this.#dropUnreached(this.#superseded[i]);
    return true;
  }

  /** Goes back to `state`: everything made since is forgotten. No frame may be busy with it. */
  rollback(state: State): void {
    const { cache, work } = this;
    const pageCount = work.pageCount;
    for (let frame = 0; frame < cache.capacity; frame++) {
      if ((cache.flags[frame] & USED) === 0) continue;
      if (cache.death[frame] > state.generation && cache.death[frame] !== Infinity) {
        cache.death[frame] = Infinity;
        if (this.#supersededAt[frame] >= 0) this.#unlist(frame);
      }
      if (cache.birth[frame] > state.generation) cache.drop(frame);
    }
    const generation = work.generation + 1;
    work.assign(state);
    work.pageCount = Math.max(pageCount, state.pageCount);
    work.generation = generation;
    this.#changed = true;
    this.#frozen = undefined;
  }

  #dropUnreached(frame: number): void {
    const { cache } = this;
    if ((cache.flags[frame] & BUSY) !== 0) return;
    if (this.holds.reaches(cache.birth[frame], cache.death[frame])) return;
    this.#unlist(frame);
    cache.drop(frame);
  }

  #unlist(frame: number): void {
    const at = this.#supersededAt[frame];
    const last = this.#superseded[--this.#supersededCount];
    this.#superseded[at] = last;
    this.#supersededAt[last] = at;
    this.#supersededAt[frame] = -1;
  }
}
