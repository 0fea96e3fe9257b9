/**
 * Plays random operations on a store with its synchronous verbs and on a model, and compares.
 *
 * @module
 */

import { openSync } from "./runtime.ts";
import type { Io } from "../../core/io.ts";
import type { BatchOperation, Kvig, RangeOptions, Snapshot } from "../../mod.ts";
import { assertEquals } from "./assert.ts";
import { KEY_SHAPES, type KeyShape, randomValue } from "./keys.ts";
import { assertSameEntries, type Entry, Model } from "./model.ts";
import type { Random } from "./random.ts";
import { assertSound, copyOf, PATH, SMALL } from "./store.ts";

/** What is played, and how much. */
export interface Play {
  /** Size of a page. */
  pageSize: number;
  /** Name of a shape of keys. */
  shape: string;
  /** About how many different keys. */
  spread: number;
  /** Largest value. */
  maxValueBytes: number;
  /** Operations to play. */
  steps: number;
}

/** Thrown by transactions that are to be rolled back. */
const ROLL_BACK = new Error("rolled back on purpose");

/** One store and its model. */
export class Player {
  /** The model of what is committed. */
  model = new Model();
  /** The store. */
  store: Kvig;
  /** The last steps, for people. */
  readonly trace: string[] = [];
  readonly #random: Random;
  readonly #play: Play;
  readonly #shape: KeyShape;
  readonly #maxKeyBytes: number;
  #io: Io;
  #snapshots: { snapshot: Snapshot; model: Model }[] = [];
  #iterations: { iterator: Iterator<[Uint8Array, Uint8Array]>; rest: Entry[] }[] = [];

  /** Makes the store in `io`. */
  constructor(io: Io, random: Random, play: Play) {
    this.#io = io;
    this.#random = random;
    this.#play = play;
    this.#shape = KEY_SHAPES[play.shape];
    this.#maxKeyBytes = play.pageSize / 4;
    this.store = this.#open();
  }

