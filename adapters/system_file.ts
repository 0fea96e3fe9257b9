/**
 * An {@link IoFile} over the descriptors of one open file.
 *
 * Invariants:
 * - A descriptor is never closed while an operation with it is in flight, so its number can never
 *   come to mean another file under an operation.
 * - Operations that are complete on return settle pooled futures; all others settle fresh ones.
 *
 * @module
 */

import fs from "node:fs";

import { assert } from "../core/assert.ts";
import type { Task } from "../core/future.ts";
import {
  type CallOptions,
  Future,
  type FuturePool,
  type IoFile,
  KvigError,
  type WriteBatch,
} from "../core/io.ts";
import type { BatchWriter } from "./batch_write.ts";
import type { BackgroundCalls, BackgroundFile, HeldLock, Locker } from "./capabilities.ts";
import { Channel } from "./channel.ts";
import { checkPosition, checkRange } from "./check_range.ts";
import { failedBy, failWith, systemCode } from "./errno.ts";
import { callLater, isFailure, LAST_TRY, runTask, type Start, systemCall } from "./system_calls.ts";
import { Transfer } from "./transfer.ts";

/** What the files of one Io share. */
export interface SystemFileParts {
  /** Whether every operation is complete when it returns. */
  readonly blocking: boolean;
  /** How calls for a file go on in the background. */
  readonly background: (file: BackgroundFile) => BackgroundCalls;
  /** How locks are taken. */
  readonly locker: Locker;
  /** Futures of operations that are complete when they return. */
  readonly futures: FuturePool;
  /** How batches are written. */
  readonly batches: BatchWriter;
}

/** A file as it was opened. Its descriptors belong to the {@link SystemFile} from then on. */
export interface OpenedFile extends BackgroundFile {
  /** The path as it was given. */
  readonly path: string;
  /** Size in bytes. */
  readonly size: number;
}

/** A read or write of a file in the background. */
class FileTransfer extends Transfer {
  /** How it went. */
  readonly future: Future<number> = new Future();
  /** For the words of an error. */
  path = "";
  /** Called when it is not in flight any more. */
  leave: () => void = ignore;

  protected override ended(error: unknown, count: number): void {
    if (isFailure(error)) failWith(this.future, `${this.kind} ${this.path} at ${this.at}`, error);
    else this.future.settle(count);
    this.leave();
  }
}

function ignore(): void {
  // Nobody waits for it.
}

/** An open file of the system. */
export class SystemFile implements IoFile {
  readonly path: string;
  readonly #opened: OpenedFile;
  readonly #parts: SystemFileParts;
  readonly #background: BackgroundCalls;
  readonly #channel: Channel;
  readonly #locks: HeldLock[] = [];
  #inFlight = 0;
  /** Those who wait for the file to be closed, from the first call of close on. */
  #closing: Future<void>[] | undefined = undefined;
  #closed = false;

  /** Takes over the descriptors of `opened`. */
  constructor(parts: SystemFileParts, opened: OpenedFile) {
    this.path = opened.path;
    this.#opened = opened;
    this.#parts = parts;
    this.#background = parts.background(opened);
    this.#channel = new Channel(opened.fd, opened.directFd, opened.size, this.#background);
  }

  get size(): number {
    return this.#channel.size;
  }

  get direct(): boolean {
    return this.#channel.direct;
  }

