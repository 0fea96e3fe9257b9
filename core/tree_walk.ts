/**
 * Walking the leaves of one state's tree, in either direction, within bounds.
 *
 * The state is held by the caller, so its pages do not change; the walk keeps references, not
 * frames, and a step that finds a page missing can simply be tried again once the page is there.
 *
 * @module
 */

import { MISS } from "./btree.ts";
import { childEpoch, childPage, childSlot } from "./branch.ts";
import { MAX_LEVEL } from "./check_page.ts";
import { COUNT, type Frames, LEVEL, PLEN } from "./frames.ts";
import type { PageCache } from "./page_cache.ts";
import type { Pages } from "./pages.ts";
import type { Bounds } from "./range.ts";
import { cellAt, LEAF_CELL_BYTES, searchSlots, suffixLength } from "./slots.ts";
import type { TreeRoot } from "./state.ts";

/** The walk stands at a leaf. */
export const AT_LEAF = 20;
/** There are no more leaves. */
export const AT_END = 21;

const START = 0;
const DESCENDING = 1;
const LEAF_READY = 2;
const ENDED = 3;

/** A walk over leaves. */
export class TreeWalk {
  /** Frame of the leaf, valid until anything else happens to the cache. */
  frame = -1;
  /** First slot of the leaf that is within the bounds. */
  from = 0;
  /** Slot behind the last one of the leaf that is within the bounds. */
  to = 0;
  readonly #pages: Pages;
  readonly #cache: PageCache;
  readonly #frames: Frames;
  readonly #root: TreeRoot;
  #bounds: Bounds;
  #reverse: boolean;
  readonly #page = new Uint32Array(MAX_LEVEL + 2);
  readonly #epoch = new Uint32Array(MAX_LEVEL + 2);
  readonly #slot = new Int32Array(MAX_LEVEL + 2);
  #height = 0;
  #entered = 0;
  #level = 0;
  #phase = START;

  /** Walks the tree `root`, from the low bound up or, in reverse, from the high bound down. */
  constructor(pages: Pages, root: TreeRoot, bounds: Bounds, reverse: boolean) {
    this.#pages = pages;
    this.#cache = pages.cache;
    this.#frames = pages.cache.frames;
    this.#root = root;
    this.#bounds = bounds;
    this.#reverse = reverse;
  }

  /** Begins anew, with other bounds. */
  restart(bounds: Bounds): void {
    this.#bounds = bounds;
    this.#phase = START;
  }

