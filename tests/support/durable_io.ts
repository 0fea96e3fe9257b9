/**
 * A good Io in memory that knows what is durable, and forgets everything else when its power is
 * cut: the worst of disks that keeps the contract.
 *
 * Nothing reaches the disk but by a sync; a sync of kind `"data"` covers no change of size.
 *
 * @module
 */

import { memoryIo } from "../../adapters/memory/io.ts";
import type { Future, Io, IoFile, IoOpenOptions, WriteBatch } from "../../core/io.ts";
import { mapped, WrappedFile, WrappedIo } from "./wrapped_io.ts";

/** A change that no sync has covered yet; without bytes one of the size, to `at`. */
interface Change {
  readonly at: number;
  readonly bytes: Uint8Array | undefined;
}

/** A file, whoever has it open: its durable bytes, and what came since. */
class Disk {
  bytes = new Uint8Array(0);
  changes: Change[] = [];

  sync(full: boolean): void {
    const left: Change[] = [];
    for (const change of this.changes) {
      const { at, bytes } = change;
      const end = at + (bytes?.length ?? 0);
      if (!full && (bytes === undefined || end > this.bytes.length)) left.push(change);
      else this.#apply(at, bytes, end);
    }
    this.changes = left;
  }

  #apply(at: number, bytes: Uint8Array | undefined, end: number): void {
    const size = bytes === undefined ? at : Math.max(end, this.bytes.length);
    const next = new Uint8Array(size);
    next.set(this.bytes.subarray(0, Math.min(size, this.bytes.length)));
    if (bytes !== undefined) next.set(bytes, at);
    this.bytes = next;
  }
}

/** An Io in memory that knows what is durable. */
export class DurableIo extends WrappedIo {
  /** Files by the names that are there now. */
  readonly #names = new Map<string, Disk>();
  /** Files by the names that are durable. */
  #durableNames = new Map<string, Disk>();

  /** Over a new Io in memory. */
  constructor() {
    super(memoryIo());
  }

  override open(path: string, options?: IoOpenOptions): Future<IoFile> {
    return mapped(this.inner.open(path, options), (file) => {
      let disk = this.#names.get(path);
      if (disk === undefined) this.#names.set(path, disk = new Disk());
      return new DurableFile(file, disk);
    });
  }

  override remove(path: string): Future<void> {
    this.#names.delete(path);
    return this.inner.remove(path);
  }

  override syncDirectory(path: string): Future<void> {
    this.#durableNames = new Map(this.#names);
    return this.inner.syncDirectory(path);
  }

  /** An Io of what is durable. */
  cut(): Io {
    const left = memoryIo();
    for (const [name, { bytes }] of this.#durableNames) {
      const file = left.open(name, { create: true }).take();
      file.write(0, bytes, 0, bytes.length).take();
      file.close().take();
    }
    return left;
  }
}

class DurableFile extends WrappedFile {
  readonly #disk: Disk;

  constructor(inner: IoFile, disk: Disk) {
    super(inner);
    this.#disk = disk;
  }

  override write(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
  ): Future<number> {
    return mapped(this.inner.write(at, memory, offset, length), (count) => {
      this.#note(at, memory, offset, count);
      return count;
    });
  }

  override writeBatch(batch: WriteBatch): Future<void> {
    return mapped(this.inner.writeBatch(batch), () => {
      for (let i = 0; i < batch.count; i++) {
        this.#note(batch.at[i], batch.memory, batch.offset[i], batch.length[i]);
      }
    });
  }

  override sync(kind: "data" | "full"): Future<void> {
    return mapped(this.inner.sync(kind), () => this.#disk.sync(kind === "full"));
  }

  override truncate(size: number): Future<void> {
    return mapped(this.inner.truncate(size), () => {
      this.#disk.changes.push({ at: size, bytes: undefined });
    });
  }

  #note(at: number, memory: Uint8Array, offset: number, length: number): void {
    if (length === 0) return;
    this.#disk.changes.push({ at, bytes: memory.slice(offset, offset + length) });
  }
}

/** What would be left of `io` if power failed now; `io` is a {@link DurableIo}, or around one. */
export function cutPower(io: Io): Io {
  if (io instanceof DurableIo) return io.cut();
  if (io instanceof WrappedIo) return cutPower(io.inner);
  throw new TypeError("the power of this Io cannot be cut");
}
