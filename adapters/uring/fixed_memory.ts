/**
 * Addresses of memory that the kernel may be given.
 *
 * That is only what `allocate` of the Io made: its buffer is never moved, resized or detached, so
 * whoever keeps the view keeps the memory. A program's own buffers go another way.
 *
 * @module
 */

import { allocateAligned, isFixed } from "../aligned_memory.ts";
import type { Ffi } from "./ffi.ts";

/** A part of the C library's iovec, in words. */
const IOVEC_WORDS = 4;
const TWO_32 = 4_294_967_296;

const addresses = new WeakMap<ArrayBufferLike, number>();

/** The address of the first byte of `memory`, or 0 when the kernel may not be given it. */
export function fixedAddress(ffi: Ffi, memory: Uint8Array): number {
  const { buffer } = memory;
  let address = addresses.get(buffer);
  if (address === undefined) {
    if (!isFixed(memory)) return 0;
    address = ffi.addressOf(buffer);
    addresses.set(buffer, address);
  }
  return address + memory.byteOffset;
}

/** A table of pieces of memory for writev, filled anew between two submits. */
export class PieceTable {
  /** Where the table lies. */
  readonly memory: Uint8Array;
  /** A 64-bit one, and where it lies: what is written to an eventfd. */
  readonly one: { readonly memory: Uint8Array; readonly address: number };
  readonly #address: number;
  readonly #words: Int32Array;
  readonly #capacity: number;
  #count = 0;

  /** Has room for `capacity` pieces. */
  constructor(ffi: Ffi, capacity: number) {
    this.memory = allocateAligned(capacity * IOVEC_WORDS * 4);
    this.#address = fixedAddress(ffi, this.memory);
    const { buffer, byteOffset } = this.memory;
    this.#words = new Int32Array(buffer, byteOffset, capacity * IOVEC_WORDS);
    this.#capacity = capacity;
    const one = allocateAligned(8);
    one[0] = 1;
    this.one = { memory: one, address: fixedAddress(ffi, one) };
  }

  /** How many more pieces fit. */
  get room(): number {
    return this.#capacity - this.#count;
  }

  /** The address of the piece that is added next. */
  get next(): number {
    return this.#address + this.#count * IOVEC_WORDS * 4;
  }

  /** Adds the `length` bytes at `address`. */
  add(address: number, length: number): void {
    const word = this.#count++ * IOVEC_WORDS;
    const high = Math.floor(address / TWO_32);
    this.#words[word] = address - high * TWO_32;
    this.#words[word + 1] = high;
    this.#words[word + 2] = length;
    this.#words[word + 3] = 0;
  }

  /** Empties the table. The kernel has taken what was in it. */
  clear(): void {
    this.#count = 0;
  }
}
