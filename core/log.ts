/**
 * The log: records are gathered into groups in a buffer, and written to a ring of blocks.
 *
 * It owns the order of things in the ring: which position a group has, what was written, what is
 * known durable, what is free. Each group starts on a block of its own, so a durable block is never
 * written again. Replaying is the business of log_reader.ts.
 *
 * Invariants: `tail ≤ written ≤ head ≤ position of the block being filled`; one flush at a time; a
 * position is not written while an older write of it is in flight.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { copyBytes } from "./bytes.ts";
import type { KvigError } from "./errors.ts";
import type { Failure } from "./failure.ts";
import { type CallMode, writeFully } from "./file_access.ts";
import { runAsync, Signal, type Task } from "./future.ts";
import { Group } from "./group.ts";
import { atEndOfTick } from "./host.ts";
import type { IoFile } from "./io.ts";
import { BLOCK_HEADER_BYTES, type BlockCodec } from "./log_block.ts";
import { COMMIT_RECORD, MAX_HEAD_BYTES, writeHead, writeRecord } from "./log_record.ts";

const MAX_PIECE_BYTES = 64 * 1024;
/** The record that ends a commit is its type alone. */
const COMMIT = Uint8Array.of(COMMIT_RECORD);
/** A flush waits for so many rounds of microtasks in which nobody commits. */
const MAX_IDLE_ROUNDS = 32;
/** And for no more than so many in all. */
const MAX_ROUNDS = 4096;

/** The log of one store. */
export class Log {
  /** The log file. */
  readonly file: IoFile;
  /** Blocks of the ring. */
  readonly ringBlocks: number;
  /** Reads and writes the blocks in the buffer. */
  readonly codec: BlockCodec;
  /** Most bytes of a large value that are appended at a time. */
  readonly pieceBytes: number;
  /** Salt of this opening. */
  salt = 0;
  /** Position of the first block that is still needed. */
  tail = 0;
  /** Position of the first block that is not written. */
  written = 0;
  /** Position where the group that is being filled, or the next one, begins. */
  head = 0;
  /** Number of that group. */
  nextGroup = 1;
  /** The last group that was written. */
  writtenGroup = 0;
  /** The last group known durable. */
  durableGroup = 0;
  /** Whether a write or a sync of the log is in flight. */
  flushing = false;
  /** Syncs since opening. */
  syncs = 0;
  /** Commits since opening. */
  commits = 0;
  /** Bytes of records since opening. */
  recordBytes = 0;
  /** Told when a flush is over. */
  readonly idle: Signal = new Signal();
  /** Whether somebody writes or waits for the turn to write; set by the engine. */
  moreComing: () => boolean = () => false;
  readonly #failure: Failure;
  readonly #mode: CallMode;
  readonly #buffer: Uint8Array;
  readonly #bufferBlocks: number;
  #block = 0;
  /** Where the records of that block begin in the buffer. */
  #payload = BLOCK_HEADER_BYTES;
  #used = 0;
  #forming: Group | undefined = undefined;
  /** Whether a transaction is open whose records are logged. */
  #transaction = false;
  /** Whether it has the group that is being filled. */
  #own = false;
  /** Records of a transaction that may still share a group. */
  readonly #small: Uint8Array;
  #gathered = 0;
  readonly #recordHead = new Uint8Array(MAX_HEAD_BYTES);
  #queue: Group[] = [];
  #scheduled = false;
  #rounds = 0;
  #idleRounds = 0;
  #commitsSeen = 0;
  #abandoned: KvigError | undefined = undefined;

