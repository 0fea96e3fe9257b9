/**
 * Stores with bytes that nobody's kvig wrote, under checksums that fit: for tests of what the
 * engine owes to files that come from strangers.
 *
 * @module
 */

import { isKvigError, type KvigError } from "../../core/errors.ts";
import type { Kvig } from "../../mod.ts";
import { DATA, LOG } from "../damage/subject.ts";
import { type Base, bases } from "../hostile/bases.ts";
import { Target } from "../hostile/target.ts";
import { openTinySync, type TinyOptions } from "../sim/tiny_store.ts";
import { fail } from "./assert.ts";
import { ImageIo } from "./image_io.ts";
import { Random } from "./random.ts";

const HEADER_BYTES = 32;

/** A store under change. */
export class Crafted {
  /** The files. */
  readonly io: ImageIo = new ImageIo(3);
  /** What they were made of: 40 keys in a tree of three levels, or the killed process's store. */
  readonly base: Base;
  readonly #target: Target;

  /** Begins with a store that was closed, one whose process was killed, or one without entries. */
  constructor(which: "closed" | "killed" | "empty" = "closed") {
    this.base = bases().find(({ name }) => name.startsWith(which))!;
    this.io.file(DATA).setImage(this.base.data);
    this.io.file(LOG).setImage(this.base.log);
    this.#target = new Target(this.base, this.io, new Random(1));
  }

  /** Reads a number of the data file. */
  get(page: number, at: number, bytes: number): number {
    return this.#target.get(this.#target.data, this.#target.pageAt(page) + at, bytes);
  }

  /** Sets a number of a page. */
  set(page: number, at: number, bytes: number, value: number): void {
    this.#target.set(this.#target.data, this.#target.pageAt(page) + at, bytes, value);
  }

  /** Sets a field of both meta pages. */
  setMetas(at: number, bytes: number, value: number): void {
    for (const slot of [0, 1]) this.set(slot, at, bytes, value);
  }

  /** Reads a number in a block of the log, counted from the newest meta page's position. */
  getBlock(block: number, at: number, bytes: number): number {
    return this.#target.get(this.#target.log, this.#blockAt(block) + at, bytes);
  }

  /** Sets such a number. */
  setBlock(block: number, at: number, bytes: number, value: number): void {
    this.#target.set(this.#target.log, this.#blockAt(block) + at, bytes, value);
  }

  #blockAt(block: number): number {
    const newest = this.base.metas.reduce((a, b) => a!.checkpoint > b!.checkpoint ? a : b)!;
    const ring = newest.logBytes / newest.logBlockBytes;
    return ((newest.position + block) % ring) * newest.logBlockBytes;
  }

  /** Where the head, the offset and the cell of a slot stand in its page. */
  slot(page: number, slot: number): { head: number; offset: number; cell: number } {
    const count = this.get(page, 14, 2);
    const wide = this.get(page, 12, 1) === 1 ? 4 : 12;
    const offset = HEADER_BYTES + wide * count + 2 * slot;
    return { head: HEADER_BYTES + 4 * slot, offset, cell: this.get(page, offset, 2) };
  }

  /** The first page of a kind for which `fits` holds. */
  find(kind: "leaf" | "branch" | "bitmap" | "index", fits: (page: number) => boolean): number {
    const page = this.base.pages[kind].find(fits);
    return page ?? fail(`there is no such ${kind}`);
  }

  /** The root of the default keyspace. */
  get root(): number {
    const level = (page: number): number => this.get(page, 13, 1);
    return this.base.pages.branch.reduce((a, b) => level(a) > level(b) ? a : b);
  }

  /** Makes the checksums fit and opens it. */
  open(options: TinyOptions = {}): Kvig {
    this.#target.reseal();
    return openTinySync(this.io, DATA, options);
  }
}

/** The error that `work` must throw; anything but a KvigError fails. */
export function errorOf(work: () => unknown): KvigError {
  try {
    work();
  } catch (error) {
    if (isKvigError(error)) return error;
    throw error;
  }
  return fail("it succeeds");
}
