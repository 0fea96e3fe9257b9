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
  const wide = frames.info[(frame << INFO_SHIFT) + KIND] === BRANCH ? 12 : 4;
  return (frames.base(frame) + PAGE_HEADER_BYTES + wide * count) >>> 1;
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
  for (let i = at; i < at + 4; i++) head = head * 256 + (i < length ? key[i] : 0);
  return head;
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
  const base = frame * frames.pageBytes;
  if (plen > info[fields + FPL]) {
    const side = comparePrefix(frames, frame, key, keyLength);
    if (side !== 0) return side < 0 ? -1 - first : -1 - count;
  }
  const heads = (base + PAGE_HEADER_BYTES) >>> 2;
  const head = headOf(key, plen, keyLength);
  let low = first;
  let high = count;
  if (count >= QUARTERED) {
    // Three loads that do not wait for each other: a page that is far away comes faster.
    const quarter = count >>> 2;
    const one = u32[heads + quarter];
    const two = u32[heads + 2 * quarter];
    const three = u32[heads + 3 * quarter];
    if (two < head) {
      low = (three < head ? 3 * quarter : 2 * quarter) + 1;
      if (three >= head) high = 3 * quarter;
    } else if (one < head) {
      low = quarter + 1;
      high = 2 * quarter;
    } else high = quarter;
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (u32[heads + middle] < head) low = middle + 1;
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
  for (let i = info[fields + FPL]; i < end; i++) {
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
  const heads = (base + PAGE_HEADER_BYTES) >>> 2;
  const leaf = info[fields + KIND] === LEAF;
  const offsets = (base + PAGE_HEADER_BYTES + (leaf ? 4 : 12) * count) >>> 1;
  const skip = leaf ? LEAF_CELL_BYTES : BRANCH_CELL_BYTES;
  let low = from;
  let high = from + 1;
  if (high < count && u32[heads + high] === head) high = endOfEqualHeads(u32, heads, high, count);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const cell = base + u16[offsets + middle];
    const order = compareSuffix(frames, cell, skip, key, plen, keyLength);
    if (order === 0) return middle;
    if (order > 0) low = middle + 1;
    else high = middle;
  }
  return -1 - low;
}

function endOfEqualHeads(u32: Uint32Array, heads: number, from: number, count: number): number {
  const head = u32[heads + from];
  let low = from;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (u32[heads + middle] > head) high = middle;
    else low = middle + 1;
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
  for (let i = 4; i < end; i++) {
    const difference = key[at + i] - u8[cell + skip + i];
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
  const to = offsetsAt(frames, frame, count + 1);
  u16.copyWithin(to + slot + 1, from + slot, from + count);
  u16.copyWithin(to, from, from + slot);
  u16[to + slot] = offset;
  const heads = (frames.base(frame) + PAGE_HEADER_BYTES) >>> 2;
  if (frames.get(frame, KIND) === BRANCH) {
    const epochs = heads + 2 * count;
    u32.copyWithin(epochs + slot + 3, epochs + slot, epochs + count);
    u32.copyWithin(epochs + 2, epochs, epochs + slot);
    const children = heads + count;
    u32.copyWithin(children + slot + 2, children + slot, children + count);
    u32.copyWithin(children + 1, children, children + slot);
  }
  u32.copyWithin(heads + slot + 1, heads + slot, heads + count);
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
  const heads = (frames.base(frame) + PAGE_HEADER_BYTES) >>> 2;
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
  frames.u32[((frames.base(frame) + PAGE_HEADER_BYTES) >>> 2) + slot] = head;
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
