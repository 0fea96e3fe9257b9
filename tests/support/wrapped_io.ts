/**
 * An Io around another one that passes everything on: what tests override one operation of. And a
 * good Io of that kind whose operations complete later, in any order.
 *
 * @module
 */

import { checkPosition, checkRange } from "../../adapters/check_range.ts";
import { isKvigError } from "../../core/errors.ts";
import {
  type CallOptions,
  Future,
  type Io,
  type IoErrorCode,
  type IoFile,
  type IoOpenOptions,
  type WriteBatch,
} from "../../core/io.ts";

/** Settles `to` with the result of `from`, through `make`; at once if `from` is settled. */
export function pass<From, To>(
  from: Future<From>,
  to: Future<To>,
  make: (value: From) => To,
): Future<To> {
  const { generation } = from;
  const move = (): void => {
    try {
      to.settle(make(from.take(generation)));
    } catch (error) {
      if (!isKvigError(error)) throw error;
      to.fail(error.code as IoErrorCode, error.message, error.cause);
    }
  };
  if (from.settled) move();
  else from.promise().then(move);
  return to;
}

/** A new future of what `make` makes of the result of `from`. */
export function mapped<From, To>(from: Future<From>, make: (value: From) => To): Future<To> {
  return pass(from, new Future<To>(), make);
}

/** Passes every operation of a file on. */
export class WrappedFile implements IoFile {
  /** The file around which this one is. */
  readonly inner: IoFile;

  /** Around `inner`. */
  constructor(inner: IoFile) {
    this.inner = inner;
  }

  get path(): string {
    return this.inner.path;
  }

  get size(): number {
    return this.inner.size;
  }

  get direct(): boolean {
    return this.inner.direct;
  }

  read(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    return this.inner.read(at, memory, offset, length, options);
  }

  write(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    return this.inner.write(at, memory, offset, length, options);
  }

  writeBatch(batch: WriteBatch, options?: CallOptions): Future<void> {
    return this.inner.writeBatch(batch, options);
  }

  sync(kind: "data" | "full", options?: CallOptions): Future<void> {
    return this.inner.sync(kind, options);
  }

  truncate(size: number, options?: CallOptions): Future<void> {
    return this.inner.truncate(size, options);
  }

  lock(kind: "exclusive" | "shared", options?: CallOptions): Future<void> {
    return this.inner.lock(kind, options);
  }

  close(options?: CallOptions): Future<void> {
    return this.inner.close(options);
  }
}

/** Passes every operation on; its files go through {@link WrappedIo.wrap}. */
export class WrappedIo implements Io {
  /** The Io around which this one is. */
  readonly inner: Io;
  readonly #wrap: (file: IoFile) => IoFile;

  /** Around `inner`, with files made by `wrap`. */
  constructor(inner: Io, wrap: (file: IoFile) => IoFile = (file) => file) {
    this.inner = inner;
    this.#wrap = wrap;
  }

  get description(): string {
    return this.inner.description;
  }

  get canBlock(): boolean {
    return this.inner.canBlock;
  }

  open(path: string, options?: IoOpenOptions): Future<IoFile> {
    return mapped(this.inner.open(path, options), this.#wrap);
  }

  remove(path: string, options?: CallOptions): Future<void> {
    return this.inner.remove(path, options);
  }

  syncDirectory(path: string, options?: CallOptions): Future<void> {
    return this.inner.syncDirectory(path, options);
  }

  allocate(bytes: number): Uint8Array {
    return this.inner.allocate(bytes);
  }

  now(): number {
    return this.inner.now();
  }

  random(bytes: Uint8Array): void {
    this.inner.random(bytes);
  }
}

/** Does `work` later: after a time that differs from call to call, so in another order. */
export function later(work: () => void): void {
  setTimeout(work, (laterCount++ * 7) % 4);
}

let laterCount = 0;

/** Carries out `start` later, and settles with its result. */
export function startLater<T>(start: () => Future<T>): Future<T> {
  const future = new Future<T>();
  later(() => pass(start(), future, (value) => value));
  return future;
}

/** A good asynchronous Io over one that blocks: operations happen later, in any order. */
export class LateIo extends WrappedIo {
  /** Over `inner`, which settles everything at once. */
  constructor(inner: Io) {
    super(inner, (file) => new LateFile(file));
  }

  override open(path: string, options?: IoOpenOptions): Future<IoFile> {
    if (options?.blocking === true) return super.open(path, options);
    return startLater(() => super.open(path, options));
  }

  override remove(path: string, options?: CallOptions): Future<void> {
    if (options?.blocking === true) return this.inner.remove(path);
    return startLater(() => this.inner.remove(path));
  }

  override syncDirectory(path: string, options?: CallOptions): Future<void> {
    if (options?.blocking === true) return this.inner.syncDirectory(path);
    return startLater(() => this.inner.syncDirectory(path));
  }
}

/** A file of a {@link LateIo}. */
export class LateFile extends WrappedFile {
  #inFlight = 0;
  #closing: Future<void> | undefined = undefined;

  override read(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    checkRange(at, memory, offset, length);
    return this.#run(options, () => this.inner.read(at, memory, offset, length));
  }

  override write(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    checkRange(at, memory, offset, length);
    return this.#run(options, () => this.inner.write(at, memory, offset, length));
  }

  override writeBatch(batch: WriteBatch, options?: CallOptions): Future<void> {
    for (let i = 0; i < batch.count; i++) {
      checkRange(batch.at[i], batch.memory, batch.offset[i], batch.length[i]);
    }
    return this.#run(options, () => this.inner.writeBatch(batch));
  }

  override sync(kind: "data" | "full", options?: CallOptions): Future<void> {
    return this.#run(options, () => this.inner.sync(kind));
  }

  override truncate(size: number, options?: CallOptions): Future<void> {
    checkPosition(size);
    return this.#run(options, () => this.inner.truncate(size));
  }

  override lock(kind: "exclusive" | "shared", options?: CallOptions): Future<void> {
    return this.#run(options, () => this.inner.lock(kind));
  }

  override close(options?: CallOptions): Future<void> {
    this.#closing ??= new Future<void>();
    if (this.#inFlight === 0) this.#finish();
    if (options?.blocking === true && this.#inFlight === 0) return Future.of(undefined);
    const future = new Future<void>();
    this.#closing.promise().then(() => later(() => future.settle(undefined)));
    return future;
  }

  #run<T>(options: CallOptions | undefined, start: () => Future<T>): Future<T> {
    if (this.#closing !== undefined) {
      return Future.failed("KVIG_CLOSED", `${this.path} is closed`);
    }
    if (options?.blocking === true) return start();
    this.#inFlight++;
    return startLater(() => {
      const future = start();
      this.#inFlight--;
      if (this.#closing !== undefined && this.#inFlight === 0) this.#finish();
      return future;
    });
  }

  #finish(): void {
    this.inner.close();
    this.#closing?.settle(undefined);
  }
}
