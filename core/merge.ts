/**
 * Merging a page that has become small with a neighbour under the same parent.
 *
 * What will be merged is decided, and its pages looked for, before anything changes: {@link
 * Merger.plan} goes up the path as long as pages become small; {@link Merger.run} carries it out.
 * A page whose only neighbours are too full stays as it is, even empty.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { childEpoch, childPage, removeBranchCell, setChild } from "./branch.ts";
import { commonPrefix } from "./bytes.ts";
import { COUNT, type Frames, KIND, LEAF, LEVEL, PAGE_HEADER_BYTES } from "./frames.ts";
import type { FreeSpace } from "./free_space.ts";
import { leafCellBytes } from "./leaf.ts";
import { MAX_LEVEL } from "./check_page.ts";
import type { PageCache } from "./page_cache.ts";
import type { Pages } from "./pages.ts";
import type { Path } from "./path.ts";
import { begin, cellsBytes, copyCells, KeyBuffer, placeBranchCell } from "./rebuild.ts";
import {
  BRANCH_CELL_BYTES,
  BRANCH_SLOT_BYTES,
  cellAt,
  LEAF_SLOT_BYTES,
  readKey,
  slotBytes,
  usedBytes,
} from "./slots.ts";
import type { TreeRoot } from "./state.ts";

/** Merges pages on a path. */
export class Merger {
  /** Pages beside the path that the planned merges copy. */
  copies = 0;
  readonly #pages: Pages;
  readonly #cache: PageCache;
  readonly #frames: Frames;
  readonly #free: FreeSpace;
  readonly #path: Path;
  /** For each level the neighbour's frame, or −1 where no merge is planned. */
  readonly #sibling = new Int32Array(MAX_LEVEL + 2);
  /** For each level whether the neighbour is at the left. */
  readonly #atLeft = new Uint8Array(MAX_LEVEL + 2);
  readonly #low: KeyBuffer;
  readonly #high: KeyBuffer;
  readonly #separator: KeyBuffer;
  readonly #scratch: KeyBuffer;

  /** Merges pages on `path`. */
  constructor(pages: Pages, free: FreeSpace, path: Path, maxKeyBytes: number) {
    this.#pages = pages;
    this.#cache = pages.cache;
    this.#frames = pages.cache.frames;
    this.#free = free;
    this.#path = path;
    this.#low = new KeyBuffer(maxKeyBytes);
    this.#high = new KeyBuffer(maxKeyBytes);
    this.#separator = new KeyBuffer(maxKeyBytes);
    this.#scratch = new KeyBuffer(maxKeyBytes);
  }

  /** Decides what to merge when slots `from..to` of the leaf go; false where a page is missing. */
  plan(from: number, to: number): boolean {
    const frames = this.#frames;
    const path = this.#path;
    const leaf = path.frame[0];
    this.#sibling.fill(-1);
    let gone = 0;
    for (let slot = from; slot < to; slot++) {
      gone += LEAF_SLOT_BYTES + leafCellBytes(frames, cellAt(frames, leaf, slot));
    }
    const small = (frames.pageBytes - PAGE_HEADER_BYTES) >>> 2;
    for (let level = 0; level < path.height; level++) {
      if (usedBytes(frames, path.frame[level]) - gone >= small) return true;
      const slot = path.slot[level + 1];
      const parent = path.frame[level + 1];
      if (frames.get(parent, COUNT) < 2) return true;
      const atLeft = slot > 0;
      const other = atLeft ? slot - 1 : slot + 1;
      const sibling = this.#pages.resident(
        childPage(frames, parent, other),
        childEpoch(frames, parent, other),
      );
      if (sibling < 0) return false;
      this.#checkSibling(sibling, level, other);
      const right = atLeft ? slot : other;
      if (!this.#fit(path.frame[level], sibling, parent, right, gone)) return true;
      this.#sibling[level] = sibling;
      this.#atLeft[level] = atLeft ? 1 : 0;
      const cell = cellAt(frames, parent, right);
      gone = BRANCH_SLOT_BYTES + BRANCH_CELL_BYTES + (frames.u8[cell] | (frames.u8[cell + 1] << 8));
    }
    return true;
  }

  /** A neighbour is not on the way that was checked: it may be no page that belongs there. */
  #checkSibling(sibling: number, level: number, slot: number): void {
    const path = this.#path;
    if (sibling === path.frame[level] || this.#frames.get(sibling, LEVEL) !== level) {
      throw this.#pages.damaged(this.#cache.page[sibling], "it does not belong at its place");
    }
    if (this.#pages.inPlace(sibling)) return;
    const own = path.slot[level + 1];
    path.slot[level + 1] = slot;
    try {
      path.checkFits(sibling, level);
    } finally {
      path.slot[level + 1] = own;
    }
  }

