/**
 * Every fixed number of kvig, with its unit in its name.
 *
 * @module
 */

import { assert } from "./assert.ts";

/** Size of a page unless said otherwise at creation. */
export const DEFAULT_PAGE_BYTES = 4096;
/** Smallest page size: for tests, it makes deep trees of few keys. */
export const MIN_PAGE_BYTES = 512;
/** Largest page size. */
export const MAX_PAGE_BYTES = 65536;

/** Size of the page cache unless said otherwise. */
export const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;
/** Smallest page cache. */
export const MIN_CACHE_BYTES = 1024 * 1024;
/** Largest page cache. */
export const MAX_CACHE_BYTES = 4 * 1024 * 1024 * 1024;
/** Fewest pages that a cache must hold, whatever the page size. */
export const MIN_CACHE_FRAMES = 128;

/** Size of the log unless said otherwise at creation. */
export const DEFAULT_LOG_BYTES = 64 * 1024 * 1024;
/** Smallest log. */
export const MIN_LOG_BYTES = 1024 * 1024;
/** Largest log. */
export const MAX_LOG_BYTES = 1024 * 1024 * 1024 * 1024;
/** Size of a block of the log unless said otherwise at creation. */
export const LOG_BLOCK_BYTES = 4096;
/** Largest buffer between the commits and the log file. */
export const LOG_BUFFER_BYTES = 1024 * 1024;

/** Largest value. */
export const MAX_VALUE_BYTES = 2 ** 31 - 1;
/** Number of pages that a data file can have: page numbers are 32 bits. */
export const MAX_PAGES = 2 ** 32 - 1;

/** The file grows by at least this much at a time. */
export const GROWTH_BYTES = 1024 * 1024;
/** The file grows by at most this much at a time. */
export const MAX_GROWTH_BYTES = 64 * 1024 * 1024;

/** How far above the epochs in use each meta page puts the epoch limit. */
export const EPOCH_STEP = 256;
/** The last epoch; a store that reaches it is dumped and loaded anew. */
export const MAX_EPOCH = 2 ** 32 - 1 - 4 * EPOCH_STEP;

/** Pages written in one batch by a checkpoint or a spill. */
export const WRITE_SLICE_PAGES = 128;
/** Memory for moving large values and zeros. */
export const STAGING_BYTES = 256 * 1024;

/**
 * The sizes in which a store works. Stores use {@link WORKING_SIZES}; smaller ones are for tests
 * that look at every step of many stores. No file depends on them.
 */
export interface WorkingSizes {
  /** Least size of a log: one that is shorter was not finished. */
  leastLogBytes: number;
  /** The buffer between the commits and the log file. */
  logBufferBytes: number;
  /** The zeros that a file grows by at a time. */
  stagingBytes: number;
  /** The file grows by at least this much at a time. */
  growthBytes: number;
  /** Pages written in one batch by a checkpoint or a spill. */
  slicePages: number;
}

/** What every store works with that a user opens. */
export const WORKING_SIZES: Readonly<WorkingSizes> = {
  leastLogBytes: MIN_LOG_BYTES,
  logBufferBytes: LOG_BUFFER_BYTES,
  stagingBytes: STAGING_BYTES,
  growthBytes: GROWTH_BYTES,
  slicePages: WRITE_SLICE_PAGES,
};

/** Largest key for pages of `pageBytes` bytes. */
export function maxKeyBytes(pageBytes: number): number {
  return pageBytes >>> 2;
}

/** Places of a file of `pageCount` pages that serve only deletes, clears and recovery. */
export function reservedPlaces(pageCount: number): number {
  return Math.min(4096, Math.max(64, Math.floor(pageCount / 64)));
}

/** Base-2 logarithm of a power of two. */
export function shiftOf(powerOfTwo: number): number {
  const shift = 31 - Math.clz32(powerOfTwo);
  assert(2 ** shift === powerOfTwo, "a size is a power of two");
  return shift;
}
