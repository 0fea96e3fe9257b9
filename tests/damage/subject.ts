/**
 * The stores that are damaged: small ones with everything in them that a file can hold — several
 * levels of branches, large values, places that were given back and written anew, a free-space map,
 * two meta pages, a log that went round — with what they must show and what stood where before.
 *
 * @module
 */

import type { Kvig } from "../../mod.ts";
import { openTinySync, type TinyOptions } from "../sim/tiny_store.ts";
import { type ImageFile, ImageIo } from "../support/image_io.ts";
import { Random } from "../support/random.ts";

/** Name of the data file. */
export const DATA = "store";
/** Name of the log. */
export const LOG = "store-wal";

/** Blocks of the log: so few that it goes round several times. */
const LOG_BLOCKS = 32;

/** An entry that a store must show. */
export type Pair = readonly [key: string, value: Uint8Array];

/** A store to be damaged. */
export interface Subject {
  /** What it is. */
  readonly name: string;
  /** Whether its process was killed: then its log holds what the data file lacks. */
  readonly killed: boolean;
  /** How it is opened. */
  readonly options: TinyOptions;
  /** Size of a page. */
  readonly pageBytes: number;
  /** Size of a block of the log. */
  readonly blockBytes: number;
  /** The two files. */
  readonly images: Readonly<Record<typeof DATA | typeof LOG, Uint8Array>>;
  /** What it shows after each number of commits, in the order of the keys. */
  readonly models: readonly (readonly Pair[])[];
  /** Commits in it. */
  readonly commits: number;
  /** Commits that the last sync of the log but one covered. */
  readonly durableBefore: number;
  /** Everything else that ever stood at each page or block, by file and number. */
  readonly older: Readonly<Record<typeof DATA | typeof LOG, readonly Uint8Array[][]>>;
}

/** What a store is made with. */
export interface SubjectShape {
  /** Whether it is left without closing it. */
  killed: boolean;
  /** Size of a page and of a block of the log. */
  pageBytes: number;
  /** Keys that it begins with. */
  keys: number;
  /** Decides keys and values. */
  seed: number;
}

/** Notes every version of every page of one file. */
class Versions {
  readonly #unitBytes: number;
  readonly #versions: Uint8Array[][] = [];

  constructor(unitBytes: number) {
    this.#unitBytes = unitBytes;
  }

  note(file: ImageFile, at: number, length: number): void {
    for (
      let unit = Math.floor(at / this.#unitBytes);
      unit * this.#unitBytes < at + length;
      unit++
    ) {
      const from = unit * this.#unitBytes;
      this.#add(unit, file.live.slice(from, from + this.#unitBytes));
    }
  }

  #add(unit: number, bytes: Uint8Array): void {
    const known = this.#versions[unit] ??= [new Uint8Array(this.#unitBytes)];
    if (!known.some((other) => sameBytes(other, bytes))) known.push(bytes);
  }

