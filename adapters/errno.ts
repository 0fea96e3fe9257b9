/**
 * What a system error means: its code in the closed list of the contract, and words for people.
 *
 * Errors are told apart by `code` alone, because not every runtime gives an `errno`; the number is
 * looked at only where the code says nothing.
 *
 * @module
 */

import { AssertionError } from "../core/assert.ts";
import { Future, type IoErrorCode, KvigError } from "../core/io.ts";

const CODES: ReadonlyMap<string, IoErrorCode> = new Map<string, IoErrorCode>([
  ["ENOENT", "KVIG_NOT_FOUND"],
  ["ENOTDIR", "KVIG_NOT_FOUND"],
  ["EEXIST", "KVIG_EXISTS"],
  ["EACCES", "KVIG_ACCESS"],
  ["EPERM", "KVIG_ACCESS"],
  ["EROFS", "KVIG_ACCESS"],
  ["ELOOP", "KVIG_ACCESS"],
  ["EISDIR", "KVIG_ACCESS"],
  ["EMFILE", "KVIG_ACCESS"],
  ["ENFILE", "KVIG_ACCESS"],
  ["ERR_ACCESS_DENIED", "KVIG_ACCESS"],
  ["ENOSPC", "KVIG_FULL"],
  ["EDQUOT", "KVIG_FULL"],
  ["EFBIG", "KVIG_FULL"],
  ["ENOSYS", "KVIG_UNSUPPORTED"],
  ["ENOTSUP", "KVIG_UNSUPPORTED"],
  ["EOPNOTSUPP", "KVIG_UNSUPPORTED"],
]);

/**
 * EDQUOT has no name in some runtimes; its numbers are those of Linux and of macOS and the BSDs.
 */
const QUOTA_NUMBERS: readonly unknown[] = [-122, -69];

interface SystemError {
  code?: unknown;
  errno?: unknown;
  message?: unknown;
  name?: unknown;
}

/** The system's name of `error`, such as `"ENOSPC"`; `""` when it has none. */
export function systemCode(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { code, errno } = error as SystemError;
  if (typeof code === "string" && code !== "UNKNOWN") return code;
  return QUOTA_NUMBERS.includes(errno) ? "EDQUOT" : "";
}

/** The code of the contract that `error` of the system stands for; `KVIG_IO` when none fits. */
export function ioErrorCode(error: unknown): IoErrorCode {
  const { name } = (error ?? {}) as SystemError;
  // Thrown without a code by a runtime whose permissions were not granted.
  if (name === "NotCapable" || name === "PermissionDenied") return "KVIG_ACCESS";
  return CODES.get(systemCode(error)) ?? "KVIG_IO";
}

/** `error` in words, as in `EACCES permission denied`. */
export function describeError(error: unknown): string {
  const code = systemCode(error);
  const { message } = (error ?? {}) as SystemError;
  if (code === "EDQUOT") return "EDQUOT disk quota exceeded";
  if (typeof message !== "string") return code === "" ? String(error) : code;
  // "EACCES: permission denied, open '/x'" or "Permission denied (os error 13)"
  const words = /^(?:[A-Z0-9_]+: )?(.*?)(?:, [a-z]+(?: '.*')?(?: -> '.*')?| \(os error \d+\).*)?$/s
    .exec(message)?.[1] ?? message;
  return code === "" ? words : `${code} ${words}`;
}

/** The error of an operation that failed with `error`; `words` say what it was, as in `open /x`. */
export function systemFailure(words: string, error: unknown): KvigError {
  const message = `cannot ${words}: ${describeError(error)}`;
  return new KvigError(ioErrorCode(error), message, { cause: error });
}

/** A future that has failed with `error`: as it is when it is a KvigError, in `words` otherwise. */
export function failedBy<T>(words: string, error: unknown): Future<T> {
  if (error instanceof AssertionError) throw error;
  const failure = error instanceof KvigError ? error : systemFailure(words, error);
  return Future.failed<T>(failure.code as IoErrorCode, failure.message, failure.cause);
}

/** Fails `future` with `error`, likewise. */
export function failWith(future: Future<unknown>, words: string, error: unknown): void {
  const failure = error instanceof KvigError ? error : systemFailure(words, error);
  future.fail(failure.code as IoErrorCode, failure.message, failure.cause);
}