  /** Works on `file` through `buffer`; {@link reset} says where it begins. */
  constructor(
    file: IoFile,
    mode: CallMode,
    buffer: Uint8Array,
    ringBlocks: number,
    codec: BlockCodec,
    failure: Failure,
  ) {
    this.file = file;
    this.#mode = mode;
    this.#buffer = buffer;
    this.ringBlocks = ringBlocks;
    this.codec = codec;
    this.#bufferBlocks = buffer.length / codec.blockBytes;
    this.#small = new Uint8Array(codec.payloadBytes);
    this.pieceBytes = Math.min(MAX_PIECE_BYTES, (this.#bufferBlocks >>> 1) * codec.payloadBytes);
    this.#failure = failure;
  }

  /** Begins at `position` with group number `group`; everything before is durable. */
  reset(position: number, group: number, salt: number): void {
    this.tail = this.written = this.head = position;
    this.#fill(position);
    this.nextGroup = group;
    this.writtenGroup = this.durableGroup = group - 1;
    this.salt = salt;
  }

  /** Blocks of the ring that are in use. */
  get usedBlocks(): number {
    return this.#block + (this.#used > 0 ? 1 : 0) - this.tail;
  }

  /** Blocks of the group that the open transaction has, or will have. */
  get transactionBlocks(): number {
    return this.#own ? this.#block + 1 - this.head : 1;
  }

  /** Whether records were appended that are not written yet. */
  get pending(): boolean {
    return this.#queue.length > 0 || (this.#forming !== undefined && !this.#own);
  }

  /** Whether `bytes` more of records fit the buffer. */
  fitsBuffer(bytes: number): boolean {
    return this.#blockAfter(bytes) + 1 - this.written <= this.#bufferBlocks;
  }

  /** Whether `bytes` more of records fit the ring. */
  fitsRing(bytes: number): boolean {
    return this.#blockAfter(bytes) + 2 - this.tail <= this.ringBlocks;
  }

  /** Position behind `bytes` more of records; what is gathered may begin with another block. */
  #blockAfter(bytes: number): number {
    const more = this.#used + this.#gathered + bytes;
    const apart = this.#gathered > 0 ? 1 : 0;
    return this.#block + Math.ceil(more / this.codec.payloadBytes) + apart;
  }

  /** Appends a record; see log_record.ts. It must fit. */
  append(
    type: number,
    keyspace: number,
    key: Uint8Array,
    keyLength: number,
    value: Uint8Array,
    valueOffset: number,
    valueLength: number,
  ): void {
    this.recordBytes += 3 + keyLength + valueLength;
    const most = Log.RECORD_OVERHEAD_BYTES + keyLength + valueLength;
    if (this.#transaction && !this.#own) {
      if (this.#gathered + most <= this.#small.length) {
        this.#gathered = writeRecord(
          this.#small,
          this.#gathered,
          type,
          keyspace,
          key,
          keyLength,
          value,
          valueOffset,
          valueLength,
        );
        return;
      }
      this.#takeGroup();
    }
    this.#begin();
    if (this.#used + most <= this.codec.payloadBytes) {
      const end = writeRecord(
        this.#buffer,
        this.#payload + this.#used,
        type,
        keyspace,
        key,
        keyLength,
        value,
        valueOffset,
        valueLength,
      );
      this.#used = end - this.#payload;
      return;
    }
    this.#appendKey(type, keyspace, key, keyLength, valueLength);
    this.#bytes(value, valueOffset, valueLength);
  }

  /** Appends a piece of the value of the record appended last. It must fit. */
  appendMore(bytes: Uint8Array, offset: number, length: number): void {
    this.#bytes(bytes, offset, length);
  }

