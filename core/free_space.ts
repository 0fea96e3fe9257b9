/**
 * Free space: which places of the file may be handed out, and the map that says which ones the
 * working state reaches.
 *
 * Each state has a map of its own, copy-on-write like the tree: bitmap pages, and index pages above
 * them. A place may be handed out when no state reaches it and no operation of the Io uses it. The
 * *mask* is what is taken in one segment by any state; it is made by the pager, which can read maps
 * of other states, and from then on only fills up, so that it errs on the safe side.
 *
 * Handing out and taking back never fails and never waits: {@link FreeSpace.plan} looks beforehand
 * which map pages a change will copy, that they are in memory, and how many places they need.
 *
 * @module
 */

import { assert } from "./assert.ts";
import {
  bitCount,
  clearBit,
  entryEpoch,
  entryPage,
  entryUsed,
  getBit,
  indexEntries,
  segmentPlaces,
  setBit,
  setEntry,
  setEntryUsed,
} from "./bitmap.ts";
import { BITMAP, INDEX, LEVEL, MAP_LEVEL, PAGE_HEADER_BYTES } from "./frames.ts";
import { BUSY, DIRTY } from "./page_cache.ts";
import type { Pages } from "./pages.ts";

/** Room for map pages: each that a change touches is in a frame, so fewer frames want less. */
const QUEUE_CAPACITY = 4096;

/** A search for adjacent free places, from segment to segment. */
export interface RunSearch {
  /** First place, once they are found. */
  page: number;
  /** Free places at the end of what was searched. */
  length: number;
}

/** Hands out and takes back places for the working state. */
export class FreeSpace {
  /** Places of a segment. */
  readonly places: number;
  /** Entries of an index page. */
  readonly entries: number;
  /** A set bit for each place of {@link segment} that cannot be handed out. */
  readonly mask: Uint32Array;
  /** The segment that places come from; −1 before the first. */
  segment = -1;
  /** Clear bits of the mask. */
  left = 0;
  /** Places known to be free in the whole file: at least so many. */
  spare = 0;
  /** Places taken back since the pager last counted: some of them may be free by now. */
  given = 0;
  /** Places are handed out below this one only: what a compaction moves pages to. */
  ceiling: number = Infinity;
  /** Map pages that the change planned last will copy or make. */
  planned = 0;
  readonly #pages: Pages;
  #word = 0;
  readonly #takes: Uint32Array;
  #takeCount = 0;
  readonly #frees: Uint32Array;
  #freeCount = 0;
  #draining = false;
  #pinnedPage = 0;
  #pinnedCount = 0;
  readonly #planList: Int32Array;
  /** For each segment of the plan, the frame of its bitmap page; −1 where it has none. */
  readonly #planFrame: Int32Array;
  #planCount = 0;
  readonly #planWork: Uint32Array;
  #planWorkCount = 0;
  #pathFrame = new Int32Array(8);
  #pathEntry = new Int32Array(8);
  #pathSegment = -1;
  #pathGeneration = -1;

  /** Manages the places of `pages.work`. */
  constructor(pages: Pages) {
    const pageBytes = pages.cache.frames.pageBytes;
    this.#pages = pages;
    this.places = segmentPlaces(pageBytes);
    this.entries = indexEntries(pageBytes);
    this.mask = new Uint32Array(this.places >>> 5).fill(0xFFFFFFFF);
    const capacity = Math.min(QUEUE_CAPACITY, 2 * pages.cache.capacity);
    this.#takes = new Uint32Array(capacity);
    this.#frees = new Uint32Array(capacity);
    this.#planList = new Int32Array(capacity);
    this.#planFrame = new Int32Array(capacity);
    this.#planWork = new Uint32Array(capacity);
  }

  /** The segment that describes `page`. */
  segmentOf(page: number): number {
    return Math.floor(page / this.places);
  }

  /** Starts counting from the front of a mask that was just made. */
  maskMade(segment: number): void {
    this.segment = segment;
    this.#word = 0;
    let left = 0;
    for (let i = 0; i < this.mask.length; i++) left += bitCount(~this.mask[i]);
    this.left = left;
  }

