/**
 * The smallest Io that keeps the contract: files are arrays in memory, and every operation is over
 * when it returns. docs/io.md explains it step by step.
 *
 * @module
 */

import { Future, type Io, type IoErrorCode, type IoFile, type WriteBatch } from "../../core/io.ts";

/** A file, whoever has it open. */
class Stored {
  bytes = new Uint8Array(0);
  /** Whether a name still leads here. */
  named = true;
  /** The openings that hold the lock. */
  holders = new Set<ArrayFile>();
  exclusive = false;

  resize(size: number): void {
    const next = new Uint8Array(size); // zeros
    next.set(this.bytes.subarray(0, Math.min(size, this.bytes.length)));
    this.bytes = next;
  }
}

/** Throws for what makes no sense: a bug of the caller, and nothing that can happen to a file. */
function check(at: number, memory: Uint8Array, offset: number, length: number): void {
  const whole = [at, offset, length, at + length].every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!whole || offset + length > memory.length) throw new RangeError("a range that is none");
}

/** One opening of a file. */
class ArrayFile implements IoFile {
  readonly path: string;
  readonly direct = false;
  readonly #stored: Stored;
  readonly #readOnly: boolean;
  #closed = false;

  constructor(path: string, stored: Stored, readOnly: boolean) {
    this.path = path;
    this.#stored = stored;
    this.#readOnly = readOnly;
  }

  get size(): number {
    return this.#stored.bytes.length;
  }

  read(at: number, memory: Uint8Array, offset: number, length: number): Future<number> {
    check(at, memory, offset, length);
    if (this.#closed) return this.#fail("KVIG_CLOSED", "is closed");
    const found = this.#stored.bytes.subarray(at, at + length); // ends where the file ends
    memory.set(found, offset);
    return Future.of(found.length);
  }

  write(at: number, memory: Uint8Array, offset: number, length: number): Future<number> {
    check(at, memory, offset, length);
    if (this.#closed || this.#readOnly) return this.#refuse();
    this.#put(at, memory.subarray(offset, offset + length));
    return Future.of(length);
  }

  writeBatch({ memory, count, at, offset, length }: WriteBatch): Future<void> {
    for (let i = 0; i < count; i++) check(at[i], memory, offset[i], length[i]);
    if (this.#closed || this.#readOnly) return this.#refuse();
    for (let i = 0; i < count; i++) {
      this.#put(at[i], memory.subarray(offset[i], offset[i] + length[i]));
    }
    return Future.of(undefined);
  }

  sync(): Future<void> {
    if (this.#closed) return this.#fail("KVIG_CLOSED", "is closed");
    return Future.of(undefined); // nothing lasts longer than the process
  }

  truncate(size: number): Future<void> {
    check(size, new Uint8Array(0), 0, 0);
    if (this.#closed || this.#readOnly) return this.#refuse();
    this.#stored.resize(size);
    return Future.of(undefined);
  }

  lock(kind: "exclusive" | "shared"): Future<void> {
    if (this.#closed) return this.#fail("KVIG_CLOSED", "is closed");
    const { holders, exclusive, named } = this.#stored;
    const others = [...holders].some((holder) => holder !== this);
    if (others && (exclusive || kind === "exclusive")) {
      return this.#fail("KVIG_LOCKED", "is locked by another opener");
    }
    if (!named) return this.#fail("KVIG_LOCKED", "has lost its name");
    holders.add(this);
    this.#stored.exclusive = kind === "exclusive";
    return Future.of(undefined);
  }

  close(): Future<void> {
    this.#closed = true;
    this.#stored.holders.delete(this);
    return Future.of(undefined);
  }

  #put(at: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return; // a write of nothing does not grow the file
    const end = at + bytes.length;
    if (end > this.size) this.#stored.resize(end);
    this.#stored.bytes.set(bytes, at);
  }

  #refuse<T>(): Future<T> {
    if (this.#closed) return this.#fail("KVIG_CLOSED", "is closed");
    return this.#fail("KVIG_READ_ONLY", "was opened for reading alone");
  }

  #fail<T>(code: IoErrorCode, why: string): Future<T> {
    return Future.failed(code, `${this.path} ${why}`);
  }
}

/** Makes an Io with no files. */
export function createIo(): Io {
  const names = new Map<string, Stored>();
  return {
    description: "arrays in memory",
    canBlock: true, // every future is settled when it is returned

    open(path, { create = false, exclusive = false, readOnly = false } = {}) {
      let stored = names.get(path);
      if (stored === undefined) {
        if (!create) return Future.failed("KVIG_NOT_FOUND", `there is no file ${path}`);
        stored = new Stored();
        names.set(path, stored);
      } else if (create && exclusive) {
        return Future.failed("KVIG_EXISTS", `the file ${path} exists`);
      }
      return Future.of(new ArrayFile(path, stored, readOnly));
    },

    remove(path) {
      const stored = names.get(path);
      if (stored === undefined) {
        return Future.failed("KVIG_NOT_FOUND", `there is no file ${path}`);
      }
      stored.named = false; // whoever has it open keeps it
      names.delete(path);
      return Future.of(undefined);
    },

    syncDirectory: () => Future.of(undefined),

    // Where it begins does not matter here: nothing is handed to a system that would mind.
    allocate(bytes) {
      if (!Number.isSafeInteger(bytes) || bytes < 0) throw new RangeError("a size that is none");
      return new Uint8Array(bytes);
    },

    now: () => Date.now(),

    random(bytes) {
      // The system gives no more than 65536 bytes at once.
      for (let from = 0; from < bytes.length; from += 65_536) {
        crypto.getRandomValues(bytes.subarray(from, from + 65_536) as Uint8Array<ArrayBuffer>);
      }
    },
  };
}

/** What the suite may take for granted, so that it fails where this is not so. */
export const supports = { blocking: true, locks: true };
