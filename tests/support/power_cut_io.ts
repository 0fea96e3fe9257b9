/**
 * An Io in memory that forgets: what was not synced may be gone after a power cut, in any part.
 *
 * {@link PowerCutIo.cut} makes what a disk could hold if power failed now: every write since the
 * last sync that covers it is kept, dropped or torn at sectors, sizes and names may be old. Every
 * operation asks {@link PowerCutIo.onStep} first, so that a test can cut at each step.
 *
 * @module
 */

import {
  Future,
  type Io,
  type IoFile,
  type IoOpenOptions,
  type WriteBatch,
} from "../../core/io.ts";
import type { Random } from "./random.ts";

const SECTOR_BYTES = 512;

/** A change of a file that no sync has covered yet. */
interface Pending {
  readonly at: number;
  /** What was written; undefined for a change of size to `at`. */
  readonly bytes: Uint8Array | undefined;
  /** Whether its operation is over, so that the next sync covers it. */
  completed: boolean;
}

/** How much of a disk's freedom is used. */
export interface CutOptions {
  /** Keep everything: the process was killed, the system lives. */
  keepAll?: boolean;
}

/** A disk, with power that can fail. */
export class PowerCutIo implements Io {
  /** Can block. */
  readonly canBlock = true;
  /** For people. */
  readonly description = "loses power";
  /** Called before each operation that changes something, with words for it. */
  onStep: (words: string) => void = () => {};
  /** Operations that changed something. */
  steps = 0;
  /** Its files by name. */
  readonly files: Map<string, StoredFile> = new Map();
  #ids = 0;

  /** A disk with files that are safe. */
  constructor(files: Record<string, Uint8Array> = {}) {
    for (const [name, bytes] of Object.entries(files)) {
      this.files.set(name, new StoredFile(bytes.slice(), true));
    }
  }

  /** What a disk could hold if power failed now. */
  cut(random: Random, options: CutOptions = {}): PowerCutIo {
    const after = new PowerCutIo();
    after.#ids = this.#ids + 1000;
    for (const [name, file] of this.files) {
      if (!file.nameDurable && options.keepAll !== true && random.oneIn(2)) continue;
      const bytes = options.keepAll === true ? file.live() : file.cut(random);
      after.files.set(name, new StoredFile(bytes, true));
    }
    return after;
  }

  /** The files as they are now. */
  image(): Record<string, Uint8Array> {
    return Object.fromEntries([...this.files].map(([name, file]) => [name, file.live()]));
  }

  /** Opens a file. */
  open(path: string, options: IoOpenOptions = {}): Future<IoFile> {
    let stored = this.files.get(path);
    if (stored === undefined) {
      if (options.create !== true) return Future.failed("KVIG_NOT_FOUND", `no ${path}`);
      this.step(`create ${path}`);
      stored = new StoredFile(new Uint8Array(0), false);
      this.files.set(path, stored);
    } else if (options.create === true && options.exclusive === true) {
      return Future.failed("KVIG_EXISTS", `${path} exists`);
    }
    return Future.of<IoFile>(new PowerCutFile(this, path, stored));
  }

  /** Removes a name, which counts as durable at once. */
  remove(path: string): Future<void> {
    this.step(`remove ${path}`);
    if (!this.files.delete(path)) return Future.failed("KVIG_NOT_FOUND", `no ${path}`);
    return Future.of(undefined);
  }

  /** Makes all names durable. */
  syncDirectory(): Future<void> {
    this.step("sync the directory");
    for (const file of this.files.values()) file.nameDurable = true;
    return Future.of(undefined);
  }

  /** Memory. */
  allocate(bytes: number): Uint8Array {
    return new Uint8Array(bytes);
  }

  /** A time that passes without a clock. */
  now(): number {
    return this.#ids;
  }

  /** Bytes that differ at each call, the same in each run. */
  random(bytes: Uint8Array): void {
    this.#ids++;
    for (let i = 0; i < bytes.length; i++) bytes[i] = (this.#ids * 31 + i * this.#ids * 7) & 255;
  }

  /** Notes an operation; for files. */
  step(words: string): void {
    this.steps++;
    this.onStep(words);
  }
}

/** A file of the disk: what is durable, and what came since. */
export class StoredFile {
  /** Whether the name survives. */
  nameDurable: boolean;
  /** Size that readers see. */
  size: number;
  #live: Uint8Array;
  #durable: Uint8Array;
  #durableSize: number;
  #pending: Pending[] = [];