  read(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    checkRange(at, memory, offset, length);
    if (this.#closing !== undefined) return this.#refuse("read");
    if (length === 0) return this.#parts.futures.settled(0);
    if (!this.#isBlocking(options)) {
      return this.#transfer("read", at, memory, offset, length);
    }
    let count: number;
    try {
      count = this.#channel.readNow(at, memory, offset, length);
    } catch (error) {
      return failedBy(`read ${this.path} at ${at}`, error);
    }
    return this.#parts.futures.settled(count);
  }

  write(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    checkRange(at, memory, offset, length);
    if (this.#closing !== undefined || this.#opened.readOnly) return this.#refuse("write");
    if (length === 0) return this.#parts.futures.settled(0);
    if (!this.#isBlocking(options)) {
      return this.#transfer("write", at, memory, offset, length);
    }
    let count: number;
    try {
      count = this.#channel.writeNow(at, memory, offset, length);
    } catch (error) {
      return failedBy(`write ${this.path} at ${at}`, error);
    }
    return this.#parts.futures.settled(count);
  }

  writeBatch(batch: WriteBatch, options?: CallOptions): Future<void> {
    if (this.#closing !== undefined || this.#opened.readOnly) return this.#refuse("write");
    const { batches } = this.#parts;
    const plan = batches.plan(batch);
    const words = `write a batch to ${this.path}`;
    if (!this.#isBlocking(options)) {
      const future = new Future<void>();
      batches.writeLater(this.#channel, batch, plan, this.#completion(future, words));
      return future;
    }
    try {
      batches.writeNow(this.#channel, batch, plan);
    } catch (error) {
      return failedBy(words, error);
    }
    return this.#parts.futures.settled<void>(undefined);
  }

  sync(kind: "data" | "full", options?: CallOptions): Future<void> {
    if (this.#closing !== undefined) return this.#refuse("sync");
    const { fd } = this.#channel;
    if (!this.#isBlocking(options)) {
      const start: Start<void> = (done) => this.#background.sync(fd, kind, done);
      const future = new Future<void>();
      callLater(start, this.#completion(future, `sync ${this.path}`), LAST_TRY);
      return future;
    }
    try {
      if (kind === "data") fs.fdatasyncSync(fd);
      else fs.fsyncSync(fd);
    } catch (error) {
      return failedBy(`sync ${this.path}`, error);
    }
    return this.#parts.futures.settled<void>(undefined);
  }

  truncate(size: number, options?: CallOptions): Future<void> {
    checkPosition(size);
    if (this.#closing !== undefined || this.#opened.readOnly) return this.#refuse("truncate");
    const blocking = this.#isBlocking(options);
    return this.#runInFlight(`truncate ${this.path}`, blocking, this.#truncateTask(size, blocking));
  }

  lock(kind: "exclusive" | "shared", options?: CallOptions): Future<void> {
    if (this.#closing !== undefined) return this.#refuse("lock");
    const blocking = this.#isBlocking(options);
    return this.#runInFlight(`lock ${this.path}`, blocking, this.#lockTask(kind, blocking));
  }

  close(options?: CallOptions): Future<void> {
    if (this.#closed) return this.#parts.futures.settled<void>(undefined);
    const future = new Future<void>();
    if (this.#closing === undefined) {
      this.#closing = [future];
      if (this.#inFlight === 0) this.#closeDescriptors(this.#isBlocking(options));
    } else {
      this.#closing.push(future);
    }
    return future;
  }

  #isBlocking(options: CallOptions | undefined): boolean {
    return this.#parts.blocking || (options !== undefined && options.blocking === true);
  }

  #refuse<T>(verb: string): Future<T> {
    if (this.#closing !== undefined) {
      return Future.failed("KVIG_CLOSED", `cannot ${verb} ${this.path}: the file is closed`);
    }
    const why = "it was opened for reading alone";
    return Future.failed("KVIG_READ_ONLY", `cannot ${verb} ${this.path}: ${why}`);
  }

  /** A read or write in the background, during which the descriptors stay open. */
  #transfer(
    kind: "read" | "write",
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
  ): Future<number> {
    const transfer = new FileTransfer(this.#channel, kind, at, memory, offset, length);
    transfer.path = this.path;
    transfer.leave = this.#left;
    this.#inFlight++;
    transfer.begin();
    return transfer.future;
  }

  /** An operation is in flight from now until it calls what this returns. */
  #completion<T>(future: Future<T>, words: string): (error: unknown, value: T) => void {
    this.#inFlight++;
    return (error, value) => {
      if (isFailure(error)) failWith(future, words, error);
      else future.settle(value);
      this.#leave();
    };
  }

  /** Several calls, during which the descriptors stay open. */
  #runInFlight<T>(words: string, blocking: boolean, task: Task<T>): Future<T> {
    this.#inFlight++;
    return runTask(words, blocking, this.#leaveAfter(task));
  }

  *#leaveAfter<T>(task: Task<T>): Task<T> {
    try {
      return yield* task;
    } finally {
      this.#leave();
    }
  }

  readonly #left = (): void => this.#leave();

  #leave(): void {
    this.#inFlight--;
    assert(this.#inFlight >= 0, "an operation leaves once");
    if (this.#inFlight > 0 || this.#closing === undefined) return;
    this.#closeDescriptors(this.#parts.blocking);
  }

  *#truncateTask(size: number, blocking: boolean): Task<void> {
    const { fd } = this.#channel;
    yield* systemCall(
      `truncate ${this.path}`,
      blocking,
      () => fs.ftruncateSync(fd, size),
      (done) => fs.ftruncate(fd, size, (error) => done(error, undefined)),
    );
    this.#channel.size = size;
  }

  *#lockTask(kind: "exclusive" | "shared", blocking: boolean): Task<void> {
    const { absolutePath: path, identity, fd } = this.#opened;
    this.#locks.push(yield* this.#parts.locker.lock({ fd, path, identity }, kind, blocking));
    // Whoever replaced the file may hold the lock of what has its name now, and both would write.
    const named = yield* lookUp(`lock ${this.path}`, path, blocking);
    if (named === undefined || named.ino !== identity.ino || named.dev !== identity.dev) {
      const why = "its name does not mean the file any more that was opened";
      throw new KvigError("KVIG_LOCKED", `cannot lock ${this.path}: ${why}`);
    }
  }

  #closeDescriptors(blocking: boolean): void {
    const waiting = this.#closing;
    assert(waiting !== undefined && !this.#closed, "a file is closed once");
    const words = `close ${this.path}`;
    const closed = runTask(words, blocking, this.#closeTask(blocking));
    const finish = () => {
      this.#closed = true;
      let failure: unknown;
      try {
        closed.take();
      } catch (error) {
        failure = error;
      }
      for (const future of waiting) {
        if (failure === undefined) future.settle(undefined);
        else failWith(future, words, failure);
      }
    };
    if (closed.settled) finish();
    else closed.promise().then(finish);
  }

  /** Closes everything, whatever fails, and then reports the first failure. */
  *#closeTask(blocking: boolean): Task<void> {
    let failure: unknown;
    for (const fd of [this.#opened.directFd, this.#opened.fd]) {
      if (fd < 0) continue;
      try {
        yield* systemCall(
          `close ${this.path}`,
          blocking,
          () => fs.closeSync(fd),
          (done) => fs.close(fd, (error) => done(error, undefined)),
          // A close that failed has closed, and the number may mean another file already.
          LAST_TRY,
        );
      } catch (error) {
        failure ??= error;
      }
    }
    for (const lock of this.#locks) lock.release?.();
    this.#background.release?.();
    if (failure !== undefined) throw failure;
  }
}

/** What `path` names, itself and not what it links to; undefined when there is nothing. */
export function lookUp(
  words: string,
  path: string,
  blocking: boolean,
): Future<fs.BigIntStats | undefined> {
  return systemCall<fs.BigIntStats | undefined>(
    words,
    blocking,
    () => fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }),
    (done) =>
      fs.lstat(path, { bigint: true }, (error, found) => {
        if (systemCode(error) === "ENOENT") done(null, undefined);
        else done(error, found);
      }),
  );
}
