/**
 * Errors of the kernel, which the ring reports as negative numbers, in the form that the rest of
 * the adapters knows.
 *
 * @module
 */

import { constants } from "node:os";

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    // The same number, and this is the name that is looked for.
    .filter(([name]) => name !== "EWOULDBLOCK" && name !== "ENOTSUP")
    .map(([name, number]) => [number, name]),
);

const WORDS: Readonly<Record<string, string>> = {
  EPERM: "operation not permitted",
  ENOMEM: "not enough memory",
  EACCES: "permission denied",
  EINVAL: "invalid argument",
  EIO: "input/output error",
  EMFILE: "too many open files",
  ENFILE: "too many open files in the system",
  ENOSPC: "no space left on device",
  EDQUOT: "disk quota exceeded",
  EFBIG: "file too large",
  EROFS: "read-only file system",
  EBADF: "bad file descriptor",
  ENOSYS: "function not implemented",
};

/** The name of error `errno`, such as `"EIO"`. */
export function errorName(errno: number): string {
  return NAMES.get(errno) ?? `error ${errno}`;
}

/** The error that an entry of the ring ended with; `errno` is positive. */
export function ringError(errno: number): Error {
  const code = errorName(errno);
  const error = new Error(`${code}: ${WORDS[code] ?? "input/output failed"}`);
  return Object.assign(error, { code, errno: -errno });
}
