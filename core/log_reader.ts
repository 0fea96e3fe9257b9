/**
 * Reading the log: where its good groups end, whether what follows is a torn tail or damage, and
 * the records of the groups.
 *
 * The rules (the reasons are in docs/design.md):
 * - A group counts when all of its blocks are there, in order, with this salt, up to its last.
 * - Blocks of an older salt are the end of the log. A *newer* salt anywhere proves a lost meta
 *   page.
 * - Where a group is bad and a valid later one says that it was durable, the log is damaged.
 *   Otherwise the bad group is a torn tail, and is cut with whatever stands behind it.
 *
 * @module
 */

import { isKvigError, KvigError } from "./errors.ts";
import { type CallMode, readFully } from "./file_access.ts";
import type { Task } from "./future.ts";
import type { IoFile } from "./io.ts";
import { BLOCK_HEADER_BYTES, type BlockCodec, type BlockHeader, plausible } from "./log_block.ts";
import { COMMIT_RECORD } from "./log_record.ts";

/** A position between two groups. */
export interface LogPosition {
  /** Position of the next block. */
  position: number;
  /** Number of the next group. */
  group: number;
}

/** One record as it was logged. */
export interface LogRecord {
  /** Its type; see log_record.ts. */
  type: number;
  /** Number of the keyspace. */
  keyspace: number;
  /** Its key. */
  key: Uint8Array;
  /** Its value. */
  value: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

/** Reads the ring of one store, with the memory that the log uses as its buffer later. */
export class LogReader {
  readonly #file: IoFile;
  readonly #mode: CallMode;
  readonly #buffer: Uint8Array;
  readonly #codec: BlockCodec;
  readonly #ringBlocks: number;
  readonly #chunkBlocks: number;
  /** Whether the last scan failed because the log is ahead of the meta page that it began with. */
  provesLostMeta = false;
  #chunkPlace = 0;
  #chunkCount = 0;
  // The group whose records are being read, and the position within it.
  #group = 0;
  #salt = 0;
  #start = 0;
  #position = 0;
  #chain = 0;
  #at = 0;
  #left = 0;
  #last = false;

  /** Reads `file`, a ring of `ringBlocks` blocks, through `buffer`. */
  constructor(
    file: IoFile,
    mode: CallMode,
    buffer: Uint8Array,
    ringBlocks: number,
    codec: BlockCodec,
  ) {
    this.#file = file;
    this.#mode = mode;
    this.#buffer = buffer;
    this.#ringBlocks = ringBlocks;
    this.#codec = codec;
    this.#chunkBlocks = buffer.length / codec.blockBytes;
  }

  /** Offset in the buffer of the block at `position`, read if need be. */
  *#block(position: number): Task<number> {
    const place = position % this.#ringBlocks;
    const { blockBytes } = this.#codec;
    if (place < this.#chunkPlace || place >= this.#chunkPlace + this.#chunkCount) {
      const count = Math.min(this.#chunkBlocks, this.#ringBlocks - place);
      this.#chunkCount = 0;
      const length = count * blockBytes;
      const read = yield* readFully(
        this.#file,
        place * blockBytes,
        this.#buffer,
        0,
        length,
        this.#mode,
      );
      if (read < length) throw this.#corrupt(position, "the file ends before the ring does");
      this.#chunkPlace = place;
      this.#chunkCount = count;
    }
    return (place - this.#chunkPlace) * blockBytes;
  }

  /**
   * Finds the end of the good groups from `start` on that carry `salt`. What says that the log is
   * damaged is read once more: it may have come from a wrong place.
   * @throws {KvigError} `KVIG_CORRUPT` where what follows is not a torn tail.
   */
  *scan(start: LogPosition, salt: number): Task<LogPosition> {
    try {
      return yield* this.#scanOnce(start, salt);
    } catch (error) {
      if (!isKvigError(error, "KVIG_CORRUPT")) throw error;
      this.#chunkCount = 0;
      return yield* this.#scanOnce(start, salt);
    }
  }

  *#scanOnce(start: LogPosition, salt: number): Task<LogPosition> {
    this.provesLostMeta = false;
    let { position, group } = start;
    const end = position + this.#ringBlocks;
    while (position < end) {
      let blocks = yield* this.#groupBlocks(position, group, salt, end);
      if (blocks === 0) {
        // What came from a wrong place by a passing fault would cut off what is durable.
        this.#chunkCount = 0;
        blocks = yield* this.#groupBlocks(position, group, salt, end);
      }
      if (blocks === 0) break;
      position += blocks;
      group++;
    }
    yield* this.#examineRest({ position, group }, salt);
    return { position, group };
  }

