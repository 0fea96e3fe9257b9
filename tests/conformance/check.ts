/**
 * What the cases of the suite check with: small functions that throw errors which say what was
 * expected and what came.
 *
 * Nothing of a runtime is used: the suite runs wherever an Io does.
 *
 * @module
 */

import { isKvigError, type KvigError, type KvigErrorCode } from "../../core/errors.ts";
import type { Future, IoFile } from "../../core/io.ts";

/** The Io broke a sentence of the contract; the message says what was expected and what came. */
export class ConformanceError extends Error {
  /** Always `"ConformanceError"`. */
  override readonly name = "ConformanceError";
}

/** A case could not be carried out; the message says what was missing. */
export class NotProven extends Error {
  /** Always `"NotProven"`. */
  override readonly name = "NotProven";
}

/**
 * Ends a case that cannot be carried out, or that would prove nothing.
 * @throws {NotProven} always.
 */
export function notProven(why: string): never {
  throw new NotProven(why);
}

/**
 * Checks that `condition` holds.
 * @throws {ConformanceError} with `message` where it does not.
 */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ConformanceError(message);
}

/**
 * Checks that two plain values are the same.
 * @throws {ConformanceError} where they are not; it begins with `what`.
 */
export function checkEqual<T>(actual: T, expected: T, what: string): void {
  if (Object.is(actual, expected)) return;
  throw new ConformanceError(`${what}: expected ${show(expected)}, got ${show(actual)}`);
}

/**
 * Checks that two pieces of memory hold the same bytes.
 * @throws {ConformanceError} where they do not; it begins with `what` and says where they differ.
 */
export function checkBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  checkEqual(actual.length, expected.length, `${what}: number of bytes`);
  for (let at = 0; at < expected.length; at++) {
    if (actual[at] === expected[at]) continue;
    const found = `expected ${expected[at]} at byte ${at} of ${expected.length}, got ${actual[at]}`;
    throw new ConformanceError(`${what}: ${found}`);
  }
}

/**
 * Checks that every byte is `value`.
 * @throws {ConformanceError} where one is not; it begins with `what`.
 */
export function checkFilled(bytes: Uint8Array, value: number, what: string): void {
  const at = bytes.findIndex((byte) => byte !== value);
  if (at < 0) return;
  throw new ConformanceError(`${what}: expected ${value} at byte ${at}, got ${bytes[at]}`);
}

/**
 * Checks that `work` throws a RangeError.
 * @throws {ConformanceError} where it does not; it begins with `what`.
 */
export function checkThrowsRange(work: () => unknown, what: string): void {
  let outcome = "and nothing was thrown";
  try {
    work();
  } catch (error) {
    if (error instanceof RangeError) return;
    outcome = `got ${show(error)}`;
  }
  throw new ConformanceError(`${what}: expected a RangeError, ${outcome}`);
}

/**
 * Checks that `work` throws a {@link KvigError} with `code`, and returns it.
 * @throws {ConformanceError} where it does not; it begins with `what`.
 */
export function checkThrows(work: () => unknown, code: KvigErrorCode, what: string): KvigError {
  let value: unknown;
  try {
    value = work();
  } catch (error) {
    if (isKvigError(error, code)) return error;
    throw new ConformanceError(`${what}: expected ${code}, got ${show(error)}`, { cause: error });
  }
  throw new ConformanceError(`${what}: expected ${code}, and it succeeded with ${show(value)}`);
}

/** Waits for `future` and takes it as the store does: with the generation that it came with. */
export async function result<T>(future: Future<T>): Promise<T> {
  const { generation } = future;
  if (!future.settled) await future.promise();
  check(future.settled, "a future is settled once its promise resolves, and this one is pending");
  return future.take(generation);
}

/**
 * Waits for `future`, checks that it failed with `code`, and returns the error.
 * @throws {ConformanceError} where it did not; it begins with `what`.
 */
export async function checkFails(
  future: Future<unknown>,
  code: KvigErrorCode,
  what: string,
): Promise<KvigError> {
  const { generation } = future;
  if (!future.settled) await future.promise();
  const error = checkThrows(() => future.take(generation), code, what);
  check(error.message.length > 0, `${what}: expected a message, got none`);
  return error;
}

/** A value in a few words. */
export function show(value: unknown): string {
  if (isKvigError(value)) return `${value.code}: ${value.message}`;
  if (value instanceof Error && value.name === "KvigError") {
    return `a KvigError of another copy of kvig than the one that runs the suite: ${value.message}`;
  }
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

/** `length` bytes that tell where they are; another `seed` gives others. */
export function pattern(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) * 7 + seed) & 255;
  return bytes;
}

/** Numbers that look random and are the same for the same seed (xorshift32). */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** The numbers below `count` in an order that looks random. */
export function shuffled(count: number, random: (below: number) => number): number[] {
  const numbers = Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = random(index + 1);
    [numbers[index], numbers[other]] = [numbers[other], numbers[index]];
  }
  return numbers;
}

/** Reads `length` bytes of `file` from `at` on, however short the reads. */
export async function readSome(file: IoFile, at: number, length: number): Promise<Uint8Array> {
  const memory = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const count = await result(file.read(at + done, memory, done, length - done));
    const left = length - done;
    const inRange = Number.isInteger(count) && count > 0 && count <= left;
    check(inRange, `read() of ${left} bytes before the end: expected 1 to ${left}, got ${count}`);
    done += count;
  }
  return memory;
}

/** Reads all of `file`, however short the reads. */
export function readAll(file: IoFile): Promise<Uint8Array> {
  return readSome(file, 0, file.size);
}

/** Writes all of `bytes` to `at`, however short the writes. */
export async function writeAll(file: IoFile, at: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const left = bytes.length - done;
    const count = await result(file.write(at + done, bytes, done, left));
    const inRange = Number.isInteger(count) && count > 0 && count <= left;
    check(inRange, `write() of ${left} bytes: expected 1 to ${left}, got ${count}`);
    done += count;
  }
}

interface TimerHost {
  setTimeout?: (work: () => void, ms: number) => unknown;
  clearTimeout?: (timer: never) => void;
}

const host = globalThis as unknown as TimerHost;

/** Lets time pass, so that whatever comes late has come; only a turn of promises without timers. */
export function pause(ms: number): Promise<void> {
  const { setTimeout } = host;
  if (setTimeout === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/**
 * Waits for `work`, no longer than `limitMs` where there are timers.
 * @throws {ConformanceError} when it took longer.
 */
export async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const { setTimeout, clearTimeout } = host;
  if (setTimeout === undefined) return await work;
  let timer: unknown;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const why = "an operation was never settled, or is very slow";
      reject(new ConformanceError(`expected an end within ${limitMs} ms: ${why}`));
    }, limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout?.(timer as never);
  }
}