  /** Begins to plan a change. */
  planBegin(): void {
    this.planned = 0;
    this.#planCount = 0;
    this.#planWorkCount = 0;
  }

  /**
   * Plans that places are handed out of `segment`, with all that follows for the map. Returns false
   * where a map page is not in memory; `pages.missPage` names it.
   */
  plan(segment: number): boolean {
    return this.#planSegment(segment) >= 0 && this.#planCopied();
  }

  /**
   * Plans that the places `page … page + count − 1` are given back, as {@link plan}.
   * @throws {Error} where the map does not say that they are taken: then nothing has changed.
   */
  planGive(page: number, count = 1): boolean {
    if (page < 2 || page + count > this.#pages.work.pageCount) {
      throw this.#pages.damaged(page, "it is referred to and lies outside of the file");
    }
    for (let at = page; at < page + count; at++) {
      const index = this.#planSegment(this.segmentOf(at));
      if (index < 0) return false;
      this.#checkTaken(index, at);
    }
    return this.#planCopied();
  }

  #planCopied(): boolean {
    while (this.#planWorkCount > 0) {
      const copied = this.#planWork[--this.#planWorkCount];
      const index = this.#planSegment(this.segmentOf(copied));
      if (index < 0) return false;
      this.#checkTaken(index, copied);
    }
    return true;
  }

  /** A page that the map calls free is damage: its place might be handed out under it. */
  #checkTaken(index: number, page: number): void {
    const frame = this.#planFrame[index];
    if (frame >= 0 && getBit(this.#pages.cache.frames, frame, page % this.places)) return;
    throw this.#pages.damaged(page, "it is reached and marked as free");
  }

  /** Index of the segment in the plan; −1 where a map page is not in memory. */
  #planSegment(segment: number): number {
    for (let i = 0; i < this.#planCount; i++) if (this.#planList[i] === segment) return i;
    const { work } = this.#pages;
    let bitmap = -1;
    let level = work.freeLevel;
    let page = work.freePage;
    let epoch = work.freeEpoch;
    let span = this.entries ** level;
    for (; segment >= span; span *= this.entries) this.planned++;
    span = this.entries ** level;
    if (segment < span) {
      for (;;) {
        if (page === 0) {
          this.planned += level + 1;
          break;
        }
        const frame = this.#pages.resident(page, epoch);
        if (frame < 0) return -1;
        if (this.#pages.cache.frames.get(frame, LEVEL) !== MAP_LEVEL + level) {
          throw this.#pages.damaged(page, "it is no page of the free-space map at this level");
        }
        if (!this.#pages.inPlace(frame)) {
          this.planned++;
          this.#planWork[this.#planWorkCount++] = page;
        }
        bitmap = frame;
        if (level === 0) break;
        bitmap = -1;
        span /= this.entries;
        const entry = Math.floor(segment / span) % this.entries;
        page = entryPage(this.#pages.cache.frames, frame, entry);
        epoch = entryEpoch(this.#pages.cache.frames, frame, entry);
        level--;
      }
    } else {
      this.planned += level + 8;
    }
    this.#planList[this.#planCount] = segment;
    this.#planFrame[this.#planCount] = bitmap;
    return this.#planCount++;
  }

  /** Hands out a place. What it needs was planned and is there. */
  take(): number {
    const page = this.#pick();
    this.#takes[this.#takeCount++] = page;
    this.#drain();
    return page;
  }

  /**
   * Keeps the run `page … page + count − 1`, found by {@link searchRun}, from being handed out
   * piecemeal, until it is handed out as a whole or {@link unpinRun} gives it up.
   */
  pinRun(page: number, count: number): void {
    this.#pinnedPage = page;
    this.#pinnedCount = count;
    this.spare -= count;
    this.coverPinned();
  }

  /** Covers what the pinned run has in the segment of the mask; the mask was just made. */
  coverPinned(): void {
    const first = Math.max(this.#pinnedPage, this.segment * this.places);
    const end = Math.min(this.#pinnedPage + this.#pinnedCount, (this.segment + 1) * this.places);
    for (let page = first; page < end; page++) {
      const bit = page - this.segment * this.places;
      const word = this.mask[bit >>> 5];
      if (((word >>> (bit & 31)) & 1) !== 0) continue;
      this.mask[bit >>> 5] = word | (1 << (bit & 31));
      this.left--;
    }
  }

  /** Hands out the pinned run. */
  takeRun(): void {
    const page = this.#pinnedPage;
    const count = this.#pinnedCount;
    for (let i = 0; i < count; i++) this.#forget(page + i);
    for (let i = 0; i < count; i++) {
      this.#takes[this.#takeCount++] = page + i;
      this.#drain();
    }
    this.#pinnedCount = 0;
  }

  /** Gives up a run that was not handed out. */
  unpinRun(): void {
    this.#pinnedCount = 0;
  }

  /** Takes a place back. */
  give(page: number): void {
    this.#frees[this.#freeCount++] = page;
    this.#drain();
  }

  /** Goes on with a search for `count` adjacent free places in the segment of the mask. */
  searchRun(search: RunSearch, count: number): boolean {
    const first = this.segment * this.places;
    const { pageCount } = this.#pages.work;
    // No further than the file: free places at its end are what growing adds to.
    const end = Math.min(this.places, Math.min(this.ceiling, pageCount) - first);
    for (let bit = 0; bit < end; bit++) {
      const word = this.mask[bit >>> 5];
      if (word === 0xFFFFFFFF) {
        bit |= 31;
        search.length = 0;
      } else if (((word >>> (bit & 31)) & 1) !== 0 || !this.#idle(first + bit)) {
        search.length = 0;
      } else if (++search.length === count) {
        search.page = first + bit - count + 1;
        return true;
      }
    }
    return false;
  }

  /** A frame with the page of `frame` that may be changed: the same one, or a copy. */
  touch(frame: number): number {
    if (this.#pages.inPlace(frame)) return frame;
    const copy = this.#pages.copy(frame, this.take());
    const page = this.#pages.cache.page[frame];
    this.#pages.supersede(frame);
    this.give(page);
    return copy;
  }

  /** The working state gives up the page in `frame`. */
  discard(frame: number): void {
    const page = this.#pages.cache.page[frame];
    this.#pages.supersede(frame);
    this.give(page);
  }

  #pick(): number {
    const first = this.segment * this.places;
    for (;;) {
      assert(this.#word < this.mask.length, "a place was reserved");
      const word = this.mask[this.#word];
      if (word === 0xFFFFFFFF) {
        this.#word++;
        continue;
      }
      const bit = this.#word * 32 + 31 - Math.clz32(~word & (word + 1));
      this.mask[this.#word] = word | (1 << (bit & 31));
      this.left--;
      this.spare--;
      if (this.#idle(first + bit)) {
        this.#forget(first + bit);
        return first + bit;
      }
    }
  }

  /** Whether no operation of the Io uses the frame of `page`. */
  #idle(page: number): boolean {
    const { cache } = this.#pages;
    const frame = cache.lookup(page);
    return frame < 0 || (cache.flags[frame] & BUSY) === 0;
  }

  /** Drops the clean frame that still shows what was at `page` before. */
  #forget(page: number): void {
    const { cache } = this.#pages;
    const frame = cache.lookup(page);
    if (frame < 0) return;
    if ((cache.flags[frame] & DIRTY) !== 0) {
      throw this.#pages.broken(page, "it is in use and marked as free");
    }
    cache.drop(frame);
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    const { cache, work } = this.#pages;
    while (this.#takeCount > 0 || this.#freeCount > 0) {
      if (this.#takeCount > 0) {
        const page = this.#takes[--this.#takeCount];
        const bitmap = this.#touchBitmap(this.segmentOf(page));
        const fresh = setBit(cache.frames, bitmap, page % this.places);
        if (!fresh) throw this.#pages.broken(page, "it was handed out before");
        work.usedPages++;
        if (page > work.highestPage) work.highestPage = page;
        this.#count(1);
      } else {
        const page = this.#frees[--this.#freeCount];
        const bitmap = this.#touchBitmap(this.segmentOf(page));
        const taken = clearBit(cache.frames, bitmap, page % this.places);
        if (!taken) throw this.#pages.broken(page, "it is reached twice");
        work.usedPages--;
        this.given++;
        this.#count(-1);
      }
    }
    this.#draining = false;
  }

  #count(change: number): void {
    const { frames } = this.#pages.cache;
    for (let level = this.#pages.work.freeLevel; level >= 1; level--) {
      const frame = this.#pathFrame[level];
      const entry = this.#pathEntry[level];
      setEntryUsed(frames, frame, entry, entryUsed(frames, frame, entry) + change);
    }
  }

  /** The bitmap page of `segment`, ready to be changed, and the index pages above it. */
  #touchBitmap(segment: number): number {
    const { work, cache } = this.#pages;
    if (segment === this.#pathSegment && work.generation === this.#pathGeneration) {
      return this.#pathFrame[0];
    }
    while (segment >= this.entries ** work.freeLevel) this.#raise();
    let frame = this.#touchMap(work.freePage, work.freeEpoch, INDEX, work.freeLevel);
    work.freePage = cache.page[frame];
    work.freeEpoch = cache.epoch[frame];
    for (let level = work.freeLevel; level >= 1; level--) {
      const entry = Math.floor(segment / this.entries ** (level - 1)) % this.entries;
      const { frames } = cache;
      const page = entryPage(frames, frame, entry);
      const epoch = entryEpoch(frames, frame, entry);
      const child = this.#touchMap(page, epoch, level === 1 ? BITMAP : INDEX, level - 1);
      setEntry(frames, frame, entry, cache.page[child], cache.epoch[child]);
      this.#pathFrame[level] = frame;
      this.#pathEntry[level] = entry;
      frame = child;
    }
    this.#pathFrame[0] = frame;
    this.#pathSegment = segment;
    this.#pathGeneration = work.generation;
    return frame;
  }

  /** Makes the map pages of `segment` ones that may be changed in place: planned before. */
  touchSegment(segment: number): void {
    this.#draining = true;
    this.#touchBitmap(segment);
    this.#draining = false;
    this.#drain();
  }

  /** Hands out places below `ceiling` only, or anywhere; the mask must be made anew. */
  setCeiling(ceiling: number): void {
    this.ceiling = ceiling;
    this.segment = -1;
    this.left = 0;
    this.spare = 0;
  }

  /** Forgets which map pages were touched last: one of them was written. */
  forgetPath(): void {
    this.#pathSegment = -1;
  }

  #touchMap(page: number, epoch: number, kind: number, level: number): number {
    if (page === 0) return this.#makeMap(kind, level);
    const frame = this.#pages.resident(page, epoch);
    assert(frame >= 0, "a map page that changes is in memory");
    if (this.#pages.inPlace(frame)) return frame;
    const place = this.#pick();
    this.#takes[this.#takeCount++] = place;
    const copy = this.#pages.copy(frame, place);
    this.#pages.supersede(frame);
    this.#frees[this.#freeCount++] = page;
    return copy;
  }

  #makeMap(kind: number, level: number): number {
    const place = this.#pick();
    this.#takes[this.#takeCount++] = place;
    const frame = this.#pages.create(place);
    const { frames } = this.#pages.cache;
    frames.format(frame, kind, MAP_LEVEL + level);
    const base = frames.base(frame);
    frames.u8.fill(0, base + PAGE_HEADER_BYTES, base + frames.pageBytes);
    return frame;
  }

  /** Puts another index page above the root. */
  #raise(): void {
    const { work, cache } = this.#pages;
    const used = work.usedPages;
    const oldPage = work.freePage;
    const oldEpoch = work.freeEpoch;
    work.freeLevel++;
    this.#pathSegment = -1;
    if (oldPage === 0) return;
    const frame = this.#makeMap(INDEX, work.freeLevel);
    setEntry(cache.frames, frame, 0, oldPage, oldEpoch);
    setEntryUsed(cache.frames, frame, 0, used);
    work.freePage = cache.page[frame];
    work.freeEpoch = cache.epoch[frame];
  }
}
