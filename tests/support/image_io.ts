/**
 * An Io over images of files for very many cases: each case may damage and write the bytes, and the
 * next one begins with the images as they were. Only what was changed is put back, and the memory
 * of one case serves the next, so that a case costs little more than what it does.
 *
 * It counts what it is asked for: a case that goes on for ever runs into a limit of operations.
 *
 * @module
 */

import { allocateAligned } from "../../adapters/aligned_memory.ts";
import { Future, FuturePool, type Io, type IoFile, type IoOpenOptions } from "../../core/io.ts";
import type { WriteBatch } from "../../core/io.ts";
import { Random } from "./random.ts";

/** What a file is put together of: it is noted in these units what was read and changed. */
export const UNIT_BYTES = 512;

/** What a case may ask for. */
export interface ImageIoLimits {
  /** Operations of the Io. */
  operations: number;
  /** Size of a file. */
  fileBytes: number;
  /** Memory that is handed out and not given back before the case ends. */
  memoryBytes: number;
}

/** What is enough for every store of these tests, by far. */
export const AMPLE: Readonly<ImageIoLimits> = {
  operations: 200_000,
  fileBytes: 16 * 1024 * 1024,
  memoryBytes: 64 * 1024 * 1024,
};

/** Told what happens to a file. */
export interface ImageWatcher {
  /** Bytes were written; they stand in the file. */
  written?(file: ImageFile, at: number, length: number): void;
  /** A sync was asked for. */
  synced?(file: ImageFile): void;
}

/** One file: an image, and what the running case has made of it. */
export class ImageFile {
  /** Its name. */
  readonly path: string;
  /** Whether the name is there. */
  named = false;
  /** Size in bytes. */
  size = 0;
  /** The bytes as they are; those behind {@link size} are zeros. */
  live: Uint8Array = new Uint8Array(0);
  /** For each unit whether it was read, where that is to be noted. */
  reads: Uint8Array | undefined = undefined;
  #image: Uint8Array | undefined = undefined;
  #changed: Uint8Array = new Uint8Array(0);
  #changes: number[] = [];

  /** An absent file. */
  constructor(path: string) {
    this.path = path;
  }

  /** Makes `image` what the file is at the beginning of each case; undefined: it is absent. */
  setImage(image: Uint8Array | undefined): void {
    this.#image = image;
    const bytes = image ?? new Uint8Array(0);
    this.live = new Uint8Array(Math.ceil(bytes.length / UNIT_BYTES) * UNIT_BYTES);
    this.live.set(bytes);
    this.size = bytes.length;
    this.named = image !== undefined;
    this.#changed = new Uint8Array(this.live.length / UNIT_BYTES);
    this.#changes = [];
  }

  /** Makes the file its image again. */
  restore(): void {
    const image = this.#image;
    const length = image?.length ?? 0;
    for (const unit of this.#changes) {
      const from = unit * UNIT_BYTES;
      const end = Math.min(from + UNIT_BYTES, length);
      this.#changed[unit] = 0;
      if (end < from + UNIT_BYTES) this.live.fill(0, from, from + UNIT_BYTES);
      if (end > from) this.live.set(image!.subarray(from, end), from);
    }
    this.#changes.length = 0;
    this.size = length;
    this.named = image !== undefined;
  }

  /** A copy of the bytes as they are. */
  bytes(): Uint8Array {
    return this.live.slice(0, this.size);
  }

