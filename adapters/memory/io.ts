/**
 * An Io that keeps its files in memory: for tests, caches and trying things out. What is stored
 * ends with the process, or when the Io is let go.
 *
 * Every operation is complete when it returns. No runtime's own interface is used.
 *
 * @module
 */

import {
  Future,
  FuturePool,
  type Io,
  type IoFile,
  type IoOpenOptions,
  type WriteBatch,
} from "../../core/io.ts";
import { allocateAligned } from "../aligned_memory.ts";
import { checkPosition, checkRange } from "../check_range.ts";

/** How {@link memoryIo} works. */
export interface MemoryIoOptions {
  /**
   * Most that the sizes of all files may sum up to, in bytes; what would go beyond fails with
   * `KVIG_FULL`. Default: no limit.
   */
  capacityBytes?: number;
}

/**
 * Makes an Io that keeps files in memory. Files belong to this Io and stay until they are removed,
 * so a store can be closed and opened again through it. Names are compared as they are; there are
 * no directories, and `mode` and `direct` mean nothing.
 *
 * @throws {RangeError} when `capacityBytes` is not a whole number of at least 0.
 *
 * @example
 * ```ts ignore
 * const io = memoryIo({ capacityBytes: 64 * 1024 * 1024 });
 * const file = io.open("example", { create: true }).take();
 * ```
 */
export function memoryIo(options: MemoryIoOptions = {}): Io {
  const { capacityBytes = Infinity } = options;
  if (capacityBytes !== Infinity) checkPosition(capacityBytes);
  return new MemoryIo(capacityBytes);
}

/** Files are kept in chunks, so that growing copies nothing and holes cost nothing. */
const CHUNK_BYTES = 65_536;

/** Most that one call of the random source gives. */
const RANDOM_BYTES_MAX = 65_536;

interface CryptoHost {
  crypto: { getRandomValues(bytes: Uint8Array): unknown };
}

/** What all files of one Io share. */
class Shelf {
  readonly files = new Map<string, StoredFile>();
  readonly futures = new FuturePool();
  readonly capacityBytes: number;
  usedBytes = 0;

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
  }
}

/** A file, whoever has it open and whether or not it still has a name. */
class StoredFile {
  readonly #shelf: Shelf;
  /** Chunks by number. One that is missing is zeros; bytes past the end of the file are zeros. */
  readonly #chunks = new Map<number, Uint8Array>();
  /** Size in bytes. */
  size = 0;
  /** Openings that are not closed. */
  openings = 0;
  /** Whether the file still has a name. */
  named = true;
  /** Who holds the lock: one exclusively, or any number shared. */
  readonly holders = new Set<MemoryFile>();
  exclusive = false;

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  read(at: number, memory: Uint8Array, offset: number, length: number): number {
    const count = Math.max(0, Math.min(length, this.size - at));
    for (let done = 0; done < count;) {
      const place = (at + done) % CHUNK_BYTES;
      const piece = Math.min(count - done, CHUNK_BYTES - place);
      const chunk = this.#chunks.get(Math.floor((at + done) / CHUNK_BYTES));
      const target = offset + done;
      if (chunk === undefined) memory.fill(0, target, target + piece);
      else memory.set(chunk.subarray(place, place + piece), target);
      done += piece;
    }
    return count;
  }

  /** Writes what fits into the capacity; returns how much that was. */
  write(at: number, memory: Uint8Array, offset: number, length: number): number {
    const end = Math.min(at + length, this.size + this.#roomBytes());
    const count = Math.max(0, end - at);
    try {
      this.#copyIn(at, memory, offset, count);
    } catch (error) {
      this.#drop(this.size);
      throw error;
    }
    if (count > 0 && end > this.size) this.#resize(end);
    return count;
  }

  /** Sets the size; false when it does not fit into the capacity. */
  truncate(size: number): boolean {
    if (size - this.size > this.#roomBytes()) return false;
    if (size < this.size) this.#drop(size);
    this.#resize(size);
    return true;
  }

  /** Gives the memory back once the file has neither a name nor an opening. */
  forgetUnused(): void {
    if (this.named || this.openings > 0) return;
    this.#drop(0);
    this.#resize(0);
  }

  #copyIn(at: number, memory: Uint8Array, offset: number, count: number): void {
    for (let done = 0; done < count;) {
      const place = (at + done) % CHUNK_BYTES;
      const piece = Math.min(count - done, CHUNK_BYTES - place);
      const chunk = this.#chunk(Math.floor((at + done) / CHUNK_BYTES));
      chunk.set(memory.subarray(offset + done, offset + done + piece), place);
      done += piece;
    }
  }

  #roomBytes(): number {
    return this.#shelf.capacityBytes - this.#shelf.usedBytes;
  }

  #resize(size: number): void {
    this.#shelf.usedBytes += size - this.size;
    this.size = size;
  }

  #chunk(number: number): Uint8Array {
    let chunk = this.#chunks.get(number);
    if (chunk === undefined) {
      chunk = new Uint8Array(CHUNK_BYTES);
      this.#chunks.set(number, chunk);
    }
    return chunk;
  }

  /** Forgets what lies from `size` on. */
  #drop(size: number): void {
    const kept = Math.ceil(size / CHUNK_BYTES);
    for (const number of this.#chunks.keys()) {
      if (number >= kept) this.#chunks.delete(number);
    }
    if (size % CHUNK_BYTES > 0) this.#chunks.get(kept - 1)?.fill(0, size % CHUNK_BYTES);
  }
}

