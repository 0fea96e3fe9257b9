/**
 * The slots of a leaf or branch: sorted arrays at the front of the page, cells in the heap that
 * grows from its end. Searching, opening and closing slots; what the cells hold is the business of
 * leaf.ts and branch.ts. The layout and the reasons for it are in docs/format.md.
 *
 * A search never looks at the first `fpl` bytes of the key: the separators on the way to the page
 * guarantee them. It compares bytes `fpl..plen` with the prefix, then the next four bytes, the
 * *head*, with the array of heads, and reads a cell only where heads are equal.
 *
 * @module
 */

import {
  BRANCH,
  COUNT,
  FPL,
  type Frames,
  GARBAGE,
  HEAP,
  INFO_SHIFT,
  KIND,
  LEAF,
  PAGE_HEADER_BYTES,
  PLEN,
} from "./frames.ts";

/** Bytes before the key suffix in a cell of a leaf: suffix length, value length, flags. */
export const LEAF_CELL_BYTES = 5;
/** Bytes before the separator suffix in a cell of a branch: suffix length. */
export const BRANCH_CELL_BYTES = 2;
/** Bytes of a leaf's slot: head, offset of the cell. */
export const LEAF_SLOT_BYTES = 6;
/** Bytes of a branch's slot: head, child, epoch of the child, offset of the cell. */
export const BRANCH_SLOT_BYTES = 14;

/** Bytes of a slot of the page in `frame`. */
export function slotBytes(frames: Frames, frame: number): number {
  return frames.get(frame, KIND) === LEAF ? LEAF_SLOT_BYTES : BRANCH_SLOT_BYTES;
}

/** Bytes before the suffix in a cell of the page in `frame`. */
export function cellHeaderBytes(frames: Frames, frame: number): number {
  return frames.get(frame, KIND) === LEAF ? LEAF_CELL_BYTES : BRANCH_CELL_BYTES;
}

/** Index in `frames.u16` of the first cell offset, for a page of `count` slots. */
function offsetsAt(frames: Frames, frame: number, count: number): number {
  const wide = frames.info[(frame << INFO_SHIFT) + KIND] === BRANCH ? 6 : 2;
  return 2 * headsAt(frames, frame) + wide * count;
}

/** Where the cell of `slot` begins in the arena, in bytes. */
export function cellAt(frames: Frames, frame: number, slot: number): number {
  const count = frames.info[(frame << INFO_SHIFT) + COUNT];
  return frames.base(frame) + frames.u16[offsetsAt(frames, frame, count) + slot];
}

/** Length of the key suffix in the cell that begins at `cell`. */
export function suffixLength(frames: Frames, cell: number): number {
  return frames.u8[cell] | (frames.u8[cell + 1] << 8);
}

/** The four bytes of `key` from `at` on as a big-endian number, zeros beyond its end. */
export function headOf(key: Uint8Array, at: number, length: number): number {
  if (at + 4 <= length) {
    return ((key[at] << 24) | (key[at + 1] << 16) | (key[at + 2] << 8) | key[at + 3]) >>> 0;
  }
  let head = 0;
  for (let i = at; i < at + 4; i++) head = (head << 8) | (i < length ? key[i] : 0);
  return head >>> 0;
}

// What follows keeps to signed shifts and |0: engines then know that no number leaves 32 bits, and
// need not watch for that in each round of a loop.

/** Index in `frames.u32` of the first head of the page in `frame`. */
export function headsAt(frames: Frames, frame: number): number {
  return (frame << (frames.pageShift - 2)) + (PAGE_HEADER_BYTES >> 2);
}

/** From so many slots on the heads of all quarters are loaded at once. */
const QUARTERED = 16;

/**
 * Looks for a key among the slots from `first` on.
 * Returns its slot, or −1 − the slot where it belongs.
 */
export function searchSlots(
  frames: Frames,
  frame: number,
  first: number,
  key: Uint8Array,
  keyLength: number,
): number {
  const { info, u32 } = frames;
  const fields = frame << INFO_SHIFT;
  const count = info[fields + COUNT];
  const plen = info[fields + PLEN];
  if (plen > info[fields + FPL]) {
    const side = comparePrefix(frames, frame, key, keyLength);
    if (side !== 0) return side < 0 ? -1 - first : -1 - count;
  }
  const heads = headsAt(frames, frame);
  const head = headOf(key, plen, keyLength);
  let low = first | 0;
  let high = count;
  if (count >= QUARTERED) {
    // Three loads that do not wait for each other: a page that is far away comes faster.
    const quarter = count >> 2;
    const one = u32[heads + quarter];
    const two = u32[heads + 2 * quarter];
    const three = u32[heads + 3 * quarter];
    if (two < head) {
      low = ((three < head ? 3 * quarter : 2 * quarter) + 1) | 0;
      if (three >= head) high = (3 * quarter) | 0;
    } else if (one < head) {
      low = (quarter + 1) | 0;
      high = (2 * quarter) | 0;
    } else high = quarter;
  }
  while (low < high) {
    const middle = (low + high) >> 1;
    if (u32[heads + middle] < head) low = (middle + 1) | 0;
    else high = middle;
  }
  if (low >= count || u32[heads + low] !== head) return -1 - low;
  return searchEqualHeads(frames, frame, low, head, key, keyLength);
}

