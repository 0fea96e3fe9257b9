/**
 * The engine of one open store: its parts, its failure, and the life of a write.
 *
 * A write is tried at once, synchronously. Where something is missing — a page, frames, places,
 * room in the log — nothing has changed; {@link Engine.supply} provides it, waiting as the caller's
 * driver allows, and the write is tried again.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { BTree, DONE, MISS, NEED_EPOCHS, NEED_FRAMES, NEED_PLACES } from "./btree.ts";
import { CATALOGUE_ENTRY_BYTES, DEFAULT_KEYSPACE, encodeEntry } from "./catalogue_entry.ts";
import type { Checkpointer, ClosedState } from "./checkpoint.ts";
import { isKvigError, KvigError } from "./errors.ts";
import type { Failure } from "./failure.ts";
import type { CallMode } from "./file_access.ts";
import type { FreeSpace } from "./free_space.ts";
import { runAsync, runSync, type Task } from "./future.ts";
import type { Io, IoFile } from "./io.ts";
import { maxInlineBytes } from "./leaf.ts";
import { maxKeyBytes, reservedPlaces } from "./limits.ts";
import type { Group } from "./group.ts";
import { Log } from "./log.ts";
import { DELETE_RECORD, PUT_RECORD } from "./log_record.ts";
import type { MetaPages } from "./meta_pages.ts";
import { KEEP, type PageCache } from "./page_cache.ts";
import type { PageLoad } from "./page_loads.ts";
import type { Pager } from "./pager.ts";
import type { Pages } from "./pages.ts";
import { ReadMemory } from "./read_memory.ts";
import type { State } from "./state.ts";
import { Turn } from "./turn.ts";

/** Room in the buffer of the log is missing; further codes are in btree.ts. */
export const NEED_BUFFER = 10;
/** Room in the ring of the log, or in a transaction's share of it, is missing. */
export const NEED_RING = 11;
/** The writer's turn is missing, or the change takes more than one step: it needs a task. */
export const NEED_TASK = 12;

const NO_BYTES = new Uint8Array(0);
/** Bytes of records that ending a transaction takes at most. */
const COMMIT_BYTES = 8;

/** Places for the catalogue and the map above it, which are copied anew after each checkpoint. */
export const CATALOGUE_COPIES = 16;
const MAX_PLACE_ROUNDS = 8;

/** A transaction as the engine sees it. */
export interface Scope {
  /** What readers outside see until it ends. */
  readonly committed: State;
  /** Whether its records are in the log; else it commits by a checkpoint. */
  logged: boolean;
  /** How many operations changed something. */
  changes: number;
}

/** What the engine is made of. */
export interface EngineParts {
  /** Where files and memory come from. */
  io: Io;
  /** Path of the data file. */
  path: string;
  /** How operations of the Io are to be carried out now. */
  mode: CallMode;
  /** The data file's pages. */
  pager: Pager;
  /** The log; undefined when opened read-only. */
  log: Log;
  /** The meta pages. */
  meta: MetaPages;
  /** Makes checkpoints. */
  checkpointer: Checkpointer;
  /** What all of these ask before they write or sync. */
  failure: Failure;
  /** Whether nothing may be written. */
  readOnly: boolean;
  /** Durability of writes that do not say. */
  sync: boolean;
  /** Bytes reserved at opening. */
  reservedBytes: number;
}

