/**
 * What differs between the runtimes that have `node:fs`, and is injected by their adapters.
 *
 * @module
 */

import type { Future, WriteBatch } from "../core/io.ts";
import type { BatchPlan } from "./batch_plan.ts";

/** Called once by a call in the background; `error` is null or undefined when it succeeded. */
export type Done<T> = (error: unknown, value: T) => void;

/** Which file it is, whatever its name. */
export interface FileIdentity {
  /** Number of the device. */
  readonly dev: bigint;
  /** Number of the inode. */
  readonly ino: bigint;
}

/** What a lock is taken on. */
export interface LockTarget {
  /** Descriptor of the open file. */
  readonly fd: number;
  /** Its absolute path. */
  readonly path: string;
  /** Which file it is. */
  readonly identity: FileIdentity;
}

/** A lock that is held. It ends with the descriptor it was taken on. */
export interface HeldLock {
  /** Gives up what was needed beside the descriptor; called when the file closes. */
  release?(): void;
}

/** How a runtime takes a lock. */
export interface Locker {
  /**
   * Takes the lock without waiting for another holder; fails with `KVIG_LOCKED` when there is one.
   */
  lock(target: LockTarget, kind: "exclusive" | "shared", blocking: boolean): Future<HeldLock>;
}

/** An open file, as the calls in the background see it. */
export interface BackgroundFile {
  /** The buffered descriptor. */
  readonly fd: number;
  /** The descriptor that bypasses the page cache, or -1. */
  readonly directFd: number;
  /** The path from the root. */
  readonly absolutePath: string;
  /** Which file it is. */
  readonly identity: FileIdentity;
  /** Whether it was opened for reading alone. */
  readonly readOnly: boolean;
}

/** How a runtime reads, writes and syncs one file in the background. */
export interface BackgroundCalls {
  /** Gives up what was opened beside the file's descriptors; called when nothing is in flight. */
  release?(): void;
  /** pread: up to `length` bytes at position `at` into `memory` from `offset` on. */
  read(
    fd: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    at: number,
    done: Done<number>,
  ): void;
  /** pwrite: up to `length` bytes of `memory` from `offset` on to position `at`. */
  write(
    fd: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    at: number,
    done: Done<number>,
  ): void;
  /** fdatasync or fsync. */
  sync(fd: number, kind: "data" | "full", done: Done<void>): void;
  /** A way of its own to write batches. Default: run by run, a few at once. */
  readonly batches?: BatchCalls;
}

/** Where the parts of a batch go to. */
export interface BatchTarget {
  /** The descriptor for so many bytes: direct where all of them are aligned. */
  descriptor(at: number, memory: Uint8Array, offset: number, length: number): number;
  /** Notes that `count` bytes were written at `at`. */
  grow(at: number, count: number): void;
}

/**
 * How a runtime writes whole batches. Where that leaves anything to do, such as the rest of a short
 * write, the whole batch is written again run by run.
 */
export interface BatchCalls {
  /**
   * Begins to write `batch`; false when it cannot be written in this way and nothing was begun.
   * `done` gets whether all was written, once nothing of it is in flight any more.
   */
  later(target: BatchTarget, batch: WriteBatch, plan: BatchPlan, done: Done<boolean>): boolean;
  /** Writes `batch` before returning; false when anything is left. Throws the system's error. */
  now(target: BatchTarget, batch: WriteBatch, plan: BatchPlan): boolean;
}
