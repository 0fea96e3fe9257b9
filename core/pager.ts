/**
 * The pager: brings pages from the data file into the cache and back, grows the file, and finds out
 * which places are free in every state.
 *
 * It writes dirty pages only to their own places, which no durable state reaches; when that is safe
 * with regard to order is the business of checkpoint.ts.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { bitmapAt, entryEpoch, entryPage } from "./bitmap.ts";
import { KvigError } from "./errors.ts";
import type { Failure } from "./failure.ts";
import { type CallMode, writeFully } from "./file_access.ts";
import { FreeSpace, type RunSearch } from "./free_space.ts";
import { KIND, LEAF, LEVEL, MAP_LEVEL, sealPage } from "./frames.ts";
import { Signal, type Task } from "./future.ts";
import { sortIndices } from "./index_sort.ts";
import { type IoFile, WriteBatch } from "./io.ts";
import { MAX_GROWTH_BYTES, MAX_PAGES, type WorkingSizes } from "./limits.ts";
import { BUSY, DIRTY, KEEP, type PageCache, WRITTEN } from "./page_cache.ts";
import { PageLoads } from "./page_loads.ts";
import { Pages } from "./pages.ts";
import type { State } from "./state.ts";

/** Frames of a slice that is being written, and the batch that writes it. */
export class Slice {
  /** The frames. */
  readonly frames: Int32Array;
  /** How many there are. */
  count = 0;
  /** The batch. */
  readonly batch: WriteBatch;

  /** Makes an empty slice of at most `capacity` frames over `memory`. */
  constructor(memory: Uint8Array, capacity: number) {
    this.frames = new Int32Array(capacity);
    this.batch = new WriteBatch(memory, capacity);
  }

  /** Number of frames that fit. */
  get capacity(): number {
    return this.frames.length;
  }
}

/** Pages of one data file, in memory and on disk. */
export class Pager {
  /** The pages in memory. */
  readonly pages: Pages;
  /** The places of the file. */
  readonly free: FreeSpace;
  /** The data file. */
  readonly file: IoFile;
  /** Seed of every page checksum. */
  readonly seed: number;
  /** The states that the two meta pages hold; undefined where a meta page is not valid. */
  readonly metaStates: (State | undefined)[] = [undefined, undefined];
  /** Whether the file grew since the last full sync. */
  grew = false;
  /**
   * How much of the file is certainly there where a truncate failed, in bytes; Infinity where the
   * file's own size can be believed.
   */
  sureBytes: number = Infinity;
  /** Whether nothing is ever written: growth and spills do not reach the file. */
  readonly readOnly: boolean;
  /** Largest size of the file, in pages. */
  readonly maxPages: number;
  /** The sizes in which the store works. */
  readonly sizes: Readonly<WorkingSizes>;
  /** Pages on their way into memory. */
  readonly loads: PageLoads;
  /** Pages spilled since opening. */
  spills = 0;
  /** Whether a spill is under way. */
  spilling = false;
  readonly #mode: CallMode;
  readonly #failure: Failure;
  readonly #cache: PageCache;
  readonly #moved = new Signal();
  readonly #spillSlice: Slice;
  readonly #zeros: Uint8Array;
  #spillHand = 0;
  #countIsStale = true;

  /** Works on `file`; `zeros` is memory full of them that nothing else changes. */
  constructor(
    cache: PageCache,
    file: IoFile,
    mode: CallMode,
    zeros: Uint8Array,
    options: {
      seed: number;
      readOnly: boolean;
      maxPages: number;
      sizes: Readonly<WorkingSizes>;
      failure: Failure;
    },
  ) {
    this.#cache = cache;
    this.file = file;
    this.#mode = mode;
    this.#zeros = zeros;
    this.#failure = options.failure;
    this.seed = options.seed;
    this.readOnly = options.readOnly;
    this.maxPages = options.maxPages;
    this.sizes = options.sizes;
    this.pages = new Pages(cache);
    const corrupt = (page: number, what: string): KvigError => this.corrupt(page, what);
    this.pages.damaged = corrupt;
    const { seed } = this;
    const wasWritten = (epoch: number): boolean => this.pages.wasWritten(epoch);
    const moved = this.#moved;
    this.loads = new PageLoads({ cache, file, mode, seed, moved, corrupt, wasWritten });
    this.free = new FreeSpace(this.pages);
    this.#spillSlice = new Slice(cache.frames.u8, options.sizes.slicePages);
  }

