/**
 * Seeded randomness: the same seed gives the same numbers on every runtime.
 *
 * @module
 */

/** Numbers that look random and are the same for the same seed (mulberry32). */
export class Random {
  /** What it began with. */
  readonly seed: number;
  #state: number;

  /** Begins with `seed`, of which 32 bits count. */
  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** A number from 0 up to, not including, 1. */
  unit(): number {
    this.#state = (this.#state + 0x6D2B79F5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True in one of `many` cases. */
  oneIn(many: number): boolean {
    return this.below(many) === 0;
  }

  /** One of `items`. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  /** `length` random bytes; those of longer ones repeat a random piece, which is quick to make. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    const fresh = Math.min(length, 64);
    for (let i = 0; i < fresh; i++) bytes[i] = this.below(256);
    for (let done = fresh; done < length; done += fresh) {
      bytes.set(bytes.subarray(0, Math.min(fresh, length - done)), done);
    }
    return bytes;
  }

  /** The same items in another order. */
  shuffled<T>(items: readonly T[]): T[] {
    const mixed = [...items];
    for (let i = mixed.length - 1; i > 0; i--) {
      const other = this.below(i + 1);
      [mixed[i], mixed[other]] = [mixed[other], mixed[i]];
    }
    return mixed;
  }

  /** Another source, which follows from this one and goes its own way from here on. */
  fork(): Random {
    return new Random(this.below(2 ** 32));
  }
}
