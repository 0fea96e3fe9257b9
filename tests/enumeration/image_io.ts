/**
 * An Io over the image of a disk, made for opening one image after another quickly: it forgets
 * nothing, delays nothing, fails nothing, and uses its memory again for the next image.
 *
 * A store opened here is left where it stands; nothing of it may be used after
 * {@link ImageIo.load}.
 *
 * @module
 */

import {
  Future,
  FuturePool,
  type Io,
  type IoErrorCode,
  type IoFile,
  type IoOpenOptions,
  type WriteBatch,
} from "../../core/io.ts";
import { grown } from "../sim/disk_file.ts";

/** The bytes of one file: the first `size` of `bytes`. */
export interface FileImage {
  /** Name of the file. */
  readonly name: string;
  /** At least its bytes. */
  readonly bytes: Uint8Array;
  /** Its size. */
  readonly size: number;
}

/** A file of the image. */
class ImageFile implements IoFile {
  readonly path: string;
  readonly direct = false;
  size = 0;
  bytes: Uint8Array = new Uint8Array(64 * 1024);
  readonly #futures: FuturePool;

  constructor(path: string, futures: FuturePool) {
    this.path = path;
    this.#futures = futures;
  }

  load(bytes: Uint8Array, size: number): void {
    if (this.bytes.length < size) this.bytes = new Uint8Array(size + (size >>> 1));
    this.bytes.set(size === bytes.length ? bytes : bytes.subarray(0, size));
    this.bytes.fill(0, size);
    this.size = size;
  }

  read(at: number, memory: Uint8Array, offset: number, length: number): Future<number> {
    const count = Math.max(0, Math.min(length, this.size - at));
    memory.set(this.bytes.subarray(at, at + count), offset);
    return this.#futures.settled(count);
  }

  write(at: number, memory: Uint8Array, offset: number, length: number): Future<number> {
    this.#put(at, memory, offset, length);
    return this.#futures.settled(length);
  }

  writeBatch({ memory, count, at, offset, length }: WriteBatch): Future<void> {
    for (let i = 0; i < count; i++) this.#put(at[i], memory, offset[i], length[i]);
    return this.#futures.settled<void>(undefined);
  }

  #put(at: number, memory: Uint8Array, offset: number, length: number): void {
    this.bytes = grown(this.bytes, at + length);
    this.bytes.set(memory.subarray(offset, offset + length), at);
    this.size = Math.max(this.size, at + length);
  }

  sync(): Future<void> {
    return this.#futures.settled<void>(undefined);
  }

  truncate(size: number): Future<void> {
    this.bytes = grown(this.bytes, size);
    if (size < this.size) this.bytes.fill(0, size, this.size);
    this.size = size;
    return this.#futures.settled<void>(undefined);
  }

  lock(): Future<void> {
    return this.#futures.settled<void>(undefined);
  }

  close(): Future<void> {
    return this.#futures.settled<void>(undefined);
  }
}

/** The Io. */
export class ImageIo implements Io {
  /** For people. */
  readonly description = "an image of a disk";
  /** Can block. */
  readonly canBlock = true;
  readonly #futures = new FuturePool();
  readonly #files = new Map<string, ImageFile>();
  readonly #spare = new Map<string, ImageFile>();
  readonly #memory = new Map<number, Uint8Array[]>();
  readonly #lent: Uint8Array[] = [];
  #random = 0;

  /** Takes over copies of `images`; all files before are gone. */
  load(images: Iterable<FileImage>): void {
    this.recycle();
    for (const [name, file] of this.#files) this.#spare.set(name, file);
    this.#files.clear();
    for (const { name, bytes, size } of images) this.#make(name).load(bytes, size);
  }

  /** Takes all memory back, for another opening of the same files. */
  recycle(): void {
    for (const memory of this.#lent) this.#pool(memory.length).push(memory);
    this.#lent.length = 0;
  }

  #make(name: string): ImageFile {
    const file = this.#spare.get(name) ?? new ImageFile(name, this.#futures);
    this.#spare.delete(name);
    this.#files.set(name, file);
    return file;
  }

  #pool(bytes: number): Uint8Array[] {
    let pool = this.#memory.get(bytes);
    if (pool === undefined) this.#memory.set(bytes, pool = []);
    return pool;
  }

  /** Opens a file. */
  open(path: string, options: IoOpenOptions = {}): Future<IoFile> {
    let file = this.#files.get(path);
    if (file === undefined) {
      if (options.create !== true) return failed("KVIG_NOT_FOUND", `no ${path}`);
      file = this.#make(path);
      file.load(new Uint8Array(0), 0);
    } else if (options.create === true && options.exclusive === true) {
      return failed("KVIG_EXISTS", `${path} exists`);
    }
    return this.#futures.settled<IoFile>(file);
  }

  /** Removes a name. */
  remove(path: string): Future<void> {
    const file = this.#files.get(path);
    if (file === undefined) return failed("KVIG_NOT_FOUND", `no ${path}`);
    this.#files.delete(path);
    return this.#futures.settled<void>(undefined);
  }

  /** Nothing is lost here. */
  syncDirectory(): Future<void> {
    return this.#futures.settled<void>(undefined);
  }

  /** Zeroed memory, used before as a rule. */
  allocate(bytes: number): Uint8Array {
    const pooled = this.#pool(bytes).pop();
    pooled?.fill(0);
    const memory = pooled ?? new Uint8Array(bytes);
    this.#lent.push(memory);
    return memory;
  }

  /** A time that stands still. */
  now(): number {
    return 0;
  }

  /** Bytes that differ at each call. */
  random(bytes: Uint8Array): void {
    this.#random++;
    for (let i = 0; i < bytes.length; i++) bytes[i] = (this.#random * 31 + i * 7) & 255;
  }
}

function failed<T>(code: IoErrorCode, message: string): Future<T> {
  return Future.failed(code, message);
}
