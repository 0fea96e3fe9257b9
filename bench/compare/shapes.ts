/**
 * What keys look like, as data. Every key of a shape has the same length, so that one piece of
 * memory serves for all; a key is made from its number, and different numbers make different keys.
 *
 * @module
 */

import { Buffer } from "node:buffer";

import { writeKey } from "../support/keys.ts";

/** How the number of an entry becomes its key. */
export interface KeyShape {
  /** What the command line calls it. */
  readonly id: string;
  /** What it is, for people. */
  readonly what: string;
  /** Length of every key. */
  readonly keyBytes: number;
  /** Whether every key is ASCII. */
  readonly text: boolean;
  /** Makes the memory in which keys of this shape are written, with what they share. */
  make(): Uint8Array;
  /** Writes the key of a number from 0 to 2^31 − 1 into memory that {@link make} made. */
  write(key: Uint8Array, number: number): void;
}

const URL_HEAD = "https://www.example.com/catalogue/section/articles/";
const URL_TAIL = "/details";
const DECIMAL_BYTES = 16;

/** Mixes the bits of a 32-bit number, one to one. */
export function mixed(number: number): number {
  let bits = Math.imul(number ^ (number >>> 16), 0x45d9f3b);
  bits = Math.imul(bits ^ (bits >>> 16), 0x45d9f3b);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Four bytes, the highest first. */
function writeUint32(target: Uint8Array, at: number, number: number): void {
  target[at] = number >>> 24;
  target[at + 1] = number >>> 16;
  target[at + 2] = number >>> 8;
  target[at + 3] = number;
}

function writeRandom(key: Uint8Array, number: number): void {
  const first = mixed(number);
  writeUint32(key, 0, first);
  writeUint32(key, 4, mixed(first + 0x9e3779b9));
  writeUint32(key, 8, mixed(first + 0x3c6ef372));
  writeUint32(key, 12, mixed(first + 0xdaa66d2b));
}

const HEX = Buffer.from("0123456789abcdef");

function writeUuid(key: Uint8Array, number: number): void {
  let bits = mixed(number);
  let digit = 0;
  for (let at = 0; at < 36; at++) {
    if (at === 8 || at === 13 || at === 18 || at === 23) continue;
    if (digit % 8 === 0 && digit > 0) bits = mixed(bits + 0x9e3779b9);
    key[at] = HEX[(bits >>> (28 - 4 * (digit % 8))) & 15];
    digit++;
  }
  key[14] = 0x34; // version 4
}

function writeDigits(key: Uint8Array, start: number, number: number): void {
  let rest = number;
  for (let i = start + DECIMAL_BYTES - 1; i >= start; i--) {
    const tenth = (rest / 10) | 0;
    key[i] = 48 + rest - tenth * 10;
    rest = tenth;
  }
}

/** Every shape; the first is the one of the targets. */
export const KEY_SHAPES: readonly KeyShape[] = [
  {
    id: "decimal",
    what: "16 decimal digits",
    keyBytes: DECIMAL_BYTES,
    text: true,
    make: () => Buffer.alloc(DECIMAL_BYTES),
    write: writeKey,
  },
  {
    id: "random",
    what: "16 random bytes",
    keyBytes: 16,
    text: false,
    make: () => Buffer.alloc(16),
    write: writeRandom,
  },
  {
    id: "uuid",
    what: "UUIDs as 36 characters",
    keyBytes: 36,
    text: true,
    make: () => Buffer.from("00000000-0000-4000-8000-000000000000"),
    write: writeUuid,
  },
  {
    id: "url",
    what: "URLs of 75 characters with a long common prefix",
    keyBytes: URL_HEAD.length + DECIMAL_BYTES + URL_TAIL.length,
    text: true,
    make: () => Buffer.from(`${URL_HEAD}${"0".repeat(DECIMAL_BYTES)}${URL_TAIL}`),
    write: (key, number) => writeDigits(key, URL_HEAD.length, number),
  },
  {
    id: "tuple",
    what: "tuples of a name, one of 1,000 groups and a number, 20 bytes",
    keyBytes: 20,
    text: false,
    // What tuple encodings have in common: a tag before each part, a zero after a string.
    make: () => Buffer.from("\x02orders\x00\x16\0\0\0\0\x16\0\0\0\0\0\0", "latin1"),
    write(key, number) {
      writeUint32(key, 9, mixed(number) % 1000);
      writeUint32(key, 16, number);
    },
  },
];
