/**
 * Deliberately broken Ios, each with one defect: the suite has to find every one of them.
 *
 * @module
 */

import {
  type CallOptions,
  Future,
  FuturePool,
  type Io,
  type IoFile,
  type WriteBatch,
} from "../../core/io.ts";
import { brokenBytes } from "./broken_bytes.ts";
import { brokenFile, type BrokenIo, brokenIo, goodHarness } from "./broken_io.ts";
import { brokenRest } from "./broken_rest.ts";
import { WrappedFile, WrappedIo } from "./wrapped_io.ts";

// Syncs

/** A sync that is skipped when nothing seems to have changed since the last one. */
class ForgetfulSync extends WrappedFile {
  #dirty = false;

  override write(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    this.#dirty = true;
    return this.inner.write(at, memory, offset, length, options);
  }

  override sync(kind: "data" | "full", options?: CallOptions): Future<void> {
    if (kind === "data" && !this.#dirty) return Future.of(undefined);
    const done = new Future<void>();
    const sync = this.inner.sync(kind, options);
    // What came meanwhile is taken for synced as well.
    sync.promise().then(() =>
      setTimeout(() => {
        this.#dirty = false;
        sync.take();
        done.settle(undefined);
      }, 10)
    );
    return done;
  }
}

/** A sync that looks at single writes alone. */
class SyncWithoutBatches extends WrappedFile {
  #batches = 0;

  override writeBatch(batch: WriteBatch, options?: CallOptions): Future<void> {
    this.#batches++;
    return this.inner.writeBatch(batch, options);
  }

  override sync(kind: "data" | "full", options?: CallOptions): Future<void> {
    return this.#batches > 0 ? Future.of(undefined) : this.inner.sync(kind, options);
  }
}

class NoDirectorySync extends WrappedIo {
  override syncDirectory(): Future<void> {
    return Future.of(undefined);
  }
}

const brokenSyncs: readonly BrokenIo[] = [
  brokenFile(
    "sync() does nothing",
    "sync: full covers a size that grew by a write",
    "blocking",
    (file) => Object.assign(new WrappedFile(file), { sync: () => Future.of(undefined) }),
  ),
  brokenFile(
    "sync(data) does nothing",
    "sync: data covers what completed before it",
    "blocking",
    (file) =>
      Object.assign(new WrappedFile(file), {
        sync: (kind: "data" | "full") => kind === "full" ? file.sync(kind) : Future.of(undefined),
      }),
  ),
  brokenFile(
    "sync(full) is one of data",
    "sync: full covers a size that was set",
    "blocking",
    (file) => Object.assign(new WrappedFile(file), { sync: () => file.sync("data") }),
  ),
  brokenFile(
    "sync() takes what completes during it for synced",
    "sync: does not claim what completes after it was asked for",
    "late",
    (file) => new ForgetfulSync(file),
  ),
  brokenFile(
    "sync() forgets batches",
    "sync: data covers every entry of a batch",
    "blocking",
    (file) => new SyncWithoutBatches(file),
  ),
  brokenIo(
    "syncDirectory() does nothing",
    "syncDirectory: makes a new name durable",
    "blocking",
    (io) => new NoDirectorySync(io),
  ),
];

// Futures

/** Keeps taken futures for operations that will be pending. */
class PendingPool extends FuturePool {
  readonly #taken: Future<number>[] = [];

  pending(): Future<number> {
    const future = this.#taken.pop();
    if (future === undefined) return new Future<number>(this);
    future.reuse();
    return future;
  }

  override put(future: Future<unknown>): void {
    this.#taken.push(future as Future<number>);
  }
}

/** Completes each read twice, the second time when its future may have another use already. */
class TwiceSettled extends WrappedFile {
  readonly #pool = new PendingPool();

  override read(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    const future = this.#pool.pending();
    const read = this.inner.read(at, memory, offset, length, options);
    const settle = (): void => {
      const count = read.take();
      future.settle(count);
      setTimeout(() => future.settle(count), 1);
    };
    if (read.settled) settle();
    else read.promise().then(settle);
    return future;
  }
}

/** Has one future for all reads, and uses it again whether or not it was taken. */
class OneFuture extends WrappedFile {
  #future: Future<number> | undefined;

