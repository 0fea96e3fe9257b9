/**
 * xxHash32 as published by Yann Collet (XXH32, "xxHash fast digest algorithm", version 0.1.1).
 *
 * @module
 */

const PRIME_1 = 0x9E3779B1 | 0;
const PRIME_2 = 0x85EBCA77 | 0;
const PRIME_3 = 0xC2B2AE3D | 0;
const PRIME_4 = 0x27D4EB2F | 0;
const PRIME_5 = 0x165667B1 | 0;

/** xxHash32 of `length` bytes of `bytes` from `at` on, as an unsigned 32-bit number. */
export function checksum(bytes: Uint8Array, at: number, length: number, seed: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return signedChecksum(view, at, length, seed) >>> 0;
}

/**
 * The same of the bytes behind a view, as a signed 32-bit number: engines keep it without
 * allocating, and read four bytes of a view at once, wherever they lie.
 */
export function signedChecksum(view: DataView, at: number, length: number, seed: number): number {
  const end = at + length;
  let p = at;
  let hash: number;
  if (length >= 16) {
    let a = (seed + PRIME_1 + PRIME_2) | 0;
    let b = (seed + PRIME_2) | 0;
    let c = seed | 0;
    let d = (seed - PRIME_1) | 0;
    for (const last = end - 16; p <= last; p += 16) {
      a = round(a, view.getInt32(p, true));
      b = round(b, view.getInt32(p + 4, true));
      c = round(c, view.getInt32(p + 8, true));
      d = round(d, view.getInt32(p + 12, true));
    }
    hash = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
  } else {
    hash = (seed + PRIME_5) | 0;
  }
  hash = (hash + length) | 0;
  for (; p + 4 <= end; p += 4) {
    hash = Math.imul(
      rotate((hash + Math.imul(view.getInt32(p, true), PRIME_3)) | 0, 17),
      PRIME_4,
    );
  }
  for (; p < end; p++) {
    hash = Math.imul(rotate((hash + Math.imul(view.getUint8(p), PRIME_5)) | 0, 11), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return hash ^ (hash >>> 16);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function round(lane: number, input: number): number {
  return Math.imul(rotate((lane + Math.imul(input, PRIME_2)) | 0, 13), PRIME_1);
}
