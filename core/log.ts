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
import { COMMIT_RECORD, varintBytes } from "./log_record.ts";

const MAX_PIECE_BYTES = 64 * 1024;

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
  readonly #failure: Failure;
  readonly #mode: CallMode;
  readonly #buffer: Uint8Array;
  readonly #bufferBlocks: number;
  #block = 0;
  /** Where the records of that block begin in the buffer. */
  #payload = BLOCK_HEADER_BYTES;
  #used = 0;
  #forming: Group | undefined = undefined;
  #transaction = false;
  #queue: Group[] = [];
  #scheduled = false;
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

  /** Blocks of the group that is being filled. */
  get formingBlocks(): number {
    return this.#block + 1 - this.head;
  }

  /** Whether records were appended that are not written yet. */
  get pending(): boolean {
    return this.#queue.length > 0 || (this.#forming !== undefined && !this.#transaction);
  }

  /** Whether `bytes` more of records fit the buffer. */
  fitsBuffer(bytes: number): boolean {
    const blocks = Math.ceil((this.#used + bytes) / this.codec.payloadBytes);
    return this.#block + blocks + 1 - this.written <= this.#bufferBlocks;
  }

  /** Whether `bytes` more of records fit the ring. */
  fitsRing(bytes: number): boolean {
    const blocks = Math.ceil((this.#used + bytes) / this.codec.payloadBytes);
    return this.#block + blocks + 2 - this.tail <= this.ringBlocks;
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
    this.#begin();
    this.recordBytes += 3 + keyLength + valueLength;
    this.#byte(type);
    this.#varint(keyspace);
    this.#varint(keyLength);
    this.#varint(valueLength);
    this.#bytes(key, 0, keyLength);
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
    this.#begin();
    this.recordBytes += 3 + keyLength + valueLength;
    this.#byte(type);
    this.#varint(keyspace);
    this.#varint(keyLength);
    this.#varint(valueLength);
    this.#bytes(key, 0, keyLength);
  }

  /** Most bytes that {@link append} can take beyond key and value. */
  static readonly RECORD_OVERHEAD_BYTES: number = 1 + 3 * varintBytes(2 ** 32 - 1) + 1;

  /** Appends the end of a commit and returns its group. */
  commit(sync: boolean): Group {
    const group = this.#begin();
    this.#byte(COMMIT_RECORD);
    this.commits++;
    if (sync) group.sync = true;
    return group;
  }

  /** Ends the group that is being filled, if there is one; the next record begins a new one. */
  endGroup(): void {
    const group = this.#forming;
    if (group === undefined) return;
    this.codec.finish(this.#at(this.#block), this.#used, true);
    group.blocks = this.#block + 1 - this.head;
    this.head = this.#block + 1;
    this.#fill(this.head);
    this.nextGroup++;
    this.#forming = undefined;
    this.#transaction = false;
    this.#queue.push(group);
  }

  /**
   * The records that follow belong to a transaction: a group of their own, which may be abandoned.
   */
  beginTransaction(): void {
    this.endGroup();
    this.#transaction = true;
  }

  /** Ends the transaction's group as a commit. */
  endTransaction(sync: boolean): Group {
    const group = this.commit(sync);
    this.endGroup();
    return group;
  }

  /** Abandons the transaction's group: number and position are given back. */
  abandon(): void {
    assert(this.#transaction || this.#forming === undefined, "only a transaction is abandoned");
    this.#transaction = false;
    this.#forming = undefined;
    this.#fill(this.head);
    if (this.written > this.head) this.written = this.head;
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
    this.#scheduled = false;
    if (!this.flushing && this.pending) this.#runFlushes();
  };

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
    if (!this.#transaction) this.endGroup();
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

  #byte(byte: number): void {
    if (this.#used === this.codec.payloadBytes) this.#nextBlock();
    this.#buffer[this.#payload + this.#used++] = byte;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#byte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.#byte(rest);
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
