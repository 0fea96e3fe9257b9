/**
 * A disk at one moment, with everything that is pending on it, and the images that a power cut at
 * that moment can leave: one for each {@link Cut}.
 *
 * @module
 */

import type { SimDisk } from "../sim/disk.ts";
import { type DiskFile, type Mutation, SECTOR_BYTES } from "../sim/disk_file.ts";
import type { Cut, Fill, Tear } from "./cut.ts";
import type { FileImage } from "./image_io.ts";
import { ImageHash } from "./sector_hash.ts";

/** A pending mutation and the file that it belongs to. */
export interface PendingMutation {
  /** The file. */
  readonly file: MomentFile;
  /** What is to be changed. */
  readonly mutation: Mutation;
  /** Number of sectors that it touches; 0 for a truncate. */
  readonly sectors: number;
  /** Whether it only grows the file: it writes zeros behind the durable end. */
  readonly grows: boolean;
}

/** A sector holds what was durable; behind the durable end nobody wrote it. */
const DURABLE = -1;
/** A sector holds something else than one mutation or what was durable. */
const MIXED = -2;

/** A disk at one moment. */
export class Moment {
  /** Its files, those that were removed last. */
  readonly files: readonly MomentFile[];
  /** What is pending, in the order in which it was issued. */
  readonly pending: readonly PendingMutation[];
  readonly #hash = new ImageHash();

  /** Looks at `disk`, which does not change meanwhile. `garbage` is at least one sector long. */
  constructor(disk: SimDisk, garbage: Uint8Array) {
    const files: MomentFile[] = [];
    for (const [name, file] of disk.files) files.push(new MomentFile(name, file, true, garbage));
    for (const [name, file] of disk.removed) {
      if (!disk.files.has(name)) files.push(new MomentFile(name, file, false, garbage));
    }
    this.files = files;
    this.pending = files.flatMap((file) =>
      file.mutations.map((mutation) => ({
        file,
        mutation,
        sectors: sectorsOf(mutation),
        grows: file.growsBy(mutation),
      }))
    ).sort((a, b) => a.mutation.operation - b.mutation.operation);
    for (const file of files) file.number(this.pending);
    for (const file of files) file.others = files;
  }

  /** Makes the image that `cut` leaves, for {@link images}; returns its hash. */
  apply(cut: Cut): number {
    this.#hash.clear();
    for (const file of this.files) this.#hash.mix(file.apply(cut));
    return this.#hash.value;
  }

  /** The image made last. Its bytes change with the next one. */
  *images(): Iterable<FileImage> {
    for (const file of this.files) if (file.present) yield file;
  }
}

function sectorsOf({ at, bytes }: Mutation): number {
  if (bytes === undefined || bytes.length === 0) return 0;
  return Math.ceil((at + bytes.length) / SECTOR_BYTES) - Math.floor(at / SECTOR_BYTES);
}

/** One file at one moment. */
export class MomentFile implements FileImage {
  /** Its name. */
  readonly name: string;
  /** Whether a power cut always keeps the name. */
  readonly nameDurable: boolean;
  /** Whether the name was removed, which a power cut may undo. */
  readonly removed: boolean;
  /** Its pending mutations. */
  readonly mutations: readonly Mutation[];
  /** Size that is durable. */
  readonly durableSize: number;
  /** Sizes that the file had since then, in their order. */
  readonly sizes: readonly number[];
  /** The image made last. */
  readonly bytes: Uint8Array;
  /** Its size. */
  size = 0;
  /** Whether it is there. */
  present = true;
  /** All files of the moment. */
  others: readonly MomentFile[] = [];
  readonly #index: number;
  readonly #durable: Uint8Array;
  readonly #words: Uint32Array;
  readonly #garbage: Uint8Array;
  readonly #fixed = new ImageHash();
  readonly #hash = new ImageHash();
  /** Sectors that differ between images. */
  readonly #touched: readonly number[];
  /** For each sector what it holds: {@link DURABLE}, a mutation's bytes, or {@link MIXED}. */
  readonly #source: Int32Array;
  /** Hashes of sectors by what they hold. */
  readonly #known = new Map<number, ImageHash>();
  #numbers: readonly number[] = [];

