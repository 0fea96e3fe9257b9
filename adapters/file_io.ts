/**
 * An {@link Io} over the `node:fs` of any runtime that has it. What differs between runtimes is
 * injected: how a lock is taken, and how calls go on in the background.
 *
 * @module
 */

import { randomFillSync } from "node:crypto";
import fs from "node:fs";
import { dirname, resolve } from "node:path";
import process from "node:process";

import {
  type CallOptions,
  type Future,
  FuturePool,
  type Io,
  type IoFile,
  type IoOpenOptions,
  KvigError,
} from "../core/io.ts";
import type { Task } from "../core/future.ts";
import { allocateAligned } from "./aligned_memory.ts";
import { BatchWriter } from "./batch_write.ts";
import type { BackgroundCalls, BackgroundFile, FileIdentity, Locker } from "./capabilities.ts";
import { LAST_TRY, runTask, systemCall } from "./system_calls.ts";
import { lookUp, SystemFile, type SystemFileParts } from "./system_file.ts";

export type {
  BackgroundCalls,
  BackgroundFile,
  Done,
  FileIdentity,
  HeldLock,
  Locker,
  LockTarget,
} from "./capabilities.ts";

/** What a runtime brings along, and the choices of its user. */
export interface FileIoParts {
  /** See {@link Io.description}. */
  readonly description: string;
  /** Whether every operation is complete when it returns. */
  readonly blocking: boolean;
  /** What files are opened with when their opener leaves `direct` out. */
  readonly direct: boolean;
  /** See {@link Io.cheapSlices}. Default: false. */
  readonly cheapSlices?: boolean;
  /** How locks are taken. */
  readonly locker: Locker;
  /** How calls for a file go on in the background. Default: `node:fs` with callbacks. */
  readonly background?: (file: BackgroundFile) => BackgroundCalls;
}

/** Calls of `node:fs` that go on in the runtime's pool of threads. */
export const poolCalls: BackgroundCalls = {
  read: (fd, memory, offset, length, at, done) => fs.read(fd, memory, offset, length, at, done),
  write: (fd, memory, offset, length, at, done) => fs.write(fd, memory, offset, length, at, done),
  sync: (fd, kind, done) => {
    const report = (error: unknown) => done(error, undefined);
    if (kind === "data") fs.fdatasync(fd, report);
    else fs.fsync(fd, report);
  },
};

/** Makes an Io over `node:fs`. */
export function fileIo(parts: FileIoParts): Io {
  return new FileIo(parts);
}

class FileIo implements Io {
  readonly canBlock = true;
  readonly cheapSlices: boolean;
  readonly #describe: { readonly description: string };
  readonly #blocking: boolean;
  readonly #direct: boolean;
  readonly #parts: SystemFileParts;

  constructor(parts: FileIoParts) {
    this.cheapSlices = parts.cheapSlices ?? false;
    this.#describe = parts;
    this.#blocking = parts.blocking;
    this.#direct = parts.direct;
    this.#parts = {
      blocking: parts.blocking,
      background: parts.background ?? (() => poolCalls),
      locker: parts.locker,
      futures: new FuturePool(),
      batches: new BatchWriter(),
    };
  }

  get description(): string {
    return this.#describe.description;
  }

  open(path: string, options: IoOpenOptions = {}): Future<IoFile> {
    const blocking = this.#isBlocking(options);
    const direct = options.direct ?? this.#direct;
    return runTask(
      `open ${path}`,
      blocking,
      openTask(path, options, blocking, direct, this.#parts),
    );
  }

  remove(path: string, options?: CallOptions): Future<void> {
    const blocking = this.#isBlocking(options);
    return runTask(`remove ${path}`, blocking, removeTask(path, blocking));
  }

  syncDirectory(path: string, options?: CallOptions): Future<void> {
    const blocking = this.#isBlocking(options);
    return runTask(`sync the directory of ${path}`, blocking, syncDirectoryTask(path, blocking));
  }

  allocate(bytes: number): Uint8Array {
    return allocateAligned(bytes);
  }

  now(): number {
    return Date.now();
  }

  random(bytes: Uint8Array): void {
    randomFillSync(bytes);
  }

  #isBlocking(options: CallOptions | undefined): boolean {
    return this.#blocking || options?.blocking === true;
  }
}

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
// Not on every system; where they are missing, the checks around them have to do.
const O_NOFOLLOW = fs.constants.O_NOFOLLOW ?? 0;
const O_DIRECTORY = fs.constants.O_DIRECTORY ?? 0;
const O_DIRECT = fs.constants.O_DIRECT ?? 0;
const BIG = { bigint: true } as const;

