/**
 * Keys and values of simulated workloads: each follows from a small number, so that a step of a
 * workload is a few numbers too.
 *
 * @module
 */

/** Makes the key with a number; none is longer than `maxBytes`. */
type Shape = (index: number, maxBytes: number) => Uint8Array;

function text(string: string, maxBytes: number): Uint8Array {
  const key = new Uint8Array(Math.min(string.length, maxBytes));
  for (let i = 0; i < key.length; i++) key[i] = string.charCodeAt(i);
  return key;
}

/** Mixes a number, so that neighbours are far from each other. */
function mixed(index: number): number {
  const a = Math.imul(index ^ 0x2545F491, 0x9E3779B1);
  return (a ^ (a >>> 15)) >>> 0;
}

/** Names of the shapes of keys. */
export const KEY_SHAPES = ["decimal", "binary", "long prefix", "longest", "any length"] as const;

/** Name of a shape of keys. */
export type KeyShape = typeof KEY_SHAPES[number];

const SHAPES: Readonly<Record<KeyShape, Shape>> = {
  "decimal": (index, maxBytes) => text(`${index}`.padStart(6, "0"), maxBytes),
  "binary": (index) => {
    const number = mixed(index);
    const length = index % 5 === 0 ? index % 4 : 4;
    return Uint8Array.of(number, number >>> 8, number >>> 16, number >>> 24).subarray(0, length);
  },
  "long prefix": (index, maxBytes) =>
    text("p".repeat(Math.max(0, maxBytes - 6)) + index.toString(36).padStart(6, "0"), maxBytes),
  "longest": (index, maxBytes) => {
    const key = new Uint8Array(maxBytes).fill(index % 3 === 0 ? 0xFF : 0);
    const number = mixed(index);
    key.set([number, number >>> 8, number >>> 16], (index % 2) * (maxBytes - 3));
    return key;
  },
  "any length": (index, maxBytes) => {
    const length = mixed(index) % (maxBytes + 1);
    return Uint8Array.from({ length }, (_, i) => mixed(index + i * 7919));
  },
};

/** The key with number `index`. */
export function keyWith(shape: KeyShape, index: number, maxBytes: number): Uint8Array {
  return SHAPES[shape](index, maxBytes);
}

/** The value with number `tag`, of `length` bytes; values with other numbers differ. */
export function valueWith(tag: number, length: number): Uint8Array {
  const value = new Uint8Array(length);
  let state = mixed(tag + 1) | 1;
  const fresh = Math.min(length, 24);
  for (let i = 0; i < fresh; i++) {
    state = Math.imul(state, 0x01000193) ^ (state >>> 9);
    value[i] = state >>> 16;
  }
  for (let i = 0; i < Math.min(4, length); i++) value[i] = tag >>> (8 * i);
  for (let done = fresh; done < length; done += fresh) {
    value.set(value.subarray(0, Math.min(fresh, length - done)), done);
  }
  return value;
}
