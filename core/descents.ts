/**
 * Looking for several keys at once: their ways down a tree are taken level by level, so that the
 * processor waits for the memory of all of them together.
 *
 * @module
 */

import { childEpoch, childPage, childSlot } from "./branch.ts";
import { MAX_LEVEL } from "./check_page.ts";
import { LEVEL } from "./frames.ts";
import type { Pages } from "./pages.ts";
import { searchSlots } from "./slots.ts";
import type { TreeRoot } from "./state.ts";

/** So many keys are looked for at once. */
export const DESCENTS = 16;

/** Ways down a tree. Results stand in its fields until anything else happens to the cache. */
export class Descents {
  /** Frame of the leaf of each key. */
  readonly frame: Int32Array = new Int32Array(DESCENTS);
  /** Slot of each key, −1 where it is absent. */
  readonly slot: Int32Array = new Int32Array(DESCENTS);
  /** What was read ahead last, for the sake of reading it. */
  ahead = 0;
  readonly #page = new Uint32Array(DESCENTS);
  readonly #epoch = new Uint32Array(DESCENTS);

  /**
   * Looks for the `count` keys from `from` on, at most {@link DESCENTS}; false where a page is
   * missing.
   */
  find(
    pages: Pages,
    root: TreeRoot,
    keys: readonly Uint8Array[],
    from: number,
    count: number,
  ): boolean {
    if (root.page === 0) {
      this.slot.fill(-1);
      return true;
    }
    this.#page.fill(root.page);
    this.#epoch.fill(root.epoch);
    for (let above = -1;;) {
      const level = this.#enter(pages, count, above);
      if (level < 0) return false;
      if (level === 0) break;
      this.#choose(pages, keys, from, count);
      above = level;
    }
    const { frames } = pages.cache;
    for (let i = 0; i < count; i++) {
      const key = keys[from + i];
      const slot = searchSlots(frames, this.frame[i], 0, key, key.length);
      this.slot[i] = slot < 0 ? -1 : slot;
    }
    return true;
  }

  /** Finds the frames of all pages, which are below level `above`; their level, −1 for a miss. */
  #enter(pages: Pages, count: number, above: number): number {
    const { frames } = pages.cache;
    for (let i = 0; i < count; i++) {
      const frame = pages.resident(this.#page[i], this.#epoch[i]);
      if (frame < 0) return -1;
      this.frame[i] = frame;
    }
    // A loop of its own: the shorter it is, the more of its reads are under way at once.
    let ahead = 0;
    for (let i = 0; i < count; i++) ahead |= frames.ahead(this.frame[i]);
    this.ahead = ahead;
    let level = 0;
    for (let i = 0; i < count; i++) {
      level = frames.get(this.frame[i], LEVEL);
      if (above < 0 ? level > MAX_LEVEL : level !== above - 1) {
        throw pages.damaged(this.#page[i], "it is at a wrong level of its tree");
      }
    }
    return level;
  }

  /** Chooses the child that each key is below. */
  #choose(pages: Pages, keys: readonly Uint8Array[], from: number, count: number): void {
    const { frames } = pages.cache;
    for (let i = 0; i < count; i++) {
      const key = keys[from + i];
      const frame = this.frame[i];
      const slot = childSlot(frames, frame, key, key.length);
      this.#page[i] = childPage(frames, frame, slot);
      this.#epoch[i] = childEpoch(frames, frame, slot);
    }
  }
}