  /** Whether two pages fit into one: counted without any common prefix, so on the safe side. */
  #fit(page: number, sibling: number, parent: number, right: number, gone: number): boolean {
    const frames = this.#frames;
    this.#mergedPrefix(page, parent, right);
    const plen = this.#prefix;
    let bytes = PAGE_HEADER_BYTES + plen - gone;
    for (const frame of [page, sibling]) {
      bytes += frames.get(frame, COUNT) * slotBytes(frames, frame) +
        cellsBytes(frames, frame, plen);
    }
    if (frames.get(page, KIND) !== LEAF) bytes += this.#separator.length;
    return bytes <= frames.pageBytes - (frames.pageBytes >>> 4);
  }

  #prefix = 0;

  /** The prefix that the fences of the merged page guarantee; all its keys share at least that. */
  #mergedPrefix(page: number, parent: number, right: number): void {
    const path = this.#path;
    const level = this.#frames.get(page, LEVEL);
    const slot = path.slot[level + 1];
    path.slot[level + 1] = right - 1;
    path.lowFence(level, this.#low);
    path.slot[level + 1] = right;
    path.highFence(level, this.#high);
    path.slot[level + 1] = slot;
    this.#separator.length = readKey(this.#frames, parent, right, this.#separator.bytes, 0);
    this.#prefix = this.#low.length < 0 || this.#high.length < 0 ? 0 : commonPrefix(
      this.#low.bytes,
      this.#low.length,
      this.#high.bytes,
      this.#high.length,
    );
  }

  /** Plans the places that the merges give back and take; false where a map page is missing. */
  planSiblings(): boolean {
    this.copies = 0;
    for (let level = 0; level < this.#path.height; level++) {
      const sibling = this.#sibling[level];
      if (sibling < 0) continue;
      if (!this.#pages.inPlace(sibling)) this.copies++;
      if (!this.#free.planGive(this.#cache.page[sibling])) return false;
      if (!this.#free.planGive(this.#cache.page[this.#path.frame[level]])) return false;
    }
    const top = this.#path.frame[this.#path.height];
    return this.#free.planGive(this.#cache.page[top]);
  }

  /** Carries out the merges that were planned; the path was touched. */
  run(root: TreeRoot): void {
    for (let level = 0; level < this.#path.height; level++) {
      if (this.#sibling[level] >= 0) this.#merge(level);
    }
    this.#lowerRoot(root);
  }

  #merge(level: number): void {
    const frames = this.#frames;
    const path = this.#path;
    const parent = path.frame[level + 1];
    const atLeft = this.#atLeft[level] === 1;
    const right = atLeft ? path.slot[level + 1] : path.slot[level + 1] + 1;
    const leftFrame = atLeft ? this.#free.touch(this.#sibling[level]) : path.frame[level];
    const rightFrame = atLeft ? path.frame[level] : this.#sibling[level];
    this.#mergedPrefix(path.frame[level], parent, right);
    const spare = this.#cache.scratch;
    const leftCount = frames.get(leftFrame, COUNT);
    const rightCount = frames.get(rightFrame, COUNT);
    const prefix = this.#low.bytes;
    begin(frames, spare, leftFrame, prefix, this.#prefix, this.#prefix, leftCount + rightCount);
    copyCells(frames, leftFrame, 0, leftCount, spare, 0, this.#scratch);
    if (frames.get(leftFrame, KIND) === LEAF) {
      copyCells(frames, rightFrame, 0, rightCount, spare, leftCount, this.#scratch);
    } else {
      const { bytes, length } = this.#separator;
      const page = childPage(frames, rightFrame, 0);
      const epoch = childEpoch(frames, rightFrame, 0);
      placeBranchCell(frames, spare, leftCount, bytes, length, page, epoch);
      copyCells(frames, rightFrame, 1, rightCount, spare, leftCount + 1, this.#scratch);
    }
    frames.copy(spare, leftFrame);
    this.#free.discard(rightFrame);
    removeBranchCell(frames, parent, right);
    const { page, epoch } = this.#cache;
    setChild(frames, parent, right - 1, page[leftFrame], epoch[leftFrame]);
    path.frame[level] = leftFrame;
    path.slot[level + 1] = right - 1;
  }

  /** A root with a single child gives way to it. */
  #lowerRoot(root: TreeRoot): void {
    const frames = this.#frames;
    const path = this.#path;
    const top = path.frame[path.height];
    if (path.height === 0 || frames.get(top, COUNT) > 1) return;
    assert(frames.get(top, COUNT) === 1, "a branch has a child");
    root.page = childPage(frames, top, 0);
    root.epoch = childEpoch(frames, top, 0);
    this.#free.discard(top);
    path.height--;
  }
}
