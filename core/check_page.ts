/**
 * Whether the inner structure of a page holds together, beyond its checksum: what a page must
 * satisfy so that working with it can neither leave the page nor fail to end. A checksum keeps out
 * what happened to a file, not what somebody wrote into it.
 *
 * @module
 */

import {
  BITMAP,
  BRANCH,
  COUNT,
  FPL,
  type Frames,
  GARBAGE,
  HEAP,
  INDEX,
  KIND,
  LEAF,
  LEVEL,
  MAP_LEVEL,
  PAGE_HEADER_BYTES,
  PLEN,
} from "./frames.ts";
import { compareRanges } from "./bytes.ts";
import { maxKeyBytes } from "./limits.ts";
import { KNOWN_CELL_FLAGS, maxInlineBytes, OVERFLOW_FLAG, valueLength } from "./leaf.ts";
import { OVERFLOW_REFERENCE_BYTES } from "./overflow.ts";
import {
  BRANCH_CELL_BYTES,
  cellAt,
  cellHeaderBytes,
  headOf,
  LEAF_CELL_BYTES,
  slotBytes,
  suffixLength,
} from "./slots.ts";

/** Largest height of a tree: more than any file can need. */
export const MAX_LEVEL = 40;

/** Returns "" or what is wrong with the page in `frame`, whose header was read. */
export function checkPage(frames: Frames, frame: number): string {
  const kind = frames.get(frame, KIND);
  const level = frames.get(frame, LEVEL);
  if (kind === LEAF) return level === 0 ? checkSlots(frames, frame) : "a leaf has a level above 0";
  if (kind === BRANCH) {
    if (level < 1 || level > MAX_LEVEL) return `a branch has level ${level}`;
    if (frames.get(frame, COUNT) === 0) return "a branch has no child";
    return checkSlots(frames, frame);
  }
  if (kind !== BITMAP && kind !== INDEX) return `it is of the unknown kind ${kind}`;
  const height = level - MAP_LEVEL;
  if (kind === BITMAP) return height === 0 ? "" : "a bitmap page has a level above 0";
  return height >= 1 && height <= 7 ? "" : `an index page has level ${height}`;
}

function checkSlots(frames: Frames, frame: number): string {
  const count = frames.get(frame, COUNT);
  const heap = frames.get(frame, HEAP);
  const plen = frames.get(frame, PLEN);
  const { pageBytes } = frames;
  if (PAGE_HEADER_BYTES + count * slotBytes(frames, frame) + heap > pageBytes) {
    return "its slots and its heap overlap";
  }
  if (plen > heap || frames.get(frame, FPL) > plen || frames.get(frame, GARBAGE) > heap - plen) {
    return "its prefix or its garbage is larger than its heap";
  }
  return frames.get(frame, KIND) === LEAF ? checkLeaf(frames, frame) : checkBranch(frames, frame);
}

function checkLeaf(frames: Frames, frame: number): string {
  const count = frames.get(frame, COUNT);
  const plen = frames.get(frame, PLEN);
  const { u8, pageBytes } = frames;
  const end = frames.base(frame) + pageBytes - plen;
  const low = end + plen - frames.get(frame, HEAP);
  const mostKey = maxKeyBytes(pageBytes) - plen;
  const most = maxInlineBytes(pageBytes) - plen;
  let all = 0;
  let before = 0;
  for (let slot = 0; slot < count; slot++) {
    const cell = cellAt(frames, frame, slot);
    if (cell < low || cell + LEAF_CELL_BYTES > end) return "a cell lies outside its heap";
    const suffix = suffixLength(frames, cell);
    const value = valueLength(frames, cell);
    const bytes = LEAF_CELL_BYTES + suffix + value;
    if (cell + bytes > end) return "a cell reaches beyond its heap";
    if (suffix > mostKey) return "a key is too long";
    if (suffix + value > most) return "a cell is larger than a leaf may hold";
    const flags = u8[cell + LEAF_CELL_BYTES - 1];
    if ((flags & ~KNOWN_CELL_FLAGS) !== 0) {
      return "a cell has flags that this version does not know";
    }
    if ((flags & OVERFLOW_FLAG) !== 0 && value !== OVERFLOW_REFERENCE_BYTES) {
      return "a reference to a large value has a wrong length";
    }
    const fault = checkKey(frames, frame, slot, cell + LEAF_CELL_BYTES, suffix, before);
    if (fault !== "") return fault;
    before = cell;
    all += bytes;
  }
  return checkBytes(frames, frame, all);
}

function checkBranch(frames: Frames, frame: number): string {
  const count = frames.get(frame, COUNT);
  const plen = frames.get(frame, PLEN);
  const end = frames.base(frame) + frames.pageBytes - plen;
  const low = end + plen - frames.get(frame, HEAP);
  const mostKey = maxKeyBytes(frames.pageBytes) - plen;
  let all = 0;
  let before = 0;
  for (let slot = 0; slot < count; slot++) {
    const cell = cellAt(frames, frame, slot);
    if (cell < low || cell + BRANCH_CELL_BYTES > end) return "a cell lies outside its heap";
    const suffix = suffixLength(frames, cell);
    const bytes = BRANCH_CELL_BYTES + suffix;
    if (cell + bytes > end) return "a cell reaches beyond its heap";
    if (suffix > mostKey) return "a separator is too long";
    if (slot === 0 && suffix > 0) return "its first child has a separator";
    const fault = checkKey(frames, frame, slot, cell + BRANCH_CELL_BYTES, suffix, before);
    if (fault !== "") return fault;
    // The first child has no separator that the second one's could be compared with.
    before = slot === 0 ? 0 : cell;
    all += bytes;
  }
  return checkBytes(frames, frame, all);
}

/** Whoever builds a page anew relies on what it says of its heap. */
function checkBytes(frames: Frames, frame: number, bytes: number): string {
  const used = frames.get(frame, HEAP) - frames.get(frame, PLEN) - frames.get(frame, GARBAGE);
  return bytes === used ? "" : "its garbage is not what its cells leave";
}

/**
 * Whether the head of a slot is that of its key, whose suffix stands at `at`, and the key is above
 * that of the slot before, whose cell is `before`; 0 where there is none.
 */
function checkKey(
  frames: Frames,
  frame: number,
  slot: number,
  at: number,
  bytes: number,
  before: number,
): string {
  const { u8, u32 } = frames;
  const heads = (frames.base(frame) + PAGE_HEADER_BYTES) >>> 2;
  const head = u32[heads + slot];
  if (head !== headOf(u8, at, at + bytes)) return `the head of slot ${slot} is not its key's`;
  if (before === 0) return "";
  const last = u32[heads + slot - 1];
  if (last < head) return "";
  if (last === head) {
    const skip = cellHeaderBytes(frames, frame);
    const length = suffixLength(frames, before);
    if (compareRanges(u8, before + skip, length, u8, at, bytes) < 0) return "";
  }
  return `its keys do not ascend at slot ${slot}`;
}