  /** Number of blocks of the whole group `group` at `position`; 0 where it is not whole. */
  *#groupBlocks(position: number, group: number, salt: number, end: number): Task<number> {
    let chain = 0;
    for (let index = 0; position + index < end; index++) {
      const at = yield* this.#block(position + index);
      if (!this.#codec.valid(at, index === 0, chain)) return 0;
      const header = this.#codec.header(at);
      if (!belongs(header, position + index, group, salt, index)) return 0;
      if (header.last) return index + 1;
      chain = this.#codec.sum(at);
    }
    return 0;
  }

  /** Looks at every block of the ring for proof that `end` is not where the log ended. */
  *#examineRest(end: LogPosition, salt: number): Task<void> {
    for (let place = 0; place < this.#ringBlocks; place++) {
      const at = yield* this.#block(place);
      if (this.#codec.foreign(at)) {
        throw this.#corrupt(this.#codec.header(at).position, "it belongs to another store");
      }
      if (!this.#codec.looksFirst(at)) continue;
      const header = this.#codec.header(at);
      const later = header.salt > salt || (header.salt === salt && header.group >= end.group);
      if (!later || !this.#codec.valid(at, true, 0) || !plausible(header)) continue;
      if (header.index !== 0) continue;
      if (header.salt > salt) {
        this.provesLostMeta = true;
        throw this.#corrupt(header.position, "it is newer than the meta page: that one was lost");
      }
      if (place === end.position % this.#ringBlocks && header.position > end.position) {
        this.provesLostMeta = true;
        throw this.#corrupt(
          end.position,
          "it was overwritten by a later one: a meta page was lost",
        );
      }
      if (header.group > end.group) {
        const through = yield* this.#durableThrough(header, this.#codec.sum(at));
        if (through >= end.group) {
          throw this.#corrupt(end.position, `group ${end.group} was durable and is damaged`);
        }
      }
    }
  }

  /** The last group that any block of the group with `first` says was durable. */
  *#durableThrough(first: BlockHeader, sum: number): Task<number> {
    let { durableThrough, last } = first;
    let chain = sum;
    for (let index = 1; !last && index < this.#ringBlocks; index++) {
      const at = yield* this.#block(first.position + index);
      if (!this.#codec.valid(at, false, chain)) break;
      const header = this.#codec.header(at);
      if (!belongs(header, first.position + index, first.group, first.salt, index)) break;
      durableThrough = Math.max(durableThrough, header.durableThrough);
      last = header.last;
      chain = this.#codec.sum(at);
    }
    return durableThrough;
  }

