/**
 * Records of the log: what a commit did, in terms of keys and values.
 *
 * A record is a type byte, then for all but a commit: keyspace, key length and value length as
 * varints (seven bits a byte, lowest first), key, value. A record may begin in one block and end in
 * another of its group. The layout is in docs/format.md.
 *
 * @module
 */

import { copyBytes } from "./bytes.ts";

/** Sets a key. */
export const PUT_RECORD = 1;
/** Removes a key; the value is empty. */
export const DELETE_RECORD = 2;
/** Removes every key from `key` on; below `value` unless the keyspace's end is meant. */
export const CLEAR_RECORD = 3;
/** Ends a commit; nothing follows the type. */
export const COMMIT_RECORD = 4;
/** Like {@link CLEAR_RECORD}, to the end of the keyspace. */
export const CLEAR_TO_END_RECORD = 5;

/** Writes a whole record to `target` at `at` and returns where it ends; there is room for it. */
export function writeRecord(
  target: Uint8Array,
  at: number,
  type: number,
  keyspace: number,
  key: Uint8Array,
  keyLength: number,
  value: Uint8Array,
  valueOffset: number,
  valueLength: number,
): number {
  let end = writeHead(target, at, type, keyspace, keyLength, valueLength);
  copyBytes(key, 0, target, end, keyLength);
  end += keyLength;
  copyBytes(value, valueOffset, target, end, valueLength);
  return end + valueLength;
}

/** Writes what comes before the key, at most {@link MAX_HEAD_BYTES}; returns where that ends. */
export function writeHead(
  target: Uint8Array,
  at: number,
  type: number,
  keyspace: number,
  keyLength: number,
  valueLength: number,
): number {
  target[at] = type;
  let end = writeVarint(target, at + 1, keyspace);
  end = writeVarint(target, end, keyLength);
  return writeVarint(target, end, valueLength);
}

function writeVarint(target: Uint8Array, at: number, value: number): number {
  let end = at;
  let rest = value;
  while (rest >= 128) {
    target[end++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  target[end++] = rest;
  return end;
}

/** Bytes of `value` as a varint. */
function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** Most bytes that a record has before its key. */
export const MAX_HEAD_BYTES: number = 1 + 3 * varintBytes(2 ** 32 - 1);
