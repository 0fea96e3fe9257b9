/**
 * Locks of files on Deno: `Deno.FsFile.tryLockSync`, which is flock(2).
 *
 * The lock is taken on a handle of its own, and is one for the file, whoever opened it: it excludes
 * the locks that other runtimes take with flock. It ends when the handle is closed, or with the
 * process, however it dies.
 *
 * @module
 */

import process from "node:process";

import { Future } from "../../core/io.ts";
import { failedBy } from "../errno.ts";
import type { HeldLock, Locker, LockTarget } from "../file_io.ts";
import { heldElsewhere, noLock } from "../lock_errors.ts";
import { openSame } from "./same_file.ts";

/** Systems whose locks other runtimes respect. */
const SYSTEMS: readonly string[] = ["linux", "android", "darwin", "freebsd", "netbsd", "openbsd"];

/** Takes locks with the runtime's own call. It waits for nothing, so it has no background form. */
export const denoLocker: Locker = {
  lock(target, kind) {
    try {
      if (!SYSTEMS.includes(process.platform)) {
        throw noLock(target.path, `there is no lock on ${process.platform}`);
      }
      return Future.of(lockNow(target, kind === "exclusive"));
    } catch (error) {
      return failedBy(`lock ${target.path}`, error);
    }
  },
};

function lockNow(target: LockTarget, exclusive: boolean): HeldLock {
  const handle = openSame(target.path, target.identity, { read: true });
  let held = false;
  try {
    held = handle.tryLockSync(exclusive);
  } finally {
    if (!held) handle.close();
  }
  if (!held) throw heldElsewhere(target.path);
  return { release: () => handle.close() };
}