/** One open store. */
export class Engine {
  /** What it is made of. */
  readonly parts: EngineParts;
  /** The pages in memory. */
  readonly pages: Pages;
  /** The frames. */
  readonly cache: PageCache;
  /** The places. */
  readonly free: FreeSpace;
  /** The data file's pages. */
  readonly pager: Pager;
  /** The log. */
  readonly log: Log;
  /** Searches and changes trees. */
  readonly tree: BTree;
  /** Who may write. */
  readonly turn: Turn = new Turn();
  /** Largest key, in bytes. */
  readonly maxKeyBytes: number;
  /** Largest key and value together that a leaf holds, in bytes. */
  readonly maxInlineBytes: number;
  /** What its readers share. */
  readonly readMemory: ReadMemory;
  /** The open transaction. */
  scope: Scope | undefined = undefined;
  /** Whether the log is being replayed. */
  recovering = false;
  /** Whether it was closed, or is being closed. */
  closed = false;
  /** Large values that a read-only opening found in the log, by the first page of their run. */
  readonly replayedRuns: Map<number, Uint8Array> = new Map();
  /** Why the last checkpoint in the background was dropped. */
  checkpointError: unknown = undefined;
  readonly #mode: CallMode;
  readonly #entry = new Uint8Array(CATALOGUE_ENTRY_BYTES);
  readonly #margin: number;
  #catalogueGeneration = -1;
  /** Checkpoints that the running operation needed to find places. */
  #placeRounds = 0;

  /** Puts the parts to work. */
  constructor(parts: EngineParts) {
    this.parts = parts;
    this.#mode = parts.mode;
    this.pager = parts.pager;
    this.pages = parts.pager.pages;
    this.cache = this.pages.cache;
    this.free = parts.pager.free;
    this.log = parts.log;
    this.log.moreComing = () => this.turn.busy;
    const { pageBytes } = this.cache.frames;
    this.maxKeyBytes = maxKeyBytes(pageBytes);
    this.maxInlineBytes = maxInlineBytes(pageBytes);
    this.readMemory = new ReadMemory(this.maxKeyBytes, parts.io.cheapSlices === true);
    this.pages.broken = (page, what) => {
      const damage = this.pager.corrupt(page, what);
      this.parts.failure.broke(damage);
      return damage;
    };
    this.tree = new BTree(this.pages, this.free, this.maxKeyBytes);
    this.#margin = Math.max(48, this.cache.capacity >>> 3);
  }

  /** What a failed store refuses everything with. */
  get failure(): KvigError | undefined {
    return this.parts.failure.error;
  }

  /** Throws where the store is closed or has failed. */
  checkOpen(): void {
    this.parts.failure.check();
    if (this.closed) {
      throw new KvigError("KVIG_CLOSED", `the store ${this.parts.path} is closed`);
    }
  }

  /** Throws where nothing may be written. */
  checkWritable(): void {
    this.checkOpen();
    if (this.parts.readOnly) {
      throw new KvigError("KVIG_READ_ONLY", `the store ${this.parts.path} was opened read-only`);
    }
  }

  /** Runs a task to its end without waiting, with operations of the Io that block. */
  runBlocking<T>(task: Task<T>): T {
    const before = this.#mode.blocking;
    this.#mode.blocking = true;
    try {
      return runSync(task);
    } finally {
      this.#mode.blocking = before;
    }
  }

  /** Throws `KVIG_WOULD_BLOCK` where a synchronous commit could not wait for its sync. */
  checkCanCommit(sync: boolean): void {
    if (sync && (this.log.flushing || !this.parts.io.canBlock)) throw wouldBlock("a flush");
    if (this.turn.held) throw wouldBlock("another writer");
  }

  /** Sets a key that a leaf can hold: DONE, or what is missing. */
  putNow(
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    offset: number,
    length: number,
    flags: number,
  ): number {
    const bytes = Log.RECORD_OVERHEAD_BYTES + keyLength + length;
    const room = this.#checkRoom(bytes, true);
    if (room !== DONE) return room;
    const { tree } = this.pages.work;
    const status = this.tree.put(tree, key, keyLength, value, offset, length, flags);
    if (status !== DONE) return status;
    this.#placeRounds = 0;
    if (this.#logging && flags === 0) {
      this.log.append(PUT_RECORD, DEFAULT_KEYSPACE, key, keyLength, value, offset, length);
    }
    return DONE;
  }

