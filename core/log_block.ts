/**
 * Blocks of the log: a header and a piece of the records of one group.
 *
 * The checksum of the first block of a group is seeded with the file's seed, that of every other
 * one with the checksum of the block before it: a group counts whole or not at all. The layout is
 * in docs/format.md.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { getUint64, setUint64 } from "./bytes.ts";
import { signedChecksum } from "./checksum.ts";

/** Bytes of the header of a block. */
export const BLOCK_HEADER_BYTES = 64;
/** Bytes of the id of a file. */
export const FILE_ID_BYTES = 16;

const FIRST_FLAG = 1;
const LAST_FLAG = 2;

/** What a block says of itself. */
export interface BlockHeader {
  /** Bytes of records in it. */
  used: number;
  /** Whether it is the first of its group. */
  first: boolean;
  /** Whether it is the last of its group. */
  last: boolean;
  /** Salt of the opening that wrote it. */
  salt: number;
  /** Its number within the group, from 0. */
  index: number;
  /** Its position, in blocks since creation. */
  position: number;
  /** Number of its group. */
  group: number;
  /** The last group known durable when it was written. */
  durableThrough: number;
}

/** Reads and writes the blocks in a buffer, for one file id. */
export class BlockCodec {
  /** Size of a block. */
  readonly blockBytes: number;
  /** Bytes of records that a block holds. */
  readonly payloadBytes: number;
  readonly #buffer: Uint8Array;
  readonly #view: DataView;
  readonly #fileId: Uint8Array | undefined;
  readonly #seed: number;

  /**
   * For blocks in `buffer` that belong to the file with `fileId`, whose seed is `seed`; without an
   * id for those of any file, to be read only.
   */
  constructor(
    buffer: Uint8Array,
    blockBytes: number,
    fileId: Uint8Array | undefined,
    seed: number,
  ) {
    this.blockBytes = blockBytes;
    this.payloadBytes = blockBytes - BLOCK_HEADER_BYTES;
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    this.#fileId = fileId;
    this.#seed = seed;
  }

  /** Notes how full the block at `at` is and whether it is the last of its group. */
  finish(at: number, used: number, last: boolean): void {
    this.#view.setUint16(at + 4, used, true);
    this.#buffer[at + 6] = last ? LAST_FLAG : 0;
  }

  /** Completes the header of the finished block at `at` and returns its checksum. */
  seal(
    at: number,
    index: number,
    chain: number,
    salt: number,
    position: number,
    group: number,
    durableThrough: number,
  ): number {
    const view = this.#view;
    const fileId = this.#fileId;
    assert(fileId !== undefined, "blocks are written for a file");
    const used = view.getUint16(at + 4, true);
    if (index === 0) this.#buffer[at + 6] |= FIRST_FLAG;
    this.#buffer[at + 7] = 0;
    for (let i = 0; i < FILE_ID_BYTES; i++) this.#buffer[at + 8 + i] = fileId[i];
    view.setUint32(at + 24, salt, true);
    view.setUint32(at + 28, index, true);
    setUint64(view, at + 32, position);
    setUint64(view, at + 40, group);
    setUint64(view, at + 48, durableThrough);
    setUint64(view, at + 56, 0);
    const seed = index === 0 ? this.#seed : chain;
    const sum = signedChecksum(view, at + 4, BLOCK_HEADER_BYTES - 4 + used, seed);
    view.setInt32(at, sum, true);
    return sum;
  }

  /** Whether the block at `at` names this file and looks like the first of a group; no checksum. */
  looksFirst(at: number): boolean {
    return (this.#buffer[at + 6] & FIRST_FLAG) !== 0 && this.#own(at);
  }

  /** Whether the block at `at` is a valid first one of another file. */
  foreign(at: number): boolean {
    if ((this.#buffer[at + 6] & FIRST_FLAG) === 0 || this.#own(at)) return false;
    const used = this.#view.getUint16(at + 4, true);
    if (used > this.payloadBytes) return false;
    const seed = this.#checksum(at + 8, FILE_ID_BYTES, 0);
    return this.sum(at) === this.#checksum(at + 4, BLOCK_HEADER_BYTES - 4 + used, seed);
  }

  #own(at: number): boolean {
    const fileId = this.#fileId;
    if (fileId === undefined) return true;
    for (let i = 0; i < FILE_ID_BYTES; i++) {
      if (this.#buffer[at + 8 + i] !== fileId[i]) return false;
    }
    return true;
  }

  /** Checksum that the block at `at` carries. */
  sum(at: number): number {
    return this.#view.getUint32(at, true);
  }

  /** Whether the checksum of the block at `at` fits; `chain` is that of the block before it. */
  valid(at: number, first: boolean, chain: number): boolean {
    const used = this.#view.getUint16(at + 4, true);
    if (used > this.payloadBytes || !this.#own(at)) return false;
    const seed = first ? this.#firstSeed(at) : chain;
    return this.sum(at) === this.#checksum(at + 4, BLOCK_HEADER_BYTES - 4 + used, seed);
  }

  #checksum(at: number, length: number, seed: number): number {
    return signedChecksum(this.#view, at, length, seed) >>> 0;
  }

  #firstSeed(at: number): number {
    if (this.#fileId !== undefined) return this.#seed;
    return this.#checksum(at + 8, FILE_ID_BYTES, 0);
  }

  /** The header of the block at `at`. */
  header(at: number): BlockHeader {
    const view = this.#view;
    const flags = this.#buffer[at + 6];
    return {
      used: view.getUint16(at + 4, true),
      first: (flags & FIRST_FLAG) !== 0,
      last: (flags & LAST_FLAG) !== 0,
      salt: view.getUint32(at + 24, true),
      index: view.getUint32(at + 28, true),
      position: getUint64(view, at + 32),
      group: getUint64(view, at + 40),
      durableThrough: getUint64(view, at + 48),
    };
  }
}

/** Whether the header of a valid block can be believed: 64-bit fields below 2^53. */
export function plausible(header: BlockHeader): boolean {
  return Number.isSafeInteger(header.position) && Number.isSafeInteger(header.group) &&
    Number.isSafeInteger(header.durableThrough);
}
