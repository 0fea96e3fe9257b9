/**
 * Why a file could not be locked, in the words that every locker uses.
 *
 * @module
 */

import { KvigError } from "../core/io.ts";

/** What to do where there is no lock. */
export const WAY_OUT = "open with lock: false if nobody else opens the file";

/** Somebody else holds the lock of the file at `path`. */
export function heldElsewhere(path: string): KvigError {
  return new KvigError("KVIG_LOCKED", `cannot lock ${path}: another opener holds the lock`);
}

/** There is no lock to be had for the file at `path`, because of `why`. */
export function noLock(path: string, why: string, cause?: unknown): KvigError {
  const details = cause === undefined ? {} : { cause };
  return new KvigError("KVIG_UNSUPPORTED", `cannot lock ${path}: ${why}; ${WAY_OUT}`, details);
}
