/**
 * Cursors: stepping through entries without allocating, with the bytes left where they are until
 * they are asked for.
 *
 * @module
 */

import { MISS } from "./btree.ts";
import { compareBytes, copyBytes } from "./bytes.ts";
import type { Bytes } from "./codec.ts";
import type { EntrySource } from "./entries.ts";
import { KvigError } from "./errors.ts";
import { valueAt, valueLength } from "./leaf.ts";
import { OverflowReference } from "./overflow.ts";
import type { EncodeKey, Walk } from "./range.ts";
import { cellAt, keyLengthAt, readKey } from "./slots.ts";
import type { State } from "./state.ts";
import { AT_END, TreeWalk } from "./tree_walk.ts";
import { overflowAt, readRun } from "./values.ts";

/**
 * A place among the entries of a range. It holds a snapshot from its first step until it is closed.
 */
export class Cursor<K = Bytes> {
  readonly #source: EntrySource;
  readonly #walk: Walk;
  readonly #encode: EncodeKey<K>;
  readonly #reference = new OverflowReference();
  #state: State | undefined = undefined;
  #leaves: TreeWalk | undefined = undefined;
  #slot = -1;
  /** Entries that may follow; below 0 for any number, so that it is always a small integer. */
  #left: number;
  #closed = false;
  #standing = false;

  /** Made by `cursor()` of a store, snapshot or transaction. */
  constructor(source: EntrySource, walk: Walk, encode: EncodeKey<K>) {
    this.#source = source;
    this.#walk = walk;
    this.#encode = encode;
    this.#left = limitOf(walk);
  }

  /**
   * Goes to the next entry of the range; false behind the last one.
   * @throws {KvigError} `KVIG_CLOSED`; `KVIG_WOULD_BLOCK` where a page is cold on an Io that cannot
   *   block; `KVIG_CORRUPT`, `KVIG_IO`.
   */
  next(): boolean {
    this.#check();
    const leaves = this.#leaves ?? this.#begin();
    if (this.#left === 0) {
      this.#standing = false;
      return false;
    }
    if (this.#left > 0) this.#left--;
    const step = this.#walk.reverse ? -1 : 1;
    const slot = this.#slot + step;
    if (this.#standing && slot >= leaves.from && slot < leaves.to) {
      this.#slot = slot;
      return true;
    }
    return this.#nextLeaf(leaves);
  }

  #nextLeaf(leaves: TreeWalk): boolean {
    this.#standing = false;
    for (;;) {
      const at = leaves.nextLeaf();
      if (at === AT_END) {
        this.#left = 0;
        return false;
      }
      if (at !== MISS) break;
      this.#load();
    }
    this.#slot = this.#walk.reverse ? leaves.to - 1 : leaves.from;
    this.#standing = true;
    return true;
  }

  /**
   * Copies the key of the entry into `target` at `offset`; returns its length.
   * @throws {RangeError} when it does not fit.
   */
  keyInto(target: Uint8Array, offset = 0): number {
    const frame = this.#frame();
    const { frames } = this.#source.engine.cache;
    const length = keyLengthAt(frames, frame, this.#slot);
    checkFits("key", length, target, offset);
    return readKey(frames, frame, this.#slot, target, offset);
  }

  /**
   * Copies the value of the entry into `target` at `offset`; returns its length.
   * @throws {RangeError} when it does not fit.
   */
  valueInto(target: Uint8Array, offset = 0): number {
    const { engine } = this.#source;
    const frame = this.#frame();
    if (overflowAt(engine, frame, this.#slot, this.#reference)) {
      checkFits("value", this.#reference.length, target, offset);
      target.set(engine.runBlocking(readRun(engine, this.#reference)), offset);
      return this.#reference.length;
    }
    const { frames } = engine.cache;
    const cell = cellAt(frames, frame, this.#slot);
    const length = valueLength(frames, cell);
    checkFits("value", length, target, offset);
    copyBytes(frames.u8, valueAt(frames, cell), target, offset, length);
    return length;
  }

  /**
   * Goes to where `key` is or would be: the next step leads to the first entry of the range from
   * there on, in the cursor's direction. The limit counts anew.
   */
  seek(key: K): void {
    this.#check();
    const bytes = new Uint8Array(this.#encode(key));
    const { low, high, reverse } = this.#walk;
    const bounds = { low, high, empty: this.#walk.empty };
    if (reverse) {
      const behind = new Uint8Array(bytes.length + 1);
      behind.set(bytes);
      if (high === undefined || compareBytes(behind, high) < 0) bounds.high = behind;
    } else if (compareBytes(bytes, low) > 0) {
      bounds.low = bytes;
    }
    if (bounds.high !== undefined && compareBytes(bounds.low, bounds.high) >= 0) {
      bounds.empty = true;
    }
    (this.#leaves ?? this.#begin()).restart(bounds);
    this.#standing = false;
    this.#left = limitOf(this.#walk);
  }

  /** Ends it and gives up its snapshot. Closing again does nothing. */
  close(): void {
    this.#closed = true;
    this.#standing = false;
    if (this.#state !== undefined) this.#source.release(this.#state);
    this.#state = undefined;
  }

  /** Same as {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #check(): void {
    if (this.#closed) throw new KvigError("KVIG_CLOSED", "the cursor is closed");
    this.#source.check();
  }

  #begin(): TreeWalk {
    this.#state = this.#source.hold();
    const { pages } = this.#source.engine;
    this.#leaves = new TreeWalk(pages, this.#state.tree, this.#walk, this.#walk.reverse);
    return this.#leaves;
  }

  /** The frame of the leaf that the cursor stands at. */
  #frame(): number {
    this.#check();
    if (!this.#standing || this.#leaves === undefined) {
      throw new RangeError(
        "the cursor stands at no entry: call next() first, and stop when it is false",
      );
    }
    while (!this.#leaves.refresh()) this.#load();
    return this.#leaves.frame;
  }

  #load(): void {
    const { engine } = this.#source;
    engine.runBlocking(engine.pager.load(engine.pages.missPage, engine.pages.missEpoch));
  }
}

function limitOf(walk: Walk): number {
  return walk.limit > 2 ** 30 ? -1 : walk.limit;
}

/** Throws where `length` bytes do not fit `target` at `offset`. */
export function checkFits(
  what: string,
  length: number,
  target: Uint8Array,
  offset: number,
): void {
  if (!(target instanceof Uint8Array)) throw new TypeError("target must be a Uint8Array");
  if (!Number.isInteger(offset) || offset < 0) {
    throw new RangeError(`offset must be a whole number of at least 0, got ${offset}`);
  }
  if (offset + length > target.length) {
    throw new RangeError(
      `the ${what} has ${length} bytes and the target has room for ` +
        `${Math.max(0, target.length - offset)} from offset ${offset} on`,
    );
  }
}
