/**
 * Ios that open, close, refuse and serve wrongly, each in one way.
 *
 * @module
 */

import { realpathSync } from "node:fs";

import { memoryIo } from "../../adapters/memory/io.ts";
import { isKvigError } from "../../core/errors.ts";
import {
  type CallOptions,
  Future,
  type Io,
  type IoFile,
  type IoOpenOptions,
  type WriteBatch,
} from "../../core/io.ts";
import { brokenFile, type BrokenIo, brokenIo } from "./broken_io.ts";
import { fileHarness } from "./conformance.ts";
import { runtimeIo } from "./runtime.ts";
import { WrappedFile, WrappedIo } from "./wrapped_io.ts";

/** Opens with other options than asked for. */
function opening(change: (options: IoOpenOptions) => IoOpenOptions): (io: Io) => Io {
  return (io) =>
    Object.assign(new WrappedIo(io), {
      open: (path: string, options: IoOpenOptions = {}) => io.open(path, change(options)),
    });
}

/** A future with the error of `from` under another code, or what `instead` gives. */
function rescued<T>(from: Future<T>, instead: (error: Error) => Future<T>): Future<T> {
  try {
    return Future.of(from.take());
  } catch (error) {
    if (!isKvigError(error)) throw error;
    return instead(error);
  }
}

/** An Io over files of the system, with one defect. */
function brokenSystem(defect: string, breaks: string, wrap: (io: Io) => Io): BrokenIo {
  return { defect, breaks, harness: fileHarness(() => wrap(runtimeIo({ blocking: true })), false) };
}

/** Follows a symbolic link, as most calls of most systems do. */
class FollowsLinks extends WrappedIo {
  override open(path: string, options?: IoOpenOptions): Future<IoFile> {
    let real = path;
    try {
      real = realpathSync(path);
    } catch (error) {
      // Nothing is there yet: the name is as good as any.
      if ((error as { code?: string }).code !== "ENOENT") throw error;
    }
    return this.inner.open(real, options);
  }
}

class CutPositions extends WrappedFile {
  override write(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
  ): Future<number> {
    return this.inner.write(at >>> 0, memory, offset, length);
  }
}

/** Says that it is direct, and refuses what is not aligned. */
class StrictDirect extends WrappedFile {
  override get direct(): boolean {
    return true;
  }

  override read(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
  ): Future<number> {
    const aligned = (memory.byteOffset + offset) % 512 === 0 && at % 512 === 0;
    if (aligned && length % 512 === 0) return this.inner.read(at, memory, offset, length);
    return Future.failed("KVIG_IO", `cannot read ${this.path}: EINVAL`);
  }
}

/** Closes when it pleases: operations go on. */
class NeverClosed extends WrappedFile {
  override close(): Future<void> {
    return Future.of(undefined);
  }
}

/** A second close fails. */
class ClosesOnce extends WrappedFile {
  #closed = false;

