/**
 * Branches: separators and references to children. Slot 0 has no separator; slot i leads to the
 * keys from its separator on, up to the separator of slot i + 1.
 *
 * A reference carries the number and the epoch of the child.
 *
 * @module
 */

import { BRANCH, COUNT, type Frames, HEAP, INFO_SHIFT, PLEN } from "./frames.ts";
import {
  BRANCH_CELL_BYTES,
  cellAt,
  closeSlots,
  headOf,
  headsAt,
  openSlot,
  searchSlots,
  suffixLength,
} from "./slots.ts";

/** The slot that leads to `key`. */
export function childSlot(
  frames: Frames,
  frame: number,
  key: Uint8Array,
  keyLength: number,
): number {
  const slot = searchSlots(frames, frame, 1, key, keyLength);
  return slot >= 0 ? slot : -2 - slot;
}

/**
 * Index in `frames.u32` of the page number of the child at `slot`; its epoch lies as many words
 * behind that as the branch has slots.
 */
function childAt(frames: Frames, frame: number, slot: number): number {
  return headsAt(frames, frame) + frames.info[(frame << INFO_SHIFT) + COUNT] + slot;
}

/** Page number of the child at `slot`. */
export function childPage(frames: Frames, frame: number, slot: number): number {
  return frames.u32[childAt(frames, frame, slot)];
}

/** Epoch of the child at `slot`. */
export function childEpoch(frames: Frames, frame: number, slot: number): number {
  const count = frames.info[(frame << INFO_SHIFT) + COUNT];
  return frames.u32[childAt(frames, frame, slot) + count];
}

/** Points `slot` at another page. */
export function setChild(
  frames: Frames,
  frame: number,
  slot: number,
  page: number,
  epoch: number,
): void {
  const count = frames.info[(frame << INFO_SHIFT) + COUNT];
  const child = childAt(frames, frame, slot);
  frames.u32[child] = page;
  frames.u32[child + count] = epoch;
}

/** Bytes of the cell that begins at `cell`. */
export function branchCellBytes(frames: Frames, cell: number): number {
  return BRANCH_CELL_BYTES + suffixLength(frames, cell);
}

/**
 * Adds a child at `slot` with its separator, which shares the page's prefix. The page has room.
 * At slot 0 no separator is kept.
 */
export function insertBranchCell(
  frames: Frames,
  frame: number,
  slot: number,
  separator: Uint8Array,
  separatorLength: number,
  page: number,
  epoch: number,
): void {
  const length = slot === 0 ? 0 : separatorLength;
  const offset = writeBranchCell(frames, frame, separator, length);
  const plen = frames.info[(frame << INFO_SHIFT) + PLEN];
  openSlot(frames, frame, slot, slot === 0 ? 0 : headOf(separator, plen, length), offset);
  setChild(frames, frame, slot, page, epoch);
}

/** Writes the cell of a separator, of length 0 for slot 0, to the heap; returns its offset. */
export function writeBranchCell(
  frames: Frames,
  frame: number,
  separator: Uint8Array,
  separatorLength: number,
): number {
  const { u8, info } = frames;
  const plen = info[(frame << INFO_SHIFT) + PLEN];
  const suffix = separatorLength === 0 ? 0 : separatorLength - plen;
  const heap = info[(frame << INFO_SHIFT) + HEAP] + BRANCH_CELL_BYTES + suffix;
  const offset = frames.pageBytes - heap;
  const cell = frames.base(frame) + offset;
  u8[cell] = suffix;
  u8[cell + 1] = suffix >>> 8;
  for (let i = 0; i < suffix; i++) u8[cell + BRANCH_CELL_BYTES + i] = separator[plen + i];
  info[(frame << INFO_SHIFT) + HEAP] = heap;
  return offset;
}

/** Removes the child at `slot`, which is not 0, and its separator. */
export function removeBranchCell(frames: Frames, frame: number, slot: number): void {
  closeSlots(frames, frame, slot, slot + 1, branchCellBytes(frames, cellAt(frames, frame, slot)));
}

/** Makes the page in `frame` an empty branch. */
export function formatBranch(frames: Frames, frame: number, level: number): void {
  frames.format(frame, BRANCH, level);
}
