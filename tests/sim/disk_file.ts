/**
 * One file of a simulated disk: what readers see, what is durable, and what lies between.
 *
 * - *live* bytes and size are what reads see.
 * - *durable* bytes and size are what every power cut leaves.
 * - *pending* mutations are the writes and truncates that no sync has covered: a power cut keeps
 *   any of them, whole, in part or not at all.
 * - *flaws* lie over single sectors: what a read gives instead of the live bytes. They are kept
 *   apart, so that taking one away proves that it alone explains a failure.
 *
 * @module
 */

import type { Profile } from "./profile.ts";

/** Size of a sector: what a disk writes whole or not, as a rule. */
export const SECTOR_BYTES = 512;

/** A write or a truncate that no sync has covered. */
export interface Mutation {
  /** Position in the file; of a truncate the new size. In bytes. */
  readonly at: number;
  /** What was written, owned by the disk; undefined for a truncate. */
  readonly bytes: Uint8Array | undefined;
  /** Number of the operation that it belongs to: pieces of a batch share theirs. */
  readonly operation: number;
  /** Whether its operation is complete, so that a sync issued from now on covers it. */
  completed: boolean;
  /** Whether a failed sync took it for written: no later sync covers it. */
  forgotten: boolean;
}

/** What a sector gives instead of its bytes: other bytes, or undefined for a read error. */
export type Flaw = Uint8Array | undefined;

/** A file, whoever has it open and whether or not it has a name. */
export class DiskFile {
  /** Size that readers see, in bytes. */
  size: number;
  /** Size that is durable, in bytes. */
  durableSize: number;
  /** Whether the name survives a power cut. */
  nameDurable: boolean;
  /** Writes and truncates since the syncs that cover what came before, in their order. */
  pending: Mutation[] = [];
  /** Flaws by number of the sector. */
  readonly flaws: Map<number, Flaw> = new Map();
  /** Whoever holds the lock: one exclusively, or any number shared. */
  readonly holders: Set<object> = new Set();
  /** Whether the only holder excludes all others. */
  exclusive = false;
  #live: Uint8Array;
  #durable: Uint8Array;

  /** A file whose bytes are durable; it keeps `bytes`. */
  constructor(bytes: Uint8Array, nameDurable: boolean) {
    this.#live = bytes;
    this.#durable = bytes.slice();
    this.size = this.durableSize = bytes.length;
    this.nameDurable = nameDurable;
  }

  /** A copy of what readers see, flaws left out. */
  live(): Uint8Array {
    return this.#live.slice(0, this.size);
  }

  /** A copy of what is durable. */
  durable(): Uint8Array {
    return this.#durable.slice(0, this.durableSize);
  }

  /** A copy of `length` live bytes at `at`, flaws left out; zeros behind the end. */
  peek(at: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    const end = Math.min(at + length, this.size);
    if (end > at) bytes.set(this.#live.subarray(at, end));
    return bytes;
  }

  /**
   * Reads up to `length` bytes at `at` into `memory`; returns how many there were, or −1 where a
   * sector cannot be read.
   */
  read(at: number, memory: Uint8Array, offset: number, length: number): number {
    const count = Math.max(0, Math.min(length, this.size - at));
    memory.set(this.#live.subarray(at, at + count), offset);
    return this.flaws.size === 0 || this.#overlay(at, memory, offset, count) ? count : -1;
  }

  #overlay(at: number, memory: Uint8Array, offset: number, count: number): boolean {
    for (const [sector, flaw] of this.flaws) {
      const start = sector * SECTOR_BYTES;
      const from = Math.max(at, start);
      const to = Math.min(at + count, start + SECTOR_BYTES);
      if (from >= to) continue;
      if (flaw === undefined) return false;
      memory.set(flaw.subarray(from - start, to - start), offset + from - at);
    }
    return true;
  }

  /** Writes a copy of the bytes; nothing is durable yet, and the mutation is not complete. */
  write(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    operation: number,
  ): Mutation {
    const bytes = memory.slice(offset, offset + length);
    this.#live = grown(this.#live, at + length);
    this.#live.set(bytes, at);
    this.size = Math.max(this.size, at + length);
    this.#heal(at, length);
    return this.#note({ at, bytes, operation, completed: false, forgotten: false });
  }

  /** Sectors that are written whole are sound again. */
  #heal(at: number, length: number): void {
    if (this.flaws.size === 0) return;
    const last = Math.floor((at + length) / SECTOR_BYTES);
    for (let sector = Math.ceil(at / SECTOR_BYTES); sector < last; sector++) {
      this.flaws.delete(sector);
    }
  }

