/**
 * Ranges of keys: options of the caller made into two bounds in bytes.
 *
 * @module
 */

import { compareBytes } from "./bytes.ts";
import type { Codec } from "./codec.ts";
import type { Signalled } from "./host.ts";
import { describe } from "./options.ts";

/** Which keys. Bounds that are left out do not bound; `prefix` is joined with the others. */
export interface KeyRange<K> {
  /** Keys above this one. */
  gt?: K;
  /** Keys from this one on. */
  gte?: K;
  /** Keys below this one. */
  lt?: K;
  /** Keys up to this one. */
  lte?: K;
  /** Keys whose bytes begin with the bytes of this one. */
  prefix?: K;
}

/** Which entries, in which order, and how many. */
export interface RangeOptions<K> extends KeyRange<K> {
  /** From the last key to the first. Default: false. */
  reverse?: boolean;
  /** At most so many entries. Default: all. */
  limit?: number;
  /** Stops an asynchronous iteration with `KVIG_ABORTED`. */
  signal?: Signalled;
}

/** A range in bytes: keys from `low` on, below `high` unless that is undefined. */
export interface Bounds {
  /** The first key that may be in the range. */
  low: Uint8Array;
  /** The first key behind the range; undefined for the end of the keyspace. */
  high: Uint8Array | undefined;
  /** Whether the range cannot hold any key. */
  empty: boolean;
}

/** Bounds of a range, with everything about iterating it. */
export interface Walk extends Bounds {
  /** From the last key to the first. */
  reverse: boolean;
  /** At most so many entries. */
  limit: number;
  /** Stops an asynchronous iteration. */
  signal: Signalled | undefined;
}

/** Encodes a key for a bound, or for a search. */
export type EncodeKey<K> = (key: K) => Uint8Array;

/**
 * Makes the bounds of a range.
 * @throws {TypeError} for options of the wrong type.
 */
export function boundsOf<K>(range: KeyRange<K> | undefined, encode: EncodeKey<K>): Bounds {
  checkRange(range);
  const bounds: Bounds = { low: new Uint8Array(0), high: undefined, empty: false };
  if (range === undefined) return bounds;
  const { gt, gte, lt, lte, prefix } = range;
  if (gte !== undefined) raise(bounds, new Uint8Array(encode(gte)));
  if (gt !== undefined) raise(bounds, successor(encode(gt)));
  if (lt !== undefined) lower(bounds, new Uint8Array(encode(lt)));
  if (lte !== undefined) lower(bounds, successor(encode(lte)));
  if (prefix !== undefined) {
    const bytes = new Uint8Array(encode(prefix));
    raise(bounds, bytes);
    const end = behindPrefix(bytes);
    if (end !== undefined) lower(bounds, end);
  }
  if (bounds.high !== undefined && compareBytes(bounds.low, bounds.high) >= 0) bounds.empty = true;
  return bounds;
}

/** Throws TypeError where a range is no object. */
export function checkRange(range: unknown): void {
  if (range !== undefined && (typeof range !== "object" || range === null)) {
    throw new TypeError(`a range must be an object, got ${describe(range)}`);
  }
}

/**
 * Makes the walk that range options ask for.
 * @throws {TypeError} for options of the wrong type; {RangeError} for a limit out of range.
 */
export function walkOf<K>(options: RangeOptions<K> | undefined, encode: EncodeKey<K>): Walk {
  const bounds = boundsOf(options, encode);
  const { reverse = false, limit = Infinity, signal } = options ?? {};
  if (typeof reverse !== "boolean") {
    throw new TypeError(`reverse must be true or false, got ${describe(reverse)}`);
  }
  if (typeof limit !== "number") {
    throw new TypeError(`limit must be a number, got ${describe(limit)}`);
  }
  if (limit < 0 || (limit !== Infinity && !Number.isInteger(limit))) {
    throw new RangeError(`limit must be a whole number of at least 0, got ${limit}`);
  }
  return { ...bounds, reverse, limit, signal };
}

/** Encodes a key with its codec and makes sure that bytes come out. */
export function encodeWith<In>(codec: Codec<In, unknown>, what: string, value: In): Uint8Array {
  let encoded: Uint8Array;
  try {
    encoded = codec.encode(value);
  } catch (error) {
    if (error instanceof TypeError) throw new TypeError(`${what}: ${error.message}`);
    throw error;
  }
  if (!(encoded instanceof Uint8Array)) {
    throw new TypeError(`${what}: its codec must make a Uint8Array, got ${describe(encoded)}`);
  }
  return encoded;
}

function raise(bounds: Bounds, low: Uint8Array): void {
  if (compareBytes(low, bounds.low) > 0) bounds.low = low;
}

function lower(bounds: Bounds, high: Uint8Array): void {
  if (bounds.high === undefined || compareBytes(high, bounds.high) < 0) bounds.high = high;
}

/** The key right behind `key`. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** The first key behind all that begin with `prefix`; undefined where there is none. */
function behindPrefix(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xFF) length--;
  if (length === 0) return undefined;
  const end = prefix.slice(0, length);
  end[length - 1]++;
  return end;
}
