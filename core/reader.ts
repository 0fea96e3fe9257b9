/**
 * Reading, the same way for a store, a snapshot and a transaction.
 *
 * @module
 */

import { FOUND, MISS } from "./btree.ts";
import { copyBytes } from "./bytes.ts";
import { type Bytes, bytes, type Codec, encodeAscii, utf8 } from "./codec.ts";
import { DESCENTS } from "./descents.ts";
import { decodeText } from "./host.ts";
import { checkFits, Cursor } from "./cursor.ts";
import { countTask, type Entries, entriesOf, type EntrySource } from "./entries.ts";
import type { Engine } from "./engine.ts";
import { runAsync, type Task } from "./future.ts";
import type { PageLoad } from "./page_loads.ts";
import { valueAt, valueLength } from "./leaf.ts";
import { OverflowReference } from "./overflow.ts";
import {
  checkRange,
  encodeWith,
  type KeyRange,
  type RangeOptions,
  type Walk,
  walkOf,
} from "./range.ts";
import type { ReadMemory } from "./read_memory.ts";
import { cellAt } from "./slots.ts";
import type { State, TreeRoot } from "./state.ts";
import { overflowAt, readRun, RunReads } from "./values.ts";

/** Codecs of keys and values. */
export interface Codecs<K, V, KO, VO> {
  /** For keys. */
  readonly key: Codec<K, KO>;
  /** For values. */
  readonly value: Codec<V, VO>;
}

/** Everything that can be read. */
export abstract class Reader<K = Bytes, V = Bytes, KO = Uint8Array, VO = Uint8Array> {
  /**
   * The engine. For the other parts of kvig.
   * @internal
   */
  protected readonly engine: Engine;
  /**
   * The codecs. For the other parts of kvig.
   * @internal
   */
  protected readonly codecs: Codecs<K, V, KO, VO>;
  /**
   * The large values that are being read.
   * @internal
   */
  protected readonly runReads: RunReads = new RunReads();
  readonly #reference = new OverflowReference();
  #source: EntrySource | undefined = undefined;
  readonly #memory: ReadMemory;
  /** The key that was looked for last: the caller's bytes, which may change, or #memory.key. */
  #key: Uint8Array;
  readonly #plainText: boolean;
  readonly #plainBytes: boolean;
  readonly #plainValues: boolean;
  #keyLength = 0;

  /** Reads through `engine`. */
  constructor(engine: Engine, codecs: Codecs<K, V, KO, VO>) {
    this.engine = engine;
    this.codecs = codecs;
    const codec: unknown = codecs.key;
    this.#plainText = codec === bytes || codec === utf8;
    this.#plainBytes = codec === bytes;
    this.#memory = engine.readMemory;
    this.#key = this.#memory.key;
    this.#plainValues = (codecs.value as unknown) === utf8;
  }

