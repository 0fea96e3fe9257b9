/**
 * Memory that the readers of one store share: a transaction or snapshot that reads one value needs
 * none of its own.
 *
 * What stands in it is used before anything else can run.
 *
 * @module
 */

import { Descents } from "./descents.ts";
import { FreshBytes } from "./fresh_bytes.ts";

/** How many pieces of memory for keys are kept for reuse. */
const KEPT_KEYS = 64;

/** Memory for looking keys up and handing values out. */
export class ReadMemory {
  /** Makes the bytes that are handed out. */
  readonly fresh: FreshBytes;
  /** Looks for many keys. */
  readonly descents: Descents = new Descents();
  /** Memory for the key that is looked for, and for one byte more. */
  readonly key: Uint8Array;
  readonly #kept: Uint8Array[] = [];

  /** For keys of at most `maxKeyBytes` bytes; `slices` says whether those cost less than views. */
  constructor(maxKeyBytes: number, slices: boolean) {
    this.fresh = new FreshBytes(slices);
    this.key = new Uint8Array(maxKeyBytes + 1);
  }

  /** Memory for a key that is looked for again when a page was loaded. */
  takeKey(): Uint8Array {
    return this.#kept.pop() ?? new Uint8Array(this.key.length);
  }

  /** Takes such memory back. */
  giveKey(key: Uint8Array): void {
    if (this.#kept.length < KEPT_KEYS) this.#kept.push(key);
  }
}