  /** Looks at `file`. */
  constructor(name: string, file: DiskFile, there: boolean, garbage: Uint8Array) {
    this.name = name;
    this.nameDurable = file.nameDurable && there;
    this.removed = !there;
    this.mutations = file.pending;
    this.durableSize = file.durableSize;
    // The names of a store's two files differ in length.
    const index = this.#index = name.length & 15;
    this.#garbage = garbage;
    const sizes = [file.durableSize];
    let extent = file.durableSize;
    for (const { at, bytes } of file.pending) {
      sizes.push(bytes === undefined ? at : Math.max(sizes.at(-1)!, at + bytes.length));
      extent = Math.max(extent, at + (bytes?.length ?? 0));
    }
    this.sizes = sizes;
    const sectors = Math.ceil(extent / SECTOR_BYTES);
    this.#durable = new Uint8Array(sectors * SECTOR_BYTES);
    this.#durable.set(file.durable());
    this.bytes = this.#durable.slice();
    this.#words = new Uint32Array(this.bytes.buffer);
    this.#source = new Int32Array(sectors).fill(DURABLE);
    const touched = new Set<number>();
    const add = (from: number, to: number): void => {
      for (let at = from - (from % SECTOR_BYTES); at < to; at += SECTOR_BYTES) {
        touched.add(at / SECTOR_BYTES);
      }
    };
    for (const { at, bytes } of file.pending) {
      add(at, bytes === undefined ? extent : at + bytes.length);
    }
    add(Math.min(...sizes), extent);
    this.#touched = [...touched].sort((a, b) => a - b);
    for (let sector = 0; sector < sectors; sector++) {
      if (!touched.has(sector)) this.#fixed.sector(index, this.#words, sector);
    }
  }

  /** Finds the numbers of its mutations among those of the moment. */
  number(pending: readonly PendingMutation[]): void {
    const numbers: number[] = [];
    pending.forEach(({ file }, i) => {
      if (file === this) numbers.push(i);
    });
    this.#numbers = numbers;
  }

  /** Whether a mutation writes zeros behind the durable end and nothing else. */
  growsBy({ at, bytes }: Mutation): boolean {
    return bytes !== undefined && at >= this.durableSize && bytes.every((byte) => byte === 0);
  }

  /** Makes the image that `cut` leaves; returns its hash. */
  apply(cut: Cut): ImageHash {
    const hash = this.#hash;
    hash.clear();
    this.present = this.removed
      ? cut.back?.includes(this.name) === true
      : cut.missing?.includes(this.name) !== true;
    if (!this.present) return hash;
    this.#restore();
    this.size = this.durableSize;
    for (let i = 0; i < this.#numbers.length; i++) {
      const number = this.#numbers[i];
      if (cut.tear?.mutation === number) this.#tear(this.mutations[i], cut.tear);
      else if (cut.kept[number] === "1") this.#keep(this.mutations[i], i);
    }
    if (cut.sizeOf === this.name) this.#resize(cut.size!);
    if (cut.fill !== undefined && cut.fill !== "zeros") this.#fill(cut.fill);
    hash.mix(this.#fixed);
    for (const sector of this.#touched) this.#mixSector(hash, sector);
    hash.numbers(this.size, this.#index + 1, -1);
    return hash;
  }

  #mixSector(hash: ImageHash, sector: number): void {
    const source = this.#source[sector];
    if (source === MIXED) {
      hash.sector(this.#index, this.#words, sector);
      return;
    }
    const key = (source + 1) * 2 ** 24 + sector;
    let known = this.#known.get(key);
    if (known === undefined) {
      known = new ImageHash();
      known.sector(this.#index, this.#words, sector);
      this.#known.set(key, known);
    }
    hash.mix(known);
  }

  #restore(): void {
    for (const sector of this.#touched) {
      if (this.#source[sector] === DURABLE) continue;
      const at = sector * SECTOR_BYTES;
      this.bytes.set(this.#durable.subarray(at, at + SECTOR_BYTES), at);
      this.#source[sector] = DURABLE;
    }
  }

  #keep({ at, bytes }: Mutation, number: number): void {
    if (bytes === undefined) {
      this.#resize(at);
      return;
    }
    this.#put(at, bytes, 0, bytes.length);
    const last = Math.floor((at + bytes.length) / SECTOR_BYTES);
    this.#source.fill(number, Math.ceil(at / SECTOR_BYTES), Math.max(last, 0));
  }

  #put(at: number, bytes: Uint8Array, from: number, to: number): void {
    if (to <= from) return;
    this.bytes.set(bytes.subarray(from, to), at + from);
    this.size = Math.max(this.size, at + to);
    const last = Math.ceil((at + to) / SECTOR_BYTES);
    this.#source.fill(MIXED, Math.floor((at + from) / SECTOR_BYTES), last);
  }

  #resize(size: number): void {
    if (size < this.size) {
      this.bytes.fill(0, size, this.size);
      this.#source.fill(
        MIXED,
        Math.floor(size / SECTOR_BYTES),
        Math.ceil(this.size / SECTOR_BYTES),
      );
    }
    this.size = size;
  }

  #tear({ at, bytes }: Mutation, { shape, sector, byte = 0 }: Tear): void {
    if (bytes === undefined) return;
    const first = Math.floor(at / SECTOR_BYTES);
    const count = Math.ceil((at + bytes.length) / SECTOR_BYTES) - first;
    for (let i = 0; i < count; i++) {
      const from = Math.max(0, (first + i) * SECTOR_BYTES - at);
      const to = Math.min(bytes.length, (first + i + 1) * SECTOR_BYTES - at);
      if (i === sector && shape.endsWith("byte")) {
        this.#tearSector(at, bytes, from, to, shape, byte);
      } else if (keepsSector(shape, i, sector)) this.#put(at, bytes, from, to);
    }
  }

