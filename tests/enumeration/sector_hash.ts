/**
 * A hash of a disk's image that is made of hashes of its sectors, so that changing a few of them
 * changes it quickly. Sectors of zeros count nothing.
 *
 * @module
 */

import { SECTOR_BYTES } from "../sim/disk_file.ts";

const SECTOR_WORDS = SECTOR_BYTES / 4;

/** A sum of hashes, of 53 bits. */
export class ImageHash {
  #a = 0;
  #b = 0;

  /** The hash as a number: a key of a map. */
  get value(): number {
    return (this.#a >>> 0) * 2 ** 21 + (this.#b >>> 11);
  }

  /** Begins anew. */
  clear(): void {
    this.#a = 0;
    this.#b = 0;
  }

  /** Takes another hash in, or out again. */
  mix(other: ImageHash): void {
    this.#a ^= other.#a;
    this.#b ^= other.#b;
  }

  /** Takes sector number `sector` of a file in, or out again: `words` hold the whole file. */
  sector(file: number, words: Uint32Array, sector: number): void {
    let a = 0;
    let b = 0;
    let any = 0;
    const end = (sector + 1) * SECTOR_WORDS;
    for (let i = sector * SECTOR_WORDS; i < end; i++) {
      const word = words[i];
      any |= word;
      a = Math.imul((a << 13) | (a >>> 19), 0x9E3779B1) + word | 0;
      b = Math.imul(b ^ word, 0x85EBCA77);
      b ^= b >>> 15;
    }
    if (any !== 0) this.numbers(a, b, sector * 16 + file);
  }

  /** Takes three numbers in, or out again. */
  numbers(x: number, y: number, z: number): void {
    let a = Math.imul(x ^ Math.imul(z, 0xC2B2AE3D), 0x27D4EB2F) ^ y;
    a = Math.imul(a ^ (a >>> 15), 0x2C1B3C6D);
    a = Math.imul(a ^ (a >>> 12), 0x297A2D39);
    let b = Math.imul(y ^ Math.imul(z, 0x165667B1), 0x85EBCA6B) + x | 0;
    b = Math.imul(b ^ (b >>> 16), 0x7FEB352D);
    b = Math.imul(b ^ (b >>> 15), 0x846CA68B);
    this.#a ^= a ^ (a >>> 15);
    this.#b ^= b ^ (b >>> 16);
  }
}