  /** Removes a key: DONE, or what is missing; `tree.changed` says whether it was there. */
  removeNow(key: Uint8Array, keyLength: number): number {
    const room = this.#checkRoom(Log.RECORD_OVERHEAD_BYTES + keyLength, false);
    if (room !== DONE) return room;
    const status = this.tree.remove(this.pages.work.tree, key, keyLength);
    if (status !== DONE || this.tree.changed === 0) return status;
    this.#placeRounds = 0;
    if (this.#logging) {
      this.log.append(DELETE_RECORD, DEFAULT_KEYSPACE, key, keyLength, NO_BYTES, 0, 0);
    }
    return DONE;
  }

  get #logging(): boolean {
    return !this.recovering && (this.scope === undefined || this.scope.logged);
  }

  /** Looks for room in the log and in the cache, and readies the catalogue. */
  #checkRoom(bytes: number, put: boolean): number {
    const room = this.#logging ? this.roomToLog(bytes) : DONE;
    return room === DONE ? this.readyToChange(put) : room;
  }

  /** Whether the log takes `bytes` more of records: DONE, or what is missing. */
  roomToLog(bytes: number): number {
    if (this.overShare(bytes) || !this.log.fitsRing(bytes)) return NEED_RING;
    return this.log.fitsBuffer(bytes) ? DONE : NEED_BUFFER;
  }

  /** Whether `bytes` more would take the transaction over its share of the log. */
  overShare(bytes: number): boolean {
    if (this.scope === undefined) return false;
    const blocks = Math.ceil(bytes / this.log.codec.payloadBytes);
    return this.log.transactionBlocks + blocks > this.log.ringBlocks >>> 2;
  }

  /** Looks for room in the cache and readies the catalogue: DONE, or what is missing. */
  readyToChange(put: boolean): number {
    // Compacting moves to places below a ceiling: what lies above is reserve enough.
    const reserved = put && !this.recovering && this.free.ceiling === Infinity;
    this.tree.reserve = reserved ? reservedPlaces(this.pages.work.pageCount) : 0;
    if (this.cache.available < this.#margin) {
      this.tree.need = this.#margin;
      return NEED_FRAMES;
    }
    return this.#catalogueGeneration === this.pages.work.generation ? DONE : this.#touchCatalogue();
  }

  /** Makes the catalogue's page one that may be changed in place when the state is closed. */
  #touchCatalogue(): number {
    const status = this.#putCatalogue();
    if (status !== DONE) return status;
    const { path } = this.tree;
    for (let level = 0; level <= path.height; level++) {
      this.cache.setFlags(path.frame[level], KEEP, 0);
    }
    this.#catalogueGeneration = this.pages.work.generation;
    return DONE;
  }

  #putCatalogue(): number {
    encodeEntry(this.#entry, this.pages.work.tree, DEFAULT_KEYSPACE);
    const { catalogue } = this.pages.work;
    const length = CATALOGUE_ENTRY_BYTES;
    return this.tree.put(catalogue, NO_BYTES, 0, this.#entry, 0, length, 0);
  }

  /** What is committed, as a state that never changes. */
  committedState(): State {
    if (this.scope !== undefined) return this.scope.committed;
    return this.workingState();
  }

  /** The working state as it is, as one that never changes. */
  workingState(): State {
    if (this.#catalogueGeneration === this.pages.work.generation) {
      assert(this.#putCatalogue() === DONE, "the catalogue was readied for its last change");
    }
    return this.pages.freeze();
  }

  /** Closes the committed state between two groups of the log. */
  readonly closeState = (): ClosedState => {
    this.checkFailure();
    this.log.endGroup();
    const state = this.committedState();
    return { state, group: this.log.nextGroup, position: this.log.head };
  };

  /** Provides what `status` says is missing, for an operation with `bytes` of records. */
  *supply(status: number, bytes: number): Task<void> {
    this.checkFailure();
    if (status === MISS) yield* this.pager.load(this.pages.missPage, this.pages.missEpoch);
    else if (status === NEED_FRAMES) yield* this.#supplyFrames();
    else if (status === NEED_PLACES) yield* this.#supplyPlaces();
    else if (status === NEED_EPOCHS) yield* this.parts.meta.raiseLimit();
    else if (status === NEED_BUFFER) yield* this.log.makeRoom(bytes);
    else if (status === NEED_RING) yield* this.#supplyRing();
    else assert(false, "what is missing is known");
    this.checkFailure();
  }

  /**
   * Begins to load the page that a change of `key` would miss, for somebody who waits for the turn;
   * undefined where nothing is missing or there is no room to spare. What fails here is met again
   * in the turn.
   */
  loadAhead(key: Uint8Array): PageLoad | undefined {
    const { cache, pages } = this;
    const few = this.turn.waitingCount <= cache.capacity >>> 3;
    if (!few || cache.available < 2 * this.#margin) return undefined;
    try {
      if (this.tree.find(pages.work.tree, key, key.length) !== MISS) return undefined;
      return this.pager.loads.begin(pages.missPage, pages.missEpoch);
    } catch (error) {
      if (!isKvigError(error)) throw error;
      return undefined;
    }
  }

  /** Throws where the store has failed. */
  checkFailure(): void {
    this.parts.failure.check();
  }

  *#supplyFrames(): Task<void> {
    const busy = this.scope !== undefined || this.recovering;
    if (!busy && this.pages.supersededCount < this.cache.dirtyCount >>> 2) {
      const before = this.cache.available;
      yield* this.checkpoint();
      if (this.cache.available > before) return;
    }
    yield* this.pager.spill();
  }

  *#supplyPlaces(): Task<void> {
    const { need, reserve } = this.tree;
    for (let tries = 0;; tries++) {
      const slack = tries === 0 || this.free.ceiling !== Infinity ? 0 : CATALOGUE_COPIES;
      if (yield* this.pager.findPlaces(need + slack, reserve)) {
        // Each checkpoint makes the retry copy more: an operation does not go round for ever.
        if (tries > 0 && ++this.#placeRounds > MAX_PLACE_ROUNDS) break;
        return;
      }
      if (tries === 2 || this.parts.readOnly) throw this.full();
      // Recovery makes its checkpoints between groups; here only the older meta page can let go.
      if (!this.recovering) yield* this.checkpoint();
      if (tries === 1 || this.recovering) yield* this.parts.meta.raiseLimit();
      this.pager.placesReleased();
    }
    this.#placeRounds = 0;
    throw this.full();
  }

  /** The error of a write that found no place. */
  full(): KvigError {
    const { path } = this.parts;
    return new KvigError("KVIG_FULL", `there is no room for this write in ${path}`, { file: path });
  }

  *#supplyRing(): Task<void> {
    if (this.scope !== undefined) this.stopLogging();
    else yield* this.checkpoint();
  }

  /**
   * The transaction has outgrown the log: its records are abandoned, a checkpoint will commit it.
   */
  stopLogging(): void {
    assert(this.scope !== undefined, "a transaction is open");
    this.log.abandon();
    this.scope.logged = false;
  }

  /** Makes the committed state durable in the data file. */
  *checkpoint(): Task<void> {
    yield* this.parts.checkpointer.run(this.closeState, this.log.salt);
  }

  /** Whether the log or the dirty frames have passed the mark at which a checkpoint begins. */
  get checkpointDue(): boolean {
    return this.cache.dirtyCount > this.cache.capacity >>> 1 ||
      this.log.usedBlocks > this.log.ringBlocks >>> 1;
  }

  /** Begins a checkpoint beside whatever goes on, if it is time for one. */
  checkpointInBackground(): void {
    if (!this.checkpointDue || this.parts.checkpointer.running || this.closed) return;
    runAsync(this.checkpoint()).then(this.#checkpointDone, this.#checkpointDropped);
  }

  /** Makes a checkpoint before going on, if it is time for one and none is under way. */
  checkpointNow(): void {
    if (!this.checkpointDue || this.parts.checkpointer.running || this.log.flushing) return;
    try {
      this.runBlocking(this.checkpoint());
      this.checkpointError = undefined;
    } catch (error) {
      this.#checkpointDropped(error);
    }
  }

  readonly #checkpointDone = (): void => {
    this.checkpointError = undefined;
  };

  readonly #checkpointDropped = (error: unknown): void => {
    this.checkpointError = error;
  };

  /** Ends a commit of one operation, whose record was appended. */
  commitSingle(sync: boolean): Group {
    this.pages.work.sequence++;
    this.pages.touchState();
    return this.log.commit(sync);
  }

  /** Gives up one hold on a state; returns whether it was the last. */
  releaseState(state: State): boolean {
    const last = this.pages.release(state);
    if (last) this.pager.placesReleased();
    return last;
  }

  /** Begins a transaction; the caller has the turn. */
  beginScope(): Scope {
    assert(this.scope === undefined && this.turn.held, "the turn comes before the transaction");
    this.log.beginTransaction();
    const committed = this.workingState();
    this.pages.holds.hold(committed);
    this.pages.visible = committed;
    this.scope = { committed, logged: true, changes: 0 };
    return this.scope;
  }

  /** Commits the transaction. Returns its group, or undefined where it is durable already. */
  *commitScope(sync: boolean): Task<Group | undefined> {
    const { scope } = this;
    assert(scope !== undefined, "a transaction is open");
    if (scope.changes === 0) {
      this.log.abandon();
      this.#endScope(scope);
      return undefined;
    }
    if (scope.logged && !this.log.fitsRing(COMMIT_BYTES)) this.stopLogging();
    if (scope.logged) yield* this.log.makeRoom(COMMIT_BYTES);
    this.checkFailure();
    this.pages.work.sequence++;
    this.pages.touchState();
    if (scope.logged) {
      const group = this.log.endTransaction(sync);
      this.#endScope(scope);
      return group;
    }
    yield* this.#commitByCheckpoint(scope);
    return undefined;
  }

  /**
   * The transaction outgrew the log: both meta pages carry it before it is acknowledged. It takes
   * the number of a group that is not there, so that no older state is ever carried on across it.
   */
  *#commitByCheckpoint(scope: Scope): Task<void> {
    const { checkpointer } = this.parts;
    this.log.endGroup();
    const group = this.log.nextGroup;
    yield* this.log.syncThrough(group - 1);
    const close = (): ClosedState => {
      this.checkFailure();
      const state = this.workingState();
      this.log.skipGroup();
      return { state, group: this.log.nextGroup, position: this.log.head };
    };
    try {
      yield* checkpointer.run(close, this.log.salt, true);
    } catch (error) {
      if (this.log.nextGroup > group) this.log.unskipGroup();
      throw error;
    }
    this.#endScope(scope);
  }

  /** Takes everything back that the transaction did. */
  *abortScope(): Task<void> {
    const { scope } = this;
    assert(scope !== undefined, "a transaction is open");
    while (this.cache.inFlight > 0 && this.pager.spilling) yield* this.pager.moved();
    if (scope.logged) this.log.abandon();
    this.pages.rollback(scope.committed);
    this.free.forgetPath();
    this.#endScope(scope);
  }

  /** Begins a scope for moving pages: what it does is no commit and leaves nothing in the log. */
  beginMove(): Scope {
    const scope = this.beginScope();
    this.stopLogging();
    return scope;
  }

  /** Ends a scope for moving pages. */
  endMove(): void {
    assert(this.scope !== undefined, "a scope is open");
    this.#endScope(this.scope);
  }

  #endScope(scope: Scope): void {
    this.scope = undefined;
    this.pages.visible = this.pages.work;
    this.pages.release(scope.committed);
    this.pager.placesReleased();
  }

  /** Lets go of both files, also where the first one cannot be closed. */
  *closeFiles(): Task<void> {
    const files: IoFile[] = [this.pager.file, this.log.file];
    const errors: KvigError[] = [];
    for (const file of files) {
      try {
        yield* file.close(this.#mode.options);
      } catch (error) {
        if (!(error instanceof KvigError)) throw error;
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

/** The error of a synchronous call that would have to wait for `what`. */
export function wouldBlock(what: string): KvigError {
  return new KvigError(
    "KVIG_WOULD_BLOCK",
    `a synchronous call cannot wait for ${what} under way: use the promise form`,
  );
}
