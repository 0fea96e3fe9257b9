/**
 * System calls as futures: retried where that is right, carried out at once or in the background.
 *
 * EINTR says that nothing happened and is tried again. EAGAIN is tried again a few times, a
 * millisecond apart. A sync is never tried again: what a failed one left durable is unknown, and a
 * second one that succeeds proves nothing.
 *
 * @module
 */

import { Future } from "../core/io.ts";
import { runAsync, runSync, type Task } from "../core/future.ts";
import type { Done } from "./capabilities.ts";
import { failedBy, failWith, systemCode } from "./errno.ts";

/** Starts an asynchronous call. */
export type Start<T> = (done: Done<T>) => void;

/** For `tries` of a call that must not be tried again. */
export const LAST_TRY = Infinity;

const EINTR_TRIES = 1000;
const EAGAIN_TRIES = 10;
const EAGAIN_PAUSE_MS = 1;

/** Whether a call that failed with `error` after `tries` tries is worth another. */
export function isPassing(error: unknown, tries: number): boolean {
  const code = systemCode(error);
  return (code === "EINTR" && tries < EINTR_TRIES) || (code === "EAGAIN" && tries < EAGAIN_TRIES);
}

/** How long another try in the background waits, where one is worth it. */
export function passingPauseMs(error: unknown): number {
  return systemCode(error) === "EAGAIN" ? EAGAIN_PAUSE_MS : 0;
}

/** Blocks the thread before another try, where the error asks for it. */
export function pauseBlocking(error: unknown): void {
  if (systemCode(error) === "EAGAIN") Atomics.wait(pauseCell, 0, 0, EAGAIN_PAUSE_MS);
}

const pauseCell = new Int32Array(new SharedArrayBuffer(4));

/**
 * Carries out `start`, again where the error is passing, and reports once. Throws nothing. With
 * `tries` = {@link LAST_TRY} it is not tried again.
 */
export function callLater<T>(start: Start<T>, done: Done<T>, tries = 1): void {
  let reported = false;
  const report: Done<T> = (error, value) => {
    if (reported) return;
    reported = true;
    if (isFailure(error) && isPassing(error, tries)) {
      setTimeout(() => callLater(start, done, tries + 1), passingPauseMs(error));
    } else {
      done(error, value);
    }
  };
  try {
    start(report);
  } catch (error) {
    report(error, undefined as T);
  }
}

/** Carries out `call`, again where the error is passing. */
export function callNow<T>(call: () => T, firstTry = 1): T {
  for (let tries = firstTry;; tries++) {
    try {
      return call();
    } catch (error) {
      if (!isPassing(error, tries)) throw error;
      pauseBlocking(error);
    }
  }
}

/** Whether `error` of a {@link Done} is one. */
export function isFailure(error: unknown): boolean {
  return error !== null && error !== undefined;
}

/**
 * One system call in both forms, of which `blocking` chooses one. `words` say what it does, as in
 * `open /x`. With `firstTry` = {@link LAST_TRY} it is never tried again.
 */
export function systemCall<T>(
  words: string,
  blocking: boolean,
  now: () => T,
  later: Start<T>,
  firstTry = 1,
): Future<T> {
  if (blocking) {
    let value: T;
    try {
      value = callNow(now, firstTry);
    } catch (error) {
      return failedBy(words, error);
    }
    return Future.of(value);
  }
  const future = new Future<T>();
  callLater(later, (error, value) => {
    if (isFailure(error)) failWith(future, words, error);
    else future.settle(value);
  }, firstTry);
  return future;
}

/** Runs `task` behind a future: to its end before returning when all of its calls are blocking. */
export function runTask<T>(words: string, blocking: boolean, task: Task<T>): Future<T> {
  if (blocking) {
    let value: T;
    try {
      value = runSync(task);
    } catch (error) {
      return failedBy(words, error);
    }
    return Future.of(value);
  }
  const future = new Future<T>();
  runAsync(task).then(
    (value) => future.settle(value),
    (error) => failWith(future, words, error),
  );
  return future;
}
