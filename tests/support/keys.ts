/**
 * Shapes of keys that trees find hard in different ways, and values of many sizes.
 *
 * @module
 */

import { Buffer } from "node:buffer";

import type { Random } from "./random.ts";

/** Makes keys of one shape, none longer than `maxBytes`; `spread` is about how many there are. */
export type KeyShape = (random: Random, maxBytes: number, spread: number) => Uint8Array;

const text = (string: string, maxBytes: number): Uint8Array =>
  new Uint8Array(Buffer.from(string, "latin1")).subarray(0, maxBytes);

/** Every shape by its name. */
export const KEY_SHAPES: Readonly<Record<string, KeyShape>> = {
  "short binary": (random, maxBytes, spread) => {
    const bytes = random.bytes(random.between(0, Math.min(4, maxBytes)));
    if (bytes.length > 1) bytes[bytes.length - 1] = random.below(Math.min(256, spread));
    return bytes;
  },
  "decimal": (random, maxBytes, spread) => text(`${random.below(spread)}`, maxBytes),
  "long common prefix": (random, maxBytes, spread) => {
    const number = random.below(spread).toString(36).padStart(6, "0");
    return text("p".repeat(Math.max(0, maxBytes - 6)) + number, maxBytes);
  },
  "like URLs": (random, maxBytes, spread) => {
    const host = random.pick(["example.org", "example.com", "a.example.com", "kvig.test"]);
    const path = random.pick(["", "a/", "a/b/", "articles/2024/", "articles/2025/"]);
    return text(`https://${host}/${path}${random.below(spread)}`, maxBytes);
  },
  "of the greatest length": (random, maxBytes, spread) => {
    const key = new Uint8Array(maxBytes).fill(random.pick([0, 0x61, 0xFF]));
    const at = random.pick([0, maxBytes >>> 1, maxBytes - 3]);
    const number = random.below(spread);
    key.set([number >>> 16, number >>> 8, number], at);
    return key;
  },
  "of 0x00 and 0xFF": (random, maxBytes, spread) => {
    const length = random.between(0, Math.min(maxBytes, 4 + Math.ceil(Math.log2(spread))));
    return Uint8Array.from({ length }, () => random.pick([0, 0, 0xFF, 0xFF, 0x80]));
  },
  "of any length": (random, maxBytes) => random.bytes(random.between(0, maxBytes)),
};

/** A value: mostly small, sometimes at a limit of the page, seldom large. */
export function randomValue(random: Random, pageBytes: number, maxBytes = 50_000): Uint8Array {
  const inline = (pageBytes - 32) >>> 1;
  const length = random.pick([
    0,
    random.below(16),
    random.below(100),
    random.below(100),
    random.below(inline),
    Math.max(0, inline - random.below(40)),
    random.oneIn(6) ? pageBytes * random.between(1, 3) + random.between(-1, 1) : 7,
    random.oneIn(8) ? random.below(maxBytes) : 20,
  ]);
  return random.bytes(Math.min(length, maxBytes));
}