  /** Goes to the next leaf with slots within the bounds: AT_LEAF, AT_END or MISS. */
  nextLeaf(): number {
    for (;;) {
      if (this.#phase === START && !this.#start()) return this.#stopped();
      if (this.#phase === LEAF_READY && !this.#sideways()) return this.#stopped();
      if (this.#phase === ENDED) return AT_END;
      if (this.#phase === DESCENDING && !this.#descend()) return MISS;
      if (!this.#trim()) return MISS;
      if (this.from < this.to) return AT_LEAF;
    }
  }

  #stopped(): number {
    return this.#phase === ENDED ? AT_END : MISS;
  }

  /** Finds the frame of the current leaf again; false where it is missing. */
  refresh(): boolean {
    const { frame } = this;
    if (frame >= 0 && this.#cache.page[frame] === this.#page[0]) {
      if (this.#cache.epoch[frame] === this.#epoch[0] && this.#cache.flags[frame] !== 0) {
        return true;
      }
    }
    this.frame = this.#pages.resident(this.#page[0], this.#epoch[0]);
    return this.frame >= 0;
  }

  /** Goes from the root to the leaf where the range begins. */
  #start(): boolean {
    const { page, epoch } = this.#root;
    if (page === 0 || this.#bounds.empty) {
      this.#phase = ENDED;
      return false;
    }
    const frame = this.#pages.resident(page, epoch);
    if (frame < 0) return false;
    const height = this.#frames.get(frame, LEVEL);
    if (height > MAX_LEVEL) throw this.#pages.damaged(page, "it is no page of a tree");
    this.#entered = 0;
    this.#page[this.#height = height] = page;
    this.#epoch[this.#height] = epoch;
    for (let level = this.#height; level > 0; level--) {
      const branch = this.#pages.resident(this.#page[level], this.#epoch[level]);
      if (branch < 0) return false;
      this.#checkLevel(branch, level);
      this.#slot[level] = this.#seekSlot(branch);
      this.#enter(branch, level);
    }
    this.#level = 0;
    this.#phase = DESCENDING;
    return true;
  }

  #seekSlot(branch: number): number {
    const { low, high } = this.#bounds;
    if (!this.#reverse) return childSlot(this.#frames, branch, low, low.length);
    if (high === undefined) return this.#frames.get(branch, COUNT) - 1;
    return childSlot(this.#frames, branch, high, high.length);
  }

  /** Notes the child that the branch at `level` leads to. */
  #enter(branch: number, level: number): void {
    // Each page of a tree is reached once: a walk that goes on for longer goes round.
    if (++this.#entered > this.#pages.work.pageCount + MAX_LEVEL) {
      throw this.#pages.damaged(this.#page[level], "more pages are reached than there are");
    }
    this.#page[level - 1] = childPage(this.#frames, branch, this.#slot[level]);
    this.#epoch[level - 1] = childEpoch(this.#frames, branch, this.#slot[level]);
  }

  /** Goes on to the next branch slot; the way down from there is still to be made. */
  #sideways(): boolean {
    for (let level = 1; level <= this.#height; level++) {
      const branch = this.#pages.resident(this.#page[level], this.#epoch[level]);
      if (branch < 0) return false;
      const slot = this.#slot[level] + (this.#reverse ? -1 : 1);
      if (slot < 0 || slot >= this.#frames.get(branch, COUNT)) continue;
      this.#slot[level] = slot;
      this.#enter(branch, level);
      this.#level = level - 1;
      this.#phase = DESCENDING;
      return true;
    }
    this.#phase = ENDED;
    return false;
  }

  #descend(): boolean {
    while (this.#level > 0) {
      const level = this.#level;
      const branch = this.#pages.resident(this.#page[level], this.#epoch[level]);
      if (branch < 0) return false;
      this.#checkLevel(branch, level);
      this.#slot[level] = this.#reverse ? this.#frames.get(branch, COUNT) - 1 : 0;
      this.#enter(branch, level);
      this.#level = level - 1;
    }
    this.frame = this.#pages.resident(this.#page[0], this.#epoch[0]);
    if (this.frame < 0) return false;
    this.#checkLevel(this.frame, 0);
    this.#phase = LEAF_READY;
    return true;
  }

  #checkLevel(frame: number, level: number): void {
    if (this.#frames.get(frame, LEVEL) !== level) {
      throw this.#pages.damaged(this.#page[level], "it is at a wrong level of its tree");
    }
  }

  /** Finds the slots of the leaf that are within the bounds; ends the walk behind them. */
  #trim(): boolean {
    const { low, high } = this.#bounds;
    const count = this.#frames.get(this.frame, COUNT);
    this.from = 0;
    this.to = count;
    if (count === 0) return true;
    this.from = this.#bound(low, count);
    if (high !== undefined) this.to = this.#bound(high, count);
    if (this.#reverse ? this.from > 0 : this.to < count) this.#endAfterThis();
    return true;
  }

  #endAfterThis(): void {
    this.#height = 0;
  }

  /** The first slot that is not below `key`, wherever `key` lies. */
  #bound(key: Uint8Array, count: number): number {
    if (this.#orderAt(0, key) >= 0) return 0;
    if (this.#orderAt(count - 1, key) < 0) return count;
    const slot = searchSlots(this.#frames, this.frame, 0, key, key.length);
    return slot < 0 ? -1 - slot : slot;
  }

  /** Order of the key at `slot` against `key`. */
  #orderAt(slot: number, key: Uint8Array): number {
    const { u8 } = this.#frames;
    const plen = this.#frames.get(this.frame, PLEN);
    const prefix = this.#frames.base(this.frame + 1) - plen;
    const cell = cellAt(this.#frames, this.frame, slot);
    const length = plen + suffixLength(this.#frames, cell);
    const end = Math.min(length, key.length);
    for (let i = 0; i < end; i++) {
      const byte = i < plen ? u8[prefix + i] : u8[cell + LEAF_CELL_BYTES + i - plen];
      if (byte !== key[i]) return byte - key[i];
    }
    return length - key.length;
  }
}
