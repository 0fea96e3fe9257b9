/**
 * Transactions: reading and writing in one, all or nothing.
 *
 * @module
 */

import { AssertionError } from "./assert.ts";
import { DONE } from "./btree.ts";
import type { Bytes } from "./codec.ts";
import type { Engine, Scope } from "./engine.ts";
import { wouldBlock } from "./engine.ts";
import { isKvigError, KvigError } from "./errors.ts";
import { runAsync, type Task } from "./future.ts";
import { boundsOf, type KeyRange } from "./range.ts";
import { type Codecs, Reader } from "./reader.ts";
import type { State, TreeRoot } from "./state.ts";
import { Turn } from "./turn.ts";
import { type BatchOperation, keyToWrite, rawOperations, valueToWrite } from "./write_input.ts";
import { clearTask, putTask, removeTask } from "./writer.ts";

/** What operations give that were carried out at once: they have nothing of their own to say. */
const APPLIED: Promise<void> = Promise.resolve();
const REMOVED: Promise<boolean> = Promise.resolve(true);
const NOT_REMOVED: Promise<boolean> = Promise.resolve(false);

/**
 * One transaction. Its verbs settle when they are applied; what they do becomes visible to others,
 * and durable, with the commit. It is usable until the function it was given to has returned.
 */
export class Transaction<K = Bytes, V = Bytes, KO = Uint8Array, VO = Uint8Array>
  extends Reader<K, V, KO, VO> {
  readonly #scope: Scope;
  readonly #turn = new Turn();
  readonly #held: State[] = [];
  #doom: unknown = undefined;
  #ended = false;
  #finished = false;
  /** Whether no operation of it has its turn any more. */
  #stopped = false;

  /** Made by `transaction()` of a store. */
  constructor(engine: Engine, codecs: Codecs<K, V, KO, VO>, scope: Scope) {
    super(engine, codecs);
    this.#scope = scope;
  }

  /** Sets `key` to `value`. */
  put(key: K, value: V): Promise<void> {
    if (this.#turn.busy) return this.#putInTurn(key, value);
    try {
      this.#check();
      if (this.#doom !== undefined) throw this.#doom;
      const k = keyToWrite(this.engine, this.codecs, key);
      const v = valueToWrite(this.codecs, value);
      return this.#putAtOnce(k, v) ? APPLIED : this.#putLater(k, v);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  // The closures of these three would cost an allocation in every put, were they made there.
  #putInTurn(key: K, value: V): Promise<void> {
    return this.#write(() => this.#putTask(key, value), true);
  }

  #putLater(key: Uint8Array, value: Uint8Array): Promise<void> {
    return this.#write(() => this.#putBytes(key, value), true);
  }

  #putLaterSync(key: Uint8Array, value: Uint8Array): void {
    this.#writeSync(() => this.#putBytes(key, value), true);
  }

  /** Like {@link put}, at once. */
  putSync(key: K, value: V): void {
    this.#check();
    if (this.#doom !== undefined) throw this.#doom;
    const k = keyToWrite(this.engine, this.codecs, key);
    const v = valueToWrite(this.codecs, value);
    if (this.#turn.held || !this.#putAtOnce(k, v)) this.#putLaterSync(k, v);
  }

  /** Tries to put without waiting for anything; the turn is free. Returns whether it did. */
  #putAtOnce(key: Uint8Array, value: Uint8Array): boolean {
    if (key.length + value.length > this.engine.maxInlineBytes) return false;
    try {
      if (this.engine.putNow(key, key.length, value, 0, value.length, 0) !== DONE) return false;
    } catch (error) {
      this.#doomBy(error);
      throw error;
    }
    this.#scope.changes++;
    return true;
  }

  /** Removes `key`; returns whether it was there. */
  delete(key: K): Promise<boolean> {
    if (this.#turn.busy) return this.#deleteInTurn(key);
    try {
      this.#check();
      if (this.#doom !== undefined) throw this.#doom;
      const k = keyToWrite(this.engine, this.codecs, key);
      if (!this.#deleteAtOnce(k)) return this.#deleteInTurn(key);
      return this.engine.tree.changed > 0 ? REMOVED : NOT_REMOVED;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #deleteInTurn(key: K): Promise<boolean> {
    return this.#write(() => this.#deleteTask(key), true);
  }

  /** Tries to remove without waiting for anything; the turn is free. Returns whether it did. */
  #deleteAtOnce(key: Uint8Array): boolean {
    try {
      if (this.engine.removeNow(key, key.length) !== DONE) return false;
    } catch (error) {
      this.#doomBy(error);
      throw error;
    }
    if (this.engine.tree.changed > 0) this.#scope.changes++;
    return true;
  }

  /** Like {@link delete}, at once. */
  deleteSync(key: K): boolean {
    return this.#writeSync(() => this.#deleteTask(key), true);
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

  /**
   * For the store: ends it for its user, once its operations under way are over.
   * @internal
   */
  *finish(): Task<void> {
    this.#ended = true;
    if (this.#finished) return;
    if (!this.#stopped) {
      yield* this.#turn.take();
      this.#stopped = true;
    }
    // A run that is being read has no frame that would keep its places from being handed out.
    while (this.runReads.count > 0) yield* this.runReads.done.wait();
    this.#finished = true;
    for (const state of this.#held.splice(0)) this.engine.releaseState(state);
  }

  /**
   * The tree with the transaction's own writes.
   * @internal
   */
  protected override root(): TreeRoot {
    return this.engine.pages.work.tree;
  }

  /** Throws where it is over. */
  protected override check(): void {
    this.#check();
  }

  /**
   * Holds the state with the transaction's own writes.
   * @internal
   */
  protected override hold(): State {
    const state = this.engine.workingState();
    this.engine.pages.holds.hold(state);
    this.#held.push(state);
    return state;
  }

  /**
   * Gives one hold up, unless the end of the transaction did.
   * @internal
   */
  protected override release(state: State): void {
    const index = this.#held.indexOf(state);
    if (index < 0) return;
    this.#held.splice(index, 1);
    this.engine.releaseState(state);
  }

  #check(): void {
    this.engine.checkFailure();
    if (this.#ended) throw new KvigError("KVIG_CLOSED", "the transaction is over");
  }

  #write<T>(task: () => Task<T>, single = false): Promise<T> {
    try {
      this.#check();
    } catch (error) {
      return Promise.reject(error);
    }
    return runAsync(this.#inTurn(task, single));
  }

  #writeSync<T>(task: () => Task<T>, single = false): T {
    this.#check();
    if (this.#turn.held) throw wouldBlock("another operation of the transaction");
    return this.engine.runBlocking(this.#inTurn(task, single));
  }

  /** Carries out one operation after the other; a failure may doom the transaction. */
  *#inTurn<T>(task: () => Task<T>, single: boolean): Task<T> {
    yield* this.#turn.take();
    const { usedPages } = this.engine.pages.work;
    try {
      if (this.#doom !== undefined) throw this.#doom;
      return yield* task();
    } catch (error) {
      const unchanged = single && usedPages === this.engine.pages.work.usedPages;
      if (!(unchanged && isKvigError(error, "KVIG_WOULD_BLOCK"))) this.#doomBy(error);
      throw error;
    } finally {
      this.#turn.release();
    }
  }

  /** An operation failed with `error`: the transaction cannot commit, unless nothing changed. */
  #doomBy(error: unknown): void {
    if (!isHarmless(error)) this.#doom ??= error;
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

/** Whether a transaction is as it was before the operation that threw `error`. */
function isHarmless(error: unknown): boolean {
  if (error instanceof AssertionError) return false;
  return !(error instanceof KvigError) ||
    isKvigError(error, "KVIG_KEY_TOO_LARGE", "KVIG_VALUE_TOO_LARGE", "KVIG_ABORTED");
}