  #open(): Kvig {
    const cacheSize = Math.max(1024 * 1024, 128 * this.#play.pageSize);
    return openSync(PATH, { ...SMALL, cacheSize, pageSize: this.#play.pageSize, io: this.#io });
  }

  /** Plays all steps, and compares everything at the end. */
  run(): void {
    for (let step = 0; step < this.#play.steps; step++) this.step();
    this.check(this.store, this.model);
    for (const { snapshot, model } of this.#snapshots) this.check(snapshot, model);
    assertSound(this.store.verifySync());
    this.#reopen();
    this.check(this.store, this.model);
    this.store.closeSync();
  }

  /** Plays one random operation. */
  step(): void {
    const total = STEPS.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.#random.below(total);
    const [, name] = STEPS.find(([weight]) => (at -= weight) < 0)!;
    this.trace.push(name);
    this[name]();
  }

  /** Fails unless a reader shows exactly what the model has. */
  check(reader: Kvig | Snapshot, model: Model): void {
    assertSameEntries(reader.range().toArraySync(), model.entries());
    assertEquals(reader.countSync(), model.size);
  }

  #key(): Uint8Array {
    const there = this.#random.below(3) === 0 ? this.#anyKey() : undefined;
    return there ?? this.#shape(this.#random, this.#maxKeyBytes, this.#play.spread);
  }

  #anyKey(): Uint8Array | undefined {
    return this.model.keyAt(this.#random.below(Math.max(1, this.model.size)));
  }

  #value(): Uint8Array {
    return randomValue(this.#random, this.#play.pageSize, this.#play.maxValueBytes);
  }

  #range(): RangeOptions<Uint8Array> {
    const random = this.#random;
    const range: RangeOptions<Uint8Array> = {};
    if (random.oneIn(3)) range[random.pick(["gt", "gte"] as const)] = this.#key();
    if (random.oneIn(3)) range[random.pick(["lt", "lte"] as const)] = this.#key();
    if (random.oneIn(4)) range.prefix = this.#key().subarray(0, random.below(4));
    if (random.oneIn(2)) range.reverse = random.oneIn(2);
    if (random.oneIn(3)) range.limit = random.below(50);
    return range;
  }

  #operations(count: number): BatchOperation<Uint8Array, Uint8Array>[] {
    return Array.from({ length: count }, () => {
      const key = this.#key();
      return this.#random.oneIn(3)
        ? { type: "delete" as const, key }
        : { type: "put" as const, key, value: this.#value() };
    });
  }

  /** Puts a few keys. */
  put(): void {
    const durability = this.#random.pick(["sync", "deferred"] as const);
    for (let i = this.#random.below(20); i >= 0; i--) {
      const [key, value] = [this.#key(), this.#value()];
      this.store.putSync(key, value, { durability });
      this.model.put(key, value);
    }
  }

  /** Puts many keys, ascending or descending, so that pages split at their ends. */
  putRow(): void {
    const keys = Array.from({ length: 200 }, () => this.#key());
    keys.sort((a, b) => (a < b ? -1 : 1));
    if (this.#random.oneIn(2)) keys.reverse();
    for (const key of keys) {
      const value = this.#random.bytes(this.#random.below(60));
      this.store.putSync(key, value, { durability: "deferred" });
      this.model.put(key, value);
    }
  }

  /** Deletes a few keys. */
  delete(): void {
    for (let i = this.#random.below(30); i >= 0; i--) {
      const key = this.#key();
      assertEquals(this.store.deleteSync(key), this.model.delete(key));
    }
  }

  /** Clears a range. */
  clear(): void {
    const { limit: _, reverse: _reverse, ...range } = this.#range();
    if (Object.keys(range).length === 0 && !this.#random.oneIn(8)) range.prefix = this.#key();
    assertEquals(this.store.clearSync(range), this.model.clear(range));
  }

  /** Carries out a batch. */
  batch(): void {
    const operations = this.#operations(this.#random.below(60));
    this.store.batchSync(operations);
    for (const operation of operations) {
      if (operation.type === "put") this.model.put(operation.key, operation.value);
      else this.model.delete(operation.key);
    }
  }

  /** Runs a transaction that reads its own writes, and sometimes rolls it back. */
  transaction(): void {
    const draft = new Model(this.model);
    const commit = !this.#random.oneIn(3);
    const many = this.#random.oneIn(6) ? 400 : 20;
    try {
      this.store.transactionSync((tx) => {
        for (let i = this.#random.below(many); i >= 0; i--) this.#transact(tx, draft);
        assertSameEntries(tx.range().toArraySync(), draft.entries());
        assertEquals(tx.countSync(), draft.size);
        if (!commit) throw ROLL_BACK;
      });
      this.model = draft;
    } catch (error) {
      if (error !== ROLL_BACK) throw error;
    }
  }

  #transact(
    tx: Pick<Kvig, "putSync" | "deleteSync" | "clearSync" | "getSync" | "range">,
    draft: Model,
  ): void {
    const key = this.#key();
    if (this.#random.oneIn(30)) {
      const prefix = key.subarray(0, 3);
      assertEquals(tx.clearSync({ prefix }), draft.clear({ prefix }));
    } else if (this.#random.oneIn(3)) {
      assertEquals(tx.deleteSync(key), draft.delete(key));
    } else {
      const value = this.#value();
      tx.putSync(key, value);
      draft.put(key, value);
    }
    if (this.#random.oneIn(10)) {
      const range = this.#range();
      assertSameEntries(tx.range(range).toArraySync(), draft.entries(range));
    }
    const other = this.#key();
    assertEquals(tx.getSync(other), draft.get(other));
  }

  /** Reads keys and ranges. */
  read(): void {
    for (let i = 0; i < 20; i++) {
      const key = this.#key();
      assertEquals(this.store.getSync(key), this.model.get(key));
      assertEquals(this.store.hasSync(key), this.model.get(key) !== undefined);
    }
    const range = this.#range();
    assertSameEntries(this.store.range(range).toArraySync(), this.model.entries(range));
    const { limit: _, reverse: _reverse, ...bounds } = range;
    assertEquals(this.store.countSync(bounds), this.model.keys(bounds).length);
  }

  /** Opens a snapshot, or reads from one and perhaps closes it. */
  snapshot(): void {
    if (this.#snapshots.length < 4 && this.#random.oneIn(2)) {
      this.#snapshots.push({ snapshot: this.store.snapshot(), model: new Model(this.model) });
      return;
    }
    if (this.#snapshots.length === 0) return;
    const index = this.#random.below(this.#snapshots.length);
    const { snapshot, model } = this.#snapshots[index];
    this.check(snapshot, model);
    if (this.#random.oneIn(2)) return;
    snapshot.close();
    this.#snapshots.splice(index, 1);
  }

  /** Begins an iteration, or goes on with one. */
  iterate(): void {
    if (this.#iterations.length < 3) {
      const range = this.#range();
      const iterator = this.store.range(range)[Symbol.iterator]();
      const rest = this.model.entries(range);
      const first = iterator.next();
      if (first.done === true) {
        assertEquals(rest.length, 0);
        return;
      }
      assertSameEntries([first.value], [rest.shift()!]);
      this.#iterations.push({ iterator, rest });
      return;
    }
    const { iterator, rest } = this.#iterations.shift()!;
    if (this.#random.oneIn(3)) {
      iterator.return?.();
      return;
    }
    assertSameEntries([...{ [Symbol.iterator]: () => iterator }], rest);
  }

  /** Makes a checkpoint. */
  checkpoint(): void {
    this.store.checkpointSync();
  }

  /** Compacts. */
  compact(): void {
    const { before, after } = this.store.compactSync();
    if (this.#snapshots.length === 0 && after > before + 1024 * 1024) {
      throw new Error(`compacting made ${after} bytes of ${before}`);
    }
  }

  /** Verifies. */
  verify(): void {
    assertSound(this.store.verifySync());
  }

  /** Closes and opens again. */
  reopen(): void {
    this.#letGo();
    this.#reopen();
  }

  /** Leaves the store as a killed process does, and opens what it left. */
  crash(): void {
    this.store.flushSync();
    this.#io = copyOf(this.#io, PATH);
    this.#snapshots = [];
    this.#iterations = [];
    this.store = this.#open();
    assertEquals(this.store.countSync(), this.model.size);
  }

  #reopen(): void {
    this.#letGo();
    this.store.closeSync();
    this.store = this.#open();
    assertSound(this.store.verifySync());
  }

  #letGo(): void {
    for (const { snapshot } of this.#snapshots) snapshot.close();
    for (const { iterator } of this.#iterations) iterator.return?.();
    this.#snapshots = [];
    this.#iterations = [];
  }
}

/** How often each step comes. */
const STEPS = [
  [24, "put"],
  [6, "putRow"],
  [12, "delete"],
  [2, "clear"],
  [8, "batch"],
  [10, "transaction"],
  [14, "read"],
  [6, "snapshot"],
  [6, "iterate"],
  [4, "checkpoint"],
  [1, "compact"],
  [1, "verify"],
  [1, "reopen"],
  [2, "crash"],
] as const;
