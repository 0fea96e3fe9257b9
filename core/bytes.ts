/**
 * Plain functions over bytes: comparing, hexadecimal, 64-bit fields.
 *
 * @module
 */

import { assert } from "./assert.ts";

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
