/**
 * Reading the pages of a held state one by one, for tools: dirty pages from the cache, all others
 * from the file, past the cache, so that what is checked is what is there.
 *
 * @module
 */

import { checkPage, MAX_LEVEL } from "./check_page.ts";
import type { Engine } from "./engine.ts";
import { allocate, readFully } from "./file_access.ts";
import { Frames, INFO_FIELDS, INFO_SHIFT, openPage } from "./frames.ts";
import type { Task } from "./future.ts";
import { DIRTY } from "./page_cache.ts";

/** Pages of one state, in frames of its own: one for each level of a tree. */
export class PageSource {
  /** The frames: number i is for a page at level i. */
  readonly frames: Frames;
  readonly #engine: Engine;

  /** Reads pages of `engine`'s file. */
  constructor(engine: Engine) {
    const { pageBytes } = engine.cache.frames;
    this.#engine = engine;
    this.frames = new Frames(allocate(engine.parts.io, (MAX_LEVEL + 2) * pageBytes), pageBytes);
  }

  /** Brings a page into `frame`; returns "" or what is wrong with it. */
  *read(page: number, epoch: number, frame: number): Task<string> {
    const { cache, pager, parts } = this.#engine;
    const cached = cache.lookup(page);
    const { pageBytes } = this.frames;
    const base = this.frames.base(frame);
    if (cached >= 0 && (cache.flags[cached] & DIRTY) !== 0) {
      if (cache.epoch[cached] !== epoch) return `epoch ${epoch} is referred to, and it has another`;
      const from = cache.frames.base(cached);
      this.frames.u8.set(cache.frames.u8.subarray(from, from + pageBytes), base);
      const info = cached << INFO_SHIFT;
      const fields = cache.frames.info.subarray(info, info + INFO_FIELDS);
      this.frames.info.set(fields, frame << INFO_SHIFT);
      return checkPage(this.frames, frame);
    }
    let fault = "";
    for (let tries = 0; tries < 2; tries++) {
      const at = page * pageBytes;
      const count = yield* readFully(pager.file, at, this.frames.u8, base, pageBytes, parts.mode);
      fault = count < pageBytes
        ? "the file ends within it"
        : openPage(this.frames, frame, page, epoch, pager.seed);
      if (fault === "") return checkPage(this.frames, frame);
    }
    return fault;
  }
}
