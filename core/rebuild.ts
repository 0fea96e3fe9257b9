/**
 * Building pages anew from the cells of others: packing, splitting and merging need it.
 *
 * A page is built in an empty frame whose prefix and final slot count are set first; then its slots
 * are filled in order. These functions know pages, not trees.
 *
 * @module
 */

import { childEpoch, childPage, setChild, writeBranchCell } from "./branch.ts";
import { COUNT, FPL, type Frames, GARBAGE, HEAP, KIND, LEAF, LEVEL, PLEN } from "./frames.ts";
import { cellFlags, valueAt, valueLength, writeLeafCell } from "./leaf.ts";
import { cellAt, fillSlot, headOf, readKey, setPrefix } from "./slots.ts";

/** Memory for one key, of the largest length that any page size allows. */
export class KeyBuffer {
  /** The bytes. */
  readonly bytes: Uint8Array;
  /** How many of them are the key; below 0 for none. */
  length = 0;

  /** Reserves room for keys of `maxKeyBytes` bytes, and for bounds right behind them. */
  constructor(maxKeyBytes: number) {
    this.bytes = new Uint8Array(maxKeyBytes + 1);
  }

  /** Takes over a key, or as much of a longer bound as tells it from every key. */
  set(key: Uint8Array, length: number): void {
    const kept = length < this.bytes.length ? length : this.bytes.length;
    for (let i = 0; i < kept; i++) this.bytes[i] = key[i];
    this.length = kept;
  }
}

/** Makes the page in `frame` empty, like the one in `model`, with another prefix and slot count. */
export function begin(
  frames: Frames,
  frame: number,
  model: number,
  prefix: Uint8Array,
  plen: number,
  fpl: number,
  count: number,
): void {
  frames.format(frame, frames.get(model, KIND), frames.get(model, LEVEL));
  setPrefix(frames, frame, prefix, plen, fpl);
  frames.set(frame, COUNT, count);
}

/**
 * Copies the cells `from..to` of `source` into the slots of `target` from `slot` on.
 * `scratch` is memory for one key.
 */
export function copyCells(
  frames: Frames,
  source: number,
  from: number,
  to: number,
  target: number,
  slot: number,
  scratch: KeyBuffer,
): void {
  const leaf = frames.get(source, KIND) === LEAF;
  for (let i = from; i < to; i++) {
    const length = leaf || i > 0 ? readKey(frames, source, i, scratch.bytes, 0) : 0;
    const at = slot + i - from;
    if (leaf) {
      const cell = cellAt(frames, source, i);
      const value = valueAt(frames, cell);
      const bytes = valueLength(frames, cell);
      const flags = cellFlags(frames, cell);
      placeLeafCell(frames, target, at, scratch.bytes, length, frames.u8, value, bytes, flags);
    } else {
      const page = childPage(frames, source, i);
      placeBranchCell(
        frames,
        target,
        at,
        scratch.bytes,
        length,
        page,
        childEpoch(frames, source, i),
      );
    }
  }
}

/** Fills slot `slot` of a leaf that is being built. */
export function placeLeafCell(
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
  fillSlot(frames, frame, slot, headOf(key, frames.get(frame, PLEN), keyLength), offset);
}

/** Fills slot `slot` of a branch that is being built; slot 0 keeps no separator. */
export function placeBranchCell(
  frames: Frames,
  frame: number,
  slot: number,
  separator: Uint8Array,
  separatorLength: number,
  page: number,
  epoch: number,
): void {
  const plen = frames.get(frame, PLEN);
  const offset = writeBranchCell(frames, frame, separator, slot === 0 ? 0 : separatorLength);
  fillSlot(frames, frame, slot, slot === 0 ? 0 : headOf(separator, plen, separatorLength), offset);
  setChild(frames, frame, slot, page, epoch);
}

/** Packs the page in `frame` anew without garbage, with a prefix of `plen` bytes. */
export function repack(
  frames: Frames,
  frame: number,
  spare: number,
  plen: number,
  scratch: KeyBuffer,
): void {
  const count = frames.get(frame, COUNT);
  const prefix = frames.base(frame + 1) - frames.get(frame, PLEN);
  for (let i = 0; i < plen; i++) scratch.bytes[i] = frames.u8[prefix + i];
  begin(frames, spare, frame, scratch.bytes, plen, frames.get(frame, FPL), count);
  copyCells(frames, frame, 0, count, spare, 0, scratch);
  frames.copy(spare, frame);
}

/** Bytes that the cells of the page take when its prefix has `plen` bytes, prefix not counted. */
export function cellsBytes(frames: Frames, frame: number, plen: number): number {
  const own = frames.get(frame, PLEN);
  const live = frames.get(frame, HEAP) - frames.get(frame, GARBAGE) - own;
  const leaf = frames.get(frame, KIND) === LEAF;
  const count = frames.get(frame, COUNT);
  const keyed = leaf ? count : Math.max(0, count - 1);
  return live + keyed * (own - plen);
}