/** Order of the key against the page's prefix: below, within (0) or above it. */
function comparePrefix(
  frames: Frames,
  frame: number,
  key: Uint8Array,
  keyLength: number,
): number {
  const { info, u8 } = frames;
  const fields = frame << INFO_SHIFT;
  const plen = info[fields + PLEN];
  const prefix = (frame + 1) * frames.pageBytes - plen;
  const end = keyLength < plen ? keyLength : plen;
  for (let i = info[fields + FPL] | 0; i < end; i = (i + 1) | 0) {
    const difference = key[i] - u8[prefix + i];
    if (difference !== 0) return difference;
  }
  return keyLength < plen ? -1 : 0;
}

/** Continues a search at slot `from`, the first whose head equals the key's. */
function searchEqualHeads(
  frames: Frames,
  frame: number,
  from: number,
  head: number,
  key: Uint8Array,
  keyLength: number,
): number {
  const { info, u16, u32 } = frames;
  const fields = frame << INFO_SHIFT;
  const count = info[fields + COUNT];
  const plen = info[fields + PLEN];
  const base = frame * frames.pageBytes;
  const heads = headsAt(frames, frame);
  const leaf = info[fields + KIND] === LEAF;
  const offsets = 2 * heads + (leaf ? 2 : 6) * count;
  const skip = leaf ? LEAF_CELL_BYTES : BRANCH_CELL_BYTES;
  let low = from | 0;
  let high = (low + 1) | 0;
  if (high < count && u32[heads + high] === head) high = endOfEqualHeads(u32, heads, high, count);
  while (low < high) {
    const middle = (low + high) >> 1;
    const cell = base + u16[offsets + middle];
    const order = compareSuffix(frames, cell, skip, key, plen, keyLength);
    if (order === 0) return middle;
    if (order > 0) low = (middle + 1) | 0;
    else high = middle;
  }
  return -1 - low;
}

function endOfEqualHeads(u32: Uint32Array, heads: number, from: number, count: number): number {
  const head = u32[heads + from];
  let low = from | 0;
  let high = count | 0;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (u32[heads + middle] > head) high = middle;
    else low = (middle + 1) | 0;
  }
  return low;
}

/** Order of the key's bytes from `at` on against the suffix of a cell with the same head. */
function compareSuffix(
  frames: Frames,
  cell: number,
  skip: number,
  key: Uint8Array,
  at: number,
  keyLength: number,
): number {
  const { u8 } = frames;
  const length = suffixLength(frames, cell);
  const rest = keyLength - at;
  const end = length < rest ? length : rest;
  const suffix = cell + skip;
  for (let i = 4; i < end; i = (i + 1) | 0) {
    const difference = key[at + i] - u8[suffix + i];
    if (difference !== 0) return difference;
  }
  return rest - length;
}

/** Bytes between the slots and the heap. */
export function freeBytes(frames: Frames, frame: number): number {
  const used = frames.get(frame, COUNT) * slotBytes(frames, frame) + frames.get(frame, HEAP);
  return frames.pageBytes - PAGE_HEADER_BYTES - used;
}

/** Bytes that slots, cells and prefix take, without garbage. */
export function usedBytes(frames: Frames, frame: number): number {
  return frames.get(frame, COUNT) * slotBytes(frames, frame) + frames.get(frame, HEAP) -
    frames.get(frame, GARBAGE);
}

/** From so many numbers on the engine's own way of moving them is the faster one. */
const MANY_SLOTS = 48;

// Two functions of one body: engines make fast code for one kind of array.

/** Moves the numbers `from..end` of an array up by `by`. */
function moveUp16(array: Uint16Array, from: number, end: number, by: number): void {
  if (end - from >= MANY_SLOTS) array.copyWithin(from + by, from, end);
  else for (let i = end - 1; i >= from; i--) array[i + by] = array[i];
}

/** Moves the numbers `from..end` of an array up by `by`. */
function moveUp32(array: Uint32Array, from: number, end: number, by: number): void {
  if (end - from >= MANY_SLOTS) array.copyWithin(from + by, from, end);
  else for (let i = end - 1; i >= from; i--) array[i + by] = array[i];
}

