/**
 * The entries that every contestant stores: the same keys, values and order, made from numbers.
 *
 * Values come from a pool that is made beforehand, so that making them costs nothing where time is
 * taken. Which one an entry has depends on its number and on how often it was written: two writes
 * of one key in succession never carry the same value, because some stores skip those. Bytes are
 * random and printable, so a store that compresses gains little, and they can be read as strings.
 *
 * @module
 */

import { Buffer } from "node:buffer";

import { randomBelow, shuffled } from "../support/keys.ts";
import type { KeyShape } from "./shapes.ts";

const POOL = 4096;
const NOISE_BYTES = 2 ** 20;
const STEP_BYTES = NOISE_BYTES / POOL;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
/** Odd and far from small numbers: neighbours in number or version get values far apart. */
const VERSION_STEP = 1229;
const INSERTION_SEED = 1;
const READING_SEED = 2;

/** Entries numbered from 0. */
export class Dataset {
  /** How many. */
  readonly entries: number;
  /** What their keys look like. */
  readonly shape: KeyShape;
  /** Length of every value. */
  readonly valueBytes: number;
  // Made when they are first needed: large ones take their time.
  #insertions: Uint32Array | undefined;
  #readings: Uint32Array | undefined;
  /** Values by their place in the pool. */
  readonly #pool: readonly Uint8Array[];
  /** Memory in which {@link key} writes. */
  readonly #key: Uint8Array;

  /** `entries` entries of one shape. */
  constructor(entries: number, shape: KeyShape, valueBytes: number) {
    this.entries = entries;
    this.shape = shape;
    this.valueBytes = valueBytes;
    this.#key = shape.make();
    const noise = Buffer.alloc(NOISE_BYTES + valueBytes);
    const random = randomBelow(3);
    for (let i = 0; i < noise.length; i++) {
      noise[i] = ALPHABET.charCodeAt(random(64));
    }
    this.#pool = Array.from(
      { length: POOL },
      (_, i) => noise.subarray(i * STEP_BYTES, i * STEP_BYTES + valueBytes),
    );
  }

  /** Their numbers, shuffled: the order of a random fill. */
  get insertions(): Uint32Array {
    return this.#insertions ??= shuffled(this.entries, INSERTION_SEED);
  }

  /** Their numbers, shuffled in another way: the order of random reads and overwrites. */
  get readings(): Uint32Array {
    return this.#readings ??= shuffled(this.entries, READING_SEED);
  }

  /** The key of a number, in memory that the next call writes anew. */
  key(number: number): Uint8Array {
    this.shape.write(this.#key, number);
    return this.#key;
  }

  /** The key of a number, in memory of its own. */
  ownKey(number: number): Uint8Array {
    const key = this.shape.make();
    this.shape.write(key, number);
    return key;
  }

  /** The value that an entry gets when it is written for the `version`-th time, from 0. */
  value(number: number, version = 0): Uint8Array {
    return this.#pool[(number + version * VERSION_STEP) & (POOL - 1)];
  }
}

/** A few bytes of an answer, so that nobody is timed for answers that were never read. */
export function glance(value: Uint8Array): number {
  return value.length + value[0] + value[value.length - 1];
}

/** Fails unless the bytes are those that were stored. */
export function assertSame(
  found: Uint8Array | undefined,
  stored: Uint8Array,
): void {
  if (found === undefined) throw new Error("an entry is missing");
  if (Buffer.compare(found, stored) !== 0) {
    throw new Error("an entry has another value");
  }
}
