/**
 * Transactions: reading and writing in one, all or nothing.
 *
 * @module
 */

import { DONE } from "./btree.ts";
import type { Bytes } from "./codec.ts";
import type { Engine, Scope } from "./engine.ts";
import { wouldBlock } from "./engine.ts";
import { KvigError } from "./errors.ts";
import { runAsync, type Task } from "./future.ts";
import { boundsOf, type KeyRange } from "./range.ts";
import { type Codecs, Reader } from "./reader.ts";
import type { State, TreeRoot } from "./state.ts";
import { Turn } from "./turn.ts";
import { type BatchOperation, keyToWrite, rawOperations, valueToWrite } from "./write_input.ts";
import { clearTask, putTask, removeTask } from "./writer.ts";

/**
 * One transaction. Its verbs settle when they are applied; what they do becomes visible to others,
 * and durable, with the commit. It is usable until the function it was given to has returned.
 */
export class Transaction<K = Bytes, V = Bytes, KO = Uint8Array, VO = Uint8Array>
  extends Reader<K, V, KO, VO> {
  readonly #scope: Scope;
  readonly #turn = new Turn();
  readonly #held = new Set<State>();
  #doom: unknown = undefined;
  #ended = false;

  /** Made by `transaction()` of a store. */
  constructor(engine: Engine, codecs: Codecs<K, V, KO, VO>, scope: Scope) {
    super(engine, codecs);
    this.#scope = scope;
  }

  /** Sets `key` to `value`. */
  put(key: K, value: V): Promise<void> {
    return this.#write(() => this.#putTask(key, value));
  }

  /** Like {@link put}, at once. */
  putSync(key: K, value: V): void {
    this.#check();
    const k = keyToWrite(this.engine, this.codecs, key);
    const v = valueToWrite(this.codecs, value);
    if (k.length + v.length <= this.engine.maxInlineBytes && !this.#turn.held) {
      if (this.engine.putNow(k, k.length, v, 0, v.length, 0) === DONE) {
        this.#scope.changes++;
        return;
      }
    }
    this.#writeSync(() => this.#putBytes(k, v));
  }

  /** Removes `key`; returns whether it was there. */
  delete(key: K): Promise<boolean> {
    return this.#write(() => this.#deleteTask(key));
  }

  /** Like {@link delete}, at once. */
  deleteSync(key: K): boolean {
    return this.#writeSync(() => this.#deleteTask(key));
  }

  /** Carries out all operations, in their order. */
  batch(operations: Iterable<BatchOperation<K, V>>): Promise<void> {
    return this.#write(() => this.#batchTask(operations));
  }

  /** Like {@link batch}, at once. */
  batchSync(operations: Iterable<BatchOperation<K, V>>): void {
    this.#writeSync(() => this.#batchTask(operations));
  }

  /** Removes every key of a range; returns how many went. */
  clear(range?: KeyRange<K>): Promise<number> {
    return this.#write(() => this.#clearTask(range));
  }

  /** Like {@link clear}, at once. */
  clearSync(range?: KeyRange<K>): number {
    return this.#writeSync(() => this.#clearTask(range));
  }

  /** For the store: why the transaction cannot commit; undefined where it can. */
  get doom(): unknown {
    return this.#doom;
  }

  /** For the store: ends it for its user, once its operations under way are over. */
  *finish(): Task<void> {
    this.#ended = true;
    yield* this.#turn.take();
    for (const state of this.#held) {
      while (!this.engine.releaseState(state));
    }
    this.#held.clear();
  }

  /** The tree with the transaction's own writes. */
  protected override root(): TreeRoot {
    return this.engine.pages.work.tree;
  }

  /** Throws where it is over. */
  protected override check(): void {
    this.#check();
  }

  /** Holds the state with the transaction's own writes. */
  protected override hold(): State {
    const state = this.engine.workingState();
    this.engine.pages.holds.hold(state);
    if (state !== this.#scope.committed) this.#held.add(state);
    return state;
  }

  /** Gives one hold up, unless the end of the transaction did. */
  protected override release(state: State): void {
    if (state === this.#scope.committed) {
      if (!this.#ended) this.engine.releaseState(state);
    } else if (this.#held.has(state) && this.engine.releaseState(state)) {
      this.#held.delete(state);
    }
  }

  #check(): void {
    this.engine.checkFailure();
    if (this.#ended) throw new KvigError("KVIG_CLOSED", "the transaction is over");
  }

  #write<T>(task: () => Task<T>): Promise<T> {
    try {
      this.#check();
    } catch (error) {
      return Promise.reject(error);
    }
    return runAsync(this.#inTurn(task));
  }

  #writeSync<T>(task: () => Task<T>): T {
    this.#check();
    if (this.#turn.held) throw wouldBlock("another operation of the transaction");
    return this.engine.runBlocking(this.#inTurn(task));
  }

  *#inTurn<T>(task: () => Task<T>): Task<T> {
    yield* this.#turn.take();
    try {
      if (this.#doom !== undefined) throw this.#doom;
      return yield* task();
    } catch (error) {
      if (error instanceof KvigError && !HARMLESS.has(error.code)) this.#doom ??= error;
      throw error;
    } finally {
      this.#turn.release();
    }
  }

  *#putTask(key: K, value: V): Task<void> {
    const k = keyToWrite(this.engine, this.codecs, key);
    yield* this.#putBytes(k, valueToWrite(this.codecs, value));
  }

  *#putBytes(key: Uint8Array, value: Uint8Array): Task<void> {
    yield* putTask(this.engine, key, value);
    this.#scope.changes++;
  }

  *#deleteTask(key: K): Task<boolean> {
    const removed = yield* removeTask(this.engine, keyToWrite(this.engine, this.codecs, key));
    if (removed) this.#scope.changes++;
    return removed;
  }

  *#batchTask(operations: Iterable<BatchOperation<K, V>>): Task<void> {
    for (const { key, value } of rawOperations(this.engine, this.codecs, operations)) {
      if (value !== undefined) yield* putTask(this.engine, key, value);
      else yield* removeTask(this.engine, key);
      this.#scope.changes++;
    }
  }

  *#clearTask(range: KeyRange<K> | undefined): Task<number> {
    const bounds = boundsOf(range, this.encodeKey);
    if (bounds.empty) return 0;
    const count = yield* clearTask(this.engine, bounds.low, bounds.high);
    this.#scope.changes += count;
    return count;
  }
}

/** Errors after which a transaction is as it was before the operation. */
const HARMLESS = new Set(["KVIG_KEY_TOO_LARGE", "KVIG_VALUE_TOO_LARGE", "KVIG_ABORTED"]);
