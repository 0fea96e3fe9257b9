/**
 * What `kvig bench` measures: one store in a directory of its own, which is removed whatever
 * happens.
 *
 * Every work is warmed up, and what is read is compared with what was written.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import fs from "node:fs";
import { join } from "node:path";

import { type Bytes, type Kvig, open } from "../mod.ts";
import { codeOf, CommandError, Interrupted } from "./failures.ts";

/** Sizes of the work. */
export interface BenchmarkSizes {
  /** Entries of the store. */
  readonly entries: number;
  /** Length of each value. */
  readonly valueBytes: number;
  /** Memory for pages. */
  readonly cacheSize: number;
  /** Size of the log. */
  readonly logSize: number;
  /** Stops the work. */
  readonly signal: AbortSignal;
}

/** What came out. */
export interface BenchmarkFigures {
  /** Nanoseconds for an operation, by what it is. */
  readonly works: Record<string, number>;
  /** Bytes of the files after the work. */
  readonly files: { dataBytes: number; logBytes: number };
}

const KEY_BYTES = 16;
const BATCH = 1000;
const GETS = 200_000;
const COMMITS = 1000;
const TASKS = 64;
const COMMITS_OF_A_TASK = 50;
const BLOCK_BYTES = 4096;
const BARE_BLOCKS = 1024;
const WARM_UP = 40_000;
/** Where the disk is slow, so much of a work is enough. */
const LONGEST_MILLISECONDS = 5_000;
/** Prime to every number of entries up to the most: steps of it reach all of them. */
const STRIDE = 49_999_991;

type Store = Kvig<Bytes, Bytes, Uint8Array, Uint8Array>;

/** One benchmark and its directory. */
export class Benchmark implements Disposable {
  readonly #directory: string;
  readonly #sizes: BenchmarkSizes;
  readonly #figures: BenchmarkFigures = { works: {}, files: { dataBytes: 0, logBytes: 0 } };
  readonly #value: Buffer;