  /** Appends the head of a put whose value of `valueLength` bytes follows in pieces. */
  appendHead(
    type: number,
    keyspace: number,
    key: Uint8Array,
    keyLength: number,
    valueLength: number,
  ): void {
    this.recordBytes += 3 + keyLength + valueLength;
    if (this.#transaction && !this.#own) this.#takeGroup();
    this.#begin();
    this.#appendKey(type, keyspace, key, keyLength, valueLength);
  }

  /** Appends a record up to its key, across blocks where it must. */
  #appendKey(
    type: number,
    keyspace: number,
    key: Uint8Array,
    keyLength: number,
    valueLength: number,
  ): void {
    const length = writeHead(this.#recordHead, 0, type, keyspace, keyLength, valueLength);
    this.#bytes(this.#recordHead, 0, length);
    this.#bytes(key, 0, keyLength);
  }

  /** Most bytes that {@link append} can take beyond key and value. */
  static readonly RECORD_OVERHEAD_BYTES: number = MAX_HEAD_BYTES + 1;

  /** Appends the end of a commit and returns its group. */
  commit(sync: boolean): Group {
    const group = this.#begin();
    this.#bytes(COMMIT, 0, COMMIT.length);
    this.commits++;
    if (sync) group.sync = true;
    return group;
  }

  /**
   * Ends the group that is being filled, if there is one and it is not that of a transaction which
   * is still open; the next record begins a new one.
   */
  endGroup(): void {
    if (!this.#own) this.#endForming();
  }

  #endForming(): void {
    const group = this.#forming;
    if (group === undefined) return;
    this.codec.finish(this.#at(this.#block), this.#used, true);
    group.blocks = this.#block + 1 - this.head;
    this.head = this.#block + 1;
    this.#fill(this.head);
    this.nextGroup++;
    this.#forming = undefined;
    this.#queue.push(group);
  }

  /**
   * The records that follow belong to a transaction, which may be abandoned. As long as they are
   * few they are gathered apart, and share a group with other commits in the end.
   */
  beginTransaction(): void {
    assert(!this.#transaction, "one transaction at a time");
    this.#transaction = true;
  }

  /** The transaction has become too large to share a group. */
  #takeGroup(): void {
    this.endGroup();
    this.#own = true;
    this.#begin();
    this.#bytes(this.#small, 0, this.#gathered);
    this.#gathered = 0;
  }

  /** Ends the transaction as a commit. */
  endTransaction(sync: boolean): Group {
    this.#begin();
    this.#bytes(this.#small, 0, this.#gathered);
    const group = this.commit(sync);
    if (this.#own) this.#endForming();
    this.#forgetTransaction();
    return group;
  }

  /**
   * Abandons the records of the transaction, if there is one; where it has a group, number and
   * position are given back.
   */
  abandon(): void {
    if (this.#own) {
      this.#forming = undefined;
      this.#fill(this.head);
      if (this.written > this.head) this.written = this.head;
    }
    this.#forgetTransaction();
  }

  #forgetTransaction(): void {
    this.#transaction = this.#own = false;
    this.#gathered = 0;
  }

  /**
   * Takes the number of the next group for a commit that a checkpoint makes, which leaves no group:
   * replay from before it finds that one is missing. Everything before must be durable.
   */
  skipGroup(): void {
    assert(this.durableGroup === this.nextGroup - 1, "the log is durable before a number is taken");
    this.writtenGroup = this.durableGroup = this.nextGroup++;
  }

  /** Gives the number back: that commit did not come about. */
  unskipGroup(): void {
    this.writtenGroup = this.durableGroup = --this.nextGroup - 1;
  }

  /** Writes what is pending when this tick of the event loop ends, if no flush is under way. */
  schedule(): void {
    if (this.#scheduled || this.flushing) return;
    this.#scheduled = true;
    atEndOfTick(this.#startFlush);
  }

  readonly #startFlush = (): void => {
    if (!this.flushing && this.pending && this.#worthWaiting()) {
      atEndOfTick(this.#startFlush);
      return;
    }
    this.#scheduled = false;
    this.#rounds = this.#idleRounds = 0;
    if (!this.flushing && this.pending) this.#runFlushes();
  };

  /**
   * Whether writers are at hand that may share the flush: as long as one commits every few rounds
   * of microtasks. They cost a flush next to nothing, and each would else wait for one of its own.
   */
  #worthWaiting(): boolean {
    if (!this.moreComing() || ++this.#rounds > MAX_ROUNDS) return false;
    if (this.commits !== this.#commitsSeen) this.#idleRounds = 0;
    this.#commitsSeen = this.commits;
    return ++this.#idleRounds <= MAX_IDLE_ROUNDS;
  }

  #runFlushes(): void {
    runAsync(this.#flushLoop()).catch(ignore);
  }

  *#flushLoop(): Task<void> {
    while (this.pending && !this.flushing) yield* this.flush(false);
  }

  /**
   * Writes every closed group, and the one being filled unless a transaction fills it; then syncs
   * if a group or the caller wants it. No other flush may be under way.
   * @throws {KvigError} `KVIG_FAILED` when a write or the sync failed: the store has failed.
   */
  *flush(sync: boolean): Task<void> {
    assert(!this.flushing, "one flush at a time");
    this.#refuse();
    this.#mode.checkMayWait();
    this.endGroup();
    const groups = this.#queue;
    this.#queue = [];
    let wanted = sync;
    for (let i = 0; i < groups.length; i++) wanted = wanted || groups[i].sync;
    if (groups.length === 0 && !wanted) return;
    this.flushing = true;
    let failure: KvigError | undefined;
    try {
      const last = groups.at(-1);
      if (last !== undefined) {
        for (const group of groups) this.#seal(group, group.blocks);
        yield* this.#write(last.start + last.blocks);
        this.writtenGroup = last.number;
      }
      // Another part of the store may have failed meanwhile.
      this.#failure.check();
      if (wanted) yield* this.#sync();
    } catch (error) {
      failure = this.#failure.fail(error);
    }
    this.flushing = false;
    if (failure !== undefined) this.#abandonAll(failure);
    for (const group of groups) group.settle(failure);
    this.idle.fire();
    if (failure !== undefined) throw failure;
    if (this.pending) this.schedule();
  }

  /** Throws where the store has failed, in whatever part of it. */
  #refuse(): void {
    const { error } = this.#failure;
    if (error !== undefined && this.#abandoned === undefined) {
      this.#abandonAll(this.#failure.fail(error));
    }
    if (this.#abandoned !== undefined) throw this.#abandoned;
  }

  /** After a failure nothing is written any more, and nobody waits in vain. */
  #abandonAll(failure: KvigError): void {
    this.#abandoned = failure;
    for (const group of this.#queue.splice(0)) group.settle(failure);
    this.#forming?.settle(failure);
    this.#forming = undefined;
    this.#own = false;
    this.#fill(this.head);
  }

  *#sync(): Task<void> {
    const through = this.writtenGroup;
    this.syncs++;
    const future = this.file.sync("data", this.#mode.options);
    const { generation } = future;
    if (!future.settled) yield future;
    future.take(generation);
    if (through > this.durableGroup) this.durableGroup = through;
  }

  /** Makes sure that everything up to group number `group` is durable. */
  *syncThrough(group: number): Task<void> {
    while (this.durableGroup < group) {
      if (this.flushing) yield* this.idle.wait();
      else yield* this.flush(true);
    }
  }

  /** Makes room in the buffer for `bytes` more of records; the ring must have room. */
  *makeRoom(bytes: number): Task<void> {
    while (!this.fitsBuffer(bytes)) {
      if (this.flushing) yield* this.idle.wait();
      else if (this.pending) yield* this.flush(false);
      else yield* this.#stream();
    }
  }

  /** Writes the full blocks of a transaction's group ahead of its commit. */
  *#stream(): Task<void> {
    const group = this.#forming;
    this.#refuse();
    this.#mode.checkMayWait();
    assert(group !== undefined && this.#block > this.written, "there is something to stream");
    this.flushing = true;
    let failure: KvigError | undefined;
    try {
      this.#seal(group, this.#block - group.start);
      yield* this.#write(this.#block);
    } catch (error) {
      failure = this.#failure.fail(error);
    }
    this.flushing = false;
    if (failure !== undefined) this.#abandonAll(failure);
    this.idle.fire();
    if (failure !== undefined) throw failure;
  }

  #seal(group: Group, blocks: number): void {
    for (; group.sealed < blocks; group.sealed++) {
      const position = group.start + group.sealed;
      group.chain = this.codec.seal(
        this.#at(position),
        group.sealed,
        group.chain,
        this.salt,
        position,
        group.number,
        this.durableGroup,
      );
    }
  }

  /** Writes the blocks up to position `end`, in as few pieces as buffer and ring allow. */
  *#write(end: number): Task<void> {
    const { blockBytes } = this.codec;
    for (let position = this.written; position < end;) {
      const place = position % this.ringBlocks;
      const slot = position % this.#bufferBlocks;
      const count = Math.min(end - position, this.ringBlocks - place, this.#bufferBlocks - slot);
      const at = place * blockBytes;
      const offset = slot * blockBytes;
      const length = count * blockBytes;
      // What most writes do in one piece, without the tasks that it takes to go on after a part.
      const future = this.file.write(at, this.#buffer, offset, length, this.#mode.options);
      const { generation } = future;
      if (!future.settled) yield future;
      const done = future.take(generation);
      if (done < length) {
        yield* writeFully(
          this.file,
          at + done,
          this.#buffer,
          offset + done,
          length - done,
          this.#mode,
        );
      }
      position += count;
    }
    this.written = end;
  }

  #begin(): Group {
    if (this.#forming === undefined) this.#forming = new Group(this.nextGroup, this.head);
    return this.#forming;
  }

  #at(position: number): number {
    return (position % this.#bufferBlocks) * this.codec.blockBytes;
  }

  #nextBlock(): void {
    this.codec.finish(this.#at(this.#block), this.#used, false);
    this.#fill(this.#block + 1);
  }

  /** The next record goes to the block at `position`, which is empty. */
  #fill(position: number): void {
    this.#block = position;
    this.#payload = this.#at(position) + BLOCK_HEADER_BYTES;
    this.#used = 0;
  }

  #bytes(bytes: Uint8Array, offset: number, length: number): void {
    let done = 0;
    while (done < length) {
      if (this.#used === this.codec.payloadBytes) this.#nextBlock();
      const piece = Math.min(length - done, this.codec.payloadBytes - this.#used);
      copyBytes(bytes, offset + done, this.#buffer, this.#payload + this.#used, piece);
      this.#used += piece;
      done += piece;
    }
  }
}

function ignore(): void {
  // A failed flush has already failed the store and everybody who waits for it.
}
