/**
 * Options of opening, checked and filled in.
 *
 * @module
 */

import type { Located, Signalled } from "./host.ts";
import type { Io } from "./io.ts";
import {
  DEFAULT_CACHE_BYTES,
  DEFAULT_LOG_BYTES,
  DEFAULT_PAGE_BYTES,
  LOG_BLOCK_BYTES,
  MAX_CACHE_BYTES,
  MAX_LOG_BYTES,
  MAX_PAGE_BYTES,
  MIN_CACHE_BYTES,
  MIN_CACHE_FRAMES,
  MIN_LOG_BYTES,
  MIN_PAGE_BYTES,
  WORKING_SIZES,
  type WorkingSizes,
} from "./limits.ts";

/** When the promise of a write settles: when it is durable, or when it is applied. */
export type Durability = "sync" | "deferred";

/** How to open a store. Sizes are in bytes. */
export interface StoreOptions {
  /** Files, memory, time and randomness. Default: the running runtime's. */
  io?: Io;
  /** Write nothing, share the lock with other readers. Default: false. */
  readOnly?: boolean;
  /** Create the store where there is none. Default: true. */
  createIfMissing?: boolean;
  /** Fail with `KVIG_EXISTS` where there is one. Default: false. */
  errorIfExists?: boolean;
  /** Size of the page cache, a hard budget: 1 MiB to 4 GiB. Default: 64 MiB. */
  cacheSize?: number;
  /** Size of the log, fixed at creation: at least 1 MiB. Default: 64 MiB. */
  logSize?: number;
  /** Size of a block of the log, fixed at creation: 4096, or 512 where that is a disk's sector. */
  logBlockSize?: number;
  /** Size of a page, fixed at creation: a power of two from 512 to 65536. Default: 4096. */
  pageSize?: number;
  /** Largest size of the data file. Default: unlimited. */
  maxSize?: number;
  /** When writes settle that do not say. Default: `"sync"`. */
  durability?: Durability;
  /** Hint to bypass the system's page cache. Default: the adapter's choice for each file. */
  direct?: boolean;
  /** Lock the file. With false the caller guarantees a single opener. Default: true. */
  lock?: boolean;
  /** Stops the opening. */
  signal?: Signalled;
}

/** Options with every default filled in. */
export interface CheckedOptions {
  /** Write nothing. */
  readOnly: boolean;
  /** Create the store where there is none. */
  createIfMissing: boolean;
  /** Fail where there is one. */
  errorIfExists: boolean;
  /** Size of the page cache. */
  cacheBytes: number;
  /** Size of a new log. */
  logBytes: number;
  /** Size of a block of a new log. */
  logBlockBytes: number;
  /** Size of a page; undefined to take the file's. */
  pageBytes: number | undefined;
  /** Largest size of the data file. */
  maxBytes: number;
  /** Whether writes that do not say settle when they are durable. */
  sync: boolean;
  /** Hint to bypass the system's page cache. */
  direct: boolean | undefined;
  /** Lock the file. */
  lock: boolean;
  /** Stops the opening. */
  signal: Signalled | undefined;
  /** The sizes in which the store works. */
  sizes: Readonly<WorkingSizes>;
}

/**
 * Checks options.
 * @throws {TypeError} for a value of the wrong type, {RangeError} for a number out of range.
 */
export function checkOptions(options: StoreOptions): CheckedOptions {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`options must be an object, got ${describe(options)}`);
  }
  const pageBytes = power("pageSize", options.pageSize, MIN_PAGE_BYTES, MAX_PAGE_BYTES);
  const page = pageBytes ?? DEFAULT_PAGE_BYTES;
  const least = Math.max(MIN_CACHE_BYTES, MIN_CACHE_FRAMES * page);
  const cacheBytes = size("cacheSize", options.cacheSize, least, MAX_CACHE_BYTES);
  const logBlockBytes = power("logBlockSize", options.logBlockSize, 512, 4096) ?? LOG_BLOCK_BYTES;
  if (logBlockBytes !== 512 && logBlockBytes !== 4096) {
    throw new RangeError(`logBlockSize must be 512 or 4096, got ${logBlockBytes}`);
  }
  const logBytes = size("logSize", options.logSize, MIN_LOG_BYTES, MAX_LOG_BYTES);
  const readOnly = flag("readOnly", options.readOnly, false);
  return {
    readOnly,
    createIfMissing: flag("createIfMissing", options.createIfMissing, true) && !readOnly,
    errorIfExists: flag("errorIfExists", options.errorIfExists, false),
    cacheBytes: cacheBytes ?? Math.max(DEFAULT_CACHE_BYTES, least),
    logBytes: Math.ceil((logBytes ?? DEFAULT_LOG_BYTES) / 4096) * 4096,
    logBlockBytes,
    pageBytes,
    maxBytes: size("maxSize", options.maxSize, 1024 * 1024, 2 ** 52) ?? Infinity,
    sync: checkDurability(options.durability, true),
    direct: options.direct === undefined ? undefined : flag("direct", options.direct, false),
    lock: flag("lock", options.lock, true),
    signal: options.signal,
    sizes: WORKING_SIZES,
  };
}

/** Whether a durability means sync. */
export function checkDurability(durability: Durability | undefined, otherwise: boolean): boolean {
  if (durability === undefined) return otherwise;
  if (durability === "sync") return true;
  if (durability === "deferred") return false;
  throw new TypeError(`durability must be "sync" or "deferred", got ${describe(durability)}`);
}

/** A value of the wrong type in few words, without its content. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "object") return `an object of class ${value.constructor?.name ?? "?"}`;
  if (typeof value === "string") return "a string";
  if (typeof value === "number") return String(value);
  return typeof value;
}

function flag(name: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise;
  if (typeof value !== "boolean") {
    throw new TypeError(`${name} must be true or false, got ${describe(value)}`);
  }
  return value;
}

function size(name: string, value: unknown, least: number, most: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "number") {
    throw new TypeError(`${name} must be a number of bytes, got ${describe(value)}`);
  }
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be a whole number from ${least} to ${most}, got ${value}`);
  }
  return value;
}

function power(name: string, value: unknown, least: number, most: number): number | undefined {
  const bytes = size(name, value, least, most);
  if (bytes !== undefined && (bytes & (bytes - 1)) !== 0) {
    throw new RangeError(`${name} must be a power of two, got ${bytes}`);
  }
  return bytes;
}

/** The path that a string or a file URL names. */
export function pathOf(path: string | Located): string {
  if (typeof path === "string") {
    if (path === "" || path.includes("\0")) {
      throw new TypeError("path must not be empty or contain NUL");
    }
    return path;
  }
  if (typeof path !== "object" || path === null || typeof path.href !== "string") {
    throw new TypeError(`path must be a string or a file URL, got ${describe(path)}`);
  }
  if (path.protocol !== "file:") {
    throw new TypeError(`path must be a file URL, got ${path.protocol}`);
  }
  return decodeURIComponent(path.pathname);
}
