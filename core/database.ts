/**
 * The store as its users hold it.
 *
 * @module
 */

import { DONE } from "./btree.ts";
import type { Bytes } from "./codec.ts";
import { Commits, type Written } from "./commits.ts";
import type { Engine } from "./engine.ts";
import { NEED_BUFFER, NEED_TASK, wouldBlock } from "./engine.ts";
import { isKvigError } from "./errors.ts";
import { runAsync, type Task } from "./future.ts";
import type { Located, Signalled } from "./host.ts";
import type { Group } from "./group.ts";
import { Log } from "./log.ts";
import { pathOf } from "./options.ts";
import { boundsOf, type KeyRange } from "./range.ts";
import { type Codecs, Reader } from "./reader.ts";
import { Snapshot } from "./snapshot.ts";
import type { State, TreeRoot } from "./state.ts";
import { closeTask } from "./closing.ts";
import { type BackupOptions, backupTask } from "./backup.ts";
import { type CompactOptions, type CompactReport, compactTask } from "./compact.ts";
import { type Stats, statsOf } from "./stats.ts";
import { Transaction } from "./transaction.ts";
import { abortedBy } from "./turn.ts";
import { type VerifyOptions, type VerifyReport, verifyTask } from "./verify.ts";
import {
  type BatchOperation,
  keyToWrite,
  rawOperations,
  valueToWrite,
  wantsSync,
  type WriteOptions,
} from "./write_input.ts";
import { clearTask, putTask, removeTask } from "./writer.ts";

/** What operations give that were carried out at once and have nothing to wait for. */
const APPLIED: Promise<void> = Promise.resolve();
const REMOVED: Promise<boolean> = Promise.resolve(true);
const NOT_REMOVED: Promise<boolean> = Promise.resolve(false);

