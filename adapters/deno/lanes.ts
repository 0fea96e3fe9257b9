/**
 * Reading, writing and syncing in the background on Deno, whose handles carry one operation at a
 * time.
 *
 * Measured on Deno 2.9: `fs.read` with a callback runs in a thread, and waits for the operation on
 * the same descriptor before it; `fs.write` with a callback writes in the main thread, which stands
 * still meanwhile; `Deno.FsFile` writes in a thread, at its cursor. So a file has several handles,
 * called lanes: an operation takes an idle one, moves its cursor if it has one, and gives it back.
 *
 * Lanes for reading are descriptors, some of which bypass the page cache; lanes for writing are
 * handles of `Deno.FsFile`, which cannot: writes in the background go through the page cache.
 *
 * @module
 */

import fs from "node:fs";

import { type BackgroundCalls, type BackgroundFile, type Done, poolCalls } from "../file_io.ts";
import { openSame } from "./same_file.ts";

/** Measured: 4 read lanes give three quarters of the speed of 8, and 16 no more than 8. */
const READ_LANES_MAX = 8;
const WRITE_LANES_MAX = 4;

/** The calls in the background for one open file. */
export function laneCalls(file: BackgroundFile): BackgroundCalls {
  return new LaneCalls(file);
}

class LaneCalls implements BackgroundCalls {
  readonly #file: BackgroundFile;
  readonly #buffered: Lanes<number>;
  readonly #direct: Lanes<number>;
  readonly #writes: Lanes<Deno.FsFile>;

  constructor(file: BackgroundFile) {
    this.#file = file;
    const O_DIRECT = fs.constants.O_DIRECT ?? 0;
    this.#buffered = new Lanes(READ_LANES_MAX, () => openDescriptor(file, 0));
    this.#direct = new Lanes(READ_LANES_MAX, () => openDescriptor(file, O_DIRECT));
    this.#buffered.add(file.fd);
    if (file.directFd >= 0) this.#direct.add(file.directFd);
    this.#writes = new Lanes(
      WRITE_LANES_MAX,
      () => openSame(file.absolutePath, file.identity, { read: true, write: true }),
    );
  }

  read(
    fd: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    at: number,
    done: Done<number>,
  ): void {
    const lanes = fd === this.#file.directFd ? this.#direct : this.#buffered;
    lanes.use((lane) => {
      fs.read(lane, memory, offset, length, at, (error, count) => {
        lanes.giveBack(lane);
        done(error, count);
      });
    });
  }

  write(
    fd: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    at: number,
    done: Done<number>,
  ): void {
    const lanes = this.#writes;
    const canWrite = lanes.use((lane) => {
      writeAt(lane, at, memory.subarray(offset, offset + length)).then(
        (count) => {
          lanes.giveBack(lane);
          done(undefined, count);
        },
        (error) => {
          lanes.giveBack(lane);
          done(error, 0);
        },
      );
    });
    // The name may be gone, or descriptors be short: then it is written at once.
    if (!canWrite) poolCalls.write(fd, memory, offset, length, at, done);
  }

  sync(fd: number, kind: "data" | "full", done: Done<void>): void {
    poolCalls.sync(fd, kind, done);
  }

  release(): void {
    for (const fd of this.#buffered.all) if (fd !== this.#file.fd) fs.closeSync(fd);
    for (const fd of this.#direct.all) if (fd !== this.#file.directFd) fs.closeSync(fd);
    for (const handle of this.#writes.all) handle.close();
  }
}

/** Writes with a handle that carries nothing else; whatever fails rejects. */
async function writeAt(handle: Deno.FsFile, at: number, bytes: Uint8Array): Promise<number> {
  handle.seekSync(at, Deno.SeekMode.Start);
  return await handle.write(bytes);
}

/** Opens one more descriptor for reading. */
function openDescriptor({ absolutePath, identity }: BackgroundFile, flags: number): number {
  const { O_RDONLY, O_NOFOLLOW } = fs.constants;
  const fd = fs.openSync(absolutePath, O_RDONLY | O_NOFOLLOW | flags);
  const { dev, ino } = fs.fstatSync(fd, { bigint: true });
  if (dev === identity.dev && ino === identity.ino) return fd;
  fs.closeSync(fd);
  throw new Error("another file has the name by now");
}

/** Handles of one file, each of which carries one operation at a time. */
class Lanes<T> {
  /** Every handle, idle or not. */
  readonly all: T[] = [];
  readonly #most: number;
  readonly #open: () => T;
  readonly #idle: T[] = [];
  readonly #waiting: ((lane: T) => void)[] = [];
  #mayOpen = true;

  /** Opens up to `most` with `open`, as they are needed. */
  constructor(most: number, open: () => T) {
    this.#most = most;
    this.#open = open;
  }

  /** Adds a handle that somebody else opened. */
  add(lane: T): void {
    this.all.push(lane);
    this.#idle.push(lane);
  }

  /** Calls `work` with an idle lane, now or later; false where there is none and none to be had. */
  use(work: (lane: T) => void): boolean {
    if (this.#idle.length === 0 && this.all.length < this.#most && this.#mayOpen) this.#openOne();
    const lane = this.#idle.pop();
    if (lane !== undefined) work(lane);
    else if (this.all.length > 0) this.#waiting.push(work);
    return this.all.length > 0;
  }

  /** The operation that used `lane` is over. */
  giveBack(lane: T): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(lane);
    else next(lane);
  }

  #openOne(): void {
    try {
      this.add(this.#open());
    } catch {
      // The lanes that are there have to do: more of them are a matter of speed.
      this.#mayOpen = false;
    }
  }
}