  /** Notes that bytes are about to change, and makes sure that there is memory for them. */
  change(at: number, length: number): void {
    const end = at + length;
    if (end > this.live.length) this.#extend(end);
    for (let unit = Math.floor(at / UNIT_BYTES); unit * UNIT_BYTES < end; unit++) {
      if (this.#changed[unit] !== 0) continue;
      this.#changed[unit] = 1;
      this.#changes.push(unit);
    }
  }

  /** Flips one bit, counted from the beginning of the file. */
  flip(bit: number): void {
    this.change(bit >>> 3, 1);
    this.live[bit >>> 3] ^= 1 << (bit & 7);
  }

  /** Puts bytes into the file, as damage. */
  put(at: number, bytes: Uint8Array): void {
    this.change(at, bytes.length);
    this.live.set(bytes, at);
    this.size = Math.max(this.size, at + bytes.length);
  }

  /** Sets the size; what is cut off is gone, what is added is zeros. */
  resize(size: number): void {
    if (size < this.size) {
      this.change(size, this.size - size);
      this.live.fill(0, size, this.size);
    } else if (size > this.live.length) {
      this.#extend(size);
    }
    this.size = size;
  }

  #extend(bytes: number): void {
    const units = Math.ceil(Math.max(bytes, this.live.length * 2, 65_536) / UNIT_BYTES);
    const live = new Uint8Array(units * UNIT_BYTES);
    live.set(this.live);
    const changed = new Uint8Array(units);
    changed.set(this.#changed);
    this.live = live;
    this.#changed = changed;
  }
}

/** Files made of images. */
export class ImageIo implements Io {
  /** What it is. */
  readonly description = "images of files";
  /** Everything is complete when it returns. */
  readonly canBlock = true;
  /** The files by name. */
  readonly files: Map<string, ImageFile> = new Map();
  /** Operations since the case began. */
  operations = 0;
  /** Bytes read since the case began. */
  readBytes = 0;
  /** Bytes handed out since the case began. */
  allocatedBytes = 0;
  /** Which limit the running case has run into; "" while there is none. */
  exceeded = "";
  /** Told what happens. */
  watcher: ImageWatcher | undefined = undefined;
  /** Results, reused. */
  readonly futures: FuturePool = new FuturePool();
  readonly #limits: Readonly<ImageIoLimits>;
  readonly #random: Random;
  readonly #idle = new Map<number, Uint8Array[]>();
  #lent: Uint8Array[] = [];

  /** Without any file; `seed` decides the ids of new files. */
  constructor(seed = 1, limits: Readonly<ImageIoLimits> = AMPLE) {
    this.#random = new Random(seed);
    this.#limits = limits;
  }

  /** The file of a name, absent or not. */
  file(path: string): ImageFile {
    let file = this.files.get(path);
    if (file === undefined) this.files.set(path, file = new ImageFile(path));
    return file;
  }

  /** Begins a new case: every file is its image again. Nothing of the last case may be in use. */
  restore(): void {
    for (const file of this.files.values()) file.restore();
    for (const memory of this.#lent) {
      const idle = this.#idle.get(memory.length);
      if (idle === undefined) this.#idle.set(memory.length, [memory]);
      else idle.push(memory);
    }
    this.#lent = [];
    this.operations = 0;
    this.readBytes = 0;
    this.allocatedBytes = 0;
    this.exceeded = "";
  }

  /** Counts an operation; false where there were too many. */
  step(): boolean {
    if (++this.operations <= this.#limits.operations) return true;
    this.exceeded = `${this.#limits.operations} operations`;
    return false;
  }

  /** Whether a file may grow to `size`. */
  fits(size: number): boolean {
    return size <= this.#limits.fileBytes;
  }

  /** {@inheritDoc Io.open} */
  open(path: string, options: IoOpenOptions = {}): Future<IoFile> {
    const file = this.file(path);
    if (file.named && options.create === true && options.exclusive === true) {
      return Future.failed("KVIG_EXISTS", `cannot open ${path}: the name exists`);
    }
    if (!file.named) {
      if (options.create !== true) {
        return Future.failed("KVIG_NOT_FOUND", `cannot open ${path}: there is no such file`);
      }
      file.resize(0);
      file.named = true;
    }
    return Future.of<IoFile>(new OpenImage(this, file, options.readOnly === true));
  }

  /** {@inheritDoc Io.remove} */
  remove(path: string): Future<void> {
    this.file(path).named = false;
    return Future.of(undefined);
  }

  /** {@inheritDoc Io.syncDirectory} */
  syncDirectory(): Future<void> {
    return Future.of(undefined);
  }

  /** {@inheritDoc Io.allocate} */
  allocate(bytes: number): Uint8Array {
    this.allocatedBytes += bytes;
    if (this.allocatedBytes > this.#limits.memoryBytes) {
      this.exceeded = `${this.#limits.memoryBytes} bytes of memory`;
      throw new Error(`a case asked for more than ${this.exceeded}`);
    }
    const memory = this.#idle.get(bytes)?.pop();
    memory?.fill(0);
    const lent = memory ?? allocateAligned(bytes);
    this.#lent.push(lent);
    return lent;
  }

  /** {@inheritDoc Io.now} */
  now(): number {
    return 0;
  }

  /** {@inheritDoc Io.random} */
  random(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#random.below(256);
  }
}

class OpenImage implements IoFile {
  readonly direct = false;
  readonly #io: ImageIo;
  readonly #file: ImageFile;
  readonly #readOnly: boolean;
  #closed = false;