/** An open store. */
export class Kvig<K = Bytes, V = Bytes, KO = Uint8Array, VO = Uint8Array>
  extends Reader<K, V, KO, VO> {
  readonly #snapshots = new Set<Snapshot<K, V, KO, VO>>();
  readonly #commits: Commits;
  #closing: Promise<void> | undefined = undefined;

  /** Made by `open()`. */
  constructor(engine: Engine, codecs: Codecs<K, V, KO, VO>) {
    super(engine, codecs);
    this.#commits = new Commits(engine);
  }

  /**
   * Sets `key` to `value`. The bytes are copied when the write gets its turn; leave them alone
   * until the promise settles.
   * @throws {KvigError} `KVIG_KEY_TOO_LARGE`, `KVIG_VALUE_TOO_LARGE`, `KVIG_FULL`, `KVIG_ABORTED`,
   *   `KVIG_READ_ONLY`, `KVIG_CLOSED`, `KVIG_IO`, `KVIG_FAILED`.
   */
  put(key: K, value: V, options?: WriteOptions): Promise<void> {
    try {
      const sync = this.#beginWrite(options);
      const k = keyToWrite(this.engine, this.codecs, key);
      const v = valueToWrite(this.codecs, value);
      if (options?.signal?.aborted === true) throw abortedBy(options.signal);
      if (this.#putAtOnce(k, v) === DONE) return this.#committed(sync);
      return this.#putLater(k, v, sync, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Like {@link put}, at once.
   * @throws {KvigError} also `KVIG_WOULD_BLOCK`, with nothing changed, where something under way
   * would
   *   have to be waited for.
   */
  putSync(key: K, value: V, options?: WriteOptions): void {
    const sync = this.#beginWrite(options);
    const k = keyToWrite(this.engine, this.codecs, key);
    const v = valueToWrite(this.codecs, value);
    this.engine.checkCanCommit(sync);
    let status = this.#putAtOnce(k, v);
    if (status === NEED_BUFFER) {
      // What most puts wait for, if anything: so it goes without the tasks of a put.
      const bytes = Log.RECORD_OVERHEAD_BYTES + k.length + v.length;
      this.engine.runBlocking(this.engine.log.makeRoom(bytes));
      status = this.#putAtOnce(k, v);
    }
    if (status === DONE) this.#committedSync(sync);
    else this.#putLaterSync(k, v, sync);
  }

  /** Removes `key`; returns whether it was there. */
  delete(key: K, options?: WriteOptions): Promise<boolean> {
    try {
      const sync = this.#beginWrite(options);
      const k = keyToWrite(this.engine, this.codecs, key);
      if (options?.signal?.aborted === true) throw abortedBy(options.signal);
      if (this.engine.turn.busy || this.engine.removeNow(k, k.length) !== DONE) {
        return this.#commits.remove(options?.signal, sync, k);
      }
      return this.engine.tree.changed > 0 ? this.#removed(sync) : NOT_REMOVED;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Like {@link delete}, at once. */
  deleteSync(key: K, options?: WriteOptions): boolean {
    const sync = this.#beginWrite(options);
    const k = keyToWrite(this.engine, this.codecs, key);
    this.engine.checkCanCommit(sync);
    return this.#commits.writeSync(sync, () => removeTask(this.engine, k), false);
  }

  /** Carries out all operations, in their order, or none. */
  batch(operations: Iterable<BatchOperation<K, V>>, options?: WriteOptions): Promise<void> {
    try {
      const sync = this.#beginWrite(options);
      const raw = rawOperations(this.engine, this.codecs, operations);
      return this.#commits.write(options?.signal, sync, () => this.#batchTask(raw), true);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Like {@link batch}, at once. */
  batchSync(operations: Iterable<BatchOperation<K, V>>, options?: WriteOptions): void {
    const sync = this.#beginWrite(options);
    const raw = rawOperations(this.engine, this.codecs, operations);
    this.engine.checkCanCommit(sync);
    this.#commits.writeSync(sync, () => this.#batchTask(raw), true);
  }

  /** Removes every key of a range, or all of them; returns how many went. */
  clear(range?: KeyRange<K>, options?: WriteOptions): Promise<number> {
    try {
      const sync = this.#beginWrite(options);
      const bounds = boundsOf(range, this.encodeKey);
      if (options?.signal?.aborted === true) throw abortedBy(options.signal);
      if (bounds.empty) return Promise.resolve(0);
      const task = (): Task<number> => clearTask(this.engine, bounds.low, bounds.high);
      return this.#commits.write(options?.signal, sync, task, true);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Like {@link clear}, at once. */
  clearSync(range?: KeyRange<K>, options?: WriteOptions): number {
    const sync = this.#beginWrite(options);
    const bounds = boundsOf(range, this.encodeKey);
    if (bounds.empty) return 0;
    this.engine.checkCanCommit(sync);
    return this.#commits.writeSync(
      sync,
      () => clearTask(this.engine, bounds.low, bounds.high),
      true,
    );
  }

  /**
   * Runs `work` with a transaction and commits what it did when it returns; a throw or a rejection
   * takes all of it back. Only calls on the transaction take part.
   */
  async transaction<T>(
    work: (tx: Transaction<K, V, KO, VO>) => T | Promise<T>,
    options?: WriteOptions,
  ): Promise<T> {
    const sync = this.#beginWrite(options);
    checkWork(work);
    await runAsync(this.#commits.takeTurn(options?.signal));
    let written: Written<T>;
    try {
      written = await this.#transact(work, sync);
    } finally {
      this.engine.turn.release();
    }
    this.engine.checkpointInBackground();
    if (sync) await written.group?.durable();
    return written.result;
  }

  async #transact<T>(
    work: (tx: Transaction<K, V, KO, VO>) => T | Promise<T>,
    sync: boolean,
  ): Promise<Written<T>> {
    const tx = this.#begin();
    let result: T;
    try {
      result = await work(tx);
      await runAsync(tx.finish());
      if (tx.doom !== undefined) throw tx.doom;
    } catch (error) {
      await runAsync(this.#abort(tx));
      throw error;
    }
    return { result, group: await runAsync(this.#commit(sync)) };
  }

  /** Like {@link transaction}, with a function that returns no promise. */
  transactionSync<T>(
    work: (tx: Transaction<K, V, KO, VO>) => T,
    options?: WriteOptions,
  ): T {
    const sync = this.#beginWrite(options);
    checkWork(work);
    this.engine.checkCanCommit(sync);
    this.engine.runBlocking(this.#commits.takeTurn(undefined));
    const tx = this.#begin();
    let result: T;
    let group: Group | undefined;
    try {
      result = work(tx);
      if (isThenable(result)) {
        throw new TypeError("the function given to transactionSync() must not return a promise");
      }
      this.engine.runBlocking(tx.finish());
      if (tx.doom !== undefined) throw tx.doom;
      group = this.engine.runBlocking(this.#commit(sync));
    } catch (error) {
      this.#abortSync(tx);
      throw error;
    }
    this.engine.turn.release();
    if (sync && group !== undefined) {
      this.engine.runBlocking(this.engine.log.syncThrough(group.number));
    }
    this.engine.checkpointNow();
    return result;
  }

  /**
   * Ends a transaction that failed; where its operations are still under way, when they are over.
   */
  #abortSync(tx: Transaction<K, V, KO, VO>): void {
    try {
      this.engine.runBlocking(this.#abort(tx));
      this.engine.turn.release();
    } catch (error) {
      if (!isKvigError(error, "KVIG_WOULD_BLOCK")) {
        this.engine.turn.release();
        throw error;
      }
      runAsync(this.#abort(tx)).finally(() => this.engine.turn.release()).catch(ignore);
    }
  }

  /** Makes everything committed so far durable. */
  flush(): Promise<void> {
    try {
      this.engine.checkWritable();
      return runAsync(this.#flushTask());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Like {@link flush}, at once. */
  flushSync(): void {
    this.engine.checkWritable();
    if (this.engine.log.flushing || !this.engine.parts.io.canBlock) throw wouldBlock("a flush");
    this.engine.runBlocking(this.#flushTask());
  }

  /** The state as it is now, to read for as long as it is not closed. */
  snapshot(): Snapshot<K, V, KO, VO> {
    this.engine.checkOpen();
    const state = this.hold();
    const snapshot = new Snapshot(this.engine, this.codecs, state, this.#forget);
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  /** Moves what the log holds into the data file. */
  checkpoint(): Promise<void> {
    try {
      this.engine.checkWritable();
      return runAsync(this.engine.checkpoint());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Like {@link checkpoint}, at once. */
  checkpointSync(): void {
    this.engine.checkWritable();
    if (this.engine.parts.checkpointer.running || this.engine.log.flushing) {
      throw wouldBlock("a checkpoint or flush");
    }
    this.engine.runBlocking(this.engine.checkpoint());
  }

  /** Makes the data file as short as it can be; reports what held it back. */
  compact(options?: CompactOptions): Promise<CompactReport> {
    try {
      this.engine.checkWritable();
      return runAsync(compactTask(this.engine, options ?? {}));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Like {@link compact}, at once. */
  compactSync(options?: CompactOptions): CompactReport {
    this.engine.checkWritable();
    this.engine.checkCanCommit(true);
    return this.engine.runBlocking(compactTask(this.engine, options ?? {}));
  }

  /** Writes a copy of the store as it is now to a new file at `path`, beside ongoing work. */
  backup(path: string | Located, options?: BackupOptions): Promise<void> {
    try {
      this.engine.checkOpen();
      const target = pathOf(path);
      return runAsync(this.#held((state) => backupTask(this.engine, state, target, options ?? {})));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Like {@link backup}, at once. */
  backupSync(path: string | Located, options?: BackupOptions): void {
    this.engine.checkOpen();
    const target = pathOf(path);
    this.engine.runBlocking(
      this.#held((state) => backupTask(this.engine, state, target, options ?? {})),
    );
  }

  /** Checks everything that can be checked; damage is reported, never thrown. */
  verify(options?: VerifyOptions): Promise<VerifyReport> {
    try {
      this.engine.checkOpen();
      return runAsync(this.#held((state) => verifyTask(this.engine, state, options ?? {})));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Like {@link verify}, at once. */
  verifySync(options?: VerifyOptions): VerifyReport {
    this.engine.checkOpen();
    return this.engine.runBlocking(
      this.#held((state) => verifyTask(this.engine, state, options ?? {})),
    );
  }

  /** Figures about the store. */
  stats(): Stats {
    this.engine.checkOpen();
    return statsOf(this.engine, [...this.#snapshots]);
  }

  /**
   * Ends work with the store: waits for writes under way, makes a checkpoint, closes the files.
   * Closing again does nothing. An aborted signal stops the waiting, not the closing.
   */
  close(options?: { signal?: Signalled }): Promise<void> {
    this.#closing ??= runAsync(closeTask(this.engine));
    const signal = options?.signal;
    if (signal === undefined) return this.#closing;
    const closing = this.#closing;
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(abortedBy(signal));
      if (signal.aborted) abort();
      signal.addEventListener("abort", abort, { once: true });
      closing.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
    });
  }

  /** Like {@link close}, at once. */
  closeSync(): void {
    if (this.#closing !== undefined) return;
    const { log, turn, parts, failure } = this.engine;
    const busy = turn.held || log.flushing || parts.checkpointer.running || !parts.io.canBlock;
    if (busy && failure === undefined) throw wouldBlock("an operation");
    this.#closing = Promise.resolve();
    this.engine.runBlocking(closeTask(this.engine));
  }

  /** Same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Same as {@link closeSync}. */
  [Symbol.dispose](): void {
    this.closeSync();
  }

  /**
   * The tree as committed.
   * @internal
   */
  protected override root(): TreeRoot {
    return this.engine.pages.visible.tree;
  }

  /** Throws where the store is closed. */
  protected override check(): void {
    this.engine.checkOpen();
  }

  /**
   * Holds the committed state.
   * @internal
   */
  protected override hold(): State {
    const state = this.engine.committedState();
    this.engine.pages.holds.hold(state);
    return state;
  }

  /**
   * Gives one hold up.
   * @internal
   */
  protected override release(state: State): void {
    this.engine.releaseState(state);
  }

  readonly #forget = (snapshot: Snapshot<K, V, KO, VO>): void => {
    this.#snapshots.delete(snapshot);
  };

  *#held<T>(task: (state: State) => Task<T>): Task<T> {
    const state = this.hold();
    try {
      return yield* task(state);
    } finally {
      this.release(state);
    }
  }

  #beginWrite(options: WriteOptions | undefined): boolean {
    this.engine.checkWritable();
    return wantsSync(this.engine, options);
  }

  /** Tries to put without waiting for anything: DONE, or what is missing. */
  #putAtOnce(key: Uint8Array, value: Uint8Array): number {
    const { engine } = this;
    if (engine.turn.busy || isLarge(engine, key, value)) return NEED_TASK;
    return engine.putNow(key, key.length, value, 0, value.length, 0);
  }

  // The closures of these two would cost an allocation in every put, were they made there.
  #putLater(
    key: Uint8Array,
    value: Uint8Array,
    sync: boolean,
    options: WriteOptions | undefined,
  ): Promise<void> {
    if (!isLarge(this.engine, key, value)) {
      return this.#commits.put(options?.signal, sync, key, value);
    }
    const task = (): Task<void> => putTask(this.engine, key, value);
    return this.#commits.write(options?.signal, sync, task, true);
  }

  #putLaterSync(key: Uint8Array, value: Uint8Array, sync: boolean): void {
    this.#commits.writeSync(
      sync,
      () => putTask(this.engine, key, value),
      isLarge(this.engine, key, value),
    );
  }

  /** Ends a commit of one operation; the promise of its durability. */
  #committed(sync: boolean): Promise<void> {
    const group = this.engine.commitSingle(sync);
    const durable = sync ? group.durable() : APPLIED;
    this.engine.log.schedule();
    this.engine.checkpointInBackground();
    return durable;
  }

  /** Likewise, for one that removed something. */
  #removed(sync: boolean): Promise<boolean> {
    const group = this.engine.commitSingle(sync);
    const durable = sync ? group.durablyTrue() : REMOVED;
    this.engine.log.schedule();
    this.engine.checkpointInBackground();
    return durable;
  }

  #committedSync(sync: boolean): void {
    const { engine } = this;
    engine.commitSingle(sync);
    if (sync) engine.runBlocking(engine.log.flush(true));
    else engine.log.schedule();
    engine.checkpointNow();
  }

  *#batchTask(
    operations: readonly { key: Uint8Array; value: Uint8Array | undefined }[],
  ): Task<void> {
    for (const { key, value } of operations) {
      if (value !== undefined) yield* putTask(this.engine, key, value);
      else yield* removeTask(this.engine, key);
    }
  }

  #begin(): Transaction<K, V, KO, VO> {
    return new Transaction(this.engine, this.codecs, this.engine.beginScope());
  }

  *#abort(tx: Transaction<K, V, KO, VO>): Task<void> {
    yield* tx.finish();
    if (this.engine.scope !== undefined) yield* this.engine.abortScope();
  }

  *#commit(sync: boolean): Task<Group | undefined> {
    const { engine } = this;
    const { scope } = engine;
    try {
      const group = yield* engine.commitScope(sync);
      if (sync) group?.durable().catch(ignore);
      engine.log.schedule();
      return group;
    } catch (error) {
      if (engine.scope !== undefined && engine.scope === scope) yield* engine.abortScope();
      throw error;
    }
  }

  *#flushTask(): Task<void> {
    const { log } = this.engine;
    while (log.flushing) yield* log.idle.wait();
    yield* log.flush(true);
  }
}

function isLarge(engine: Engine, key: Uint8Array, value: Uint8Array): boolean {
  return key.length + value.length > engine.maxInlineBytes;
}

function checkWork(work: unknown): void {
  if (typeof work !== "function") throw new TypeError("a transaction needs a function to run");
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value;
}

function ignore(): void {
  // Whoever waits for the group gets the error from its own promise.
}