  /**
   * A damaged page, as an error. Where the store has failed that is the failure: what a failed sync
   * was to keep may be gone, and no page is damaged then.
   */
  corrupt(page: number, what: string): KvigError {
    return this.#failure.error ??
      new KvigError("KVIG_CORRUPT", `page ${page} of ${this.file.path} is damaged: ${what}`, {
        file: this.file.path,
        page,
      });
  }

  /** Brings a page into a frame; the caller looks it up again afterwards. */
  load(page: number, epoch: number): Task<void> {
    return this.loads.load(page, epoch);
  }

  /** Waits until some operation on a frame is over. */
  *moved(): Task<void> {
    yield* this.#moved.wait();
  }

  /** Writes the pages of a slice to their places. When it fails they stay dirty. */
  *writeSlice(slice: Slice): Task<void> {
    this.#failure.check();
    const { pages } = this;
    const cache = this.#cache;
    const { frames } = cache;
    this.#mode.checkMayWait();
    slice.batch.clear();
    for (let i = 0; i < slice.count; i++) {
      const frame = slice.frames[i];
      const page = cache.page[frame];
      assert(cache.epoch[frame] < pages.epochLimit, "a page is written below the epoch limit");
      sealPage(frames, frame, page, cache.epoch[frame], this.seed);
      cache.setFlags(frame, WRITTEN | BUSY, 0);
      slice.batch.add(page * frames.pageBytes, frames.base(frame), frames.pageBytes);
    }
    pages.epochWritten = true;
    let done = false;
    try {
      yield* this.file.writeBatch(slice.batch, this.#mode.options);
      done = true;
    } finally {
      for (let i = 0; i < slice.count; i++) {
        if (done) pages.written(slice.frames[i]);
        else pages.writeFailed(slice.frames[i]);
      }
      this.#moved.fire();
    }
  }

  /** Writes a slice of dirty pages to their places, so that their frames can be used otherwise. */
  *spill(): Task<void> {
    if (this.readOnly) throw replayTooLarge();
    if (this.spilling) {
      yield* this.#moved.wait();
      return;
    }
    this.spilling = true;
    try {
      const slice = this.#spillSlice;
      this.#chooseSpill(slice);
      if (slice.count === 0) {
        if (this.#cache.inFlight === 0) {
          throw new KvigError("KVIG_IO", "the cache is too small for this operation");
        }
        yield* this.#moved.wait();
        return;
      }
      this.spills += slice.count;
      yield* this.writeSlice(slice);
    } finally {
      this.spilling = false;
    }
  }

  #chooseSpill(slice: Slice): void {
    const { flags, capacity, frames } = this.#cache;
    slice.count = 0;
    for (let i = 0; i < this.pages.supersededCount && slice.count < slice.capacity; i++) {
      const frame = this.pages.supersededFrame(i);
      if ((flags[frame] & BUSY) === 0) slice.frames[slice.count++] = frame;
    }
    if (slice.count > 0) return;
    for (let leavesOnly = 1; leavesOnly >= 0 && slice.count === 0; leavesOnly--) {
      for (let i = 0; i < capacity && slice.count < slice.capacity; i++) {
        const frame = this.#spillHand;
        this.#spillHand = frame + 1 === capacity ? 0 : frame + 1;
        if ((flags[frame] & (DIRTY | BUSY | KEEP)) !== DIRTY) continue;
        const kind = frames.get(frame, KIND);
        if (kind === LEAF || (leavesOnly === 0 && kind === LEAF + 1)) {
          slice.frames[slice.count++] = frame;
        }
      }
    }
    sortIndices(slice.frames, slice.count, this.#cache.page);
  }

  /** A state gave up its pages: places that were taken may be free. */
  placesReleased(): void {
    this.#countIsStale = true;
  }

  /**
   * Makes sure that `need` places can be handed out and that `reserve` more stay. Returns false
   * when the file is full.
   */
  *findPlaces(need: number, reserve: number): Task<boolean> {
    const { free } = this;
    if (need > free.places >>> 1) return false;
    for (;;) {
      const pays = free.spare < need + reserve && this.#countPays;
      if (pays || free.segment < 0) yield* this.#countSpare();
      if (free.spare >= need + reserve) {
        if (free.left >= need) return true;
        const segments = this.#segments();
        const base = Math.max(0, free.segment);
        for (let i = 1; i <= segments; i++) {
          yield* this.makeMask((base + i) % segments);
          if (free.left >= need) return true;
        }
      }
      if (!(yield* this.#grow(Math.max(need, need + reserve - free.spare)))) return false;
      yield* this.makeMask(free.segmentOf(this.pages.work.pageCount - 1));
    }
  }

  /** First of `count` adjacent free places, handed out by the caller; −1 when the file is full. */
  *findRun(count: number, reserve: number): Task<number> {
    const { free } = this;
    for (;;) {
      if (free.spare < count + reserve && this.#countPays) yield* this.#countSpare();
      const enough = free.spare >= count + reserve;
      const search: RunSearch = { page: -1, length: 0 };
      if (enough && free.segment >= 0 && free.searchRun(search, count)) return search.page;
      search.length = 0;
      // Where they do not suffice only those at the end of the file count, which growing adds to.
      const tail = Math.max(0, this.pages.work.pageCount - count);
      let segment = enough ? 0 : free.segmentOf(tail);
      for (; segment < this.#segments(); segment++) {
        yield* this.makeMask(segment);
        if (!free.searchRun(search, count)) continue;
        if (enough) return search.page;
        break;
      }
      const wanted = Math.max(count - search.length, count + reserve - free.spare);
      if (!(yield* this.#grow(wanted))) return -1;
    }
  }

  #segments(): number {
    return Math.max(1, Math.ceil(this.pages.work.pageCount / this.free.places));
  }

  /** Whether counting the free places anew may find more of them. */
  get #countPays(): boolean {
    return this.#countIsStale || this.free.given > Math.max(256, this.pages.work.pageCount >>> 4);
  }

  *#countSpare(): Task<void> {
    const { free } = this;
    this.#countIsStale = false;
    free.given = 0;
    let spare = 0;
    let best = -1;
    for (let segment = this.#segments() - 1; segment >= 0; segment--) {
      yield* this.makeMask(segment);
      spare += free.left;
      if (free.left >= 64 || best < 0) best = segment;
    }
    if (best > 0) yield* this.makeMask(best);
    free.spare = spare;
  }

  /** Makes the mask of what any state takes in `segment`. */
  *makeMask(segment: number): Task<void> {
    const { free, pages } = this;
    free.mask.fill(0);
    free.segment = -1;
    free.left = 0;
    // While pages are loaded a checkpoint may end or a snapshot be closed: go on until there is no
    // state that is not covered. The working state does not change meanwhile.
    const covered = new Set<State | undefined>([undefined]);
    for (;;) {
      const states = [...this.metaStates, ...pages.holds.states, pages.work];
      const state = states.find((each) => !covered.has(each));
      if (state === undefined) break;
      covered.add(state);
      yield* this.#coverHeld(state, segment);
    }
    const first = segment * free.places;
    const end = Math.min(pages.work.pageCount, free.ceiling) - first;
    for (let bit = Math.max(0, end); bit < free.places; bit++) {
      if ((bit & 31) === 0) free.mask.fill(0xFFFFFFFF, bit >>> 5), bit = free.places;
      else free.mask[bit >>> 5] |= 1 << (bit & 31);
    }
    if (segment === 0) free.mask[0] |= 3;
    free.maskMade(segment);
    free.coverPinned();
  }

  /** Covers a state; one that is held stays so meanwhile, for pages of it may be nowhere else. */
  *#coverHeld(state: State, segment: number): Task<void> {
    const { holds } = this.pages;
    if (!holds.states.includes(state)) return yield* this.#coverState(state, segment);
    holds.hold(state);
    try {
      yield* this.#coverState(state, segment);
    } finally {
      if (this.pages.release(state)) this.placesReleased();
    }
  }

  *#coverState(state: State, segment: number): Task<void> {
    const frame = yield* this.mapFrame(state, segment);
    if (frame < 0) return;
    const { u32 } = this.#cache.frames;
    const { mask } = this.free;
    const at = bitmapAt(this.#cache.frames, frame);
    for (let i = 0; i < mask.length; i++) mask[i] |= u32[at + i];
  }

  /** The frame of the bitmap page of `segment` in `state`'s map, or −1 where it has none. */
  *mapFrame(state: State, segment: number): Task<number> {
    const { entries } = this.free;
    const { frames } = this.#cache;
    if (segment >= entries ** state.freeLevel) return -1;
    for (;;) {
      let page = state.freePage;
      let epoch = state.freeEpoch;
      let frame = -1;
      for (let level = state.freeLevel; page !== 0; level--) {
        frame = this.pages.resident(page, epoch);
        if (frame >= 0) this.#checkMap(page, frame, level);
        if (frame < 0 || level === 0) break;
        const entry = Math.floor(segment / entries ** (level - 1)) % entries;
        page = entryPage(frames, frame, entry);
        epoch = entryEpoch(frames, frame, entry);
      }
      if (page === 0) return -1;
      if (frame >= 0) return frame;
      yield* this.load(page, epoch);
    }
  }

  /** The first segment from `segment` on that has a bitmap page in `state`'s map; −1 for none. */
  *nextSegment(state: State, segment: number): Task<number> {
    const { entries } = this.free;
    const { frames } = this.#cache;
    for (let at = segment; at < entries ** state.freeLevel && state.freePage !== 0;) {
      let page = state.freePage;
      let epoch = state.freeEpoch;
      let span = entries ** state.freeLevel;
      for (let level = state.freeLevel; level > 0 && page !== 0; level--) {
        const frame = this.pages.resident(page, epoch);
        if (frame < 0) break;
        this.#checkMap(page, frame, level);
        span /= entries;
        const entry = Math.floor(at / span) % entries;
        page = entryPage(frames, frame, entry);
        epoch = entryEpoch(frames, frame, entry);
        if (level === 1 && page !== 0) return at;
      }
      if (page === 0) at = (Math.floor(at / span) + 1) * span;
      else yield* this.load(page, epoch);
    }
    return -1;
  }

  #checkMap(page: number, frame: number, level: number): void {
    if (this.#cache.frames.get(frame, LEVEL) === MAP_LEVEL + level) return;
    throw this.corrupt(page, "it is no page of the free-space map at this level");
  }

  /** Brings the map pages of `segment` in the working state's map into memory. */
  *loadMap(segment: number): Task<void> {
    yield* this.mapFrame(this.pages.work, segment);
  }

  /** Grows the file by at least `wanted` pages of zeros; false when there is no room. */
  *#grow(wanted: number): Task<boolean> {
    const { pageBytes } = this.#cache.frames;
    const { work } = this.pages;
    if (this.free.ceiling !== Infinity) return false;
    if (this.#adoptTail()) return true;
    const room = Math.min(this.maxPages, MAX_PAGES) - work.pageCount;
    if (room < wanted) return false;
    const eighth = Math.min(MAX_GROWTH_BYTES / pageBytes, work.pageCount >>> 3);
    for (const step of [Math.max(this.sizes.growthBytes / pageBytes, eighth, wanted), wanted]) {
      const count = Math.min(Math.ceil(step), room);
      if (yield* this.#writeZeros(work.pageCount, count)) {
        work.pageCount += count;
        this.free.spare += count;
        this.pages.touchState();
        return true;
      }
    }
    return false;
  }

  /** Takes pages into use that the file has behind its page count: some state may reach them. */
  #adoptTail(): boolean {
    const { work } = this.pages;
    const bytes = Math.min(this.file.size, this.sureBytes);
    const inFile = Math.floor(bytes / this.#cache.frames.pageBytes);
    const there = Math.min(inFile, this.maxPages);
    if (this.readOnly || there <= work.pageCount) return false;
    work.pageCount = there;
    this.grew = true;
    this.pages.touchState();
    this.#countIsStale = true;
    return true;
  }

  *#writeZeros(page: number, count: number): Task<boolean> {
    if (this.readOnly) return true;
    const { pageBytes } = this.#cache.frames;
    const end = (page + count) * pageBytes;
    try {
      for (let at = page * pageBytes; at < end; at += this.#zeros.length) {
        this.#failure.check();
        const length = Math.min(this.#zeros.length, end - at);
        yield* writeFully(this.file, at, this.#zeros, 0, length, this.#mode);
      }
    } catch (error) {
      if (error instanceof KvigError && error.code === "KVIG_FULL") return false;
      throw error;
    } finally {
      // A checkpoint may have synced meanwhile: what came after its sync wants another full one.
      this.grew = true;
    }
    if (this.sureBytes < end) this.sureBytes = end < this.file.size ? end : Infinity;
    return true;
  }
}

/** The error of a read-only opening whose log does not fit the cache. */
export function replayTooLarge(): KvigError {
  return new KvigError(
    "KVIG_UNSUPPORTED",
    "the log to replay does not fit the cache: open with a larger cacheSize, or once for writing",
  );
}
