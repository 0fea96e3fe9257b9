/**
 * The contract between kvig and the world: the one file that the author of an adapter reads.
 *
 * An {@link Io} opens files and hands out memory; an {@link IoFile} reads, writes and syncs.
 * Nothing else of a runtime is used. Rules that hold for every operation:
 *
 * - **It returns a {@link Future}** and does not throw, but for arguments that make no sense (a
 *   negative position, a range outside of the memory), which are a bug of the caller. A blocking Io
 *   settles the future before it returns, an asynchronous one later.
 * - **Positions, offsets and lengths are bytes**, whole numbers of at least 0. There is no cursor:
 *   each operation names its position, and any number of operations may be in flight at once, on
 *   one file too, completing in any order. The caller never has two overlapping writes, or a write
 *   and an overlapping read, in flight, and relies on no order among operations in flight.
 * - **From the call until the future is settled the memory of an operation belongs to the Io**: the
 *   caller neither changes nor reuses it. After that the Io must not touch it, not even when a
 *   second, late completion arrives (which it ignores: the first one wins).
 * - **Errors** are settled with `future.fail(code, message, cause)`: `code` from the closed list
 *   below, `cause` the system's own error.
 * - **`{ blocking: true }`** asks to settle before returning. An Io that cannot leaves the future
 *   pending, and a synchronous call of the store then throws `KVIG_WOULD_BLOCK`.
 * - **After `close`** every operation of the file fails with `KVIG_CLOSED`; operations that were in
 *   flight complete or fail, and touch no memory afterwards.
 *
 * | code | for |
 * | --- | --- |
 * | `KVIG_NOT_FOUND` | no such file: ENOENT, ENOTDIR |
 * | `KVIG_EXISTS` | `exclusive`, and the name exists: EEXIST |
 * | `KVIG_ACCESS` | EACCES, EPERM, EROFS, ELOOP, EISDIR, EMFILE, ENFILE |
 * | `KVIG_FULL` | ENOSPC, EDQUOT, EFBIG |
 * | `KVIG_LOCKED` | another opener holds the lock |
 * | `KVIG_UNSUPPORTED` | the system or runtime cannot do it |
 * | `KVIG_READ_ONLY` | a write to a file opened read-only |
 * | `KVIG_CLOSED` | the file is closed |
 * | `KVIG_WOULD_BLOCK` | never by an adapter: that is a pending future taken too early |
 * | `KVIG_IO` | everything else |
 *
 * @module
 */

import type { Future } from "./future.ts";

export { Future, FuturePool } from "./future.ts";
export {
  type IoErrorCode,
  KvigError,
  type KvigErrorCode,
  type KvigErrorDetails,
} from "./errors.ts";

/** How one call wants to be carried out. */
export interface CallOptions {
  /** Settle the future before returning, if that is possible. */
  blocking?: boolean;
}

/** What to open, and how. */
export interface IoOpenOptions extends CallOptions {
  /** Create the file when the name does not exist. Default: false. */
  create?: boolean;
  /** With `create`: fail with `KVIG_EXISTS` when the name exists. Default: false. */
  exclusive?: boolean;
  /** Open for reading alone; writes, truncates and growth fail. Default: false. */
  readOnly?: boolean;
  /**
   * A hint to bypass the system's page cache (O_DIRECT). Where the file system refuses, open
   * without and say so in {@link IoFile.direct}. Operations of any position, length and memory must
   * work either way; aligned ones are faster. Default: the Io's choice.
   */
  direct?: boolean;
  /** Permission bits of a created file. Default: 0o600. */
  mode?: number;
}

/**
 * Many writes to scattered positions of one file, from one memory. Reused: {@link
 * WriteBatch.clear}.
 */
export class WriteBatch {
  /** Where all entries lie. */
  readonly memory: Uint8Array;
  /** Number of entries. */
  count = 0;
  /** Position in the file of each entry, in bytes. */
  readonly at: Float64Array;
  /** Offset in `memory` of each entry, in bytes. */
  readonly offset: Float64Array;
  /** Length of each entry, in bytes. */
  readonly length: Float64Array;

  /** Reserves room for `capacity` entries over `memory`. */
  constructor(memory: Uint8Array, capacity: number) {
    this.memory = memory;
    this.at = new Float64Array(capacity);
    this.offset = new Float64Array(capacity);
    this.length = new Float64Array(capacity);
  }

  /** Number of entries that fit. */
  get capacity(): number {
    return this.at.length;
  }

