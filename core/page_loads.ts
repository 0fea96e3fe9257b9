/**
 * Pages on their way from the data file into the cache.
 *
 * A page is read once, however many wait for it, and goes on arriving when nobody does: so it can
 * also be asked for ahead of its use.
 *
 * @module
 */

import { checkPage } from "./check_page.ts";
import { isKvigError, type KvigError } from "./errors.ts";
import { type CallMode, READ_TRIES, readFully } from "./file_access.ts";
import { openPage } from "./frames.ts";
import {
  Future,
  runAsync,
  runSync,
  type Signal,
  type Task,
  type Waiter,
  wakeWhenSettled,
} from "./future.ts";
import type { IoFile } from "./io.ts";
import { BUSY, LOADING, type PageCache } from "./page_cache.ts";

/** What loading pages needs. */
export interface PageLoadsParts {
  /** Where they go. */
  readonly cache: PageCache;
  /** Where they come from. */
  readonly file: IoFile;
  /** How operations of the Io are to be carried out now. */
  readonly mode: CallMode;
  /** Seed of every page checksum. */
  readonly seed: number;
  /** Fired when an operation on a frame is over. */
  readonly moved: Signal;
  /** Whether a page of the file can have that epoch. */
  readonly wasWritten: (epoch: number) => boolean;
  /** Makes the error for a damaged page. */
  readonly corrupt: (page: number, what: string) => KvigError;
}

/** A page on its way; settled when it arrived or failed to, and never taken. */
export class PageLoad extends Future<void> implements Waiter {
  /** Number of the page. */
  readonly page: number;
  /** Epoch that it must have. */
  readonly epoch: number;
  /** Its frame. */
  readonly frame: number;
  /** What is wrong with the page; "" for nothing. */
  fault = "";
  /** Another error than one of the page. */
  error: unknown = undefined;
  /** Whether somebody was told what went wrong. */
  told = false;
  /** For the list it stands in. */
  next: Waiter | undefined = undefined;
  readonly #loads: PageLoads | undefined;
  #read: Future<number> | undefined = undefined;
  #readGeneration = 0;

  /** Not begun yet. */
  constructor(loads: PageLoads | undefined, page: number, epoch: number, frame: number) {
    super();
    this.#loads = loads;
    this.page = page;
    this.epoch = epoch;
    this.frame = frame;
  }

  /** It waits for `read`, unless that is settled. */
  await(read: Future<number>): void {
    this.#read = read;
    this.#readGeneration = read.generation;
    if (read.settled) this.wake();
    else wakeWhenSettled(read, this);
  }

  /** The read is settled. */
  wake(): void {
    this.#loads?.arrived(this);
  }

  /** Takes how many bytes were read. */
  takeCount(): number {
    return this.#read?.take(this.#readGeneration) ?? 0;
  }
}

/** What is wrong with a page where the read of it failed. */
const UNREADABLE = "it could not be read";

/** A load that was over before it began. */
const LOADED = new PageLoad(undefined, 0, 0, -1);
LOADED.settle(undefined);

/** Loads pages. */
export class PageLoads {
  /** Pages read since opening. */
  reads = 0;
  readonly #parts: PageLoadsParts;
  readonly #cache: PageCache;
  /**
   * What is under way, by the frame. No Map: those that V8 leaves behind when entries come and go
   * keep each other's entries alive until the next full collection.
   */
  readonly #underWay: (PageLoad | undefined)[];

  /** For one data file. */
  constructor(parts: PageLoadsParts) {
    this.#parts = parts;
    this.#cache = parts.cache;
    this.#underWay = new Array<PageLoad | undefined>(this.#cache.capacity).fill(undefined);
  }

  /** Brings a page into a frame; the caller looks it up again afterwards. */
  *load(page: number, epoch: number): Task<void> {
    const load = this.begin(page, epoch);
    if (!load.settled) yield load;
    this.end(load, epoch);
  }

