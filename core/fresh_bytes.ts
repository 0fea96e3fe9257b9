/**
 * Handing out bytes: every answer is a copy of its own, whatever happens to the page.
 *
 * @module
 */

import { copyBytes } from "./bytes.ts";

const SLAB_BYTES = 16 * 1024;
const LARGE_BYTES = 2048;
/** Before the first value of middling size there is none. */
const NO_SLAB = new Uint8Array(0);

/**
 * Makes fresh bytes. All but large ones are views of slabs that are shared with others, because an
 * ArrayBuffer of its own for each costs several times as much; where it does not, they are slices.
 */
export class FreshBytes {
  /** Whether slices cost less here than views. */
  readonly slices: boolean;
  #slab = NO_SLAB;
  #used = 0;

  /** Makes slices, or views. */
  constructor(slices: boolean) {
    this.slices = slices;
  }

  /** A copy of `length` bytes of `source` from `at` on. */
  copy(source: Uint8Array, at: number, length: number): Uint8Array {
    if (this.slices || length > LARGE_BYTES) return source.slice(at, at + length);
    if (this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += length;
    copyBytes(source, at, this.#slab, from, length);
    return new Uint8Array(this.#slab.buffer, from, length);
  }
}