  /** Whether any block of the ring is a valid first one of a group, whatever its salt. */
  *anyValid(): Task<boolean> {
    for (let place = 0; place < this.#ringBlocks; place++) {
      const at = yield* this.#block(place);
      if (this.#codec.looksFirst(at) && this.#codec.valid(at, true, 0)) return true;
    }
    return false;
  }

  /** Whether the ring holds nothing but zeros, as it does until the first group. */
  *blank(): Task<boolean> {
    const { blockBytes } = this.#codec;
    for (let place = 0; place < this.#ringBlocks; place++) {
      const at = yield* this.#block(place);
      for (let i = 0; i < blockBytes; i++) if (this.#buffer[at + i] !== 0) return false;
    }
    return true;
  }

  /**
   * Goes to the first record of a group that was scanned.
   * @throws {KvigError} `KVIG_CORRUPT` where its blocks are no longer what they were.
   */
  *seek({ position, group }: LogPosition, salt: number): Task<void> {
    this.#group = group;
    this.#salt = salt;
    this.#start = this.#position = position;
    this.#chain = 0;
    yield* this.#enter();
  }

  /** Goes into the block at the position; what was checked by the scan is read and checked anew. */
  *#enter(): Task<void> {
    for (let tries = 0; tries < 2; tries++) {
      const at = yield* this.#block(this.#position);
      const index = this.#position - this.#start;
      const header = this.#codec.header(at);
      if (
        this.#codec.valid(at, index === 0, this.#chain) &&
        belongs(header, this.#position, this.#group, this.#salt, index)
      ) {
        this.#at = at + BLOCK_HEADER_BYTES;
        this.#left = header.used;
        this.#last = header.last;
        this.#chain = this.#codec.sum(at);
        return;
      }
      this.#chunkCount = 0;
    }
    throw this.#corrupt(this.#position, "it was whole when it was read before");
  }

  /** The next record, or undefined behind the last one of the group. */
  *next(): Task<LogRecord | undefined> {
    if (this.#left === 0 && !(yield* this.#advance())) return undefined;
    const type = yield* this.#byte();
    if (type === COMMIT_RECORD) return { type, keyspace: 0, key: NO_BYTES, value: NO_BYTES };
    const keyspace = yield* this.#varint();
    const keyLength = yield* this.#varint();
    const valueLength = yield* this.#varint();
    const key = yield* this.#bytes(keyLength);
    const value = yield* this.#bytes(valueLength);
    return { type, keyspace, key, value };
  }

  /** Position behind the last block that was read by {@link next}. */
  get end(): number {
    return this.#position + 1;
  }

  *#advance(): Task<boolean> {
    if (this.#last) return false;
    this.#position++;
    yield* this.#enter();
    return true;
  }

  *#byte(): Task<number> {
    while (this.#left === 0) yield* this.#mustAdvance();
    this.#left--;
    return this.#buffer[this.#at++];
  }

  *#varint(): Task<number> {
    let value = 0;
    for (let scale = 1;; scale *= 128) {
      // As in #byte, without a task for each.
      while (this.#left === 0) yield* this.#mustAdvance();
      this.#left--;
      const byte = this.#buffer[this.#at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      if (scale > 2 ** 42) throw this.#corrupt(this.#position, "a record has a field without end");
    }
  }

  *#bytes(length: number): Task<Uint8Array> {
    if (length > this.#ringBlocks * this.#codec.payloadBytes) {
      throw this.#corrupt(this.#position, "a record is longer than the log");
    }
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      while (this.#left === 0) yield* this.#mustAdvance();
      const piece = Math.min(length - done, this.#left);
      bytes.set(this.#buffer.subarray(this.#at, this.#at + piece), done);
      this.#at += piece;
      this.#left -= piece;
      done += piece;
    }
    return bytes;
  }

  *#mustAdvance(): Task<void> {
    if (!(yield* this.#advance())) {
      throw this.#corrupt(this.#position, "its group ends within a record");
    }
  }

  /** The error for damage in the block that was read last by {@link next}. */
  corrupt(what: string): KvigError {
    return this.#corrupt(this.#position, what);
  }

  #corrupt(position: number, what: string): KvigError {
    const { path } = this.#file;
    const message = `the block at position ${position} of ${path} is damaged: ${what}`;
    return new KvigError("KVIG_CORRUPT", message, { file: path, position });
  }
}

function belongs(
  header: BlockHeader,
  position: number,
  group: number,
  salt: number,
  index: number,
): boolean {
  return header.position === position && header.group === group && header.salt === salt &&
    header.index === index && header.first === (index === 0);
}
