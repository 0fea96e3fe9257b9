/**
 * Splitting a page that a new cell does not fit into.
 *
 * The cells of the page and the new one make one sequence; a part of it stays, the rest goes to a
 * new page at the right. Both get the longest prefix their keys share and the `fpl` that their new
 * separators guarantee. The caller has touched the path and reserved what is needed.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { branchCellBytes, formatBranch, insertBranchCell } from "./branch.ts";
import { commonPrefix } from "./bytes.ts";
import { COUNT, type Frames, KIND, LEAF, LEVEL, PAGE_HEADER_BYTES, PLEN } from "./frames.ts";
import type { FreeSpace } from "./free_space.ts";
import { leafCellBytes } from "./leaf.ts";
import type { PageCache } from "./page_cache.ts";
import type { Pages } from "./pages.ts";
import type { Path } from "./path.ts";
import {
  begin,
  cellsBytes,
  copyCells,
  KeyBuffer,
  placeBranchCell,
  placeLeafCell,
  repack,
} from "./rebuild.ts";
import {
  BRANCH_CELL_BYTES,
  BRANCH_SLOT_BYTES,
  cellAt,
  freeBytes,
  LEAF_CELL_BYTES,
  LEAF_SLOT_BYTES,
  readKey,
  setPrefix,
  sharedPrefix,
  slotBytes,
} from "./slots.ts";
import type { TreeRoot } from "./state.ts";

/** The value of the leaf cell that is being inserted, or its overflow reference. */
export class LeafCell {
  /** Where the value lies. */
  value: Uint8Array = new Uint8Array(0);
  /** At which offset. */
  offset = 0;
  /** Its length. */
  length = 0;
  /** Flags of the cell. */
  flags = 0;

  /** Takes over what to insert. */
  set(value: Uint8Array, offset: number, length: number, flags: number): void {
    this.value = value;
    this.offset = offset;
    this.length = length;
    this.flags = flags;
  }
}

/** Splits pages and inserts what could not be inserted. */
export class Splitter {
  /** What {@link splitLeaf} inserts. */
  readonly leafCell: LeafCell = new LeafCell();
  readonly #pages: Pages;
  readonly #cache: PageCache;
  readonly #frames: Frames;
  readonly #free: FreeSpace;
  readonly #path: Path;
  readonly #low: KeyBuffer;
  readonly #high: KeyBuffer;
  readonly #separator: KeyBuffer;
  readonly #first: KeyBuffer;
  readonly #last: KeyBuffer;
  readonly #scratch: KeyBuffer;
  // The new cell of the page that is being split.
  #newKey: KeyBuffer;
  #newSlot = 0;
  #newBytes = 0;
  #newPage = 0;
  #newEpoch = 0;

  /** Splits pages on `path`. */
  constructor(pages: Pages, free: FreeSpace, path: Path, maxKeyBytes: number) {
    this.#pages = pages;
    this.#cache = pages.cache;
    this.#frames = pages.cache.frames;
    this.#free = free;
    this.#path = path;
    this.#low = new KeyBuffer(maxKeyBytes);
    this.#high = new KeyBuffer(maxKeyBytes);
    this.#separator = new KeyBuffer(maxKeyBytes);
    this.#first = new KeyBuffer(maxKeyBytes);
    this.#last = new KeyBuffer(maxKeyBytes);
    this.#scratch = new KeyBuffer(maxKeyBytes);
    this.#newKey = new KeyBuffer(maxKeyBytes);
  }

  /**
   * Splits the leaf of the path and inserts {@link leafCell} under `key`, which belongs at `slot`.
   */
  splitLeaf(root: TreeRoot, slot: number, key: Uint8Array, keyLength: number): void {
    this.#newKey.set(key, keyLength);
    this.#newSlot = slot;
    this.#newBytes = LEAF_CELL_BYTES + LEAF_SLOT_BYTES + keyLength + this.leafCell.length;
    this.#split(root, 0);
  }