class MemoryIo implements Io {
  readonly canBlock = true;
  readonly description = "memory";
  readonly #shelf: Shelf;

  constructor(capacityBytes: number) {
    this.#shelf = new Shelf(capacityBytes);
  }

  open(path: string, options: IoOpenOptions = {}): Future<IoFile> {
    const { files } = this.#shelf;
    let stored = files.get(path);
    if (stored !== undefined && options.create === true && options.exclusive === true) {
      return Future.failed("KVIG_EXISTS", `cannot open ${path}: the name exists`);
    }
    if (stored === undefined) {
      if (options.create !== true) {
        return Future.failed("KVIG_NOT_FOUND", `cannot open ${path}: there is no such file`);
      }
      stored = new StoredFile(this.#shelf);
      files.set(path, stored);
    }
    return Future.of(new MemoryFile(this.#shelf, stored, path, options.readOnly === true));
  }

  remove(path: string): Future<void> {
    const stored = this.#shelf.files.get(path);
    if (stored === undefined) {
      return Future.failed("KVIG_NOT_FOUND", `cannot remove ${path}: there is no such file`);
    }
    this.#shelf.files.delete(path);
    stored.named = false;
    stored.forgetUnused();
    return Future.of(undefined);
  }

  syncDirectory(): Future<void> {
    return Future.of(undefined);
  }

  allocate(bytes: number): Uint8Array {
    return allocateAligned(bytes);
  }

  now(): number {
    return Date.now();
  }

  random(bytes: Uint8Array): void {
    const { crypto } = globalThis as unknown as CryptoHost;
    for (let from = 0; from < bytes.length; from += RANDOM_BYTES_MAX) {
      crypto.getRandomValues(bytes.subarray(from, from + RANDOM_BYTES_MAX));
    }
  }
}

class MemoryFile implements IoFile {
  readonly path: string;
  readonly direct = false;
  readonly #shelf: Shelf;
  readonly #stored: StoredFile;
  readonly #readOnly: boolean;
  #closed = false;

  constructor(shelf: Shelf, stored: StoredFile, path: string, readOnly: boolean) {
    this.path = path;
    this.#shelf = shelf;
    this.#stored = stored;
    this.#readOnly = readOnly;
    stored.openings++;
  }

  get size(): number {
    return this.#stored.size;
  }

  read(at: number, memory: Uint8Array, offset: number, length: number): Future<number> {
    checkRange(at, memory, offset, length);
    if (this.#closed) return this.#refuse("read");
    return this.#shelf.futures.settled(this.#stored.read(at, memory, offset, length));
  }

  write(at: number, memory: Uint8Array, offset: number, length: number): Future<number> {
    checkRange(at, memory, offset, length);
    if (this.#closed || this.#readOnly) return this.#refuse("write");
    let count: number;
    try {
      count = this.#stored.write(at, memory, offset, length);
    } catch (error) {
      return this.#full(error);
    }
    if (count === 0 && length > 0) return this.#full();
    return this.#shelf.futures.settled(count);
  }

  writeBatch(batch: WriteBatch): Future<void> {
    const { memory, count, at, offset, length } = batch;
    for (let entry = 0; entry < count; entry++) {
      checkRange(at[entry], memory, offset[entry], length[entry]);
    }
    if (this.#closed || this.#readOnly) return this.#refuse("write");
    try {
      for (let entry = 0; entry < count; entry++) {
        const written = this.#stored.write(at[entry], memory, offset[entry], length[entry]);
        if (written < length[entry]) return this.#full();
      }
    } catch (error) {
      return this.#full(error);
    }
    return this.#shelf.futures.settled<void>(undefined);
  }

  sync(): Future<void> {
    if (this.#closed) return this.#refuse("sync");
    return this.#shelf.futures.settled<void>(undefined);
  }

  truncate(size: number): Future<void> {
    checkPosition(size);
    if (this.#closed || this.#readOnly) return this.#refuse("truncate");
    if (!this.#stored.truncate(size)) return this.#full();
    return this.#shelf.futures.settled<void>(undefined);
  }

  lock(kind: "exclusive" | "shared"): Future<void> {
    if (this.#closed) return this.#refuse("lock");
    const { holders } = this.#stored;
    const others = holders.size - (holders.has(this) ? 1 : 0);
    if (others > 0 && (kind === "exclusive" || this.#stored.exclusive)) {
      const why = "another opener holds the lock";
      return Future.failed("KVIG_LOCKED", `cannot lock ${this.path}: ${why}`);
    }
    if (!this.#stored.named) {
      const why = "its name does not mean the file any more that was opened";
      return Future.failed("KVIG_LOCKED", `cannot lock ${this.path}: ${why}`);
    }
    holders.add(this);
    this.#stored.exclusive = kind === "exclusive";
    return this.#shelf.futures.settled<void>(undefined);
  }

  close(): Future<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#stored.holders.delete(this);
      this.#stored.openings--;
      this.#stored.forgetUnused();
    }
    return this.#shelf.futures.settled<void>(undefined);
  }

  #refuse<T>(verb: string): Future<T> {
    if (this.#closed) {
      return Future.failed("KVIG_CLOSED", `cannot ${verb} ${this.path}: the file is closed`);
    }
    const why = "it was opened for reading alone";
    return Future.failed("KVIG_READ_ONLY", `cannot ${verb} ${this.path}: ${why}`);
  }

  #full<T>(cause?: unknown): Future<T> {
    const message = `cannot write to ${this.path}: there is no memory left for it`;
    return Future.failed("KVIG_FULL", message, cause);
  }
}
