/**
 * A copy of a base that is being made hostile: numbers are set in it, and what was touched is noted
 * so that its checksums can be made to fit again.
 *
 * @module
 */

import { checksum } from "../../core/checksum.ts";
import { META_BYTES } from "../../core/meta.ts";
import { DATA, LOG } from "../damage/subject.ts";
import type { ImageFile, ImageIo } from "../support/image_io.ts";
import type { Random } from "../support/random.ts";
import type { Base } from "./bases.ts";

const BLOCK_HEADER_BYTES = 64;
const FIRST_FLAG = 1;

/** Two files under change. */
export class Target {
  /** What they were made of. */
  readonly base: Base;
  /** What decides. */
  readonly random: Random;
  /** The data file. */
  readonly data: ImageFile;
  /** The log. */
  readonly log: ImageFile;
  /** What was done, in words. */
  readonly story: string[] = [];
  readonly #pages = new Set<number>();
  readonly #metas = new Set<number>();
  readonly #blocks = new Set<number>();

  /** Begins with the base as it is in `io`. */
  constructor(base: Base, io: ImageIo, random: Random) {
    this.base = base;
    this.random = random;
    this.data = io.file(DATA);
    this.log = io.file(LOG);
  }

  /** Reads a number of 1, 2, 4 or 8 bytes. */
  get(file: ImageFile, at: number, bytes: number): number {
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (file.live[at + i] ?? 0);
    return value;
  }

  /** Sets a number of 1, 2, 4 or 8 bytes, if it lies within the file. */
  set(file: ImageFile, at: number, bytes: number, value: number): void {
    if (at < 0 || at + bytes > file.size) return;
    const encoded = new Uint8Array(bytes);
    let rest = Math.abs(value);
    for (let i = 0; i < bytes; i++) {
      encoded[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    this.put(file, at, encoded);
  }

  /** Puts bytes into a file and notes what they touch. */
  put(file: ImageFile, at: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    file.put(at, bytes);
    const { pageBytes } = this.base;
    const last = Math.floor((at + bytes.length - 1) / pageBytes);
    for (let unit = Math.floor(at / pageBytes); unit <= last; unit++) {
      if (file === this.log) this.#blocks.add(unit);
      else if (unit < 2) this.#metas.add(unit);
      else this.#pages.add(unit);
    }
  }

  /** A number that is likely to be at the edge of something. */
  odd(old: number, bytes: number): number {
    const { random } = this;
    const { pageBytes } = this.base;
    const top = 2 ** Math.min(52, 8 * bytes);
    const pages = Math.floor(this.data.size / pageBytes);
    const edges = [0, 1, 2, 3, 7, 8, 31, 32, 40, 41, 64, 127, 128, pageBytes - 1, pageBytes];
    edges.push(pages - 1, pages, pages + 1, top - 1, top / 2, top / 2 - 1, old * 2);
    const kind = random.below(4);
    if (kind === 0) return Math.max(0, old + random.pick([-2, -1, 1, 2])) % top;
    if (kind === 1) return random.below(top);
    return random.pick(edges) % top;
  }

  /** Changes a number to an odd one. */
  change(file: ImageFile, at: number, bytes: number, what: string): void {
    const old = this.get(file, at, bytes);
    const value = this.odd(old, bytes);
    this.story.push(`${what}: ${old} to ${value}`);
    this.set(file, at, bytes, value);
  }

  /** Where a page begins. */
  pageAt(page: number): number {
    return page * this.base.pageBytes;
  }

  /** Makes the checksums fit again. */
  reseal(): void {
    for (const slot of this.#metas) this.#resealMeta(slot);
    for (const page of this.#pages) this.#resealPage(page);
    for (const block of [...this.#blocks].sort((a, b) => a - b)) this.#resealBlocks(block);
  }

  #sum(file: ImageFile, at: number, length: number, seed: number): void {
    if (at + 4 + length > file.size) return;
    const sum = checksum(file.live, at + 4, length, seed);
    file.change(at, 4);
    new DataView(file.live.buffer).setUint32(at, sum, true);
  }

  #resealMeta(slot: number): void {
    // Slot 1 is found at the page size that it says itself.
    this.#sum(this.data, this.pageAt(slot), META_BYTES - 4, 0);
  }

  #resealPage(page: number): void {
    this.#sum(this.data, this.pageAt(page), this.base.pageBytes - 4, this.base.seed);
  }

  /** Seals a block and those behind it in its group, each with the one before it. */
  #resealBlocks(first: number): void {
    const { pageBytes, seed } = this.base;
    for (let block = first; (block + 1) * pageBytes <= this.log.size; block++) {
      const at = block * pageBytes;
      const isFirst = (this.log.live[at + 6]! & FIRST_FLAG) !== 0;
      if (isFirst && block > first) return;
      const used = this.get(this.log, at + 4, 2);
      if (used > pageBytes - BLOCK_HEADER_BYTES) return;
      const chain = isFirst || block === 0 ? seed : this.get(this.log, at - pageBytes, 4);
      this.#sum(this.log, at, BLOCK_HEADER_BYTES - 4 + used, chain);
      if ((this.log.live[at + 6]! & 2) !== 0) return;
    }
  }
}