  #split(root: TreeRoot, level: number): void {
    const frames = this.#frames;
    const left = this.#path.frame[level];
    this.#path.lowFence(level, this.#low);
    this.#path.highFence(level, this.#high);
    const at = this.#splitAt(left);
    const total = frames.get(left, COUNT) + 1;
    this.#makeSeparator(left, at);
    const right = this.#pages.create(this.#free.take());
    this.#build(left, right, at, total, this.#separator, this.#high);
    const spare = this.#cache.scratch;
    this.#build(left, spare, 0, at, this.#low, this.#separator);
    frames.copy(spare, left);
    this.#insertChild(root, level + 1, right);
  }

  /** How many cells of the sequence stay in the left page. */
  #splitAt(page: number): number {
    const frames = this.#frames;
    const leaf = frames.get(page, KIND) === LEAF;
    const count = frames.get(page, COUNT);
    const slot = this.#newSlot;
    const plen = frames.get(page, PLEN);
    const edge = leaf ? 1 : 2;
    if (sharedPrefix(frames, page, this.#newKey.bytes, this.#newKey.length) < plen) {
      return slot < edge ? edge : count + 1 - edge;
    }
    if (slot === count && this.#high.length < 0) return count + 1 - edge;
    if (leaf && slot === 0 && this.#low.length < 0) return edge;
    const capacity = frames.pageBytes - PAGE_HEADER_BYTES - plen;
    let all = this.#newBytes - plen;
    for (let i = 0; i < count; i++) all += this.#cellBytes(page, i);
    let left = 0;
    for (let at = 0; at <= count; at++) {
      const size = this.#virtualBytes(page, at, plen);
      const enough = left + size / 2 >= all / 2 && at >= edge;
      if ((enough && all - left <= capacity) || left + size > capacity || at > count + 1 - edge) {
        return Math.min(at, count + 1 - edge);
      }
      left += size;
    }
    return count + 1 - edge;
  }

  #cellBytes(page: number, slot: number): number {
    const frames = this.#frames;
    const cell = cellAt(frames, page, slot);
    const leaf = frames.get(page, KIND) === LEAF;
    return slotBytes(frames, page) +
      (leaf ? leafCellBytes(frames, cell) : branchCellBytes(frames, cell));
  }

  /** Bytes of the cell number `index` of the sequence, with a prefix of `plen` bytes. */
  #virtualBytes(page: number, index: number, plen: number): number {
    if (index === this.#newSlot) return this.#newBytes - plen;
    return this.#cellBytes(page, index < this.#newSlot ? index : index - 1);
  }

  /** Reads key number `index` of the sequence. */
  #virtualKey(page: number, index: number, key: KeyBuffer): void {
    if (index === this.#newSlot) {
      key.set(this.#newKey.bytes, this.#newKey.length);
    } else {
      const slot = index < this.#newSlot ? index : index - 1;
      key.length = readKey(this.#frames, page, slot, key.bytes, 0);
    }
  }

  /** The separator between the cells at − 1 and at: as short as it can be between two leaves. */
  #makeSeparator(page: number, at: number): void {
    this.#virtualKey(page, at, this.#separator);
    if (this.#frames.get(page, KIND) !== LEAF) return;
    this.#virtualKey(page, at - 1, this.#last);
    const { bytes, length } = this.#separator;
    this.#separator.length = 1 +
      commonPrefix(this.#last.bytes, this.#last.length, bytes, length);
  }

  /** Builds a page of the cells `from..to` of the sequence, between two fences. */
  #build(
    source: number,
    target: number,
    from: number,
    to: number,
    low: KeyBuffer,
    high: KeyBuffer,
  ): void {
    const frames = this.#frames;
    const leaf = frames.get(source, KIND) === LEAF;
    const firstKeyed = leaf ? from : from + 1;
    const fpl = low.length < 0 || high.length < 0
      ? 0
      : commonPrefix(low.bytes, low.length, high.bytes, high.length);
    this.#virtualKey(source, Math.min(firstKeyed, to - 1), this.#first);
    this.#virtualKey(source, to - 1, this.#last);
    const shared = commonPrefix(
      this.#first.bytes,
      this.#first.length,
      this.#last.bytes,
      this.#last.length,
    );
    const plen = to - firstKeyed > 1 ? shared : Math.min(fpl, shared);
    assert(plen >= fpl, "the keys of a page share what its separators share");
    begin(frames, target, source, this.#first.bytes, plen, fpl, to - from);
    const slot = this.#newSlot;
    if (slot < from || slot >= to) {
      const shift = slot < from ? 1 : 0;
      copyCells(frames, source, from - shift, to - shift, target, 0, this.#scratch);
    } else {
      copyCells(frames, source, from, slot, target, 0, this.#scratch);
      this.#placeNew(target, slot - from);
      copyCells(frames, source, slot, to - 1, target, slot - from + 1, this.#scratch);
    }
  }

  #placeNew(target: number, slot: number): void {
    const frames = this.#frames;
    const { bytes, length } = this.#newKey;
    if (frames.get(target, KIND) === LEAF) {
      const cell = this.leafCell;
      placeLeafCell(
        frames,
        target,
        slot,
        bytes,
        length,
        cell.value,
        cell.offset,
        cell.length,
        cell.flags,
      );
    } else {
      placeBranchCell(frames, target, slot, bytes, length, this.#newPage, this.#newEpoch);
    }
  }

  /** Gives the page in frame `right` to the parent, under the separator that was made. */
  #insertChild(root: TreeRoot, level: number, right: number): void {
    const frames = this.#frames;
    const path = this.#path;
    const page = this.#cache.page[right];
    const epoch = this.#cache.epoch[right];
    if (level > path.height) {
      this.#raiseRoot(root, page, epoch);
      return;
    }
    const parent = path.frame[level];
    const slot = path.slot[level] + 1;
    const { bytes, length } = this.#separator;
    if (this.#fitsBranch(parent, bytes, length)) {
      insertBranchCell(frames, parent, slot, bytes, length, page, epoch);
      return;
    }
    this.#newKey.set(bytes, length);
    this.#newSlot = slot;
    this.#newBytes = BRANCH_CELL_BYTES + BRANCH_SLOT_BYTES + length;
    this.#newPage = page;
    this.#newEpoch = epoch;
    this.#split(root, level);
  }

  /** Whether the branch takes the separator, after packing it anew if that helps. */
  #fitsBranch(parent: number, separator: Uint8Array, length: number): boolean {
    const frames = this.#frames;
    const plen = frames.get(parent, PLEN);
    const shared = Math.min(plen, sharedPrefix(frames, parent, separator, length));
    const size = BRANCH_SLOT_BYTES + BRANCH_CELL_BYTES + length - shared;
    if (shared === plen && freeBytes(frames, parent) >= size) return true;
    const slots = frames.get(parent, COUNT) * BRANCH_SLOT_BYTES;
    const packed = PAGE_HEADER_BYTES + slots + shared + cellsBytes(frames, parent, shared);
    if (packed + size > frames.pageBytes) return false;
    repack(frames, parent, this.#cache.scratch, shared, this.#scratch);
    return true;
  }

  #raiseRoot(root: TreeRoot, page: number, epoch: number): void {
    const frames = this.#frames;
    const path = this.#path;
    const old = path.frame[path.height];
    const frame = this.#pages.create(this.#free.take());
    formatBranch(frames, frame, frames.get(old, LEVEL) + 1);
    setPrefix(frames, frame, this.#separator.bytes, 0, 0);
    insertBranchCell(frames, frame, 0, this.#separator.bytes, 0, root.page, root.epoch);
    const { bytes, length } = this.#separator;
    insertBranchCell(frames, frame, 1, bytes, length, page, epoch);
    root.page = this.#cache.page[frame];
    root.epoch = this.#cache.epoch[frame];
  }
}
