/**
 * An Io whose operations are looked at: where one is missing, throws, or returns something that is
 * no future, the error names the operation and the sentence of the contract that it breaks.
 *
 * What is right passes through as it is: the same futures, and nothing is allocated.
 *
 * @module
 */

import { AssertionError } from "./assert.ts";
import { Future } from "./future.ts";
import {
  type CallOptions,
  type Io,
  type IoErrorCode,
  type IoFile,
  type IoOpenOptions,
  KvigError,
  type WriteBatch,
} from "./io.ts";

const IO_OPERATIONS = ["open", "remove", "syncDirectory", "allocate", "now", "random"] as const;
const FILE_OPERATIONS = [
  "read",
  "write",
  "writeBatch",
  "sync",
  "truncate",
  "lock",
  "close",
] as const;
const THROWS = "an operation returns a future and does not throw, but for arguments that make no " +
  "sense";
const RETURNS = "every operation returns a future";

/**
 * `io`, looked at.
 * @throws {TypeError} where it lacks an operation.
 */
export function checkedIo(io: Io): Io {
  if (io instanceof CheckedIo) return io;
  const missing = missingOf(io, IO_OPERATIONS);
  if (missing !== undefined) {
    const all = IO_OPERATIONS.map((name) => `${name}()`).join(", ");
    throw new TypeError(`the Io has no ${missing}(); an Io has ${all}, see kvig/io`);
  }
  return new CheckedIo(io);
}

function missingOf(subject: unknown, names: readonly string[]): string | undefined {
  if (typeof subject !== "object" || subject === null) return names[0];
  return names.find((name) => typeof Reflect.get(subject, name) !== "function");
}

/** The future that an operation returned, or one that says what was wrong with it. */
function futureOf<T>(operation: string, returned: Future<T>): Future<T> {
  if (returned instanceof Future) return returned;
  // The adapter may have come with another copy of kvig, whose futures are as good.
  if (missingOf(returned, ["take", "promise", "settle", "fail"]) === undefined) return returned;
  const what = returned === null ? "null" : describeKind(returned);
  const message = `${operation} of the Io returned ${what} and no future: ${RETURNS}, see kvig/io`;
  return Future.failed("KVIG_IO", message);
}

function describeKind(value: unknown): string {
  if (typeof value !== "object") return `something of the type ${typeof value}`;
  const { name } = (value as object).constructor ?? {};
  return `an object of the class ${name ?? "unknown"}`;
}

function thrown<T>(operation: string, error: unknown): Future<T> {
  // These are bugs of who called the Io.
  if (error instanceof RangeError || error instanceof AssertionError) throw error;
  if (error instanceof KvigError && error.code === "KVIG_WOULD_BLOCK") throw error;
  const message = `${operation} of the Io threw ${String(error)}: ${THROWS}, see kvig/io`;
  return Future.failed("KVIG_IO", message, error);
}

class CheckedIo implements Io {
  readonly #io: Io;

  constructor(io: Io) {
    this.#io = io;
  }

  get description(): string {
    return this.#io.description;
  }

  get canBlock(): boolean {
    return this.#io.canBlock;
  }

  get cheapSlices(): boolean {
    return this.#io.cheapSlices === true;
  }

  open(path: string, options?: IoOpenOptions): Future<IoFile> {
    let opening: Future<IoFile>;
    try {
      opening = futureOf("open()", this.#io.open(path, options));
    } catch (error) {
      return thrown("open()", error);
    }
    const future = new Future<IoFile>();
    if (opening.settled) handOver(opening, future);
    else opening.promise().then(() => handOver(opening, future));
    return future;
  }

  remove(path: string, options?: CallOptions): Future<void> {
    try {
      return futureOf("remove()", this.#io.remove(path, options));
    } catch (error) {
      return thrown("remove()", error);
    }
  }

  syncDirectory(path: string, options?: CallOptions): Future<void> {
    try {
      return futureOf("syncDirectory()", this.#io.syncDirectory(path, options));
    } catch (error) {
      return thrown("syncDirectory()", error);
    }
  }

  allocate(bytes: number): Uint8Array {
    return this.#io.allocate(bytes);
  }

  now(): number {
    return this.#io.now();
  }

  random(bytes: Uint8Array): void {
    this.#io.random(bytes);
  }
}

/** Takes what was opened and hands it on, looked at. */
function handOver(opening: Future<IoFile>, future: Future<IoFile>): void {
  let file: IoFile;
  try {
    file = opening.take(opening.generation);
  } catch (error) {
    if (error instanceof KvigError) {
      future.fail(error.code as IoErrorCode, error.message, error.cause);
    } else {
      future.fail("KVIG_IO", "open() of the Io failed with an error that is no KvigError", error);
    }
    return;
  }
  const missing = missingOf(file, FILE_OPERATIONS);
  if (missing === undefined) {
    future.settle(new CheckedFile(file));
    return;
  }
  const all = FILE_OPERATIONS.map((name) => `${name}()`).join(", ");
  const message = `open() of the Io gave a file without ${missing}(): a file has ${all}`;
  future.fail("KVIG_IO", `${message}, see kvig/io`);
}

class CheckedFile implements IoFile {
  readonly #file: IoFile;

  constructor(file: IoFile) {
    this.#file = file;
  }

  get path(): string {
    return this.#file.path;
  }

  get size(): number {
    return this.#file.size;
  }

  get direct(): boolean {
    return this.#file.direct;
  }

  read(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    try {
      return futureOf("read()", this.#file.read(at, memory, offset, length, options));
    } catch (error) {
      return thrown("read()", error);
    }
  }

  write(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    try {
      return futureOf("write()", this.#file.write(at, memory, offset, length, options));
    } catch (error) {
      return thrown("write()", error);
    }
  }

  writeBatch(batch: WriteBatch, options?: CallOptions): Future<void> {
    try {
      return futureOf("writeBatch()", this.#file.writeBatch(batch, options));
    } catch (error) {
      return thrown("writeBatch()", error);
    }
  }

  sync(kind: "data" | "full", options?: CallOptions): Future<void> {
    try {
      return futureOf("sync()", this.#file.sync(kind, options));
    } catch (error) {
      return thrown("sync()", error);
    }
  }

  truncate(size: number, options?: CallOptions): Future<void> {
    try {
      return futureOf("truncate()", this.#file.truncate(size, options));
    } catch (error) {
      return thrown("truncate()", error);
    }
  }

  lock(kind: "exclusive" | "shared", options?: CallOptions): Future<void> {
    try {
      return futureOf("lock()", this.#file.lock(kind, options));
    } catch (error) {
      return thrown("lock()", error);
    }
  }

  close(options?: CallOptions): Future<void> {
    try {
      return futureOf("close()", this.#file.close(options));
    } catch (error) {
      return thrown("close()", error);
    }
  }
}