  /**
   * Begins to bring a page into a frame, or joins those who wait for it, or waits for a frame. The
   * load is settled when that is over, also where it failed; then {@link end} is called and the
   * page looked up again.
   * @throws {KvigError} `KVIG_CORRUPT` where there can be no such page.
   */
  begin(page: number, epoch: number): PageLoad {
    const cache = this.#cache;
    if (!cache.reserve(1)) {
      const load = new PageLoad(undefined, page, epoch, -1);
      this.#parts.moved.add(load);
      return load;
    }
    const there = cache.lookup(page);
    if (there >= 0) {
      const joined = this.#underWay[there];
      if (joined !== undefined) return joined;
      if (cache.epoch[there] === epoch) return LOADED;
      const what = `epoch ${epoch} is referred to, and it has ${cache.epoch[there]}`;
      throw this.#parts.corrupt(page, what);
    }
    if (!this.#parts.wasWritten(epoch)) {
      const what = `it is referred to with epoch ${epoch}, which is above the limit`;
      throw this.#parts.corrupt(page, what);
    }
    if (page < 2 || (page + 1) * cache.frames.pageBytes > this.#parts.file.size) {
      throw this.#parts.corrupt(page, "it is referred to and lies outside of the file");
    }
    const frame = cache.take(page, epoch, 0, BUSY | LOADING);
    const load = new PageLoad(this, page, epoch, frame);
    this.#underWay[frame] = load;
    try {
      load.await(this.#read(page, frame));
    } catch (error) {
      this.#finish(load, error);
    }
    return load;
  }

  /**
   * To be called by everybody who waited for `load`, with the epoch that was wanted. What went
   * wrong is for the first one; the others look for themselves, and are told about their own reads.
   * @throws {KvigError} what went wrong; `KVIG_WOULD_BLOCK` when it is not over.
   */
  end(load: PageLoad, epoch: number): void {
    if (!load.settled) load.take();
    if (load.fault === "" || load.epoch !== epoch || load.told) return;
    load.told = true;
    throw load.error ?? this.#parts.corrupt(load.page, load.fault);
  }

  /** For {@link PageLoad}: the read is settled. Throws nothing. */
  arrived(load: PageLoad): void {
    try {
      load.fault = this.#received(load);
    } catch (error) {
      this.#finish(load, error);
      return;
    }
    if (load.fault === "") this.#finish(load, undefined);
    else if (this.#parts.mode.blocking) runSync(this.#readAgain(load));
    else runAsync(this.#readAgain(load));
  }

  #read(page: number, frame: number): Future<number> {
    this.reads++;
    const { file, mode } = this.#parts;
    const { u8, pageBytes } = this.#cache.frames;
    return file.read(page * pageBytes, u8, frame * pageBytes, pageBytes, mode.options);
  }

  /** Takes what was read and checks it; returns "" or what is wrong. */
  #received(load: PageLoad): string {
    try {
      return this.#judge(load, load.takeCount());
    } catch (error) {
      if (!isKvigError(error, "KVIG_IO")) throw error;
      return UNREADABLE;
    }
  }

  /** What is wrong is read once more, with all patience for errors and parts. Throws nothing. */
  *#readAgain(load: PageLoad): Task<void> {
    const { file, mode } = this.#parts;
    const { u8, pageBytes } = this.#cache.frames;
    this.reads++;
    const tries = load.fault === UNREADABLE ? READ_TRIES - 1 : READ_TRIES;
    try {
      const at = load.page * pageBytes;
      const to = load.frame * pageBytes;
      const count = yield* readFully(file, at, u8, to, pageBytes, mode, tries);
      load.fault = this.#judge(load, count);
      this.#finish(load, undefined);
    } catch (error) {
      this.#finish(load, error);
    }
  }

  #judge(load: PageLoad, count: number): string {
    const { frames } = this.#cache;
    if (count < frames.pageBytes) return "the file ends within it";
    const fault = openPage(frames, load.frame, load.page, load.epoch, this.#parts.seed);
    return fault === "" ? checkPage(frames, load.frame) : fault;
  }

  #finish(load: PageLoad, error: unknown): void {
    if (error !== undefined) {
      load.error = error;
      load.fault = UNREADABLE;
    }
    this.#cache.setFlags(load.frame, 0, BUSY | LOADING);
    if (load.fault !== "") this.#cache.drop(load.frame);
    this.#underWay[load.frame] = undefined;
    load.settle(undefined);
    this.#parts.moved.fire();
  }
}
