/**
 * Iterating entries: each iteration holds a state from its first step to its end, and takes one
 * leaf at a time out of the tree.
 *
 * @module
 */

import { MISS } from "./btree.ts";
import { copyBytes } from "./bytes.ts";
import type { Engine } from "./engine.ts";
import { runAsync, type Task } from "./future.ts";
import { isLarge, valueAt, valueLength } from "./leaf.ts";
import { OVERFLOW_REFERENCE_BYTES, OverflowReference } from "./overflow.ts";
import type { Walk } from "./range.ts";
import { cellAt, keyLengthAt, readKey } from "./slots.ts";
import type { State } from "./state.ts";
import { AT_END, TreeWalk } from "./tree_walk.ts";
import { abortedBy } from "./turn.ts";
import type { RunReads } from "./values.ts";

/** Where the entries of an iteration come from. */
export interface EntrySource {
  /** The engine. */
  readonly engine: Engine;
  /** Takes a hold on the state to iterate. */
  hold(): State;
  /** Gives the hold up. */
  release(state: State): void;
  /** Throws where the source can no longer be read. */
  check(): void;
  /** Reads large values, and counts what it reads. */
  readonly runReads: RunReads;
}

/** Entries of a range. Each iteration holds a snapshot from its first step to its end. */
export interface Entries<T> extends Iterable<T>, AsyncIterable<T> {
  /** All of them, in an array. */
  toArray(): Promise<T[]>;
  /** All of them, in an array; see the rules for synchronous calls. */
  toArraySync(): T[];
}

/** What an iteration takes out of the leaves. */
export type Wanted = "entries" | "keys" | "values";

/** Makes the item of an iteration of the bytes of key and value. */
export type MakeItem<T> = (key: Uint8Array, value: Uint8Array) => T;

const NO_BYTES = new Uint8Array(0);
/** For so many entries of a leaf the page is copied as a whole. */
const MANY_ENTRIES = 8;

/** Entries that a source has, in the form that `make` gives them. */
export function entriesOf<T>(
  source: EntrySource,
  walk: () => Walk,
  wanted: Wanted,
  make: MakeItem<T>,
): Entries<T> {
  return new RangeEntries(source, walk(), wanted, make);
}

class RangeEntries<T> implements Entries<T> {
  readonly #source: EntrySource;
  readonly #walk: Walk;
  readonly #wanted: Wanted;
  readonly #make: MakeItem<T>;

  constructor(source: EntrySource, walk: Walk, wanted: Wanted, make: MakeItem<T>) {
    this.#source = source;
    this.#walk = walk;
    this.#wanted = wanted;
    this.#make = make;
  }