  #tearSector(
    at: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    shape: Tear["shape"],
    byte: number,
  ): void {
    const middle = Math.min(to, from + byte);
    if (shape === "new from byte") {
      this.#put(at, bytes, middle, to);
      return;
    }
    this.#put(at, bytes, from, middle);
    if (shape === "old from byte") return;
    const rest = shape === "zeros from byte"
      ? new Uint8Array(to - middle)
      : this.#garbage.subarray(0, to - middle);
    this.#put(at + middle, rest, 0, rest.length);
  }

  /** Fills what lies behind the durable end and was not written. */
  #fill(fill: Fill): void {
    const first = Math.ceil(this.durableSize / SECTOR_BYTES);
    const last = Math.floor(this.size / SECTOR_BYTES);
    for (let sector = first; sector < last; sector++) {
      if (this.#source[sector] !== DURABLE) continue;
      this.bytes.set(this.#stale(fill, sector), sector * SECTOR_BYTES);
      this.#source[sector] = MIXED;
    }
  }

  /** What a sector that nobody wrote may hold: something from this very store, or garbage. */
  #stale(fill: Fill, sector: number): Uint8Array {
    if (fill === "pages") {
      const old = Math.floor(this.durableSize / SECTOR_BYTES);
      return old === 0 ? this.#garbage.subarray(0, SECTOR_BYTES) : this.#old(sector % old);
    }
    if (fill === "meta page" && this.durableSize >= 2 * SECTOR_BYTES) return this.#old(sector % 2);
    if (fill === "log blocks") {
      const log = this.others.find(({ name }) => name.endsWith("-wal"));
      const blocks = log === undefined ? 0 : Math.floor(log.durableSize / SECTOR_BYTES);
      // The sectors at the beginning of the ring: they are written first and most often.
      if (log !== undefined && blocks > 0) return log.#old(sector % Math.min(blocks, 16));
    }
    return this.#garbage.subarray(0, SECTOR_BYTES);
  }

  #old(sector: number): Uint8Array {
    return this.#durable.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES);
  }
}

function keepsSector(shape: Tear["shape"], i: number, sector: number): boolean {
  switch (shape) {
    case "sectors before":
    case "old from byte":
      return i < sector;
    case "sectors from":
      return i >= sector;
    case "new from byte":
      return i > sector;
    case "only sector":
      return i === sector;
    case "every second sector from":
      return i % 2 === sector % 2;
    default:
      return i !== sector;
  }
}
