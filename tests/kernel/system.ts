/**
 * Calls of the Linux kernel that no runtime offers: mounting, unmounting, the ioctl that shuts a
 * file system down as a power cut would, writing back a range of a file.
 *
 * They go through `node:ffi` of Node.js 26 in this very process, which takes microseconds where a
 * program would take milliseconds. All of them block.
 *
 * @module
 */

import fs from "node:fs";
import process from "node:process";
import { getSystemErrorName } from "node:util";

/** FS_IOC_SHUTDOWN of ext4 and XFS: `_IOR('X', 125, __u32)`. */
const SHUTDOWN_REQUEST = 0x8004587dn;
/** Goes down at once, and what stands in the journal's buffers is lost. */
const WITHOUT_FLUSHING_THE_LOG = 2;

/** Of umount(2): takes the name away now, and the file system when it is not busy any more. */
const MNT_DETACH = 2;
/** Of sync_file_range(2): waits for earlier writes, writes, waits for the end. */
const WRITE_AND_WAIT = 7;
/** Of posix_fadvise(2): drops the clean pages. */
const POSIX_FADV_DONTNEED = 4;

/** A call that failed. */
export class SystemError extends Error {
  /** The system's name of the error, as `EBUSY`. */
  readonly code: string;

  /** `words` say what failed. */
  constructor(words: string, errno: number) {
    const code = getSystemErrorName(-errno);
    super(`${words}: ${code}`);
    this.code = code;
  }
}

type Ffi = typeof import("node:ffi");

function declare(ffi: Ffi) {
  return ffi.dlopen(null, {
    ioctl: { return: "i32", arguments: ["i32", "u64", "pointer"] },
    mount: { return: "i32", arguments: ["string", "string", "string", "u64", "string"] },
    umount2: { return: "i32", arguments: ["string", "i32"] },
    sync_file_range: { return: "i32", arguments: ["i32", "i64", "i64", "u32"] },
    posix_fadvise: { return: "i32", arguments: ["i32", "i64", "i64", "i32"] },
    __errno_location: { return: "pointer", arguments: [] },
  }).functions;
}

/** The calls. */
export class System {
  readonly #ffi: Ffi;
  readonly #calls: ReturnType<typeof declare>;

  /** Over the module that calls foreign functions. */
  constructor(ffi: Ffi) {
    this.#ffi = ffi;
    this.#calls = declare(ffi);
  }

  /** Mounts `source` at `target`; `options` are those of the file system. */
  mount(source: string, target: string, type: string, options = ""): void {
    const result = this.#calls.mount(source, target, type, 0n, options);
    this.#check(result, `mount ${type} at ${target}`);
  }

  /** Unmounts what is at `target`; `detach` does so however busy it is. */
  unmount(target: string, detach = false): void {
    const result = this.#calls.umount2(target, detach ? MNT_DETACH : 0);
    this.#check(result, `unmount ${target}`);
  }

  /** Shuts the file system at `target` down: nothing more reaches its device. */
  shutDown(target: string): void {
    const fd = fs.openSync(target, "r");
    try {
      const how = new Uint32Array([WITHOUT_FLUSHING_THE_LOG]);
      this.#check(this.#calls.ioctl(fd, SHUTDOWN_REQUEST, how), `shut down ${target}`);
    } finally {
      fs.closeSync(fd);
    }
  }

  /** Writes the dirty pages of a range of a file back, and syncs nothing. */
  writeBack(fd: number, at: number, length: number): void {
    const result = this.#calls.sync_file_range(fd, BigInt(at), BigInt(length), WRITE_AND_WAIT);
    this.#check(result, "write back");
  }

  /** Drops what the system's page cache holds of a file and is not dirty. */
  dropCache(path: string): void {
    const fd = fs.openSync(path, "r");
    try {
      this.#check(this.#calls.posix_fadvise(fd, 0n, 0n, POSIX_FADV_DONTNEED), `drop ${path}`);
    } finally {
      fs.closeSync(fd);
    }
  }

  #check(result: number, words: string): void {
    if (result === 0) return;
    const errno = this.#ffi.getInt32(this.#calls.__errno_location());
    throw new SystemError(words, errno);
  }
}

/** The calls, or why there are none. */
export function loadSystem(): System | string {
  if (process.platform !== "linux") return `it needs Linux, this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "it needs root, to mount file systems and shut them down";
  const ffi = process.getBuiltinModule("node:ffi") as Ffi | undefined;
  if (ffi === undefined) {
    return `it needs node:ffi of Node.js 26 to call the kernel, this is ${process.version}`;
  }
  return new System(ffi);
}
