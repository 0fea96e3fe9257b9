/**
 * Whether the inner structure of a page holds together, beyond its checksum: what a page must
 * satisfy so that reading it can neither leave the page nor fail to end.
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
  PAGE_HEADER_BYTES,
  PLEN,
} from "./frames.ts";
import { branchCellBytes } from "./branch.ts";
import { maxKeyBytes } from "./limits.ts";
import { cellFlags, KNOWN_CELL_FLAGS, leafCellBytes } from "./leaf.ts";
import { BRANCH_CELL_BYTES, cellAt, LEAF_CELL_BYTES, slotBytes, suffixLength } from "./slots.ts";

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
  if (kind === BITMAP) return level === 0 ? "" : "a bitmap page has a level above 0";
  if (kind === INDEX) return level >= 1 && level <= 7 ? "" : `an index page has level ${level}`;
  return `it is of the unknown kind ${kind}`;
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
  const base = frames.base(frame);
  const end = base + pageBytes - plen;
  const leaf = frames.get(frame, KIND) === LEAF;
  const header = leaf ? LEAF_CELL_BYTES : BRANCH_CELL_BYTES;
  for (let slot = 0; slot < count; slot++) {
    const cell = cellAt(frames, frame, slot);
    if (cell < base + pageBytes - heap || cell + header > end) {
      return "a cell lies outside its heap";
    }
    const bytes = leaf ? leafCellBytes(frames, cell) : branchCellBytes(frames, cell);
    if (cell + bytes > end) return "a cell reaches beyond its heap";
    if (plen + suffixLength(frames, cell) > maxKeyBytes(pageBytes)) return "a key is too long";
    if (leaf && (cellFlags(frames, cell) & ~KNOWN_CELL_FLAGS) !== 0) {
      return "a cell has flags that this version does not know";
    }
  }
  return "";
}