  /** Changes the size; nothing is durable yet, and the mutation is not complete. */
  truncate(size: number, operation: number): Mutation {
    this.#live = grown(this.#live, size);
    if (size < this.size) this.#live.fill(0, size);
    this.size = size;
    for (const sector of this.flaws.keys()) {
      if (sector * SECTOR_BYTES >= size) this.flaws.delete(sector);
    }
    return this.#note({
      at: size,
      bytes: undefined,
      operation,
      completed: false,
      forgotten: false,
    });
  }

  #note(mutation: Mutation): Mutation {
    this.pending.push(mutation);
    return mutation;
  }

  /** What a sync that is issued now will cover. */
  covered(): Mutation[] {
    return this.pending.filter(({ completed, forgotten }) => completed && !forgotten);
  }

  /** Makes `covered` durable. */
  promote(covered: readonly Mutation[], full: boolean, profile: Profile): void {
    if (full && profile.nameWithFull) this.nameDurable = true;
    if (covered.length === 0) return;
    const set = new Set(covered);
    let kept: Mutation[] = [];
    for (const mutation of this.pending) {
      if (!set.has(mutation) || !this.#promote(mutation, full || profile.sizeWithData, full)) {
        kept.push(mutation);
      } else kept = kept.filter((older) => !covers(mutation, older));
    }
    this.pending = kept;
  }

  #promote({ at, bytes }: Mutation, growth: boolean, full: boolean): boolean {
    if (bytes === undefined) {
      if (!full) return false;
      this.#durable = grown(this.#durable, at);
      if (at < this.durableSize) this.#durable.fill(0, at, this.durableSize);
      this.durableSize = at;
      return true;
    }
    const end = at + bytes.length;
    if (end > this.durableSize && !growth) return false;
    this.#durable = grown(this.#durable, end);
    this.#durable.set(bytes, at);
    this.durableSize = Math.max(this.durableSize, end);
    return true;
  }

  /**
   * A sync of `covered` failed: the system takes them for written, and no later sync will cover
   * them. With `revert` readers see what is durable again.
   */
  forget(covered: readonly Mutation[], revert: boolean): void {
    for (const mutation of covered) mutation.forgotten = true;
    if (!revert) return;
    const gone = new Set(covered);
    this.pending = this.pending.filter((mutation) => !gone.has(mutation));
    const [bytes, size] = imageOf(this.durable(), this.durableSize, this.pending);
    this.#live = bytes;
    this.size = size;
  }
}

/** Whether nothing of `older` is to be seen once `newer` is in its place. */
function covers(newer: Mutation, older: Mutation): boolean {
  if (newer.bytes === undefined || older.bytes === undefined) return false;
  return newer.at <= older.at && newer.at + newer.bytes.length >= older.at + older.bytes.length;
}

/** What a file holds after all of `mutations`, and its size. */
function imageOf(
  durable: Uint8Array,
  durableSize: number,
  mutations: readonly Mutation[],
): [Uint8Array, number] {
  let image = durable;
  let size = durableSize;
  for (const { at, bytes } of mutations) {
    const end = bytes === undefined ? at : at + bytes.length;
    image = grown(image, end);
    if (bytes === undefined) {
      if (at < size) image.fill(0, at, size);
      size = at;
    } else {
      image.set(bytes, at);
      size = Math.max(size, end);
    }
  }
  return [image, size];
}

/** Room of what has grown once: small files grow a page at a time. */
const LEAST_GROWN_BYTES = 64 * 1024;

/** The same bytes with room for at least `length`, zeros behind them. */
export function grown(bytes: Uint8Array, length: number): Uint8Array {
  if (length <= bytes.length) return bytes;
  const larger = new Uint8Array(Math.max(length, LEAST_GROWN_BYTES, bytes.length * 1.5));
  larger.set(bytes);
  return larger;
}
