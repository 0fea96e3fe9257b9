/**
 * Locks of files on Bun: flock(2) of the C library, through `bun:ffi`.
 *
 * The lock belongs to the open file: it excludes the locks that other runtimes take with flock, and
 * ends when the descriptor is closed, or with the process, however it dies.
 *
 * @module
 */

import process from "node:process";

import { Future } from "../../core/io.ts";
import { failedBy } from "../errno.ts";
import type { HeldLock, Locker, LockTarget } from "../file_io.ts";
import { heldElsewhere, noLock } from "../lock_errors.ts";

/** Takes locks with a call of the C library. It waits for nothing, so it has no background form. */
export const bunLocker: Locker = {
  lock(target, kind) {
    try {
      return Future.of(lockNow(target, kind === "exclusive" ? LOCK_EX : LOCK_SH));
    } catch (error) {
      return failedBy(`lock ${target.path}`, error);
    }
  },
};

// Operations of flock(2), the same on all systems.
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Where the C library is, and its function that leads to the number of the last error. */
const LIBRARIES: Readonly<Record<string, { paths: readonly string[]; errno: string }>> = {
  linux: {
    paths: ["libc.so.6", `libc.musl-${process.arch === "x64" ? "x86_64" : "aarch64"}.so.1`],
    errno: "__errno_location",
  },
  darwin: { paths: ["libSystem.B.dylib"], errno: "__error" },
};

/** Numbers of EWOULDBLOCK, of Linux and of macOS. */
const WOULD_BLOCK: readonly number[] = [11, 35];
const EINTR = 4;

const HELD: HeldLock = {};

/** flock, and the number of the error with which it failed. */
interface Flock {
  call(fd: number, operation: number): number;
  lastError(): number;
}

let loaded: Flock | undefined;

function lockNow(target: LockTarget, operation: number): HeldLock {
  loaded ??= load(target.path);
  let failure = EINTR;
  while (failure === EINTR) {
    if (loaded.call(target.fd, operation | LOCK_NB) === 0) return HELD;
    failure = loaded.lastError();
  }
  if (WOULD_BLOCK.includes(failure)) throw heldElsewhere(target.path);
  const why = `flock failed with error number ${failure}, perhaps the file system has no locks`;
  throw noLock(target.path, why);
}

function load(path: string): Flock {
  const library = LIBRARIES[process.platform];
  // Not imported: nothing else has that module, and bundlers would look for it.
  const ffi = process.getBuiltinModule("bun:ffi") as unknown as typeof import("bun:ffi");
  let failure: unknown;
  for (const name of library?.paths ?? []) {
    try {
      const { symbols } = ffi.dlopen(name, {
        flock: { args: ["i32", "i32"], returns: "i32" },
        [library.errno]: { args: [], returns: "ptr" },
      });
      const call = symbols["flock"] as (fd: number, operation: number) => number;
      const errno = symbols[library.errno] as () => number;
      return { call, lastError: () => ffi.read.i32(errno() as never, 0) };
    } catch (error) {
      failure = error;
    }
  }
  const why = library === undefined
    ? `there is no lock on ${process.platform}`
    : "the C library cannot be loaded";
  throw noLock(path, why, failure);
}
