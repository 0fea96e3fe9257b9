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
  return signedChecksum(bytes, at, length, seed) >>> 0;
}

/** The same as a signed 32-bit number, which engines keep without allocating. */
export function signedChecksum(
  bytes: Uint8Array,
  at: number,
  length: number,
  seed: number,
): number {
  const end = at + length;
  let p = at;
  let hash: number;
  if (length >= 16) {
    let a = (seed + PRIME_1 + PRIME_2) | 0;
    let b = (seed + PRIME_2) | 0;
    let c = seed | 0;
    let d = (seed - PRIME_1) | 0;
    for (const last = end - 16; p <= last; p += 16) {
      a = round(a, word(bytes, p));
      b = round(b, word(bytes, p + 4));
      c = round(c, word(bytes, p + 8));
      d = round(d, word(bytes, p + 12));
    }
    hash = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
  } else {
    hash = (seed + PRIME_5) | 0;
  }
  hash = (hash + length) | 0;
  for (; p + 4 <= end; p += 4) {
    hash = Math.imul(rotate((hash + Math.imul(word(bytes, p), PRIME_3)) | 0, 17), PRIME_4);
  }
  for (; p < end; p++) {
    hash = Math.imul(rotate((hash + Math.imul(bytes[p], PRIME_5)) | 0, 11), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return hash ^ (hash >>> 16);
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function round(lane: number, input: number): number {
  return Math.imul(rotate((lane + Math.imul(input, PRIME_2)) | 0, 13), PRIME_1);
}
