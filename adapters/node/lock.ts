/**
 * Locks of files on Node, which has no call for them.
 *
 * On Linux the program `flock` of util-linux locks a descriptor that it inherits. The lock belongs
 * to the open file and not to the process that took it, so it outlives that program and ends when
 * the last copy of the descriptor is closed: with the file or with this process, however it dies.
 * On macOS and the BSDs the file is opened once more with the lock; that way is not tested here.
 * Nothing else excludes reliably, so elsewhere there is no lock.
 *
 * @module
 */

import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import process from "node:process";

import { Future, KvigError } from "../../core/io.ts";
import { failedBy, failWith, systemCode, systemFailure } from "../errno.ts";
import type { HeldLock, Locker, LockTarget } from "../file_io.ts";
import { heldElsewhere, noLock, WAY_OUT } from "../lock_errors.ts";

type Kind = "exclusive" | "shared";

/** Takes locks in the way of the system that Node runs on. */
export const nodeLocker: Locker = {
  lock(target, kind, blocking) {
    switch (process.platform) {
      case "linux":
      case "android":
        return blocking ? runFlockNow(target, kind) : runFlockLater(target, kind);
      case "darwin":
      case "freebsd":
      case "netbsd":
      case "openbsd":
        return openLocked(target, kind);
      default:
        return Future.failed(
          "KVIG_UNSUPPORTED",
          `cannot lock ${target.path}: there is no lock on ${process.platform}; ${WAY_OUT}`,
        );
    }
  },
};

const HELD: HeldLock = {};

/** What `flock` ends with when another holds the lock. */
const STATUS_HELD = 1;

function flockArguments(kind: Kind): string[] {
  return ["-n", kind === "exclusive" ? "-x" : "-s", "3"];
}

function runFlockNow(target: LockTarget, kind: Kind): Future<HeldLock> {
  let failure: KvigError | undefined;
  try {
    const ended = spawnSync("flock", flockArguments(kind), {
      stdio: ["ignore", "ignore", "ignore", target.fd],
    });
    failure = ended.error === undefined
      ? judgeFlock(target, ended.status, ended.signal)
      : spawnFailure(target, ended.error);
  } catch (error) {
    failure = spawnFailure(target, error);
  }
  return failure === undefined ? Future.of(HELD) : failedBy(`lock ${target.path}`, failure);
}

function runFlockLater(target: LockTarget, kind: Kind): Future<HeldLock> {
  const words = `lock ${target.path}`;
  const future = new Future<HeldLock>();
  try {
    const child = spawn("flock", flockArguments(kind), {
      stdio: ["ignore", "ignore", "ignore", target.fd],
    });
    child.on("error", (error) => failWith(future, words, spawnFailure(target, error)));
    child.on("close", (status, signal) => {
      const failure = judgeFlock(target, status, signal);
      if (failure === undefined) future.settle(HELD);
      else failWith(future, words, failure);
    });
  } catch (error) {
    failWith(future, words, spawnFailure(target, error));
  }
  return future;
}

function judgeFlock(
  target: LockTarget,
  status: number | null,
  signal: string | null,
): KvigError | undefined {
  if (status === 0) return undefined;
  if (status === STATUS_HELD) return heldElsewhere(target.path);
  if (status === null) {
    const message = `cannot lock ${target.path}: the program flock was ended by ${signal}`;
    return new KvigError("KVIG_IO", message);
  }
  const why = `the program flock ended with status ${status}, perhaps the file system has no locks`;
  return noLock(target.path, why);
}

function spawnFailure(target: LockTarget, error: unknown): KvigError {
  const code = systemCode(error);
  const reason = SPAWN_REASONS.get(code);
  if (reason === undefined) return systemFailure(`lock ${target.path}`, error);
  const message = `cannot lock ${target.path}: ${reason}, or ${WAY_OUT}`;
  return new KvigError("KVIG_UNSUPPORTED", message, { cause: error });
}

const SPAWN_REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "the program flock is missing; install util-linux"],
  ["EACCES", "the program flock cannot be run; put one that can into PATH"],
  ["EPERM", "the program flock may not be run; permit it"],
  ["ERR_ACCESS_DENIED", "Node may not run the program flock; pass --allow-child-process"],
]);

// Flags of open(2) on macOS and the BSDs, which Node does not name.
const O_NONBLOCK = 0x4;
const O_SHLOCK = 0x10;
const O_EXLOCK = 0x20;

/** Opens the file once more, with the lock. Waits for nothing, so it has no background form. */
function openLocked(target: LockTarget, kind: Kind): Future<HeldLock> {
  const lockFlag = kind === "exclusive" ? O_EXLOCK : O_SHLOCK;
  const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | O_NONBLOCK | lockFlag;
  let fd: number;
  let stat: fs.BigIntStats;
  try {
    fd = fs.openSync(target.path, flags);
    stat = fs.fstatSync(fd, { bigint: true });
  } catch (error) {
    const held = systemCode(error) === "EAGAIN" || systemCode(error) === "EWOULDBLOCK";
    return failedBy(`lock ${target.path}`, held ? heldElsewhere(target.path) : error);
  }
  if (stat.ino !== target.identity.ino || stat.dev !== target.identity.dev) {
    fs.closeSync(fd);
    return failedBy(`lock ${target.path}`, heldElsewhere(target.path));
  }
  return Future.of({ release: () => fs.closeSync(fd) });
}