/** Opens a slot for a cell at `offset` of the page; the arrays behind it move up. */
export function openSlot(
  frames: Frames,
  frame: number,
  slot: number,
  head: number,
  offset: number,
): void {
  const { u16, u32 } = frames;
  const count = frames.get(frame, COUNT);
  const from = offsetsAt(frames, frame, count);
  const shift = offsetsAt(frames, frame, count + 1) - from;
  moveUp16(u16, from + slot, from + count, shift + 1);
  moveUp16(u16, from, from + slot, shift);
  u16[from + shift + slot] = offset;
  const heads = headsAt(frames, frame);
  if (frames.get(frame, KIND) === BRANCH) {
    const epochs = heads + 2 * count;
    moveUp32(u32, epochs + slot, epochs + count, 3);
    moveUp32(u32, epochs, epochs + slot, 2);
    const children = heads + count;
    moveUp32(u32, children + slot, children + count, 2);
    moveUp32(u32, children, children + slot, 1);
  }
  moveUp32(u32, heads + slot, heads + count, 1);
  u32[heads + slot] = head;
  frames.set(frame, COUNT, count + 1);
}

/** Closes the slots `from..to`; the arrays behind them move down. The cells become garbage. */
export function closeSlots(
  frames: Frames,
  frame: number,
  from: number,
  to: number,
  garbage: number,
): void {
  const { u16, u32 } = frames;
  const count = frames.get(frame, COUNT);
  const gone = to - from;
  const heads = headsAt(frames, frame);
  u32.copyWithin(heads + from, heads + to, heads + count);
  if (frames.get(frame, KIND) === BRANCH) {
    const children = heads + count;
    u32.copyWithin(children - gone, children, children + from);
    u32.copyWithin(children - gone + from, children + to, children + count);
    const epochs = heads + 2 * count;
    u32.copyWithin(epochs - 2 * gone, epochs, epochs + from);
    u32.copyWithin(epochs - 2 * gone + from, epochs + to, epochs + count);
  }
  const old = offsetsAt(frames, frame, count);
  const now = offsetsAt(frames, frame, count - gone);
  u16.copyWithin(now, old, old + from);
  u16.copyWithin(now + from, old + to, old + count);
  frames.set(frame, COUNT, count - gone);
  frames.set(frame, GARBAGE, frames.get(frame, GARBAGE) + garbage);
}

/** Fills slot `slot` of a page whose slot count is already final. */
export function fillSlot(
  frames: Frames,
  frame: number,
  slot: number,
  head: number,
  offset: number,
): void {
  const count = frames.get(frame, COUNT);
  frames.u32[headsAt(frames, frame) + slot] = head;
  frames.u16[offsetsAt(frames, frame, count) + slot] = offset;
}

/** Puts the first `length` bytes of `key` at the end of an empty page as its prefix. */
export function setPrefix(
  frames: Frames,
  frame: number,
  key: Uint8Array,
  length: number,
  fpl: number,
): void {
  const at = frames.base(frame + 1) - length;
  for (let i = 0; i < length; i++) frames.u8[at + i] = key[i];
  frames.set(frame, PLEN, length);
  frames.set(frame, FPL, fpl);
  frames.set(frame, HEAP, length);
}

/** Number of bytes that `key` shares with the page's prefix. */
export function sharedPrefix(
  frames: Frames,
  frame: number,
  key: Uint8Array,
  keyLength: number,
): number {
  const plen = frames.get(frame, PLEN);
  const prefix = frames.base(frame + 1) - plen;
  const end = keyLength < plen ? keyLength : plen;
  let i = frames.get(frame, FPL);
  if (i > end) i = end;
  while (i < end && frames.u8[prefix + i] === key[i]) i++;
  return i;
}

/** Copies the whole key of `slot` into `target` at `at`; returns its length. */
export function readKey(
  frames: Frames,
  frame: number,
  slot: number,
  target: Uint8Array,
  at: number,
): number {
  const { u8 } = frames;
  const plen = frames.get(frame, PLEN);
  const prefix = frames.base(frame + 1) - plen;
  for (let i = 0; i < plen; i++) target[at + i] = u8[prefix + i];
  const cell = cellAt(frames, frame, slot);
  const length = suffixLength(frames, cell);
  const suffix = cell + cellHeaderBytes(frames, frame);
  for (let i = 0; i < length; i++) target[at + plen + i] = u8[suffix + i];
  return plen + length;
}

/** Length of the whole key of `slot`. */
export function keyLengthAt(frames: Frames, frame: number, slot: number): number {
  return frames.get(frame, PLEN) + suffixLength(frames, cellAt(frames, frame, slot));
}