  /** Adds one write of `length` bytes at `offset` of the memory to position `at` of the file. */
  add(at: number, offset: number, length: number): void {
    const index = this.count++;
    this.at[index] = at;
    this.offset[index] = offset;
    this.length[index] = length;
  }

  /** Empties the batch. Only when no operation with it is in flight. */
  clear(): void {
    this.count = 0;
  }
}

/** An open file. */
export interface IoFile {
  /** The path it was opened with. */
  readonly path: string;
  /**
   * Size in bytes, as this opener knows it: the size at opening, moved by its own completed writes
   * and truncates. Costs no system call.
   */
  readonly size: number;
  /** Whether the system's page cache is bypassed. */
  readonly direct: boolean;

  /**
   * Reads up to `length` bytes at position `at` into `memory` from `offset` on; settles with the
   * number of bytes read. That number may be smaller without an error: the caller asks again for
   * the rest. It is 0 only at or past the end of the file, or when `length` is 0. Bytes of `memory`
   * outside of what was read are left as they are.
   */
  read(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number>;

  /**
   * Writes up to `length` bytes of `memory` from `offset` on to position `at`; settles with the
   * number of bytes written, which may be smaller without an error. A write past the end grows the
   * file, and what lies between reads as zeros. Nothing is durable before a sync.
   */
  write(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number>;

  /**
   * Carries out every write of `batch`, in any order, wholly: short writes are continued. Entries
   * do not overlap. The batch is not atomic: when it fails, or power fails, any part of any of its
   * writes may have happened. `batch` and its memory belong to the Io until the future is settled.
   */
  writeBatch(batch: WriteBatch, options?: CallOptions): Future<void>;

  /**
   * Makes durable what was written by operations that had **completed before this call**, and no
   * others. `"data"` (fdatasync) covers the bytes and what is needed to read them; `"full"` (fsync)
   * covers size and times too, and is what a change of size wants. A failed sync proves nothing
   * about what is durable, and asking again proves no more.
   */
  sync(kind: "data" | "full", options?: CallOptions): Future<void>;

  /**
   * Sets the size. What is cut off is gone; what is added reads as zeros. Durable by a full sync.
   */
  truncate(size: number, options?: CallOptions): Future<void>;

  /**
   * Takes the lock of the file without waiting: one exclusive holder, or any number of shared ones,
   * across processes, runtimes and openings in one process; it ends with `close` or with the
   * process. After locking, the name must still mean the file that is locked, else `KVIG_LOCKED`.
   * Fails with `KVIG_LOCKED` when it is held, `KVIG_UNSUPPORTED` where no lock can be had.
   */
  lock(kind: "exclusive" | "shared", options?: CallOptions): Future<void>;

  /** Closes the file and gives up its lock. Syncs nothing. Closing again does nothing. */
  close(options?: CallOptions): Future<void>;
}

/** Files, memory, time and randomness. */
export interface Io {
  /** What this is, in a few words for people: runtime, way of working, why a fallback was taken. */
  readonly description: string;

  /**
   * Whether operations called with `{ blocking: true }` are settled when they return. Where this is
   * false the store's synchronous calls work on cached pages only.
   */
  readonly canBlock: boolean;

  /**
   * Whether a slice of bytes costs less in this runtime than a view of them. The store then hands
   * out slices. Default: false.
   */
  readonly cheapSlices?: boolean;

  /**
   * Opens a regular file. A symbolic link as the last part of the path, and anything that is not a
   * regular file, is refused with `KVIG_ACCESS`.
   */
  open(path: string, options?: IoOpenOptions): Future<IoFile>;

  /** Removes the name. `KVIG_NOT_FOUND` when it does not exist. */
  remove(path: string, options?: CallOptions): Future<void>;

  /** Makes the names in the directory that holds `path` durable: created, removed. */
  syncDirectory(path: string, options?: CallOptions): Future<void>;

  /**
   * New zeroed memory of `bytes` bytes at a fixed address, for operations without a copy: where
   * the system has such, the address is a multiple of 4096. It must be a view, at a byteOffset that
   * is a multiple of 8, of a buffer that is never resized or detached.
   * @throws {Error} when the memory cannot be had.
   */
  allocate(bytes: number): Uint8Array;

  /** Milliseconds since 1970, for measurements and expiry; may jump. */
  now(): number;

  /** Fills `bytes` with random bytes, for ids of files. */
  random(bytes: Uint8Array): void;
}
