/**
 * Plain functions over bytes: comparing, hexadecimal, 64-bit fields.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { copyPart } from "./host.ts";

/** Order of two byte strings: below 0, 0 or above 0. A proper prefix comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return compareRanges(a, 0, a.length, b, 0, b.length);
}

/** Order of `aLength` bytes of `a` from `aAt` on and `bLength` bytes of `b` from `bAt` on. */
export function compareRanges(
  a: Uint8Array,
  aAt: number,
  aLength: number,
  b: Uint8Array,
  bAt: number,
  bLength: number,
): number {
  const length = aLength < bLength ? aLength : bLength;
  for (let i = 0; i < length; i++) {
    const difference = a[aAt + i] - b[bAt + i];
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/** Number of leading bytes that two byte strings share. */
export function commonPrefix(
  a: Uint8Array,
  aLength: number,
  b: Uint8Array,
  bLength: number,
): number {
  const length = aLength < bLength ? aLength : bLength;
  let i = 0;
  while (i < length && a[i] === b[i]) i++;
  return i;
}

/** Fewer bytes are copied one by one: calling what copies many costs more. */
const FEW_BYTES = 16;
/** From so many on the host's own way of copying a part is the faster one. */
const MANY_BYTES = 64;

/** Copies bytes between two arrays, or within one, in the way that is fast for their number. */
export function copyBytes(
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  length: number,
): void {
  if (from === to) {
    to.copyWithin(toAt, fromAt, fromAt + length);
  } else if (length >= FEW_BYTES && fromAt === 0 && length === from.length) {
    to.set(from, toAt);
  } else if (length >= MANY_BYTES && copyPart !== undefined) {
    copyPart.call(from, to, toAt, fromAt, fromAt + length);
  } else {
    copyEach(from, fromAt, to, toAt, length);
  }
}

/** Eight bytes a round: engines look at the bounds of a loop once in each. */
function copyEach(
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  length: number,
): void {
  const end = fromAt + length;
  let p = fromAt;
  let q = toAt;
  for (const last = end - 8; p <= last; p += 8, q += 8) {
    to[q] = from[p];
    to[q + 1] = from[p + 1];
    to[q + 2] = from[p + 2];
    to[q + 3] = from[p + 3];
    to[q + 4] = from[p + 4];
    to[q + 5] = from[p + 5];
    to[q + 6] = from[p + 6];
    to[q + 7] = from[p + 7];
  }
  for (; p < end; p++, q++) to[q] = from[p];
}

/** Reads a little-endian 64-bit field whose value is below 2^53. */
export function getUint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}

/** Writes a little-endian 64-bit field; `value` is a whole number below 2^53. */
export function setUint64(view: DataView, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "a 64-bit field holds a whole number");
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

/** Hexadecimal digits of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** Reads a little-endian 32-bit field that need not be aligned. */
export function getUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** Writes a little-endian 32-bit field that need not be aligned. */
export function setUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
