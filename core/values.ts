/**
 * What leaves hold: values, in the leaf or in an overflow run.
 *
 * @module
 */

import type { Engine } from "./engine.ts";
import { readFully } from "./file_access.ts";
import { Signal, type Task } from "./future.ts";
import { isLarge, valueAt, valueLength } from "./leaf.ts";
import { MAX_VALUE_BYTES } from "./limits.ts";
import { OverflowReference } from "./overflow.ts";
import { cellAt } from "./slots.ts";

/** Whether the cell at `slot` of the leaf in `frame` refers to an overflow run; reads it if so. */
export function overflowAt(
  engine: Engine,
  frame: number,
  slot: number,
  reference: OverflowReference,
): boolean {
  const { frames } = engine.cache;
  const cell = cellAt(frames, frame, slot);
  if (!isLarge(frames, cell)) return false;
  reference.read(frames.u8, valueAt(frames, cell));
  return true;
}

/** Length of the value at `slot` of the leaf in `frame`, in the leaf or in a run. */
export function lengthAt(engine: Engine, frame: number, slot: number): number {
  const { frames } = engine.cache;
  const cell = cellAt(frames, frame, slot);
  if (!isLarge(frames, cell)) return valueLength(frames, cell);
  const reference = new OverflowReference();
  reference.read(frames.u8, valueAt(frames, cell));
  return reference.length;
}

/** The large values that a reader is reading right now. */
export class RunReads {
  /** How many. */
  count = 0;
  /** Told when one is over. */
  readonly done: Signal = new Signal();

  /** Reads the value in an overflow run and counts that. */
  *read(engine: Engine, reference: OverflowReference): Task<Uint8Array> {
    this.count++;
    try {
      return yield* readRun(engine, reference);
    } finally {
      this.count--;
      this.done.fire();
    }
  }
}

/**
 * Reads the value in an overflow run; the caller holds a state that reaches it.
 * @throws {KvigError} `KVIG_CORRUPT` where it is damaged.
 */
export function* readRun(engine: Engine, reference: OverflowReference): Task<Uint8Array> {
  const { pager } = engine;
  const { page, epoch, length, sum } = reference;
  const replayed = engine.replayedRuns.get(page);
  if (replayed !== undefined) return replayed.slice();
  const { pageBytes } = engine.cache.frames;
  const end = (page + reference.pages(pageBytes)) * pageBytes;
  if (page < 2 || length > MAX_VALUE_BYTES || end > pager.file.size) {
    throw pager.corrupt(page, "a large value is referred to that lies outside of the file");
  }
  if (!engine.pages.wasWritten(epoch)) {
    throw pager.corrupt(page, `a large value of epoch ${epoch} is referred to, above the limit`);
  }
  const bytes = new Uint8Array(length);
  const own = new OverflowReference();
  own.page = page;
  own.epoch = epoch;
  for (let tries = 0; tries < 2; tries++) {
    const at = page * pageBytes;
    yield* readFully(pager.file, at, bytes, 0, length, engine.parts.mode);
    if (own.checksumOf(bytes) === sum) return bytes;
  }
  throw pager.corrupt(page, "the large value from there on does not fit its checksum");
}
