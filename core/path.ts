/**
 * The way from a root down to a leaf: frames and slots by level, and the separators that bound the
 * pages on it.
 *
 * @module
 */

import { childEpoch, childPage, childSlot, setChild } from "./branch.ts";
import { COUNT, type Frames, LEVEL } from "./frames.ts";
import type { FreeSpace } from "./free_space.ts";
import { checkDisjoint, checkFences } from "./check_fences.ts";
import { MAX_LEVEL } from "./check_page.ts";
import type { PageCache } from "./page_cache.ts";
import type { Pages } from "./pages.ts";
import { KeyBuffer } from "./rebuild.ts";
import { readKey } from "./slots.ts";
import type { TreeRoot } from "./state.ts";

/** A way from the root to a leaf. Level 0 is the leaf. */
export class Path {
  /** Frame at each level. */
  readonly frame: Int32Array = new Int32Array(MAX_LEVEL + 2);
  /** Slot taken in each branch; unused for the leaf. */
  readonly slot: Int32Array = new Int32Array(MAX_LEVEL + 2);
  /** Level of the root. */
  height = 0;
  /** What was read ahead last, for the sake of reading it. */
  ahead = 0;
  readonly #pages: Pages;
  readonly #cache: PageCache;
  readonly #frames: Frames;
  readonly #free: FreeSpace;
  readonly #low: KeyBuffer;
  readonly #high: KeyBuffer;
  readonly #scratch: KeyBuffer;
  readonly #marks: Uint16Array;

  /** For trees among `pages` with keys of at most `maxKeyBytes` bytes. */
  constructor(pages: Pages, free: FreeSpace, maxKeyBytes: number) {
    this.#low = new KeyBuffer(maxKeyBytes);
    this.#high = new KeyBuffer(maxKeyBytes);
    this.#scratch = new KeyBuffer(maxKeyBytes);
    this.#marks = new Uint16Array(pages.cache.frames.pageBytes);
    this.#pages = pages;
    this.#cache = pages.cache;
    this.#frames = pages.cache.frames;
    this.#free = free;
  }

  /** Goes from the root, which exists, to the leaf for a key; false where a page is missing. */
  descend(root: TreeRoot, key: Uint8Array, keyLength: number): boolean {
    const frames = this.#frames;
    let frame = this.#pages.resident(root.page, root.epoch);
    if (frame < 0) return false;
    let level = frames.get(frame, LEVEL);
    if (level > MAX_LEVEL) throw this.#pages.damaged(root.page, "it is no page of a tree");
    this.height = level;
    for (;;) {
      this.frame[level] = frame;
      if (level === 0) return true;
      const slot = childSlot(frames, frame, key, keyLength);
      this.slot[level] = slot;
      frame = this.#pages.resident(
        childPage(frames, frame, slot),
        childEpoch(frames, frame, slot),
      );
      if (frame < 0) return false;
      this.ahead = frames.ahead(frame);
      level--;
      if (frames.get(frame, LEVEL) !== level) {
        throw this.#pages.damaged(this.#cache.page[frame], "it is at a wrong level of its tree");
      }
    }
  }

  /** Plans the copies of all pages on the way; their number, or −1 where a map page is missing. */
  planCopies(): number {
    let copies = 0;
    for (let level = 0; level <= this.height; level++) {
      const frame = this.frame[level];
      if (this.#pages.inPlace(frame)) continue;
      copies++;
      // What was made here needs no check.
      if (this.#cache.birth[frame] === 0) this.checkFits(frame, level);
      if (!this.#free.planGive(this.#cache.page[frame])) return -1;
    }
    return copies;
  }

  /**
   * Checks that the page in `frame`, at `level` of the way, is what its parents say: for a page as
   * it came from the file, before the first change of it.
   */
  checkFits(frame: number, level: number): void {
    this.lowFence(level, this.#low);
    this.highFence(level, this.#high);
    const frames = this.#frames;
    const fault = checkFences(frames, frame, this.#low, this.#high, this.#scratch) ||
      checkDisjoint(frames, frame, this.#marks);
    if (fault !== "") throw this.#pages.damaged(this.#cache.page[frame], fault);
  }

  /** Makes every page on the way one that may be changed in place. */
  touch(root: TreeRoot): void {
    for (let level = this.height; level >= 0; level--) {
      const frame = this.#free.touch(this.frame[level]);
      if (frame === this.frame[level]) continue;
      this.frame[level] = frame;
      this.refer(root, level);
    }
  }

  /** Makes the parent, or the root, refer to the page at `level`. */
  refer(root: TreeRoot, level: number): void {
    const frame = this.frame[level];
    const page = this.#cache.page[frame];
    const epoch = this.#cache.epoch[frame];
    if (level === this.height) {
      root.page = page;
      root.epoch = epoch;
    } else {
      setChild(this.#frames, this.frame[level + 1], this.slot[level + 1], page, epoch);
    }
  }

  /** The separator below which no key of the page at `level` lies, if there is one. */
  lowFence(level: number, fence: KeyBuffer): void {
    fence.length = -1;
    for (let above = level + 1; above <= this.height; above++) {
      const slot = this.slot[above];
      if (slot === 0) continue;
      fence.length = readKey(this.#frames, this.frame[above], slot, fence.bytes, 0);
      return;
    }
  }

  /** The separator that every key of the page at `level` is below, if there is one. */
  highFence(level: number, fence: KeyBuffer): void {
    fence.length = -1;
    for (let above = level + 1; above <= this.height; above++) {
      const slot = this.slot[above] + 1;
      if (slot >= this.#frames.get(this.frame[above], COUNT)) continue;
      fence.length = readKey(this.#frames, this.frame[above], slot, fence.bytes, 0);
      return;
    }
  }
}