  constructor(io: ImageIo, file: ImageFile, readOnly: boolean) {
    this.#io = io;
    this.#file = file;
    this.#readOnly = readOnly;
  }

  get path(): string {
    return this.#file.path;
  }

  get size(): number {
    return this.#file.size;
  }

  read(at: number, memory: Uint8Array, offset: number, length: number): Future<number> {
    const file = this.#file;
    if (this.#closed || !this.#io.step()) return this.#refuse("read");
    const count = Math.max(0, Math.min(length, file.size - at));
    this.#io.readBytes += count;
    if (file.reads !== undefined) {
      for (let unit = Math.floor(at / UNIT_BYTES); unit * UNIT_BYTES < at + count; unit++) {
        file.reads[unit] = 1;
      }
    }
    memory.set(file.live.subarray(at, at + count), offset);
    return this.#io.futures.settled(count);
  }

  write(at: number, memory: Uint8Array, offset: number, length: number): Future<number> {
    if (this.#closed || this.#readOnly || !this.#io.step()) return this.#refuse("write");
    if (!this.#put(at, memory, offset, length)) return this.#refuse("write");
    return this.#io.futures.settled(length);
  }

  writeBatch(batch: WriteBatch): Future<void> {
    if (this.#closed || this.#readOnly || !this.#io.step()) return this.#refuse("write");
    const { memory, count, at, offset, length } = batch;
    for (let i = 0; i < count; i++) {
      if (!this.#put(at[i], memory, offset[i], length[i])) return this.#refuse("write");
    }
    return this.#io.futures.settled<void>(undefined);
  }

  #put(at: number, memory: Uint8Array, offset: number, length: number): boolean {
    if (!this.#io.fits(at + length)) return false;
    this.#file.put(at, memory.subarray(offset, offset + length));
    this.#io.watcher?.written?.(this.#file, at, length);
    return true;
  }

  sync(): Future<void> {
    if (this.#closed || !this.#io.step()) return this.#refuse("sync");
    this.#io.watcher?.synced?.(this.#file);
    return this.#io.futures.settled<void>(undefined);
  }

  truncate(size: number): Future<void> {
    if (this.#closed || this.#readOnly || !this.#io.step()) return this.#refuse("truncate");
    if (!this.#io.fits(size)) return this.#refuse("truncate");
    this.#file.resize(size);
    return this.#io.futures.settled<void>(undefined);
  }

  lock(): Future<void> {
    return this.#io.futures.settled<void>(undefined);
  }

  close(): Future<void> {
    this.#closed = true;
    return this.#io.futures.settled<void>(undefined);
  }

  #refuse<T>(verb: string): Future<T> {
    if (this.#closed) return Future.failed("KVIG_CLOSED", `cannot ${verb}: the file is closed`);
    if (this.#io.exceeded !== "") return Future.failed("KVIG_IO", `no more ${this.#io.exceeded}`);
    if (this.#readOnly && verb !== "read" && verb !== "sync") {
      return Future.failed("KVIG_READ_ONLY", `cannot ${verb}: the file is open for reading alone`);
    }
    return Future.failed("KVIG_FULL", `cannot ${verb}: there is no room`);
  }
}