  /** A file whose bytes are durable. */
  constructor(bytes: Uint8Array, nameDurable: boolean) {
    this.#live = bytes;
    this.#durable = bytes.slice();
    this.#durableSize = this.size = bytes.length;
    this.nameDurable = nameDurable;
  }

  /** A copy of what readers see. */
  live(): Uint8Array {
    return this.#live.slice(0, this.size);
  }

  /** Reads what is there. */
  read(at: number, memory: Uint8Array, offset: number, length: number): number {
    const count = Math.max(0, Math.min(length, this.size - at));
    memory.set(this.#live.subarray(at, at + count), offset);
    return count;
  }

  /** Writes; nothing is durable yet. */
  write(at: number, bytes: Uint8Array): Pending {
    this.#live = grown(this.#live, at + bytes.length);
    this.#live.set(bytes, at);
    this.size = Math.max(this.size, at + bytes.length);
    return this.#note({ at, bytes, completed: true });
  }

  /** Changes the size; nothing is durable yet. */
  truncate(size: number): Pending {
    this.#live = grown(this.#live, size);
    if (size < this.size) this.#live.fill(0, size);
    this.size = size;
    return this.#note({ at: size, bytes: undefined, completed: true });
  }

  #note(pending: Pending): Pending {
    this.#pending.push(pending);
    return pending;
  }

  /** What a sync that is asked for now will cover. */
  mark(): Pending[] {
    return this.#pending.filter(({ completed }) => completed);
  }

