/**
 * Keys of 16 decimal digits, written into memory that is there already.
 *
 * @module
 */

/** Bytes of a key. */
export const KEY_BYTES = 16;

/** Writes the decimal digits of `number`, from 0 to 2^31 − 1, into the 16 bytes of `key`. */
export function writeKey(key: Uint8Array, number: number): void {
  let rest = number | 0;
  for (let i = KEY_BYTES - 1; i >= 0; i--) {
    const tenth = (rest / 10) | 0;
    key[i] = 48 + rest - tenth * 10;
    rest = tenth;
  }
}

/** The numbers from 0 to `count` − 1, shuffled in a way that `seed` decides. */
export function shuffled(count: number, seed: number): Uint32Array {
  const numbers = new Uint32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = i;
  const random = randomBelow(seed);
  for (let i = count - 1; i > 0; i--) {
    const j = random(i + 1);
    const number = numbers[i];
    numbers[i] = numbers[j];
    numbers[j] = number;
  }
  return numbers;
}

/** A source of random whole numbers below a bound, decided by `seed`. */
export function randomBelow(seed: number): (bound: number) => number {
  let state = seed | 0;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    // The high bits are the good ones of this generator.
    return Math.floor((state >>> 8) * bound / 2 ** 24);
  };
}