function* openTask(
  path: string,
  options: IoOpenOptions,
  blocking: boolean,
  direct: boolean,
  parts: SystemFileParts,
): Task<IoFile> {
  yield* refuseIrregular(path, blocking);
  const readOnly = options.readOnly === true;
  const fd = yield* openCall(path, openFlags(options), options.mode ?? 0o600, blocking);
  let stat: fs.BigIntStats;
  try {
    stat = yield* statCall(path, fd, blocking);
    checkRegular(path, stat);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
  const access = (readOnly ? O_RDONLY : O_RDWR) | O_NOFOLLOW;
  const directFd = direct ? yield* openDirect(path, access, stat, blocking) : -1;
  const absolutePath = resolve(path);
  const size = Number(stat.size);
  return new SystemFile(parts, {
    path,
    absolutePath,
    fd,
    directFd,
    identity: stat,
    size,
    readOnly,
  });
}

function openFlags(options: IoOpenOptions): number {
  // Whoever makes a file may write it, and Deno has no O_EXCL for those who only read.
  if (options.create === true && options.exclusive === true) {
    return O_RDWR | O_NOFOLLOW | O_CREAT | O_EXCL;
  }
  const flags = (options.readOnly === true ? O_RDONLY : O_RDWR) | O_NOFOLLOW;
  return options.create === true ? flags | O_CREAT : flags;
}

function openCall(path: string, flags: number, mode: number, blocking: boolean): Future<number> {
  return systemCall(
    `open ${path}`,
    blocking,
    () => fs.openSync(path, flags, mode),
    (done) => fs.open(path, flags, mode, done),
  );
}

function statCall(path: string, fd: number, blocking: boolean): Future<fs.BigIntStats> {
  return systemCall(
    `open ${path}`,
    blocking,
    () => fs.fstatSync(fd, BIG),
    (done) => fs.fstat(fd, BIG, done),
  );
}

/** Looks before opening: to open a pipe would hang, and to open a device may do things. */
function* refuseIrregular(path: string, blocking: boolean): Task<void> {
  const stat = yield* lookUp(`open ${path}`, path, blocking);
  if (stat !== undefined) checkRegular(path, stat);
}

function checkRegular(path: string, stat: fs.BigIntStats): void {
  if (stat.isFile()) return;
  let what = "it is not a regular file";
  if (stat.isSymbolicLink()) what = "it is a symbolic link";
  if (stat.isDirectory()) what = "it is a directory";
  throw new KvigError("KVIG_ACCESS", `cannot open ${path}: ${what}`);
}

/**
 * A second descriptor of the same file that bypasses the page cache, or -1. Opened beside the
 * first, not instead of it: what is misaligned goes through the first, and a file system that
 * refuses O_DIRECT may have created the file before it does.
 */
function* openDirect(
  path: string,
  access: number,
  identity: FileIdentity,
  blocking: boolean,
): Task<number> {
  if (O_DIRECT === 0) return -1;
  let fd = -1;
  try {
    fd = yield* openCall(path, access | O_DIRECT, 0, blocking);
    const stat = yield* statCall(path, fd, blocking);
    if (stat.dev === identity.dev && stat.ino === identity.ino) return fd;
  } catch (error) {
    // A hint that cannot be followed: `IoFile.direct` says so.
    if (!(error instanceof KvigError)) throw error;
  }
  if (fd >= 0) fs.closeSync(fd);
  return -1;
}

/** Looks before removing: Deno's unlink removes an empty directory as well. */
function* removeTask(path: string, blocking: boolean): Task<void> {
  const words = `remove ${path}`;
  const stat = yield* lookUp(words, path, blocking);
  if (stat?.isDirectory() === true) {
    throw new KvigError("KVIG_ACCESS", `cannot remove ${path}: it is a directory`);
  }
  yield* systemCall(
    words,
    blocking,
    () => fs.unlinkSync(path),
    (done) => fs.unlink(path, (error) => done(error, undefined)),
  );
}

function* syncDirectoryTask(path: string, blocking: boolean): Task<void> {
  // Directories cannot be opened there, and names are kept by the file system's own journal.
  if (process.platform === "win32") return;
  const words = `sync the directory of ${path}`;
  const directory = dirname(path);
  const flags = O_RDONLY | O_DIRECTORY;
  const fd = yield* systemCall(
    words,
    blocking,
    () => fs.openSync(directory, flags),
    (done) => fs.open(directory, flags, done),
  );
  try {
    yield* systemCall(
      words,
      blocking,
      () => fs.fsyncSync(fd),
      (done) => fs.fsync(fd, (error) => done(error, undefined)),
      LAST_TRY,
    );
  } finally {
    fs.closeSync(fd);
  }
}
