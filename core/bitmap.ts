/**
 * Pages of the free-space map: bitmaps with one bit per place, set while the state reaches it, and
 * index pages that hold number, epoch and used count of the pages below.
 *
 * The layout is in docs/format.md.
 *
 * @module
 */

import { type Frames, PAGE_HEADER_BYTES } from "./frames.ts";

/** Bytes of an entry of an index page: number, epoch, used count. */
export const INDEX_ENTRY_BYTES = 12;

/** Places that one bitmap page describes: a segment. */
export function segmentPlaces(pageBytes: number): number {
  return (pageBytes - PAGE_HEADER_BYTES) * 8;
}

/** Entries of an index page. */
export function indexEntries(pageBytes: number): number {
  return Math.floor((pageBytes - PAGE_HEADER_BYTES) / INDEX_ENTRY_BYTES);
}

/** Index in `frames.u32` of the first word of bits. */
export function bitmapAt(frames: Frames, frame: number): number {
  return (frames.base(frame) + PAGE_HEADER_BYTES) >>> 2;
}

/** Whether bit `bit` of the bitmap in `frame` is set. */
export function getBit(frames: Frames, frame: number, bit: number): boolean {
  return ((frames.u32[bitmapAt(frames, frame) + (bit >>> 5)] >>> (bit & 31)) & 1) !== 0;
}

/** Sets bit `bit` and returns whether it was clear. */
export function setBit(frames: Frames, frame: number, bit: number): boolean {
  const at = bitmapAt(frames, frame) + (bit >>> 5);
  const old = frames.u32[at];
  frames.u32[at] = old | (1 << (bit & 31));
  return ((old >>> (bit & 31)) & 1) === 0;
}

/** Clears bit `bit` and returns whether it was set. */
export function clearBit(frames: Frames, frame: number, bit: number): boolean {
  const at = bitmapAt(frames, frame) + (bit >>> 5);
  const old = frames.u32[at];
  frames.u32[at] = old & ~(1 << (bit & 31));
  return ((old >>> (bit & 31)) & 1) !== 0;
}

/** Number of set bits of the bitmap in `frame`. */
export function countBits(frames: Frames, frame: number): number {
  const end = frames.base(frame + 1) >>> 2;
  let count = 0;
  for (let i = bitmapAt(frames, frame); i < end; i++) count += bitCount(frames.u32[i]);
  return count;
}

/** Number of set bits of a word of 32 bits. */
export function bitCount(word: number): number {
  let n = word >>> 0;
  n -= (n >>> 1) & 0x55555555;
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0F0F0F0F, 0x01010101) >>> 24;
}

function entryAt(frames: Frames, frame: number, entry: number): number {
  return ((frames.base(frame) + PAGE_HEADER_BYTES) >>> 2) + entry * 3;
}

/** Page number of entry `entry` of the index page in `frame`; 0 where there is none. */
export function entryPage(frames: Frames, frame: number, entry: number): number {
  return frames.u32[entryAt(frames, frame, entry)];
}

/** Epoch of the page that entry `entry` refers to. */
export function entryEpoch(frames: Frames, frame: number, entry: number): number {
  return frames.u32[entryAt(frames, frame, entry) + 1];
}

/** Number of places below entry `entry` that the state reaches. */
export function entryUsed(frames: Frames, frame: number, entry: number): number {
  return frames.u32[entryAt(frames, frame, entry) + 2];
}

/** Points entry `entry` at another page. */
export function setEntry(
  frames: Frames,
  frame: number,
  entry: number,
  page: number,
  epoch: number,
): void {
  const at = entryAt(frames, frame, entry);
  frames.u32[at] = page;
  frames.u32[at + 1] = epoch;
}

/** Sets the used count of entry `entry`. */
export function setEntryUsed(frames: Frames, frame: number, entry: number, used: number): void {
  frames.u32[entryAt(frames, frame, entry) + 2] = used;
}
