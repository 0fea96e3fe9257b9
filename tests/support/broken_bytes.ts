/**
 * Ios that read, write and measure wrongly, each in one way.
 *
 * @module
 */

import { type CallOptions, Future, type IoFile, WriteBatch } from "../../core/io.ts";
import { brokenFile, type BrokenIo } from "./broken_io.ts";
import { later, mapped, startLater, WrappedFile } from "./wrapped_io.ts";

/** A file whose `read` is wrong. */
function read(
  wrong: (
    file: IoFile,
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ) => Future<number>,
): (file: IoFile) => IoFile {
  return (file) =>
    new (class extends WrappedFile {
      override read(
        at: number,
        memory: Uint8Array,
        offset: number,
        length: number,
        options?: CallOptions,
      ): Future<number> {
        return wrong(file, at, memory, offset, length, options);
      }
    })(file);
}

/** A file whose `write` is wrong. */
function write(wrong: Parameters<typeof read>[0]): (file: IoFile) => IoFile {
  return (file) =>
    new (class extends WrappedFile {
      override write(
        at: number,
        memory: Uint8Array,
        offset: number,
        length: number,
        options?: CallOptions,
      ): Future<number> {
        return wrong(file, at, memory, offset, length, options);
      }
    })(file);
}

/** A file whose `writeBatch` is wrong. */
function batch(
  wrong: (file: IoFile, batch: WriteBatch, options?: CallOptions) => Future<void>,
): (file: IoFile) => IoFile {
  return (file) =>
    new (class extends WrappedFile {
      override writeBatch(entries: WriteBatch, options?: CallOptions): Future<void> {
        return wrong(file, entries, options);
      }
    })(file);
}

/** The entries of a batch that `keep` keeps. */
function some(all: WriteBatch, keep: (entry: number) => boolean): WriteBatch {
  const kept = new WriteBatch(all.memory, all.count);
  for (let entry = 0; entry < all.count; entry++) {
    if (keep(entry)) kept.add(all.at[entry], all.offset[entry], all.length[entry]);
  }
  return kept;
}

/** One place for all reads in flight, as with a call that seeks and one that reads. */
function cursor(file: IoFile): IoFile {
  let place = 0;
  return read((inner, at, memory, offset, length, options) => {
    place = at;
    if (options?.blocking === true) return inner.read(at, memory, offset, length, options);
    return startLater(() => inner.read(place, memory, offset, length));
  })(file);
}

/** Whether an entry goes on in the file where another of the batch ends. */
function continues(entries: WriteBatch, entry: number): boolean {
  return entries.at.subarray(0, entries.count).some((at, other) =>
    other !== entry && entries.length[entry] > 0 && at + entries.length[other] === entries.at[entry]
  );
}

/** Takes what is adjacent in the file for adjacent in memory too. */
function mergeBlindly(file: IoFile, entries: WriteBatch, options?: CallOptions): Future<void> {
  const merged = new WriteBatch(entries.memory, entries.count);
  for (let entry = 0; entry < entries.count; entry++) {
    const [at, offset, length] = [entries.at[entry], entries.offset[entry], entries.length[entry]];
    const last = merged.count - 1;
    const end = last < 0 ? -1 : merged.at[last] + merged.length[last];
    const room = last < 0 ? 0 : entries.memory.length - merged.offset[last] - merged.length[last];
    if (at === end && length <= room) merged.length[last] += length;
    else merged.add(at, offset, length);
  }
  return file.writeBatch(merged, options);
}

/** One staging buffer for all batches in flight. */
const stage = new Uint8Array(8 << 20);

function stageTogether(file: IoFile, entries: WriteBatch, options?: CallOptions): Future<void> {
  stage.set(entries.memory);
  const staged = new WriteBatch(stage, entries.count);
  for (let entry = 0; entry < entries.count; entry++) {
    staged.add(entries.at[entry], entries.offset[entry], entries.length[entry]);
  }
  return file.writeBatch(staged, options);
}

/** Says that an operation is over before it is. */
function early(file: IoFile): IoFile {
  return write((inner, at, memory, offset, length, options) => {
    if (options?.blocking === true) return inner.write(at, memory, offset, length, options);
    setTimeout(() => inner.write(at, memory, offset, length), 10);
    return Future.of(length);
  })(file);
}

class StaleSize extends WrappedFile {
  readonly #size: number = this.inner.size;

  override get size(): number {
    return this.#size;
  }
}

/** Grows by what was there before it was cut off. */
class Haunted extends WrappedFile {
  #old = new Uint8Array(0);