  override read(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    const count = this.inner.read(at, memory, offset, length, options);
    this.#future ??= count;
    return this.#future;
  }
}

/** Takes the hint to block for nothing. */
class NeverBlocks extends WrappedFile {
  override read(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
  ): Future<number> {
    return this.inner.read(at, memory, offset, length);
  }
}

function neverSynced(io: Io): Io {
  const sync = (): Future<void> => new Future<void>();
  return new WrappedIo(io, (file) => Object.assign(new WrappedFile(file), { sync }));
}

const brokenFutures: readonly BrokenIo[] = [
  brokenFile(
    "a future is used again while a second completion may come",
    "future: the first completion wins, and reaches one use alone",
    "late",
    (file) => new TwiceSettled(file),
  ),
  brokenFile(
    "all reads have one future",
    "future: those of several operations are apart",
    "late",
    (file) => new OneFuture(file),
  ),
  {
    defect: "a sync is never settled",
    breaks: "future: every operation returns one, which is settled in the end",
    harness: { ...goodHarness("blocking", neverSynced), limitMs: 300 },
  },
  brokenIo(
    "the hint to block is ignored, though canBlock is true",
    "blocking: operations are settled when they return",
    "late",
    (io) => new WrappedIo(io, (file) => new NeverBlocks(file)),
  ),
];

// Locks

class LockThatExcludesNobody extends WrappedFile {
  override lock(): Future<void> {
    return Future.of(undefined);
  }
}

/** Locks counted here, by path, with one mistake each. */
class CountedLocks extends WrappedFile {
  readonly #held: Map<string, IoFile>;
  readonly #mistake: "kept" | "lost";

  constructor(inner: IoFile, held: Map<string, IoFile>, mistake: "kept" | "lost") {
    super(inner);
    this.#held = held;
    this.#mistake = mistake;
  }

  override lock(kind: "exclusive" | "shared"): Future<void> {
    const holder = this.#held.get(this.path);
    if (holder !== undefined && holder !== this) {
      return Future.failed("KVIG_LOCKED", `cannot lock ${this.path}: another opener holds it`);
    }
    if (kind === "exclusive") this.#held.set(this.path, this);
    return Future.of(undefined);
  }

  override close(options?: CallOptions): Future<void> {
    // As with fcntl, where closing any descriptor of the file gives up the lock of the process.
    if (this.#mistake === "lost") this.#held.delete(this.path);
    return this.inner.close(options);
  }
}

function countedLocks(mistake: "kept" | "lost"): (io: Io) => Io {
  return (io) => {
    const held = new Map<string, IoFile>();
    return new WrappedIo(io, (file) => new CountedLocks(file, held, mistake));
  };
}

/** Looks at no name after locking. */
class LockOfAnyName extends WrappedFile {
  override lock(kind: "exclusive" | "shared", options?: CallOptions): Future<void> {
    const lock = this.inner.lock(kind, options);
    try {
      lock.take();
    } catch (error) {
      if (!String(error).includes("its name")) {
        return Future.failed("KVIG_LOCKED", `${this.path} is locked`);
      }
    }
    return Future.of(undefined);
  }
}

const brokenLocks: readonly BrokenIo[] = [
  brokenFile(
    "a lock excludes nobody",
    "lock: an exclusive one excludes every other opening",
    "blocking",
    (file) => new LockThatExcludesNobody(file),
  ),
  brokenFile(
    "shared locks are exclusive",
    "lock: shared ones go together and exclude an exclusive one",
    "blocking",
    (file) => Object.assign(new WrappedFile(file), { lock: () => file.lock("exclusive") }),
  ),
  brokenFile(
    "exclusive locks are shared",
    "lock: an exclusive one excludes every other opening",
    "blocking",
    (file) => Object.assign(new WrappedFile(file), { lock: () => file.lock("shared") }),
  ),
  brokenIo("a lock is kept after close", "lock: ends with close", "blocking", countedLocks("kept")),
  brokenIo(
    "a lock is lost when another opening is closed",
    "lock: does not end when another opening is closed",
    "blocking",
    countedLocks("lost"),
  ),
  brokenFile(
    "a lock of a file without its name is given",
    "lock: fails with KVIG_LOCKED when the name means another file",
    "blocking",
    (file) => new LockOfAnyName(file),
  ),
];

/** Every broken Io. */
export const brokenIos: readonly BrokenIo[] = [
  ...brokenBytes,
  ...brokenSyncs,
  ...brokenFutures,
  ...brokenLocks,
  ...brokenRest,
];