  /** All versions but those that stand in `image`. */
  besides(image: Uint8Array): Uint8Array[][] {
    const units = Math.ceil(image.length / this.#unitBytes);
    return Array.from({ length: units }, (_, unit) => {
      const now = image.subarray(unit * this.#unitBytes, (unit + 1) * this.#unitBytes);
      return (this.#versions[unit] ?? []).filter((bytes) => !sameBytes(bytes, now));
    });
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Writes a store and the model of it. */
class Maker {
  readonly io: ImageIo;
  readonly models: Pair[][] = [[]];
  readonly options: TinyOptions;
  readonly #random: Random;
  readonly #model = new Map<string, Uint8Array>();
  readonly #pageBytes: number;
  readonly #valueShift: number;
  readonly #data: Versions;
  readonly #log: Versions;
  #store: Kvig;
  /** Commits that each sync of the log covered. */
  readonly #syncs: number[] = [0];
  #issued = 0;

  constructor(shape: SubjectShape) {
    const { pageBytes, seed } = shape;
    this.#random = new Random(seed);
    this.#pageBytes = pageBytes;
    // A running store keeps half of its places free: fewer of them hold more with small values.
    this.#valueShift = shape.killed ? 4 : 2;
    this.io = new ImageIo(seed);
    this.options = {
      pageSize: pageBytes,
      logBlockSize: pageBytes,
      logSize: LOG_BLOCKS * pageBytes,
    };
    this.#data = new Versions(pageBytes);
    this.#log = new Versions(pageBytes);
    this.io.watcher = {
      written: (file, at, length) => {
        (file.path === DATA ? this.#data : this.#log).note(file, at, length);
      },
      synced: (file) => {
        if (file.path === LOG) this.#syncs.push(this.#issued);
      },
    };
    this.#store = openTinySync(this.io, DATA, this.options);
  }

  /**
   * The key number `index`: neighbours share much, and their separators are long, so that branches
   * have few children.
   */
  key(index: number): string {
    const group = Math.floor(index / 4).toString(36).padStart(2, "0");
    const length = Math.floor(this.#pageBytes / 9);
    return `${group.repeat(Math.ceil(length / 2))}${index % 4}`;
  }

  value(index: number): Uint8Array {
    const room = this.#pageBytes;
    if (index % 16 === 5) return this.#random.bytes(this.#random.between(room, 4 * room));
    return this.#random.bytes(this.#random.between(0, room >>> this.#valueShift));
  }

  #commit(change: () => void): void {
    // A sync of the log within the commit covers it.
    this.#issued++;
    change();
    this.models.push([...this.#model].sort(([a], [b]) => a < b ? -1 : 1));
  }

  put(index: number, durability: "sync" | "deferred"): void {
    const [key, value] = [this.key(index), this.value(index)];
    this.#commit(() => {
      this.#model.set(key, value);
      this.#store.putSync(key, value, { durability });
    });
  }

  delete(index: number, durability: "sync" | "deferred"): void {
    if (!this.#model.has(this.key(index))) return;
    this.#commit(() => {
      this.#model.delete(this.key(index));
      this.#store.deleteSync(this.key(index), { durability });
    });
  }

  /** One commit of several changes. */
  batch(put: readonly number[], gone: readonly number[]): void {
    this.#commit(() => {
      const puts = put.map((index) => [this.key(index), this.value(index)] as const);
      for (const [key, value] of puts) this.#model.set(key, value);
      for (const index of gone) this.#model.delete(this.key(index));
      this.#store.batchSync([
        ...puts.map(([key, value]) => ({ type: "put" as const, key, value })),
        ...gone.map((index) => ({ type: "delete" as const, key: this.key(index) })),
      ]);
    });
  }

  /** Clears the keys from one number to below another, or to the end. */
  clear(from: number, to: number | undefined): void {
    const low = this.key(from);
    const high = to === undefined ? undefined : this.key(to);
    const gone = [...this.#model.keys()].filter((key) =>
      key >= low && (high === undefined || key < high)
    );
    if (gone.length === 0) return;
    this.#commit(() => {
      for (const key of gone) this.#model.delete(key);
      this.#store.clearSync(high === undefined ? { gte: low } : { gte: low, lt: high });
    });
  }

  checkpoint(): void {
    this.#store.checkpointSync();
  }

  reopen(): void {
    this.#store.closeSync();
    this.#store = openTinySync(this.io, DATA, this.options);
  }

  close(): void {
    this.#store.closeSync();
  }

  finish(name: string, killed: boolean): Subject {
    const images = { [DATA]: this.io.file(DATA).bytes(), [LOG]: this.io.file(LOG).bytes() };
    return {
      name,
      killed,
      options: this.options,
      pageBytes: this.#pageBytes,
      blockBytes: this.#pageBytes,
      images,
      models: this.models,
      commits: this.models.length - 1,
      durableBefore: this.#syncs.at(-2) ?? 0,
      older: { [DATA]: this.#data.besides(images[DATA]), [LOG]: this.#log.besides(images[LOG]) },
    };
  }
}

/** The life that every subject has: filling, changing, shrinking, checkpoints, a reopening. */
function live(maker: Maker, keys: number): void {
  for (let i = 0; i < keys; i++) maker.put(i, i % 8 === 7 ? "sync" : "deferred");
  maker.checkpoint();
  for (let i = 0; i < keys; i += 3) maker.put(i, i % 2 === 0 ? "sync" : "deferred");
  for (let i = 1; i < keys; i += 7) maker.delete(i, "sync");
  maker.reopen();
  maker.clear(keys >>> 1, (keys >>> 1) + 6);
  for (let i = 0; i < keys; i += 5) maker.put(i, "sync");
  maker.checkpoint();
}

/** Makes a store that was closed cleanly. */
function closedSubject(shape: SubjectShape): Subject {
  const maker = new Maker(shape);
  live(maker, shape.keys);
  for (let i = 2; i < shape.keys; i += 6) maker.put(i, "sync");
  maker.close();
  return maker.finish(`closed, pages of ${shape.pageBytes}`, false);
}

/** Makes a store whose process was killed, with every kind of record behind its checkpoint. */
function killedSubject(shape: SubjectShape): Subject {
  const maker = new Maker(shape);
  live(maker, shape.keys);
  maker.batch([3, 4, 5], [0]);
  maker.put(6, "deferred");
  maker.put(21, "deferred");
  maker.delete(9, "sync");
  maker.clear(10, 14);
  maker.put(11, "sync");
  maker.clear(shape.keys - 4, undefined);
  maker.put(1, "sync");
  // The last sync covers two groups, the first of them with two commits.
  maker.put(12, "deferred");
  maker.delete(3, "deferred");
  maker.batch([13, 14], [2]);
  return maker.finish(`killed, pages of ${shape.pageBytes}`, true);
}

/** Makes the store of that shape. */
export function makeSubject(shape: SubjectShape): Subject {
  return shape.killed ? killedSubject(shape) : closedSubject(shape);
}