  override truncate(size: number, options?: CallOptions): Future<void> {
    const before = this.inner.size;
    if (size < before) {
      this.#old = new Uint8Array(before);
      this.inner.read(0, this.#old, 0, before, { blocking: true });
      return this.inner.truncate(size, options);
    }
    return mapped(this.inner.truncate(size, options), () => {
      const end = Math.min(size, this.#old.length);
      if (end > before) this.inner.write(before, this.#old, before, end - before);
    });
  }
}

/** The Ios. */
export const brokenBytes: readonly BrokenIo[] = [
  brokenFile(
    "a cursor that all reads share",
    "in flight: 256 operations at once on one file",
    "late",
    cursor,
  ),
  brokenFile(
    "read() ignores the offset",
    "read: gives the bytes at its position, at its offset",
    "blocking",
    read((file, at, memory, _, length) => file.read(at, memory, 0, length)),
  ),
  brokenFile(
    "read() fills the rest of the memory with zeros",
    "read: leaves the memory outside of what was read alone",
    "blocking",
    read((file, at, memory, offset, length) =>
      mapped(file.read(at, memory, offset, length), (count) => {
        memory.fill(0, offset + count);
        return count;
      })
    ),
  ),
  brokenFile(
    "read() past the end gives zeros",
    "read: across the end gives what is before it",
    "blocking",
    read((file, at, memory, offset, length) =>
      mapped(file.read(at, memory, offset, length), (count) => {
        memory.fill(0, offset + count, offset + length);
        return length;
      })
    ),
  ),
  brokenFile(
    "read() past the end fails",
    "read: is 0 only at or past the end, or of 0 bytes",
    "blocking",
    read((file, at, memory, offset, length) => {
      if (at <= file.size) return file.read(at, memory, offset, length);
      return Future.failed("KVIG_IO", `cannot read ${file.path}: past the end`);
    }),
  ),
  brokenFile(
    "write() ignores the offset",
    "write: writes the bytes at its offset to its position",
    "blocking",
    write((file, at, memory, _, length) => file.write(at, memory, 0, length)),
  ),
  brokenFile(
    "write() ignores the position and appends",
    "write: leaves the other bytes of the file alone",
    "blocking",
    write((file, _, memory, offset, length) => file.write(file.size, memory, offset, length)),
  ),
  brokenFile(
    "a short write is reported as whole",
    "write: what it says was written is there",
    "blocking",
    write((file, at, memory, offset, length) =>
      mapped(file.write(at, memory, offset, Math.min(length, 65_536)), () => length)
    ),
  ),
  brokenFile(
    "write() changes the memory",
    "memory: is not changed by writes and batches",
    "blocking",
    write((file, at, memory, offset, length) =>
      mapped(file.write(at, memory, offset, length), (count) => {
        memory.fill(0, offset, offset + count);
        return count;
      })
    ),
  ),
  brokenFile(
    "a batch drops its last entry",
    "writeBatch: writes every entry, the last one too",
    "blocking",
    batch((file, all) => file.writeBatch(some(all, (entry) => entry < all.count - 1))),
  ),
  brokenFile(
    "a batch drops what continues a run",
    "writeBatch: writes runs that are adjacent in the file and in memory",
    "blocking",
    batch((file, all) => file.writeBatch(some(all, (entry) => !continues(all, entry)))),
  ),
  brokenFile(
    "a batch takes what is adjacent in the file for adjacent in memory",
    "writeBatch: writes runs that are adjacent in the file alone",
    "blocking",
    batch(mergeBlindly),
  ),
  brokenFile(
    "a batch drops entries of one byte",
    "writeBatch: writes entries of one byte, and very many of them",
    "blocking",
    batch((file, all) => file.writeBatch(some(all, (entry) => all.length[entry] !== 1))),
  ),
  brokenFile(
    "a batch takes no more than 1024 entries",
    "writeBatch: writes entries of one byte, and very many of them",
    "blocking",
    batch((file, all) => file.writeBatch(some(all, (entry) => entry < 1024))),
  ),
  brokenFile(
    "a batch grows the file for an entry of 0 bytes",
    "writeBatch: takes entries of 0 bytes, and no entries at all",
    "blocking",
    batch((file, all) => {
      const end = Math.max(0, ...all.at.subarray(0, all.count));
      if (end > file.size) file.truncate(end);
      return file.writeBatch(all);
    }),
  ),
  brokenFile(
    "a batch is sorted in place",
    "writeBatch: leaves the batch and its memory as they were",
    "blocking",
    batch((file, all) => mapped(file.writeBatch(all), () => void all.at.sort())),
  ),
  brokenFile(
    "batches in flight share a staging buffer",
    "in flight: several batches at once, of one file and of others",
    "late",
    batch(stageTogether),
  ),
  brokenFile(
    "the size stays that of opening",
    "size: follows completed writes and truncates",
    "blocking",
    (file) => new StaleSize(file),
  ),
  brokenFile(
    "truncate() brings back what was cut off",
    "truncate: what is added reads as zeros, cut off before or not",
    "blocking",
    (file) => new Haunted(file),
  ),
  brokenFile(
    "a write is settled before it happened",
    "memory: what was written is read once the write is settled",
    "late",
    early,
  ),
  brokenFile(
    "a write reads its memory again when it is settled",
    "memory: is not read after a write is settled",
    "blocking",
    write((file, at, memory, offset, length) => {
      setTimeout(() => file.write(at, memory, offset, length), 5);
      return file.write(at, memory, offset, length);
    }),
  ),
  brokenFile(
    "a batch reads its memory again when it is settled",
    "memory: of a batch is not read after the batch is settled",
    "blocking",
    batch((file, all) => {
      const copy = some(all, () => true);
      setTimeout(() => file.writeBatch(copy), 5);
      return file.writeBatch(all);
    }),
  ),
  brokenFile(
    "a read writes its memory again when it is settled",
    "memory: is not touched after a read is settled",
    "blocking",
    read((file, at, memory, offset, length) => {
      setTimeout(() => file.read(at, memory, offset, length), 5);
      return file.read(at, memory, offset, length);
    }),
  ),
  brokenFile(
    "a read is settled before its memory is filled",
    "memory: is filled when a read is settled, not later",
    "blocking",
    read((file, at, memory, offset, length) => {
      const copy = new Uint8Array(length);
      return mapped(file.read(at, copy, 0, length), (count) => {
        later(() => memory.set(copy.subarray(0, count), offset));
        return count;
      });
    }),
  ),
];
