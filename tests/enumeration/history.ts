/**
 * The commits of one store as a sorted map knows them: what the store holds after each, which were
 * issued, and which must survive.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { compareBytes } from "../../core/bytes.ts";

/** One entry. */
export interface Entry {
  /** Its key as text: keys here are ASCII. */
  readonly name: string;
  /** Its key. */
  readonly key: Uint8Array;
  /** Its value. */
  readonly value: Uint8Array;
}

/** A change of one key; without a value the key goes. */
export interface Change {
  /** The key as text. */
  readonly name: string;
  /** The new value. */
  readonly value: Uint8Array | undefined;
}

const encoder = new TextEncoder();

/** The versions of a store, one for each commit since creation; number 0 is empty. */
export class History {
  /** Number of the last commit that must survive. */
  acknowledged = 0;
  readonly #versions: (readonly Entry[])[] = [[]];

  /** Number of the last commit issued. */
  get issued(): number {
    return this.#versions.length - 1;
  }

  /** The entries after the last commit issued, in the order of their keys. */
  get current(): readonly Entry[] {
    return this.#versions[this.issued];
  }

  /** The entries after a commit; undefined where there was none such. */
  version(commit: number): readonly Entry[] | undefined {
    return this.#versions[commit];
  }

  /** Notes a commit that is about to be issued. */
  issue(changes: readonly Change[]): void {
    const entries = new Map(this.current.map((entry) => [entry.name, entry]));
    for (const { name, value } of changes) {
      if (value === undefined) entries.delete(name);
      else entries.set(name, { name, key: encoder.encode(name), value });
    }
    const sorted = [...entries.values()].sort((a, b) => compareBytes(a.key, b.key));
    this.#versions.push(sorted);
  }

  /** Takes the commit issued last back: it did not happen. */
  withdraw(): void {
    if (this.issued === this.acknowledged) throw new Error("what was acknowledged happened");
    this.#versions.pop();
  }

  /** Notes that everything issued must survive. */
  acknowledge(): void {
    this.acknowledged = this.issued;
  }

  /** The same history, to go another way from here. */
  fork(): History {
    const other = new History();
    other.acknowledged = this.acknowledged;
    other.#versions.splice(0, 1, ...this.#versions);
    return other;
  }
}

/** Whether two pieces of bytes are the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  if (a.length > 64) return Buffer.compare(a, b) === 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
