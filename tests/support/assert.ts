/**
 * The assertions of the tests: the names and meanings of Deno's std, over `node:assert/strict`.
 *
 * No test imports an assertion library by itself, so that this file alone decides which one it is.
 *
 * @module
 */

import nodeAssert from "node:assert/strict";

/** A class of errors, abstract ones included. */
export type ErrorClass<E extends Error = Error> = abstract new (...args: never[]) => E;

/** The message as further arguments: the library wants none rather than `undefined`. */
const own = (message: string | undefined): [message: string] =>
  (message === undefined ? [] : [message]) as unknown as [message: string];

/** Fails unless `condition` is true. */
export function assert(condition: boolean, message?: string): asserts condition {
  nodeAssert.ok(condition, ...own(message));
}

/** Fails with `message`. */
export function fail(message: string): never {
  nodeAssert.fail(message);
}

/** Fails unless both are deeply equal, in their types too. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.deepStrictEqual(actual, expected, ...own(message));
}

/** Fails when both are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.notDeepStrictEqual(actual, expected, ...own(message));
}

/** Fails unless both are the same object or the same primitive value. */
export function assertStrictEquals<T>(actual: T, expected: T, message?: string): void {
  nodeAssert.strictEqual(actual, expected, ...own(message));
}

/** Fails when `actual` is `undefined` or `null`. */
export function assertExists<T>(actual: T, message?: string): asserts actual is NonNullable<T> {
  const present = actual !== undefined && actual !== null;
  nodeAssert.ok(present, message ?? `Expected a value, got ${actual}`);
}

/** Fails unless `actual` is greater than or equal to `bound`. */
export function assertGreaterOrEqual(actual: number, bound: number, message?: string): void {
  nodeAssert.ok(actual >= bound, message ?? `Expected ${actual} >= ${bound}`);
}

/** Fails unless `actual` is less than or equal to `bound`. */
export function assertLessOrEqual(actual: number, bound: number, message?: string): void {
  nodeAssert.ok(actual <= bound, message ?? `Expected ${actual} <= ${bound}`);
}

/** Fails unless `expected` occurs in `actual`. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  const sentence = `Expected ${JSON.stringify(actual)} to include ${JSON.stringify(expected)}`;
  nodeAssert.ok(actual.includes(expected), message ?? sentence);
}

/** Fails unless `expected` matches `actual`. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  nodeAssert.match(actual, expected, ...own(message));
}

/** Fails unless `actual` is an instance of `expected`. */
export function assertInstanceOf<E extends Error>(
  actual: unknown,
  expected: ErrorClass<E>,
  message?: string,
): asserts actual is E {
  const sentence = message ?? `Expected an instance of ${expected.name}, got ${actual}`;
  nodeAssert.ok(actual instanceof expected, sentence);
}

/** Fails unless `work` throws an `expected` with `part` in its message; returns what it threw. */
export function assertThrows<E extends Error = Error>(
  work: () => unknown,
  expected?: ErrorClass<E>,
  part?: string,
): E {
  try {
    work();
  } catch (error) {
    return checkError(error, expected, part);
  }
  nodeAssert.fail(`Expected a throw of ${expected?.name ?? "an Error"}, got none`);
}

/** The same for a promise: fails unless `work` rejects, or when it throws before there is one. */
export async function assertRejects<E extends Error = Error>(
  work: () => PromiseLike<unknown>,
  expected?: ErrorClass<E>,
  part?: string,
): Promise<E> {
  const promise = work();
  try {
    await promise;
  } catch (error) {
    return checkError(error, expected, part);
  }
  nodeAssert.fail(`Expected a rejection with ${expected?.name ?? "an Error"}, got none`);
}

function checkError<E extends Error>(
  error: unknown,
  expected: ErrorClass<E> | undefined,
  part: string | undefined,
): E {
  assertInstanceOf(error, expected ?? (Error as unknown as ErrorClass<E>));
  if (part !== undefined) assertStringIncludes(error.message, part);
  return error;
}