  /**
   * Makes a directory below `parent`.
   * @throws {CommandError} where that is impossible.
   */
  constructor(parent: string, sizes: BenchmarkSizes) {
    this.#sizes = sizes;
    this.#value = Buffer.alloc(sizes.valueBytes, "kvig bench ");
    try {
      this.#directory = fs.mkdtempSync(join(parent, "kvig-bench-"));
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined) throw error;
      throw new CommandError(`no directory can be made in ${parent}: ${code}`);
    }
  }

  /** Removes the directory with the store. */
  [Symbol.dispose](): void {
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Measures everything; `tell` hears what comes next. */
  async run(tell: (work: string) => void): Promise<BenchmarkFigures> {
    tell("bare loop of write and sync");
    this.#bareLoop();
    const path = join(this.#directory, "bench.kvig");
    const { entries, cacheSize, logSize, signal } = this.#sizes;
    // Less where there is little: a small benchmark is over soon.
    const commits = Math.min(COMMITS, Math.ceil(entries / 4));
    const commitsOfATask = Math.min(COMMITS_OF_A_TASK, Math.ceil(entries / 100));
    await using store = await open(path, { cacheSize, logSize, signal });
    const works: Record<string, (store: Store) => Promise<[number, number]>> = {
      "fill, transactions of 1,000": (store) => this.#fill(store),
      "get": (store) => this.#get(store),
      "scan, an entry": (store) => this.#scan(store),
      "put, deferred": (store) => this.#putDeferred(store),
      "durable put, one task": (store) => this.#putDurable(store, 1, commits),
      "durable put, 64 tasks": (store) => this.#putDurable(store, TASKS, commitsOfATask),
      "checkpoint, a page": (store) => this.#checkpoint(store),
    };
    for (const [work, measure] of Object.entries(works)) {
      tell(work);
      this.#stopIfAsked();
      const [milliseconds, operations] = await measure(store);
      if (operations > 0) this.#figures.works[work] = milliseconds * 1e6 / operations;
    }
    const { bytes } = store.stats();
    this.#figures.files.dataBytes = bytes.data;
    this.#figures.files.logBytes = bytes.log;
    return this.#figures;
  }

  #stopIfAsked(): void {
    if (this.#sizes.signal.aborted) throw new Interrupted("interrupted; everything was removed");
  }

  #key(key: Buffer, number: number): Buffer {
    let rest = number;
    for (let i = KEY_BYTES - 1; i >= 0; i--) {
      const tenth = Math.floor(rest / 10);
      key[i] = 48 + rest - tenth * 10;
      rest = tenth;
    }
    return key;
  }

  /** The number of the i-th entry in an order that jumps about. */
  #scattered(i: number): number {
    return (i * STRIDE) % this.#sizes.entries;
  }

  /** A value that begins with a stamp, as far as there is room for one. */
  #stamped(stamp: number): Buffer {
    for (let i = 0; i < 4 && i < this.#value.length; i++) this.#value[i] = stamp >>> (8 * i);
    return this.#value;
  }

  #bareLoop(): void {
    const fd = fs.openSync(join(this.#directory, "bare"), "w+");
    const chunk = Buffer.alloc(BLOCK_BYTES);
    for (let i = 0; i < BARE_BLOCKS; i++) fs.writeSync(fd, chunk, 0, BLOCK_BYTES, i * BLOCK_BYTES);
    fs.fsyncSync(fd);
    const end = performance.now() + LONGEST_MILLISECONDS;
    const begun = performance.now();
    const most = Math.min(COMMITS, Math.ceil(this.#sizes.entries / 4));
    let done = 0;
    while (done < most && performance.now() < end) {
      chunk[0] = done;
      fs.writeSync(fd, chunk, 0, BLOCK_BYTES, (done % BARE_BLOCKS) * BLOCK_BYTES);
      fs.fdatasyncSync(fd);
      done++;
    }
    const works = this.#figures.works;
    works["bare loop of write and sync"] = (performance.now() - begun) * 1e6 / done;
    fs.closeSync(fd);
  }

  async #fill(store: Store): Promise<[number, number]> {
    const key = Buffer.alloc(KEY_BYTES);
    const { entries } = this.#sizes;
    const begun = performance.now();
    for (let at = 0; at < entries; at += BATCH) {
      this.#stopIfAsked();
      await store.transaction(async (tx) => {
        for (let i = at; i < Math.min(at + BATCH, entries); i++) {
          await tx.put(this.#key(key, this.#scattered(i)), this.#stamped(this.#scattered(i)));
        }
      });
    }
    return [performance.now() - begun, entries];
  }

  async #get(store: Store): Promise<[number, number]> {
    const key = Buffer.alloc(KEY_BYTES);
    const pass = async (from: number, until: number): Promise<void> => {
      for (let i = from; i < until; i++) {
        const number = this.#scattered(i % this.#sizes.entries);
        const found = await store.get(this.#key(key, number));
        const stamp = this.#stamped(number);
        if (found === undefined || Buffer.compare(found, stamp) !== 0) {
          throw new CommandError("an entry has another value than was written: kvig verify helps");
        }
        if (i % BATCH === 0) this.#stopIfAsked();
      }
    };
    const count = Math.min(GETS, this.#sizes.entries * 10);
    const warmUp = Math.min(WARM_UP, count);
    await pass(0, warmUp);
    const begun = performance.now();
    await pass(warmUp, warmUp + count);
    return [performance.now() - begun, count];
  }

  async #scan(store: Store): Promise<[number, number]> {
    const pass = async (): Promise<number> => {
      let seen = 0;
      for await (const _ of store.range()) if (++seen % BATCH === 0) this.#stopIfAsked();
      return seen;
    };
    let seen = await pass();
    const warmUp = Math.min(WARM_UP, this.#sizes.entries * 10);
    while (seen < warmUp) seen += await pass();
    const begun = performance.now();
    seen = await pass();
    return [performance.now() - begun, seen];
  }

  async #putDeferred(store: Store): Promise<[number, number]> {
    const key = Buffer.alloc(KEY_BYTES);
    const pass = async (from: number, until: number): Promise<void> => {
      for (let i = from; i < until; i++) {
        const number = this.#scattered(i % this.#sizes.entries);
        await store.put(this.#key(key, number), this.#stamped(i), { durability: "deferred" });
        if (i % BATCH === 0) this.#stopIfAsked();
      }
      await store.flush();
    };
    const count = Math.min(GETS, this.#sizes.entries);
    await pass(0, count);
    const begun = performance.now();
    await pass(count, count * 2);
    return [performance.now() - begun, count];
  }

  async #putDurable(store: Store, tasks: number, each: number): Promise<[number, number]> {
    const end = performance.now() + LONGEST_MILLISECONDS;
    let next = 0;
    const task = async (): Promise<void> => {
      const key = Buffer.alloc(KEY_BYTES);
      for (let i = 0; i < each && performance.now() < end; i++) {
        this.#stopIfAsked();
        const number = this.#scattered(next++);
        // Others stamp theirs while this one waits.
        await store.put(this.#key(key, number), Buffer.from(this.#stamped(next)));
      }
    };
    const begun = performance.now();
    await Promise.all(Array.from({ length: tasks }, task));
    return [performance.now() - begun, next];
  }

  async #checkpoint(store: Store): Promise<[number, number]> {
    const pages = store.stats().cache.dirty;
    const begun = performance.now();
    await store.checkpoint();
    return [performance.now() - begun, pages];
  }
}