  [Symbol.iterator](): Iterator<T> {
    return new SyncIteration(this.#iteration());
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return new AsyncIteration(this.#iteration());
  }

  async toArray(): Promise<T[]> {
    const items: T[] = [];
    for await (const item of this) items.push(item);
    return items;
  }

  toArraySync(): T[] {
    return [...this];
  }

  #iteration(): Iteration<T> {
    return new Iteration(this.#source, this.#walk, this.#wanted, this.#make);
  }
}

/** One run over the entries. */
class Iteration<T> {
  readonly engine: Engine;
  readonly #source: EntrySource;
  readonly #walk: Walk;
  readonly #wanted: Wanted;
  readonly #make: MakeItem<T>;
  readonly #reference = new OverflowReference();
  #state: State | undefined = undefined;
  #leaves: TreeWalk | undefined = undefined;
  #left: number;
  #ended = false;
  #error: unknown = undefined;
  #items: T[] = [];
  #next = 0;

  constructor(source: EntrySource, walk: Walk, wanted: Wanted, make: MakeItem<T>) {
    this.engine = source.engine;
    this.#source = source;
    this.#walk = walk;
    this.#wanted = wanted;
    this.#make = make;
    this.#left = walk.limit;
  }

  /** Whether an item is at hand without waiting. */
  get ready(): boolean {
    return this.#next < this.#items.length && this.#error === undefined;
  }

  /** Takes the item at hand; `ready` was true. */
  take(): T {
    return this.#items[this.#next++];
  }

  /** Checks what every step checks. */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
    if (this.#ended) return;
    try {
      this.#source.check();
      if (this.#walk.signal?.aborted === true) throw abortedBy(this.#walk.signal);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Gets the items of the next leaf; false at the end. */
  *fill(): Task<boolean> {
    if (this.#ended) return false;
    try {
      const leaves = this.#begin();
      for (;;) {
        this.#source.check();
        const at = this.#left === 0 ? AT_END : leaves.nextLeaf();
        if (at === AT_END) {
          this.end();
          return false;
        }
        if (at !== MISS) break;
        const { missPage, missEpoch } = this.engine.pages;
        yield* this.engine.pager.load(missPage, missEpoch);
      }
      yield* this.#takeLeaf(leaves);
      return true;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #begin(): TreeWalk {
    if (this.#leaves !== undefined) return this.#leaves;
    const state = this.#source.hold();
    this.#state = state;
    const { reverse } = this.#walk;
    this.#leaves = new TreeWalk(this.engine.pages, state.tree, this.#walk, reverse);
    return this.#leaves;
  }

  /** Makes the items of the leaf that the walk stands at. */
  *#takeLeaf(leaves: TreeWalk): Task<void> {
    const count = Math.min(leaves.to - leaves.from, this.#left);
    this.#left -= count;
    const keys: Uint8Array[] = new Array(count);
    const values: (Uint8Array | undefined)[] = new Array(count);
    if (this.engine.readMemory.fresh.slices) this.#sliceLeaf(leaves, keys, values);
    else this.#copyLeaf(leaves, keys, values);
    const items: T[] = new Array(count);
    for (let i = 0; i < count; i++) {
      const key = keys[i];
      const value = values[i];
      if (value !== undefined) {
        items[i] = this.#make(key, value);
        continue;
      }
      const end = key.length - OVERFLOW_REFERENCE_BYTES;
      this.#reference.read(key, end);
      const run = yield* this.#source.runReads.read(this.engine, this.#reference);
      items[i] = this.#make(key.subarray(0, end), run);
    }
    this.#items = items;
    this.#next = 0;
  }

  /**
   * Copies keys and values of the leaf at once; a large value's reference goes behind its key.
   * Many values are views of one copy of the page: that costs less than to copy each.
   */
  #copyLeaf(
    leaves: TreeWalk,
    keys: Uint8Array[],
    values: (Uint8Array | undefined)[],
  ): void {
    const count = keys.length;
    const { frames } = this.engine.cache;
    const { frame } = leaves;
    const { reverse } = this.#walk;
    const withKeys = this.#wanted !== "values";
    const withValues = this.#wanted !== "keys";
    const base = frames.base(frame);
    const whole = withValues && count >= MANY_ENTRIES;
    let used = whole ? frames.pageBytes : 0;
    const slab = new Uint8Array(used + this.#leafBytes(leaves, count, withKeys, whole));
    const { buffer } = slab;
    if (whole) slab.set(frames.u8.subarray(base, base + used));
    for (let i = 0; i < count; i++) {
      const slot = reverse ? leaves.to - 1 - i : leaves.from + i;
      const cell = cellAt(frames, frame, slot);
      const length = valueLength(frames, cell);
      const large = withValues && isLarge(frames, cell);
      const from = used;
      if (withKeys) used += readKey(frames, frame, slot, slab, used);
      const at = whole ? valueAt(frames, cell) - base : used;
      let end = used;
      if (large || (withValues && !whole)) {
        copyBytes(frames.u8, valueAt(frames, cell), slab, used, length);
        used += length;
        if (large) end = used;
      }
      keys[i] = new Uint8Array(buffer, from, end - from);
      if (large) values[i] = undefined;
      else values[i] = withValues ? new Uint8Array(buffer, at, length) : NO_BYTES;
    }
  }

  /** The same with a slice for each key and value. */
  #sliceLeaf(
    leaves: TreeWalk,
    keys: Uint8Array[],
    values: (Uint8Array | undefined)[],
  ): void {
    const { frames } = this.engine.cache;
    const { key } = this.engine.readMemory;
    const { frame } = leaves;
    const withValues = this.#wanted !== "keys";
    for (let i = 0; i < keys.length; i++) {
      const slot = this.#walk.reverse ? leaves.to - 1 - i : leaves.from + i;
      const keyLength = this.#wanted === "values" ? 0 : readKey(frames, frame, slot, key, 0);
      const cell = cellAt(frames, frame, slot);
      const at = valueAt(frames, cell);
      const length = valueLength(frames, cell);
      if (withValues && isLarge(frames, cell)) {
        keys[i] = new Uint8Array(keyLength + length);
        keys[i].set(key.subarray(0, keyLength));
        copyBytes(frames.u8, at, keys[i], keyLength, length);
        values[i] = undefined;
      } else {
        keys[i] = key.slice(0, keyLength);
        values[i] = withValues ? frames.u8.slice(at, at + length) : NO_BYTES;
      }
    }
  }

  /** Bytes of keys, of references to large values, and of values unless the page is copied. */
  #leafBytes(leaves: TreeWalk, count: number, withKeys: boolean, whole: boolean): number {
    const { frames } = this.engine.cache;
    const { frame } = leaves;
    const first = this.#walk.reverse ? leaves.to - count : leaves.from;
    let bytes = 0;
    for (let slot = first; slot < first + count; slot++) {
      if (withKeys) bytes += keyLengthAt(frames, frame, slot);
      if (this.#wanted === "keys") continue;
      const cell = cellAt(frames, frame, slot);
      if (!whole || isLarge(frames, cell)) {
        bytes += valueLength(frames, cell);
      }
    }
    return bytes;
  }

  #fail(error: unknown): unknown {
    this.#error = error;
    this.end();
    return error;
  }

  /** Gives up the state. */
  end(): void {
    this.#ended = true;
    this.#items = [];
    this.#next = 0;
    if (this.#state !== undefined) this.#source.release(this.#state);
    this.#state = undefined;
  }
}

class SyncIteration<T> implements IterableIterator<T> {
  readonly #iteration: Iteration<T>;

  constructor(iteration: Iteration<T>) {
    this.#iteration = iteration;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<T> {
    const iteration = this.#iteration;
    iteration.check();
    if (!iteration.ready && !iteration.engine.runBlocking(iteration.fill())) {
      return { done: true, value: undefined };
    }
    return { done: false, value: iteration.take() };
  }

  return(): IteratorResult<T> {
    this.#iteration.end();
    return { done: true, value: undefined };
  }
}

class AsyncIteration<T> implements AsyncIterableIterator<T> {
  readonly #iteration: Iteration<T>;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(iteration: Iteration<T>) {
    this.#iteration = iteration;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#waiting === 0 && this.#iteration.ready) {
      try {
        this.#iteration.check();
        return Promise.resolve({ done: false, value: this.#iteration.take() });
      } catch (error) {
        return Promise.reject(error);
      }
    }
    this.#waiting++;
    const step = this.#last.then(() => this.#step());
    this.#last = step.then(this.#stepped, this.#stepped);
    return step;
  }

  return(): Promise<IteratorResult<T>> {
    return this.#last.then(() => {
      this.#iteration.end();
      return { done: true, value: undefined };
    });
  }

  readonly #stepped = (): void => {
    this.#waiting--;
  };

  async #step(): Promise<IteratorResult<T>> {
    const iteration = this.#iteration;
    iteration.check();
    if (!iteration.ready && !(await runAsync(iteration.fill()))) {
      return { done: true, value: undefined };
    }
    return { done: false, value: iteration.take() };
  }
}

/** Counts the entries of a walk, leaf by leaf; the caller holds the state. */
export function* countTask(engine: Engine, state: State, walk: Walk): Task<number> {
  const leaves = new TreeWalk(engine.pages, state.tree, walk, false);
  let count = 0;
  for (;;) {
    engine.checkOpen();
    const at = leaves.nextLeaf();
    if (at === AT_END) return count;
    if (at === MISS) yield* engine.pager.load(engine.pages.missPage, engine.pages.missEpoch);
    else count += leaves.to - leaves.from;
  }
}
