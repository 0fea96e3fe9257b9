/**
 * The checksum is xxHash32: compared with published values, and with itself in pieces.
 *
 * @module
 */

import { test } from "node:test";

import { checksum } from "../../core/checksum.ts";
import { assertEquals, assertNotEquals } from "../support/assert.ts";
import { Random } from "../support/random.ts";

const text = (string: string): Uint8Array => new TextEncoder().encode(string);

test("checksum() gives the published values of xxHash32", () => {
  const vectors: [string, number, number][] = [
    ["", 0, 0x02CC5D05],
    ["", 1, 0x0B2CB792],
    ["a", 0, 0x550D7456],
    ["abc", 0, 0x32D153FF],
    ["Nobody inspects the spammish repetition", 0, 0xE2293B2F],
    ["Call me Ishmael. Some years ago--never mind how long precisely-", 0, 0x6F320359],
  ];
  for (const [string, seed, expected] of vectors) {
    const bytes = text(string);
    assertEquals(checksum(bytes, 0, bytes.length, seed), expected, JSON.stringify(string));
  }
});

/** xxHash32 after its specification, as plainly as can be. */
function plainHash(bytes: Uint8Array, seed: number): number {
  const [P1, P2, P3, P4, P5] = [2654435761, 2246822519, 3266489917, 668265263, 374761393];
  const mul = (a: number, b: number): number => Math.imul(a, b) >>> 0;
  const turn = (x: number, by: number): number => ((x << by) | (x >>> (32 - by))) >>> 0;
  const word = (at: number): number =>
    (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
  let at = 0;
  let hash: number;
  if (bytes.length >= 16) {
    const lanes = [seed + P1 + P2, seed + P2, seed, seed - P1].map((lane) => lane >>> 0);
    for (; at + 16 <= bytes.length; at += 16) {
      for (let i = 0; i < 4; i++) {
        lanes[i] = mul(turn((lanes[i] + mul(word(at + 4 * i), P2)) >>> 0, 13), P1);
      }
    }
    hash = turn(lanes[0], 1) + turn(lanes[1], 7) + turn(lanes[2], 12) + turn(lanes[3], 18);
  } else hash = seed + P5;
  hash = (hash + bytes.length) >>> 0;
  for (; at + 4 <= bytes.length; at += 4) {
    hash = mul(turn((hash + mul(word(at), P3)) >>> 0, 17), P4);
  }
  for (; at < bytes.length; at++) hash = mul(turn((hash + mul(bytes[at], P5)) >>> 0, 11), P1);
  hash = mul((hash ^ (hash >>> 15)) >>> 0, P2);
  hash = mul((hash ^ (hash >>> 13)) >>> 0, P3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

test("checksum() equals a plain one at every length, offset and seed", () => {
  const random = new Random(3);
  const bytes = random.bytes(64);
  for (let i = 0; i < bytes.length; i++) bytes[i] ^= random.below(256);
  const long = random.bytes(5000);
  for (let length = 0; length <= 48; length++) {
    for (let offset = 0; offset < 9; offset++) {
      const seed = random.below(2 ** 32);
      const piece = bytes.slice(offset, offset + length);
      assertEquals(checksum(bytes, offset, length, seed), plainHash(piece, seed));
    }
  }
  assertEquals(checksum(long, 0, 5000, 9), plainHash(long, 9));
});

test("checksum() notices every single flipped bit", () => {
  const bytes = new Random(4).bytes(512);
  const sum = checksum(bytes, 4, 508, 1);
  for (let at = 4; at < 512; at++) {
    bytes[at] ^= 1 << (at % 8);
    assertNotEquals(checksum(bytes, 4, 508, 1), sum);
    bytes[at] ^= 1 << (at % 8);
  }
});