  /** Makes durable what was marked; sizes only with a full sync, as on the worst of disks. */
  promote(marked: readonly Pending[], full: boolean): void {
    const covered = new Set(marked);
    const kept: Pending[] = [];
    for (const pending of this.#pending) {
      if (!covered.has(pending)) kept.push(pending);
      else if (!this.#promoteOne(pending, full)) kept.push(pending);
    }
    this.#pending = kept;
  }

  #promoteOne({ at, bytes }: Pending, full: boolean): boolean {
    const end = bytes === undefined ? at : at + bytes.length;
    if (!full && (bytes === undefined || end > this.#durableSize)) return false;
    this.#durable = grown(this.#durable, end);
    if (bytes === undefined) {
      if (at < this.#durableSize) this.#durable.fill(0, at);
      this.#durableSize = at;
    } else {
      this.#durable.set(bytes, at);
      this.#durableSize = Math.max(this.#durableSize, end);
    }
    return true;
  }

  /** What could be left of it after a power cut. */
  cut(random: Random): Uint8Array {
    let largest = this.#durableSize;
    const sizes = [this.#durableSize];
    for (const { at, bytes } of this.#pending) {
      sizes.push(bytes === undefined ? at : Math.max(sizes.at(-1)!, at + bytes.length));
      largest = Math.max(largest, sizes.at(-1)!);
    }
    const image = new Uint8Array(largest);
    image.set(this.#durable.subarray(0, this.#durableSize));
    const mood = random.below(6);
    for (const pending of this.#pending) this.#spoil(image, pending, mood, random);
    const size = random.oneIn(3) ? random.pick(sizes) : sizes.at(-1)!;
    if (size > this.#durableSize && random.oneIn(4)) this.#haunt(image, random);
    return image.slice(0, size);
  }

  /** Applies as much of one write as the disk's mood wants. */
  #spoil(image: Uint8Array, { at, bytes }: Pending, mood: number, random: Random): void {
    if (bytes === undefined || mood === 0) return;
    const kept = mood === 1 ? 10 : mood === 2 ? 1 : 5;
    if (random.below(10) >= kept && !random.oneIn(4)) return;
    if (mood === 1 || random.below(10) < kept) {
      image.set(bytes, at);
      return;
    }
    // Torn at the borders of sectors, or within one.
    for (let from = 0; from < bytes.length;) {
      const to = Math.min(bytes.length, from + SECTOR_BYTES - ((at + from) % SECTOR_BYTES));
      const choice = random.below(20);
      if (choice < 10) image.set(bytes.subarray(from, to), at + from);
      else if (choice === 19) {
        const middle = from + random.below(to - from);
        image.set(bytes.subarray(from, middle), at + from);
      } else if (choice === 18) image.set(random.bytes(to - from), at + from);
      from = to;
    }
  }

  /** Fills some sectors behind the durable end with old sectors of this file, or with garbage. */
  #haunt(image: Uint8Array, random: Random): void {
    const first = Math.ceil(this.#durableSize / SECTOR_BYTES);
    const last = Math.floor(image.length / SECTOR_BYTES);
    const old = Math.floor(this.#durableSize / SECTOR_BYTES);
    const covered = new Set<number>();
    for (const { at, bytes } of this.#pending) {
      if (bytes === undefined) continue;
      const end = Math.min(at + bytes.length, at + 64 * SECTOR_BYTES);
      for (let i = at; i < end; i += SECTOR_BYTES) covered.add(Math.floor(i / SECTOR_BYTES));
    }
    for (let sector = first; sector < last && sector < first + 64; sector++) {
      const to = sector * SECTOR_BYTES;
      if (!covered.has(sector)) continue;
      if (image.subarray(to, to + SECTOR_BYTES).some((byte) => byte !== 0)) continue;
      const from = random.below(Math.max(1, old)) * SECTOR_BYTES;
      if (random.oneIn(2) && old > 0) image.copyWithin(to, from, from + SECTOR_BYTES);
      else image.set(random.bytes(SECTOR_BYTES), to);
    }
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  if (length <= bytes.length) return bytes;
  const larger = new Uint8Array(Math.max(length, bytes.length + (bytes.length >>> 2)));
  larger.set(bytes);
  return larger;
}

/** An open file of the disk. */
export class PowerCutFile implements IoFile {
  /** Its name. */
  readonly path: string;
  /** Never. */
  readonly direct = false;
  readonly #io: PowerCutIo;
  readonly #stored: StoredFile;
  #last: Pending[] = [];
  #closed = false;

  /** Opens `stored`. */
  constructor(io: PowerCutIo, path: string, stored: StoredFile) {
    this.#io = io;
    this.path = path;
    this.#stored = stored;
  }

  /** Its size. */
  get size(): number {
    return this.#stored.size;
  }

  /** Reads. */
  read(at: number, memory: Uint8Array, offset: number, length: number): Future<number> {
    if (this.#closed) return this.#refuse();
    return Future.of(this.#stored.read(at, memory, offset, length));
  }

  /** Writes. */
  write(at: number, memory: Uint8Array, offset: number, length: number): Future<number> {
    if (this.#closed) return this.#refuse();
    this.#io.step(`write ${length} at ${at} of ${this.path}`);
    this.#last = [this.#stored.write(at, memory.slice(offset, offset + length))];
    return Future.of(length);
  }

  /** Writes a batch. */
  writeBatch({ memory, count, at, offset, length }: WriteBatch): Future<void> {
    if (this.#closed) return this.#refuse();
    this.#io.step(`write ${count} pieces to ${this.path}`);
    this.#last = [];
    for (let i = 0; i < count; i++) {
      const bytes = memory.slice(offset[i], offset[i] + length[i]);
      this.#last.push(this.#stored.write(at[i], bytes));
    }
    return Future.of(undefined);
  }

  /** Syncs. */
  sync(kind: "data" | "full"): Future<void> {
    if (this.#closed) return this.#refuse();
    this.#io.step(`sync ${kind} of ${this.path}`);
    this.#stored.promote(this.#stored.mark(), kind === "full");
    return Future.of(undefined);
  }

  /** Changes the size. */
  truncate(size: number): Future<void> {
    if (this.#closed) return this.#refuse();
    this.#io.step(`truncate ${this.path} to ${size}`);
    this.#last = [this.#stored.truncate(size)];
    return Future.of(undefined);
  }

  /** Nobody else is there. */
  lock(): Future<void> {
    return Future.of(undefined);
  }

  /** Closes. */
  close(): Future<void> {
    this.#closed = true;
    return Future.of(undefined);
  }

  /** For a slow Io: what was just done is not over before the function returned is called. */
  delayCompletion(): () => void {
    const last = this.#last;
    for (const pending of last) pending.completed = false;
    return () => {
      for (const pending of last) pending.completed = true;
    };
  }

  /** For a slow Io: a sync of what is complete now; it happens when the function is called. */
  beginSync(kind: "data" | "full"): () => void {
    const marked = this.#stored.mark();
    return () => {
      this.#io.step(`sync ${kind} of ${this.path}`);
      this.#stored.promote(marked, kind === "full");
    };
  }

  #refuse<T>(): Future<T> {
    return Future.failed("KVIG_CLOSED", `${this.path} is closed`);
  }
}