  /** Made when something is iterated: most transactions only get and put. */
  #entrySource(): EntrySource {
    this.#source ??= {
      engine: this.engine,
      hold: () => this.hold(),
      release: (state) => this.release(state),
      check: () => this.check(),
      runReads: this.runReads,
    };
    return this.#source;
  }

  /**
   * The tree as it is to be read now.
   * @internal
   */
  protected abstract root(): TreeRoot;
  /**
   * Throws where nothing can be read any more.
   * @internal
   */
  protected abstract check(): void;
  /**
   * Takes a hold on the state as it is now.
   * @internal
   */
  protected abstract hold(): State;
  /**
   * Gives a hold up.
   * @internal
   */
  protected abstract release(state: State): void;

  /** Bytes of a key. */
  protected readonly encodeKey = (key: K): Uint8Array => encodeWith(this.codecs.key, "key", key);

  /**
   * The value of `key`, or undefined where it is absent.
   * @throws {KvigError} `KVIG_CORRUPT`, `KVIG_IO`, `KVIG_CLOSED`, `KVIG_FAILED`.
   */
  get(key: K): Promise<VO | undefined> {
    try {
      this.check();
      const status = this.#seek(key);
      if (status === MISS || (status === FOUND && this.#large())) {
        return runAsync(this.#getTask(this.#keepKey(), this.#keyLength));
      }
      return Promise.resolve(status === FOUND ? this.#decodeFound() : undefined);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Like {@link get}, at once.
   * @throws {KvigError} also `KVIG_WOULD_BLOCK` where a page is cold on an Io that cannot block.
   */
  getSync(key: K): VO | undefined {
    this.check();
    const status = this.#seekSync(key);
    if (status !== FOUND) return undefined;
    if (!this.#large()) return this.#decodeFound();
    return this.codecs.value.decode(this.engine.runBlocking(readRun(this.engine, this.#reference)));
  }

  /**
   * Copies the bytes of the value into `target` at `offset`; returns their number, or −1 where the
   * key is absent. Allocates nothing on cached pages.
   * @throws {RangeError} when it does not fit; {KvigError} as {@link getSync}.
   */
  getInto(key: K, target: Uint8Array, offset = 0): number {
    this.check();
    if (this.#seekSync(key) !== FOUND) {
      checkFits("value", 0, target, offset);
      return -1;
    }
    if (this.#large()) {
      checkFits("value", this.#reference.length, target, offset);
      target.set(this.engine.runBlocking(readRun(this.engine, this.#reference)), offset);
      return this.#reference.length;
    }
    const { frames } = this.engine.cache;
    const { frame, slot } = this.engine.tree;
    const cell = cellAt(frames, frame, slot);
    const length = valueLength(frames, cell);
    checkFits("value", length, target, offset);
    copyBytes(frames.u8, valueAt(frames, cell), target, offset, length);
    return length;
  }

  /** Whether `key` is there. */
  has(key: K): Promise<boolean> {
    try {
      this.check();
      const status = this.#seek(key);
      if (status !== MISS) return Promise.resolve(status === FOUND);
      return runAsync(this.#hasTask(this.#keepKey(), this.#keyLength));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Like {@link has}, at once. */
  hasSync(key: K): boolean {
    this.check();
    return this.#seekSync(key) === FOUND;
  }

  /** The values of `keys`, in their order, undefined where one is absent. */
  getMany(keys: Iterable<K>): Promise<(VO | undefined)[]> {
    const promises: Promise<VO | undefined>[] = [];
    try {
      this.check();
      const list = listOf(keys);
      const values = this.#getTogether(list);
      if (values !== undefined) return Promise.resolve(values);
      for (const key of list) promises.push(this.get(key));
    } catch (error) {
      return Promise.reject(error);
    }
    return Promise.all(promises);
  }

  /** Like {@link getMany}, at once. */
  getManySync(keys: Iterable<K>): (VO | undefined)[] {
    this.check();
    const list = listOf(keys);
    const together = this.#getTogether(list);
    if (together !== undefined) return together;
    const values: (VO | undefined)[] = [];
    for (const key of list) values.push(this.getSync(key));
    return values;
  }

  /** The values of all keys, where they are bytes and everything is in the cache. */
  #getTogether(keys: readonly unknown[]): (VO | undefined)[] | undefined {
    const plain = this.#plainValues || (this.codecs.value as unknown) === bytes;
    if (!this.#plainBytes || !plain || !allBytes(keys)) return undefined;
    const { tree, pages } = this.engine;
    const root = this.root();
    const values: (VO | undefined)[] = [];
    for (let from = 0; from < keys.length; from += DESCENTS) {
      const count = Math.min(DESCENTS, keys.length - from);
      if (!this.#memory.descents.find(pages, root, keys, from, count)) return undefined;
      for (let i = 0; i < count; i++) {
        const slot = this.#memory.descents.slot[i];
        tree.frame = this.#memory.descents.frame[i];
        tree.slot = slot;
        if (slot >= 0 && this.#large()) return undefined;
        values.push(slot < 0 ? undefined : this.#decodeFound());
      }
    }
    return values;
  }

  /** The entries of a range, in the order of their keys. */
  range(options?: RangeOptions<K>): Entries<[KO, VO]> {
    const { key, value } = this.codecs;
    const make = (k: Uint8Array, v: Uint8Array): [KO, VO] => [key.decode(k), value.decode(v)];
    return entriesOf(this.#entrySource(), () => this.#walk(options), "entries", make);
  }

  /** The keys of a range. */
  keys(options?: RangeOptions<K>): Entries<KO> {
    const { key } = this.codecs;
    return entriesOf(this.#entrySource(), () => this.#walk(options), "keys", (k) => key.decode(k));
  }

  /** The values of a range, in the order of their keys. */
  values(options?: RangeOptions<K>): Entries<VO> {
    const { value } = this.codecs;
    const make = (_: Uint8Array, v: Uint8Array): VO => value.decode(v);
    return entriesOf(this.#entrySource(), () => this.#walk(options), "values", make);
  }

  /** A cursor over a range; close it when done. */
  cursor(options?: RangeOptions<K>): Cursor<K> {
    this.check();
    return new Cursor(this.#entrySource(), this.#walk(options), this.encodeKey);
  }

  /** How many entries a range has; of all of them without looking at any. */
  count(range?: KeyRange<K>): Promise<number> {
    try {
      this.check();
      if (range === undefined) return Promise.resolve(this.root().count);
      return runAsync(this.#countTask(this.#walk(range)));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Like {@link count}, at once. */
  countSync(range?: KeyRange<K>): number {
    this.check();
    if (range === undefined) return this.root().count;
    return this.engine.runBlocking(this.#countTask(this.#walk(range)));
  }

  /** The first entry of a range, or undefined where it has none. */
  async first(range?: KeyRange<K>): Promise<[KO, VO] | undefined> {
    checkRange(range);
    return (await this.range({ ...range, limit: 1 }).toArray())[0];
  }

  /** Like {@link first}, at once. */
  firstSync(range?: KeyRange<K>): [KO, VO] | undefined {
    checkRange(range);
    return this.range({ ...range, limit: 1 }).toArraySync()[0];
  }

  /** The last entry of a range, or undefined where it has none. */
  async last(range?: KeyRange<K>): Promise<[KO, VO] | undefined> {
    checkRange(range);
    return (await this.range({ ...range, limit: 1, reverse: true }).toArray())[0];
  }

  /** Like {@link last}, at once. */
  lastSync(range?: KeyRange<K>): [KO, VO] | undefined {
    checkRange(range);
    return this.range({ ...range, limit: 1, reverse: true }).toArraySync()[0];
  }

  #walk(options: RangeOptions<K> | undefined): Walk {
    this.check();
    return walkOf(options, this.encodeKey);
  }

  /** Looks for a key: FOUND, ABSENT or MISS. */
  #seek(key: K): number {
    if (this.#plainBytes && key instanceof Uint8Array) {
      this.#key = key;
      this.#keyLength = key.length;
      return this.engine.tree.find(this.root(), key, key.length);
    }
    this.#key = this.#memory.key;
    this.#keyLength = this.#plainText && typeof key === "string"
      ? encodeAscii(key, this.#memory.key)
      : -1;
    if (this.#keyLength < 0) this.#encodeSlowly(key);
    return this.engine.tree.find(this.root(), this.#memory.key, this.#keyLength);
  }

  #encodeSlowly(key: K): void {
    const encoded = this.encodeKey(key);
    const length = Math.min(encoded.length, this.#memory.key.length);
    for (let i = 0; i < length; i++) this.#memory.key[i] = encoded[i];
    this.#keyLength = length;
  }

  #seekSync(key: K): number {
    let status = this.#seek(key);
    while (status === MISS) {
      const { missPage, missEpoch } = this.engine.pages;
      this.engine.runBlocking(this.engine.pager.load(missPage, missEpoch));
      status = this.engine.tree.find(this.root(), this.#key, this.#keyLength);
    }
    return status;
  }

  #large(): boolean {
    return overflowAt(this.engine, this.engine.tree.frame, this.engine.tree.slot, this.#reference);
  }

  #decodeFound(): VO {
    const { frames } = this.engine.cache;
    const cell = cellAt(frames, this.engine.tree.frame, this.engine.tree.slot);
    const at = valueAt(frames, cell);
    const length = valueLength(frames, cell);
    if (this.#plainValues) return decodeText(frames.u8, at, length) as VO;
    return this.codecs.value.decode(this.#memory.fresh.copy(frames.u8, at, length));
  }

  /** The key that was looked for last, to look for it again; its memory goes back when done. */
  #keepKey(): Uint8Array {
    const kept = this.#memory.takeKey();
    // A key that is too large is as absent as its beginning, which is too large as well.
    this.#keyLength = Math.min(this.#keyLength, kept.length);
    for (let i = 0; i < this.#keyLength; i++) kept[i] = this.#key[i];
    return kept;
  }

  /** Looks for a key again: FOUND, ABSENT, or the load that must be waited for. */
  #seekAgain(key: Uint8Array, keyLength: number): number | PageLoad {
    this.check();
    const status = this.engine.tree.find(this.root(), key, keyLength);
    if (status === MISS) {
      const { missPage, missEpoch } = this.engine.pages;
      return this.engine.pager.loads.begin(missPage, missEpoch);
    }
    this.#memory.giveKey(key);
    return status;
  }

  // Both wait for loads without tasks for their parts: thousands of them may be alive at once.
  *#hasTask(key: Uint8Array, keyLength: number): Task<boolean> {
    const { pages, pager } = this.engine;
    let status = this.#seekAgain(key, keyLength);
    while (typeof status !== "number") {
      const { missEpoch } = pages;
      if (!status.settled) yield status;
      pager.loads.end(status, missEpoch);
      status = this.#seekAgain(key, keyLength);
    }
    return status === FOUND;
  }

  *#getTask(key: Uint8Array, keyLength: number): Task<VO | undefined> {
    const { pages, pager } = this.engine;
    let status = this.#seekAgain(key, keyLength);
    while (typeof status !== "number") {
      const { missEpoch } = pages;
      if (!status.settled) yield status;
      pager.loads.end(status, missEpoch);
      status = this.#seekAgain(key, keyLength);
    }
    if (status !== FOUND) return undefined;
    return this.#large() ? yield* this.#getLarge() : this.#decodeFound();
  }

  *#getLarge(): Task<VO> {
    const state = this.hold();
    try {
      const reference = new OverflowReference();
      reference.copy(this.#reference);
      return this.codecs.value.decode(yield* this.runReads.read(this.engine, reference));
    } finally {
      this.release(state);
    }
  }

  *#countTask(walk: Walk): Task<number> {
    const state = this.hold();
    try {
      return yield* countTask(this.engine, state, walk);
    } finally {
      this.release(state);
    }
  }
}

function allBytes(keys: readonly unknown[]): keys is readonly Uint8Array[] {
  for (const key of keys) if (!(key instanceof Uint8Array)) return false;
  return true;
}

function listOf<T>(keys: Iterable<T>): readonly T[] {
  if (Array.isArray(keys)) return keys as readonly T[];
  if (typeof keys === "object" && keys !== null && Symbol.iterator in keys) return [...keys];
  throw new TypeError("keys must be an array or another iterable of keys");
}
