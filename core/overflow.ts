/**
 * References to overflow runs: where a value lies that is too large for a leaf. A run is a number
 * of adjacent pages without headers. The layout is in docs/format.md.
 *
 * @module
 */

import { getUint32, setUint32 } from "./bytes.ts";
import { checksum } from "./checksum.ts";

/** Bytes of an overflow reference in a leaf: first page, epoch, length, checksum. */
export const OVERFLOW_REFERENCE_BYTES = 16;

/** One overflow reference, decoded. Reused. */
export class OverflowReference {
  /** First page of the run. */
  page = 0;
  /** Epoch in which it was written. */
  epoch = 0;
  /** Length of the value, in bytes. */
  length = 0;
  /** Checksum of the value, seeded with page and epoch. */
  sum = 0;

  /** Number of pages of the run. */
  pages(pageBytes: number): number {
    return Math.max(1, Math.ceil(this.length / pageBytes));
  }

  /** Reads a reference from `bytes` at `at`. */
  read(bytes: Uint8Array, at: number): void {
    this.page = getUint32(bytes, at);
    this.epoch = getUint32(bytes, at + 4);
    this.length = getUint32(bytes, at + 8);
    this.sum = getUint32(bytes, at + 12);
  }

  /** Takes over another reference. */
  copy(other: OverflowReference): void {
    this.page = other.page;
    this.epoch = other.epoch;
    this.length = other.length;
    this.sum = other.sum;
  }

  /** Writes the reference into `bytes` at `at`. */
  write(bytes: Uint8Array, at: number): void {
    setUint32(bytes, at, this.page);
    setUint32(bytes, at + 4, this.epoch);
    setUint32(bytes, at + 8, this.length);
    setUint32(bytes, at + 12, this.sum);
  }

  /** The checksum of a value that lies in this run. */
  checksumOf(value: Uint8Array): number {
    return checksum(value, 0, value.length, (this.page ^ Math.imul(this.epoch, 0x9E3779B1)) >>> 0);
  }
}
