/**
 * Leaves: cells of a key suffix and a value, or of a key suffix and a reference to an overflow run.
 *
 * These functions change one page that the caller may change and that has room; they know nothing
 * of trees or files.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { copyBytes } from "./bytes.ts";
import { COUNT, type Frames, HEAP, INFO_SHIFT, LEAF, PAGE_HEADER_BYTES, PLEN } from "./frames.ts";
import {
  cellAt,
  closeSlots,
  headOf,
  LEAF_CELL_BYTES,
  LEAF_SLOT_BYTES,
  openSlot,
  suffixLength,
} from "./slots.ts";

/** Cell flag: the value is an overflow reference of {@link OVERFLOW_REFERENCE_BYTES} bytes. */
export const OVERFLOW_FLAG = 1;
/** Every cell flag that this version knows. */
export const KNOWN_CELL_FLAGS = OVERFLOW_FLAG;

/** Largest key and value together that a leaf holds itself: two such cells fit into a page. */
export function maxInlineBytes(pageBytes: number): number {
  return ((pageBytes - PAGE_HEADER_BYTES) >>> 1) - LEAF_SLOT_BYTES - LEAF_CELL_BYTES;
}

/** Length of the value, or of the overflow reference, in the cell that begins at `cell`. */
export function valueLength(frames: Frames, cell: number): number {
  return frames.u8[cell + 2] | (frames.u8[cell + 3] << 8);
}

/** Flags of the cell that begins at `cell`. */
export function cellFlags(frames: Frames, cell: number): number {
  return frames.u8[cell + 4];
}

/** Whether the cell that begins at `cell` refers to an overflow run. */
export function isLarge(frames: Frames, cell: number): boolean {
  return (cellFlags(frames, cell) & OVERFLOW_FLAG) !== 0;
}

/** Where the value, or the overflow reference, of the cell begins in the arena. */
export function valueAt(frames: Frames, cell: number): number {
  return cell + LEAF_CELL_BYTES + suffixLength(frames, cell);
}

/** Bytes of the cell that begins at `cell`. */
export function leafCellBytes(frames: Frames, cell: number): number {
  return LEAF_CELL_BYTES + suffixLength(frames, cell) + valueLength(frames, cell);
}

/** Adds a cell at `slot`. The key shares the page's prefix, and the page has room. */
export function insertLeafCell(
  frames: Frames,
  frame: number,
  slot: number,
  key: Uint8Array,
  keyLength: number,
  value: Uint8Array,
  valueOffset: number,
  length: number,
  flags: number,
): void {
  const offset = writeLeafCell(frames, frame, key, keyLength, value, valueOffset, length, flags);
  const plen = frames.info[(frame << INFO_SHIFT) + PLEN];
  openSlot(frames, frame, slot, headOf(key, plen, keyLength), offset);
}

/** Writes a cell to the heap and returns its offset; the slot is the caller's to make. */
export function writeLeafCell(
  frames: Frames,
  frame: number,
  key: Uint8Array,
  keyLength: number,
  value: Uint8Array,
  valueOffset: number,
  length: number,
  flags: number,
): number {
  const { u8, info } = frames;
  const plen = info[(frame << INFO_SHIFT) + PLEN];
  const suffix = keyLength - plen;
  const heap = info[(frame << INFO_SHIFT) + HEAP] + LEAF_CELL_BYTES + suffix + length;
  const offset = frames.pageBytes - heap;
  const cell = frames.base(frame) + offset;
  u8[cell] = suffix;
  u8[cell + 1] = suffix >>> 8;
  u8[cell + 2] = length;
  u8[cell + 3] = length >>> 8;
  u8[cell + 4] = flags;
  for (let i = 0; i < suffix; i++) u8[cell + LEAF_CELL_BYTES + i] = key[plen + i];
  copyBytes(value, valueOffset, u8, cell + LEAF_CELL_BYTES + suffix, length);
  info[(frame << INFO_SHIFT) + HEAP] = heap;
  return offset;
}

/** Replaces the value at `slot` by one that is not longer, in place. */
export function overwriteValue(
  frames: Frames,
  frame: number,
  slot: number,
  value: Uint8Array,
  valueOffset: number,
  length: number,
  flags: number,
): void {
  const { u8 } = frames;
  const cell = cellAt(frames, frame, slot);
  const old = valueLength(frames, cell);
  assert(length <= old, "an overwriting value fits the cell");
  u8[cell + 2] = length;
  u8[cell + 3] = length >>> 8;
  u8[cell + 4] = flags;
  copyBytes(value, valueOffset, u8, valueAt(frames, cell), length);
  if (length < old) closeSlots(frames, frame, 0, 0, old - length);
}

/** Removes the cells of the slots `from..to`. */
export function removeLeafCells(frames: Frames, frame: number, from: number, to: number): void {
  let garbage = 0;
  for (let slot = from; slot < to; slot++) {
    garbage += leafCellBytes(frames, cellAt(frames, frame, slot));
  }
  closeSlots(frames, frame, from, to, garbage);
}

/** Makes the page in `frame` an empty leaf without prefix. */
export function formatLeaf(frames: Frames, frame: number): void {
  frames.format(frame, LEAF, 0);
}

/** The number of entries of the leaf in `frame`. */
export function leafCount(frames: Frames, frame: number): number {
  return frames.info[(frame << INFO_SHIFT) + COUNT];
}
