/**
 * What the tests of Ios do again and again: wait, take, read and write all, expect a failure.
 *
 * @module
 */

import { KvigError } from "../../core/errors.ts";
import type { Future, IoErrorCode } from "../../core/io.ts";
import { result } from "../conformance/check.ts";
import { assertEquals, assertRejects } from "./assert.ts";

export { pattern, readAll, result, writeAll } from "../conformance/check.ts";

/** Fails unless `future` fails with `code` and `part` in its message; returns the error. */
export async function assertFails(
  future: Future<unknown>,
  code: IoErrorCode,
  part = "",
): Promise<KvigError> {
  const error = await assertRejects(() => result(future), KvigError, part);
  assertEquals(error.code, code, `${error.message}: ${error.cause}`);
  return error;
}