  override close(): Future<void> {
    if (this.#closed) return Future.failed("KVIG_CLOSED", `${this.path} is closed`);
    this.#closed = true;
    return this.inner.close();
  }
}

/** Swallows errors of writes. */
class SwallowsFull extends WrappedFile {
  override write(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
  ): Future<number> {
    return rescued(this.inner.write(at, memory, offset, length), () => Future.of(length));
  }
}

/** Swallows errors of batches. */
class SwallowsBatch extends WrappedFile {
  override writeBatch(batch: WriteBatch): Future<void> {
    return rescued(this.inner.writeBatch(batch), () => Future.of(undefined));
  }
}

/** Swallows errors of syncs, as whoever asks again does. */
class SwallowsSync extends WrappedFile {
  override sync(kind: "data" | "full"): Future<void> {
    return rescued(this.inner.sync(kind), () => Future.of(undefined));
  }
}

class WrongCode extends WrappedIo {
  override open(path: string, options?: IoOpenOptions): Future<IoFile> {
    return rescued(this.inner.open(path, options), (error) => {
      return Future.failed("KVIG_IO", error.message);
    });
  }
}

/** Throws what should be settled. */
class Throws extends WrappedIo {
  override open(path: string, options?: IoOpenOptions): Future<IoFile> {
    return Future.of(this.inner.open(path, options).take());
  }
}

/** Settles what should be thrown. */
class SettlesNonsense extends WrappedFile {
  override read(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    try {
      return this.inner.read(at, memory, offset, length, options);
    } catch (error) {
      return Future.failed("KVIG_IO", String(error));
    }
  }
}

/** Writes the good entries before it finds a wrong one. */
class ChecksTooLate extends WrappedFile {
  override writeBatch(batch: WriteBatch): Future<void> {
    for (let entry = 0; entry < batch.count; entry++) {
      const [at, offset] = [batch.at[entry], batch.offset[entry]];
      this.inner.write(at, batch.memory, offset, batch.length[entry]).take();
    }
    return Future.of(undefined);
  }
}

/** An Io of which one service is wrong. */
function serving(wrong: Partial<Io>): (io: Io) => Io {
  return (io) => Object.assign(new WrappedIo(io), wrong);
}

const shared = new Uint8Array(4 << 20);

/** The Ios that open and close wrongly. */
const brokenOpenings: readonly BrokenIo[] = [
  brokenIo(
    "open() always creates",
    "open: without create nothing is made: KVIG_NOT_FOUND",
    "blocking",
    opening((options) => ({ ...options, create: true, exclusive: false })),
  ),
  brokenIo(
    "open() ignores exclusive",
    "open: exclusive with create wants a new name: KVIG_EXISTS",
    "blocking",
    opening((options) => ({ ...options, exclusive: false })),
  ),
  brokenIo(
    "open() ignores readOnly",
    "open: readOnly reads, and refuses writes with KVIG_READ_ONLY",
    "blocking",
    opening((options) => ({ ...options, readOnly: false })),
  ),
  brokenSystem(
    "open() ignores mode",
    "open: mode sets the permission bits of a new file, 0o600 by default",
    opening((options) => ({ ...options, mode: 0o600 })),
  ),
  brokenSystem(
    "open() follows symbolic links",
    "open: a symbolic link is refused with KVIG_ACCESS",
    (io) => new FollowsLinks(io),
  ),
  brokenSystem(
    "positions are cut to 32 bits",
    "write: positions beyond 4 GiB are whole",
    (io) => new WrappedIo(io, (file) => new CutPositions(file)),
  ),
  brokenFile(
    "a direct file refuses what is not aligned",
    "direct: is a hint: any position, length and memory work",
    "blocking",
    (file) => new StrictDirect(file),
  ),
  brokenFile(
    "operations after close go on",
    "close: afterwards every operation fails with KVIG_CLOSED",
    "blocking",
    (file) => new NeverClosed(file),
  ),
  brokenFile(
    "a second close fails",
    "close: again does nothing",
    "blocking",
    (file) => new ClosesOnce(file),
  ),
  brokenIo(
    "remove() does nothing",
    "remove: the name is gone afterwards",
    "blocking",
    (io) => Object.assign(new WrappedIo(io), { remove: () => Future.of(undefined) }),
  ),
];

/** The Ios whose errors are wrong. */
const brokenErrors: readonly BrokenIo[] = [
  brokenFile(
    "a write on a full disk is reported as done",
    "errors: a full disk is KVIG_FULL for a write",
    "blocking",
    (file) => new SwallowsFull(file),
  ),
  brokenFile(
    "a batch on a full disk is reported as done",
    "errors: a full disk is KVIG_FULL for a batch",
    "blocking",
    (file) => new SwallowsBatch(file),
  ),
  brokenFile(
    "a failed sync is reported as done",
    "errors: a failing disk is KVIG_IO for every operation",
    "blocking",
    (file) => new SwallowsSync(file),
  ),
  brokenIo(
    "every error has one code",
    "open: exclusive with create wants a new name: KVIG_EXISTS",
    "blocking",
    (io) => new WrongCode(io),
  ),
  brokenIo(
    "open() throws its errors",
    "errors: are settled, not thrown, and name the file",
    "blocking",
    (io) => new Throws(io),
  ),
  brokenFile(
    "arguments of read() that make no sense are settled",
    "arguments: of read() that make no sense are a RangeError",
    "blocking",
    (file) => new SettlesNonsense(file),
  ),
  brokenFile(
    "a batch is written before its entries are checked",
    "arguments: of a batch that make no sense are a RangeError",
    "blocking",
    (file) => new ChecksTooLate(file),
  ),
];

/** The Ios of which memory, time or randomness are wrong. */
const brokenServices: readonly BrokenIo[] = [
  brokenIo(
    "allocate() gives memory at an odd place",
    "allocate: gives zeros that wider views fit",
    "blocking",
    serving({ allocate: (bytes) => new Uint8Array(new ArrayBuffer(bytes + 4), 4, bytes) }),
  ),
  brokenIo(
    "allocate() gives the same memory again",
    "allocate: gives memory of its own each time",
    "blocking",
    serving({ allocate: (bytes) => new Uint8Array(shared.buffer, 0, bytes) }),
  ),
  brokenIo(
    "now() is in seconds",
    "now: is milliseconds since 1970",
    "blocking",
    serving({ now: () => Date.now() / 1000 }),
  ),
  brokenIo(
    "random() fills 65536 bytes at the most",
    "random: fills all of the bytes and no others",
    "blocking",
    serving({ random: (bytes) => memoryIo().random(bytes.subarray(0, 65_536)) }),
  ),
  brokenIo(
    "random() starts again each time",
    "random: differs each time",
    "blocking",
    serving({ random: (bytes) => bytes.forEach((_, at) => bytes[at] = at * 7) }),
  ),
  brokenIo(
    "canBlock is false where operations could block",
    "blocking: operations are settled when they return",
    "blocking",
    (io) => Object.defineProperty(new WrappedIo(io), "canBlock", { value: false }),
  ),
];

/** The Ios. */
export const brokenRest: readonly BrokenIo[] = [
  ...brokenOpenings,
  ...brokenErrors,
  ...brokenServices,
];
