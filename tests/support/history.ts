/**
 * What a store may show after a crash: the state after one of its commits, not before the last
 * acknowledged and not behind the last issued one. States are kept as sums of hashes.
 *
 * @module
 */

import type { Kvig, Snapshot } from "../../mod.ts";
import { fail } from "./assert.ts";
import { type Entry, Model } from "./model.ts";

const MODULUS = 2 ** 52;

/** A hash of one entry, of 52 bits. */
export function hashOf(key: Uint8Array, value: Uint8Array): number {
  let a = 0x811C9DC5 ^ key.length;
  let b = 0x1234567;
  for (let i = 0; i < key.length; i++) a = Math.imul(a ^ key[i], 0x01000193);
  for (let i = 0; i < value.length; i++) {
    a = Math.imul(a ^ value[i], 0x01000193);
    b = Math.imul(b ^ value[i], 0x85EBCA6B) ^ (b >>> 13);
  }
  b = Math.imul(b ^ a ^ value.length, 0xC2B2AE35);
  return ((a >>> 0) * 2 ** 20 + ((b ^ (b >>> 15)) >>> 12)) % MODULUS;
}

/** The sum of the hashes of all entries. */
export function sumOf(entries: Iterable<Entry>): number {
  let sum = 0;
  for (const [key, value] of entries) sum = (sum + hashOf(key, value)) % MODULUS;
  return sum;
}

/** One change of a commit; without a value it is a delete. */
export interface Change {
  /** Of which key. */
  key: Uint8Array;
  /** Its new value. */
  value: Uint8Array | undefined;
}

/** The commits of one store, and which of them are safe. */
export class History {
  /** The state after the last commit issued. */
  readonly model: Model;
  /** The last commit that must survive. */
  acknowledged = 0;
  /** Sums of the states after each commit. */
  readonly #sums: number[];
  readonly #counts: number[];

  /** Begins with the entries of `model`. */
  constructor(model: Model = new Model()) {
    this.model = model;
    this.#sums = [sumOf(model.entries())];
    this.#counts = [model.size];
  }

  /** Number of the last commit issued. */
  get issued(): number {
    return this.#sums.length - 1;
  }

  /** Notes a commit that is about to be issued; returns its number. */
  issue(changes: readonly Change[]): number {
    let sum = this.#sums[this.issued];
    for (const { key, value } of changes) {
      const old = this.model.get(key);
      if (old !== undefined) sum = (sum - hashOf(key, old) + MODULUS) % MODULUS;
      if (value === undefined) this.model.delete(key);
      else {
        sum = (sum + hashOf(key, value)) % MODULUS;
        this.model.put(key, value);
      }
    }
    this.#sums.push(sum);
    this.#counts.push(this.model.size);
    return this.issued;
  }

  /** Notes that the commit, and all before it, must survive. */
  acknowledge(commit: number): void {
    if (commit > this.acknowledged) this.acknowledged = commit;
  }

  /**
   * Which commit a state is that of; fails where it is none of those from `first` to `last`: by
   * default from the last acknowledged to the last issued one.
   */
  match(sum: number, count: number, first = this.acknowledged, last = this.issued): number {
    for (let commit = last; commit >= first; commit--) {
      if (this.#sums[commit] === sum && this.#counts[commit] === count) return commit;
    }
    const before = this.#sums.indexOf(sum);
    const which = before >= 0 ? `that after commit ${before}` : "no state there ever was";
    fail(
      `shown is ${which} with ${count} entries; wanted is one after commit ${first} to ${last}, ` +
        `with ${this.#counts[first]} to ${this.#counts[last]} entries`,
    );
  }

  /** The same for what a reader shows. */
  check(reader: Kvig | Snapshot): number {
    const entries = reader.range().toArraySync();
    return this.match(sumOf(entries), entries.length);
  }

  /** The same for what a reader shows that was made now, and is read without blocking. */
  async checkLater(reader: Kvig | Snapshot, first = this.acknowledged): Promise<number> {
    const { issued } = this;
    const entries = await reader.range().toArray();
    return this.match(sumOf(entries), entries.length, first, issued);
  }
}
