/**
 * The B+tree: finding a key, putting one, removing some, on pages in memory.
 *
 * Everything here is synchronous and never waits. An operation either happens as a whole or changes
 * nothing and says what is missing: a page that must be loaded first, frames, places, epochs. The
 * caller provides that and calls again; the search then starts anew from the root.
 *
 * @module
 */

import { childEpoch, childPage, childSlot } from "./branch.ts";
import { MAX_LEVEL } from "./check_page.ts";
import { COUNT, FPL, type Frames, LEVEL, PLEN } from "./frames.ts";
import type { FreeSpace } from "./free_space.ts";
import {
  formatLeaf,
  insertLeafCell,
  isLarge,
  leafCellBytes,
  overwriteValue,
  removeLeafCells,
  valueAt,
  valueLength,
} from "./leaf.ts";
import { Merger } from "./merge.ts";
import { OverflowReference } from "./overflow.ts";
import type { PageCache } from "./page_cache.ts";
import type { Pages } from "./pages.ts";
import { Path } from "./path.ts";
import { cellsBytes, KeyBuffer, repack } from "./rebuild.ts";
import {
  cellAt,
  freeBytes,
  LEAF_CELL_BYTES,
  LEAF_SLOT_BYTES,
  searchSlots,
  sharedPrefix,
} from "./slots.ts";
import { PAGE_HEADER_BYTES } from "./frames.ts";
import { Splitter } from "./split.ts";
import type { TreeRoot } from "./state.ts";

/** The operation was carried out. */
export const DONE = 0;
/** A page is missing: `pages.missPage`, `pages.missEpoch`. */
export const MISS = 1;
/** {@link BTree.need} frames are missing. */
export const NEED_FRAMES = 2;
/** {@link BTree.need} places are missing. */
export const NEED_PLACES = 3;
/** The epoch limit must be raised. */
export const NEED_EPOCHS = 4;

/** The key was found, at {@link BTree.frame} and {@link BTree.slot}. */
export const FOUND = 5;
/** The key is not there; it belongs at {@link BTree.frame} and {@link BTree.slot}. */
export const ABSENT = 6;

/** Searches and changes trees. Results stand in its fields. */
export class BTree {
  /** Frame of the leaf that was found; −1 in an empty tree. */
  frame = -1;
  /** Slot within the leaf. */
  slot = 0;
  /** How many frames or places are missing. */
  need = 0;
  /** Places that stay when places are handed out: none for deletes and recovery. */
  reserve = 0;
  /** Entries that the last operation added or removed. */
  changed = 0;
  /** What was read ahead last, for the sake of reading it. */
  ahead = 0;
  readonly #pages: Pages;
  readonly #cache: PageCache;
  readonly #frames: Frames;
  readonly #free: FreeSpace;
  readonly #path: Path;
  readonly #splitter: Splitter;
  readonly #merger: Merger;
  readonly #scratch: KeyBuffer;
  readonly #overflow = new OverflowReference();

  /** Works on the pages and places of one store. */
  constructor(pages: Pages, free: FreeSpace, maxKeyBytes: number) {
    this.#pages = pages;
    this.#cache = pages.cache;
    this.#frames = pages.cache.frames;
    this.#free = free;
    this.#path = new Path(pages, free, maxKeyBytes);
    this.#scratch = new KeyBuffer(maxKeyBytes);
    this.#splitter = new Splitter(pages, free, this.#path, maxKeyBytes);
    this.#merger = new Merger(pages, free, this.#path, maxKeyBytes);
  }

  /** Frames on the way of the last operation, from the leaf up: to mark them. */
  get path(): Path {
    return this.#path;
  }

  /** Looks for a key: FOUND, ABSENT or MISS. */
  find(root: TreeRoot, key: Uint8Array, keyLength: number): number {
    let page = root.page | 0;
    let epoch = root.epoch | 0;
    if (page === 0) {
      this.frame = -1;
      return ABSENT;
    }
    const frames = this.#frames;
    for (let above = -1;;) {
      const frame = this.#pages.resident(page, epoch);
      if (frame < 0) return MISS;
      this.ahead = frames.ahead(frame);
      const level = frames.get(frame, LEVEL);
      if (above < 0 ? level > MAX_LEVEL : level !== above - 1) {
        throw this.#pages.damaged(page >>> 0, "it is at a wrong level of its tree");
      }
      above = level;
      if (level === 0) {
        const slot = searchSlots(frames, frame, 0, key, keyLength);
        this.frame = frame;
        this.slot = slot < 0 ? -1 - slot : slot;
        return slot < 0 ? ABSENT : FOUND;
      }
      const slot = childSlot(frames, frame, key, keyLength);
      page = childPage(frames, frame, slot) | 0;
      epoch = childEpoch(frames, frame, slot) | 0;
    }
  }

