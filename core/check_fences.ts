/**
 * Whether a page is what the pages above it say, and whether its cells lie apart: looked at before
 * a page that came from the file is changed for the first time. What changes pages relies on both.
 *
 * @module
 */

import { branchCellBytes } from "./branch.ts";
import { commonPrefix, compareRanges } from "./bytes.ts";
import { COUNT, FPL, type Frames, HEAP, KIND, LEAF, PLEN } from "./frames.ts";
import { leafCellBytes } from "./leaf.ts";
import type { KeyBuffer } from "./rebuild.ts";
import { cellAt, readKey } from "./slots.ts";

/**
 * Returns "" or what is wrong: the keys of the page in `frame` must lie between its separators, the
 * fences, and what it says they guarantee must be so. A fence of a negative length is none;
 * `scratch` is memory for a key.
 */
export function checkFences(
  frames: Frames,
  frame: number,
  low: KeyBuffer,
  high: KeyBuffer,
  scratch: KeyBuffer,
): string {
  const count = frames.get(frame, COUNT);
  const first = frames.get(frame, KIND) === LEAF ? 0 : 1;
  if (first < count && low.length >= 0) {
    const length = readKey(frames, frame, first, scratch.bytes, 0);
    if (compareRanges(scratch.bytes, 0, length, low.bytes, 0, low.length) < 0) {
      return "its first key lies below its separator";
    }
  }
  if (first < count && high.length >= 0) {
    const length = readKey(frames, frame, count - 1, scratch.bytes, 0);
    if (compareRanges(scratch.bytes, 0, length, high.bytes, 0, high.length) >= 0) {
      return "its last key lies above its separator";
    }
  }
  return checkGuarantee(frames, frame, low, high);
}

/** Whether the separators guarantee as much of the page's prefix as it says. */
function checkGuarantee(frames: Frames, frame: number, low: KeyBuffer, high: KeyBuffer): string {
  const fpl = frames.get(frame, FPL);
  if (fpl === 0) return "";
  const shared = low.length < 0 || high.length < 0
    ? 0
    : commonPrefix(low.bytes, low.length, high.bytes, high.length);
  const prefix = frames.base(frame + 1) - frames.get(frame, PLEN);
  if (fpl > shared || compareRanges(frames.u8, prefix, fpl, low.bytes, 0, fpl) !== 0) {
    return "its separators do not guarantee its prefix";
  }
  return "";
}

/**
 * Returns "" or that cells of the page in `frame`, which lie within its heap, share bytes; `marks`
 * is memory for a number for each byte of a page.
 */
export function checkDisjoint(frames: Frames, frame: number, marks: Uint16Array): string {
  const count = frames.get(frame, COUNT);
  const leaf = frames.get(frame, KIND) === LEAF;
  const base = frames.base(frame);
  const first = frames.pageBytes - frames.get(frame, HEAP);
  const end = frames.pageBytes - frames.get(frame, PLEN);
  marks.fill(0, first, end);
  for (let slot = 0; slot < count; slot++) {
    const cell = cellAt(frames, frame, slot);
    marks[cell - base] = leaf ? leafCellBytes(frames, cell) : branchCellBytes(frames, cell);
  }
  // From cell to cell: one that begins within another is not met.
  let met = 0;
  for (let at = first; at < end;) {
    const bytes = marks[at];
    if (bytes > 0) met++;
    at += bytes > 0 ? bytes : 1;
  }
  return met === count ? "" : "its cells overlap";
}
