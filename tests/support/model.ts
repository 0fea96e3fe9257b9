/**
 * The model of a store: a sorted map of bytes, as simple as it can be, to compare with.
 *
 * @module
 */

import { Buffer } from "node:buffer";

import type { KeyRange, RangeOptions } from "../../mod.ts";

/** A key with its value. */
export type Entry = [Uint8Array, Uint8Array];

/** Order of two keys: that of their bytes. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}

function keyOf(name: string): Uint8Array {
  return new Uint8Array(Buffer.from(name, "latin1"));
}

/** Whether `key` is in `range`. */
export function inRange(key: Uint8Array, range: KeyRange<Uint8Array>): boolean {
  const { gt, gte, lt, lte, prefix } = range;
  if (gt !== undefined && compareKeys(key, gt) <= 0) return false;
  if (gte !== undefined && compareKeys(key, gte) < 0) return false;
  if (lt !== undefined && compareKeys(key, lt) >= 0) return false;
  if (lte !== undefined && compareKeys(key, lte) > 0) return false;
  if (prefix === undefined) return true;
  return compareKeys(key.subarray(0, prefix.length), prefix) === 0 && key.length >= prefix.length;
}

/** A sorted map of bytes. */
export class Model {
  // Names are keys as Latin-1, whose order is that of the bytes.
  readonly #values: Map<string, Uint8Array>;
  #sorted: string[] | undefined = undefined;

  /** Empty, or with the entries of another. */
  constructor(other?: Model) {
    this.#values = new Map(other === undefined ? [] : other.#values);
    this.#sorted = other === undefined ? undefined : other.#sorted;
  }

  /** Number of entries. */
  get size(): number {
    return this.#values.size;
  }

  /** The value of `key`. */
  get(key: Uint8Array): Uint8Array | undefined {
    return this.#values.get(nameOf(key));
  }

  /** Sets `key` to a copy of `value`. */
  put(key: Uint8Array, value: Uint8Array): void {
    const name = nameOf(key);
    if (!this.#values.has(name)) this.#sorted = undefined;
    this.#values.set(name, value.slice());
  }

  /** Removes `key`; returns whether it was there. */
  delete(key: Uint8Array): boolean {
    const gone = this.#values.delete(nameOf(key));
    if (gone) this.#sorted = undefined;
    return gone;
  }

  /** Removes the keys of a range; returns how many there were. */
  clear(range: KeyRange<Uint8Array>): number {
    const keys = this.keys(range);
    for (const key of keys) this.delete(key);
    return keys.length;
  }

  /** The keys of a range, in order. */
  keys(options: RangeOptions<Uint8Array> = {}): Uint8Array[] {
    this.#sorted ??= [...this.#values.keys()].sort((a, b) => (a < b ? -1 : 1));
    const keys = this.#sorted.map(keyOf).filter((key) => inRange(key, options));
    if (options.reverse === true) keys.reverse();
    return keys.slice(0, options.limit ?? Infinity);
  }

  /** The entries of a range, in order. */
  entries(options: RangeOptions<Uint8Array> = {}): Entry[] {
    return this.keys(options).map((key) => [key, this.#values.get(nameOf(key))!]);
  }

  /** One of the keys there are, or undefined. */
  keyAt(index: number): Uint8Array | undefined {
    this.#sorted ??= [...this.#values.keys()].sort((a, b) => (a < b ? -1 : 1));
    const name = this.#sorted[index];
    return name === undefined ? undefined : keyOf(name);
  }
}

/** Fails with few words where two lists of entries differ: where, not all of what. */
export function assertSameEntries(actual: readonly Entry[], expected: readonly Entry[]): void {
  const count = Math.min(actual.length, expected.length);
  for (let i = 0; i < count; i++) {
    const [key, value] = actual[i];
    if (compareKeys(key, expected[i][0]) !== 0) {
      throw new Error(
        `entry ${i} of ${actual.length} has the key ${nameHex(key)}, ` +
          `expected ${nameHex(expected[i][0])} of ${expected.length}`,
      );
    }
    if (compareKeys(value, expected[i][1]) !== 0) {
      throw new Error(
        `the value of ${nameHex(key)} has ${value.length} bytes ${nameHex(value)}, ` +
          `expected ${expected[i][1].length} bytes ${nameHex(expected[i][1])}`,
      );
    }
  }
  if (actual.length !== expected.length) {
    const [extra] = (actual[count] ?? expected[count])!;
    throw new Error(
      `${actual.length} entries, expected ${expected.length}; the first odd one is ${
        nameHex(extra)
      }`,
    );
  }
}

function nameHex(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.subarray(0, 24)).toString("hex");
  return bytes.length > 24 ? `${hex}…(${bytes.length})` : hex;
}