  /**
   * Sets a key to a value, or to the overflow reference that is its value: DONE or what is missing.
   */
  put(
    root: TreeRoot,
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    valueOffset: number,
    length: number,
    flags: number,
  ): number {
    for (;;) {
      this.changed = 0;
      if (root.page === 0) {
        this.#free.planBegin();
        const status = this.#provide(1);
        if (status === RETRY) continue;
        if (status !== DONE) return status;
        this.#plantRoot(root);
      }
      if (!this.#path.descend(root, key, keyLength)) return MISS;
      const leaf = this.#path.frame[0];
      const slot = searchSlots(this.#frames, leaf, 0, key, keyLength);
      const fits = this.#fits(leaf, slot, key, keyLength, length);
      const large = slot >= 0 && isLarge(this.#frames, cellAt(this.#frames, leaf, slot));
      if (!fits || large || !this.#pages.inPlace(leaf)) {
        const status = this.#preparePut(leaf, slot, fits);
        if (status === RETRY) continue;
        if (status !== DONE) return status;
        this.#path.touch(root);
        if (large) this.#giveOverflow(this.#path.frame[0], slot, slot + 1);
      }
      this.#place(root, slot, fits, key, keyLength, value, valueOffset, length, flags);
      return DONE;
    }
  }

  #preparePut(leaf: number, slot: number, fits: boolean): number {
    this.#free.planBegin();
    let need = this.#path.planCopies();
    if (need < 0) return MISS;
    if (!fits) need += this.#path.height + 2;
    if (slot >= 0 && !this.#planOverflow(leaf, slot, slot + 1)) return MISS;
    if (need === 0 && this.#free.planned === 0) return DONE;
    return this.#provide(need);
  }

  /**
   * Moves the pages on the way to the leaf for `low` to other places if one of them is not below
   * `mark`: DONE or what is missing. {@link changed} says how many moved; `low` is moved to where
   * the next leaf begins, or gets a negative length at the end.
   */
  relocate(root: TreeRoot, low: KeyBuffer, mark: number): number {
    for (;;) {
      this.changed = 0;
      this.frame = -1;
      if (root.page === 0) {
        low.length = -1;
        return DONE;
      }
      const path = this.#path;
      if (!path.descend(root, low.bytes, low.length)) return MISS;
      let high = false;
      for (let level = 0; level <= path.height; level++) {
        high ||= this.#cache.page[path.frame[level]] >= mark;
      }
      if (high) {
        this.#free.planBegin();
        const need = path.planCopies();
        if (need < 0) return MISS;
        const status = need === 0 ? DONE : this.#provide(need);
        if (status === RETRY) continue;
        if (status !== DONE) return status;
        path.touch(root);
        this.changed = need;
      }
      this.frame = path.frame[0];
      path.highFence(0, low);
      return DONE;
    }
  }

  /**
   * Moves the map pages of `segment` if one of them is not below `mark`: DONE or what is missing.
   */
  relocateMap(segment: number): number {
    for (;;) {
      this.#free.planBegin();
      if (!this.#free.plan(segment)) return MISS;
      const status = this.#provide(0);
      if (status === RETRY) continue;
      if (status === DONE) this.#free.touchSegment(segment);
      return status;
    }
  }

  /** Readies the map for handing out the run `page … page + count − 1`: DONE or what is missing. */
  readyForRun(page: number, count: number): number {
    this.#free.planBegin();
    const last = page + count - 1;
    for (let s = this.#free.segmentOf(page); s <= this.#free.segmentOf(last); s++) {
      if (!this.#free.plan(s)) return MISS;
    }
    const status = this.#provide(0);
    return status === RETRY ? DONE : status;
  }

  /** Checks that `need` pages and what the map needs can be had: DONE, RETRY or what is missing. */
  #provide(need: number): number {
    if (this.#free.segment < 0) {
      // Without a mask nobody knows what the map needs, and on a full disk a guess is refused.
      this.need = 0;
      return NEED_PLACES;
    }
    if (!this.#free.plan(this.#free.segment)) return MISS;
    const total = need + this.#free.planned;
    if (!this.#pages.epochReady()) return NEED_EPOCHS;
    this.need = total + this.#cache.inFlight;
    if (this.#free.left < this.need || this.#free.spare < this.need + this.reserve) {
      return NEED_PLACES;
    }
    if (this.#cache.freeCount >= total && this.#cache.available >= total + LOADING_FRAMES) {
      return DONE;
    }
    this.need = total + LOADING_FRAMES;
    return this.#cache.reserve(this.need) ? RETRY : NEED_FRAMES;
  }

  #plantRoot(root: TreeRoot): void {
    const frame = this.#pages.create(this.#free.take());
    formatLeaf(this.#frames, frame);
    root.page = this.#cache.page[frame];
    root.epoch = this.#cache.epoch[frame];
  }

  /** Whether the leaf can take the cell without a split. */
  #fits(
    leaf: number,
    slot: number,
    key: Uint8Array,
    keyLength: number,
    length: number,
  ): boolean {
    const frames = this.#frames;
    const plen = frames.get(leaf, PLEN);
    if (slot >= 0) {
      const cell = cellAt(frames, leaf, slot);
      if (valueLength(frames, cell) >= length) return true;
      const size = LEAF_CELL_BYTES + keyLength - plen + length - leafCellBytes(frames, cell);
      return this.#leafBytes(leaf, plen) + size <= frames.pageBytes;
    }
    const size = LEAF_SLOT_BYTES + LEAF_CELL_BYTES + keyLength + length;
    if (plen <= frames.get(leaf, FPL) || sharedPrefix(frames, leaf, key, keyLength) === plen) {
      if (freeBytes(frames, leaf) >= size - plen) return true;
      return this.#leafBytes(leaf, plen) + size - plen <= frames.pageBytes;
    }
    const shared = sharedPrefix(frames, leaf, key, keyLength);
    return this.#leafBytes(leaf, shared) + size - shared <= frames.pageBytes;
  }

  /** Bytes of the leaf, packed, with a prefix of `plen` bytes. */
  #leafBytes(leaf: number, plen: number): number {
    const slots = this.#frames.get(leaf, COUNT) * LEAF_SLOT_BYTES;
    return PAGE_HEADER_BYTES + slots + plen + cellsBytes(this.#frames, leaf, plen);
  }

  /** Carries out a put whose path may be changed. */
  #place(
    root: TreeRoot,
    slot: number,
    fits: boolean,
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    valueOffset: number,
    length: number,
    flags: number,
  ): void {
    const frames = this.#frames;
    const leaf = this.#path.frame[0];
    let at = slot;
    if (slot >= 0) {
      if (valueLength(frames, cellAt(frames, leaf, slot)) >= length) {
        overwriteValue(frames, leaf, slot, value, valueOffset, length, flags);
        return;
      }
      removeLeafCells(frames, leaf, slot, slot + 1);
    } else {
      this.changed = 1;
      root.count++;
      this.#pages.touchState();
      at = -1 - slot;
    }
    if (!fits) {
      const { leafCell } = this.#splitter;
      leafCell.set(value, valueOffset, length, flags);
      this.#splitter.splitLeaf(root, at, key, keyLength);
      return;
    }
    const shared = sharedPrefix(frames, leaf, key, keyLength);
    const plen = frames.get(leaf, PLEN);
    const size = LEAF_SLOT_BYTES + LEAF_CELL_BYTES + keyLength - plen + length;
    if (shared < plen || freeBytes(frames, leaf) < size) {
      repack(frames, leaf, this.#cache.scratch, Math.min(shared, plen), this.#scratch);
    }
    insertLeafCell(frames, leaf, at, key, keyLength, value, valueOffset, length, flags);
  }

  /** Removes a key: DONE or what is missing; {@link changed} says whether it was there. */
  remove(root: TreeRoot, key: Uint8Array, keyLength: number): number {
    for (;;) {
      this.changed = 0;
      if (root.page === 0) return DONE;
      if (!this.#path.descend(root, key, keyLength)) return MISS;
      const slot = searchSlots(this.#frames, this.#path.frame[0], 0, key, keyLength);
      if (slot < 0) return DONE;
      const status = this.#removeSlots(root, slot, slot + 1);
      if (status !== RETRY) return status;
    }
  }

  /**
   * Removes keys from `low` on, below `high` unless its length is negative, from the one leaf that
   * `low` leads to. DONE with {@link changed} 0 when that leaf has none of them: then `low` is
   * moved to where the next leaf begins, or gets a negative length at the end.
   */
  removeSome(root: TreeRoot, low: KeyBuffer, high: KeyBuffer): number {
    for (;;) {
      this.changed = 0;
      if (root.page === 0) {
        low.length = -1;
        return DONE;
      }
      if (!this.#path.descend(root, low.bytes, low.length)) return MISS;
      const frames = this.#frames;
      const leaf = this.#path.frame[0];
      let from = searchSlots(frames, leaf, 0, low.bytes, low.length);
      if (from < 0) from = -1 - from;
      let to = frames.get(leaf, COUNT);
      if (high.length >= 0) {
        const end = this.#boundWithin(leaf, high);
        if (end < to) to = end;
      }
      if (from >= to) {
        if (to < frames.get(leaf, COUNT)) low.length = -1;
        else this.#path.highFence(0, low);
        // Beyond the range there is nothing to remove, and `high` could not be searched for.
        if (high.length >= 0 && low.length >= 0 && orderOf(low, high) >= 0) low.length = -1;
        return DONE;
      }
      const status = this.#removeSlots(root, from, to);
      if (status !== RETRY) return status;
    }
  }

  /** First slot of the leaf that is not below `high`, which may lie beyond the leaf's range. */
  #boundWithin(leaf: number, high: KeyBuffer): number {
    const fence = this.#scratch;
    this.#path.highFence(0, fence);
    if (fence.length >= 0 && orderOf(fence, high) <= 0) return this.#frames.get(leaf, COUNT);
    const slot = searchSlots(this.#frames, leaf, 0, high.bytes, high.length);
    return slot < 0 ? -1 - slot : slot;
  }

  #removeSlots(root: TreeRoot, from: number, to: number): number {
    const path = this.#path;
    this.#free.planBegin();
    if (!this.#merger.plan(from, to)) return MISS;
    const copies = path.planCopies();
    if (copies < 0 || !this.#merger.planSiblings()) return MISS;
    if (!this.#planOverflow(path.frame[0], from, to)) return MISS;
    const need = copies + this.#merger.copies;
    if (root.count < to - from) {
      throw this.#pages.damaged(root.page, "its tree has more entries than it counts");
    }
    if (need > 0 || this.#free.planned > 0) {
      const status = this.#provide(need);
      if (status !== DONE) return status;
    }
    path.touch(root);
    const leaf = path.frame[0];
    this.#giveOverflow(leaf, from, to);
    removeLeafCells(this.#frames, leaf, from, to);
    this.changed = to - from;
    root.count -= to - from;
    this.#pages.touchState();
    this.#merger.run(root);
    return DONE;
  }

  /** Plans that the overflow runs of some cells are given back. */
  #planOverflow(leaf: number, from: number, to: number): boolean {
    const frames = this.#frames;
    for (let slot = from; slot < to; slot++) {
      const cell = cellAt(frames, leaf, slot);
      if (!isLarge(frames, cell)) continue;
      this.#overflow.read(frames.u8, valueAt(frames, cell));
      const count = this.#overflow.pages(frames.pageBytes);
      if (!this.#free.planGive(this.#overflow.page, count)) return false;
    }
    return true;
  }

  #giveOverflow(leaf: number, from: number, to: number): void {
    const frames = this.#frames;
    for (let slot = from; slot < to; slot++) {
      const cell = cellAt(frames, leaf, slot);
      if (!isLarge(frames, cell)) continue;
      this.#overflow.read(frames.u8, valueAt(frames, cell));
      const { page } = this.#overflow;
      const count = this.#overflow.pages(frames.pageBytes);
      for (let i = 0; i < count; i++) this.#free.give(page + i);
    }
  }
}

const RETRY = 7;

/** Frames that a change leaves for pages to be read into. */
const LOADING_FRAMES = 16;

function orderOf(a: KeyBuffer, b: KeyBuffer): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.bytes[i] !== b.bytes[i]) return a.bytes[i] - b.bytes[i];
  }
  return a.length - b.length;
}
