/**
 * Compacting: pages behind a mark are moved to free places before it, until the file can be cut.
 *
 * A move changes nothing that a reader can see, so it needs no record in the log: it is copying on
 * write, and durable with the next checkpoint. Places that a snapshot or a meta page reaches are
 * not reused and not cut off; compacting does not wait for snapshots.
 *
 * @module
 */

import { DONE, MISS } from "./btree.ts";
import { cut, trim } from "./closing.ts";
import type { Engine } from "./engine.ts";
import { isKvigError } from "./errors.ts";
import { COUNT } from "./frames.ts";
import type { Task } from "./future.ts";
import type { Signalled } from "./host.ts";
import { OverflowReference } from "./overflow.ts";
import { KeyBuffer } from "./rebuild.ts";
import { readKey } from "./slots.ts";
import type { TreeRoot } from "./state.ts";
import { abortedBy } from "./turn.ts";
import { overflowAt, readRun } from "./values.ts";
import { putTask } from "./writer.ts";

/** How to compact. */
export interface CompactOptions {
  /** Stops it with `KVIG_ABORTED` between two steps; what was moved stays moved. */
  signal?: Signalled;
  /** Called now and then with the number of pages moved. */
  onProgress?: (moved: number) => void;
}

/** What compacting did. */
export interface CompactReport {
  /** Size of the data file before, in bytes. */
  before: number;
  /** Size of the data file after, in bytes. */
  after: number;
  /** Pages that were moved, those of large values included. */
  moved: number;
  /** What kept the file from getting shorter. */
  heldBack: { snapshots: number };
}

const LEAVES_A_STEP = 64;
const MAX_ROUNDS = 8;

/** Makes the data file as short as it can be. */
export function* compactTask(engine: Engine, options: CompactOptions): Task<CompactReport> {
  const { file } = engine.pager;
  const report: CompactReport = {
    before: file.size,
    after: file.size,
    moved: 0,
    heldBack: { snapshots: 0 },
  };
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const size = file.size;
    const moved = yield* new Round(engine, options, report).run();
    yield* shorten(engine);
    if (moved === 0 || (round > 0 && file.size >= size)) break;
  }
  report.after = file.size;
  report.heldBack.snapshots = engine.pages.holds.states.length;
  return report;
}

/** Makes the moves durable in both meta pages and cuts the file. */
function* shorten(engine: Engine): Task<void> {
  yield* engine.turn.take();
  try {
    engine.checkWritable();
    yield* engine.parts.checkpointer.settled();
    yield* trim(engine);
    yield* engine.checkpoint();
    yield* engine.parts.meta.raiseLimit();
    yield* cut(engine);
  } finally {
    engine.turn.release();
  }
}

/** One walk over everything, moving what lies behind the mark. */
class Round {
  readonly #engine: Engine;
  readonly #options: CompactOptions;
  readonly #report: CompactReport;
  readonly #low: KeyBuffer;
  readonly #reference = new OverflowReference();
  #mark = 0;
  /** Pages of the shortest run for which no room was found below the mark. */
  #tooLong = Infinity;
  #moved = 0;
  #full = false;

  constructor(engine: Engine, options: CompactOptions, report: CompactReport) {
    this.#engine = engine;
    this.#options = options;
    this.#report = report;
    this.#low = new KeyBuffer(engine.maxKeyBytes);
  }

  /** Returns how many pages were moved. */
  *run(): Task<number> {
    const { work } = this.#engine.pages;
    this.#mark = work.usedPages + 2 + Math.max(16, work.usedPages >>> 6);
    if (work.pageCount <= this.#mark) return 0;
    yield* this.#engine.checkpoint();
    yield* this.#tree(work.tree);
    yield* this.#tree(work.catalogue);
    yield* this.#step(() => this.#map());
    return this.#moved;
  }

  *#tree(root: TreeRoot): Task<void> {
    this.#low.length = 0;
    while (this.#low.length >= 0 && !this.#full) yield* this.#step(() => this.#leaves(root));
  }

  /** Does a piece of work in the writer's turn, with places below the mark only. */
  *#step(work: () => Task<void>): Task<void> {
    const engine = this.#engine;
    const { signal, onProgress } = this.#options;
    if (signal?.aborted === true) throw abortedBy(signal);
    yield* engine.turn.take(signal);
    try {
      engine.checkWritable();
      engine.free.setCeiling(this.#mark);
      engine.pager.placesReleased();
      yield* work();
    } catch (error) {
      if (!isKvigError(error, "KVIG_FULL")) throw error;
      this.#full = true;
    } finally {
      engine.free.setCeiling(Infinity);
      engine.pager.placesReleased();
      engine.turn.release();
    }
    onProgress?.(this.#report.moved);
  }

  *#leaves(root: TreeRoot): Task<void> {
    const engine = this.#engine;
    for (let i = 0; i < LEAVES_A_STEP && this.#low.length >= 0; i++) {
      yield* this.#relocate(root);
      if (root === engine.pages.work.tree && engine.tree.frame >= 0) yield* this.#runs(root);
    }
  }

  *#relocate(root: TreeRoot): Task<void> {
    const engine = this.#engine;
    for (;;) {
      let status = engine.readyToChange(false);
      if (status === DONE) status = engine.tree.relocate(root, this.#low, this.#mark);
      if (status === DONE) break;
      yield* engine.supply(status, 0);
    }
    this.#count(engine.tree.changed);
  }

  #count(pages: number): void {
    this.#moved += pages;
    this.#report.moved += pages;
  }

  /** Moves the large values of the leaf that was just looked at, where they lie behind the mark. */
  *#runs(root: TreeRoot): Task<void> {
    const engine = this.#engine;
    const { frames } = engine.cache;
    const keys: Uint8Array[] = [];
    const { frame } = engine.tree;
    const count = frames.get(frame, COUNT);
    const key = new Uint8Array(engine.maxKeyBytes);
    for (let slot = 0; slot < count; slot++) {
      if (!overflowAt(engine, frame, slot, this.#reference)) continue;
      const last = this.#reference.page + this.#reference.pages(frames.pageBytes);
      if (last <= this.#mark) continue;
      keys.push(key.slice(0, readKey(frames, frame, slot, key, 0)));
    }
    for (const moving of keys) {
      if (!(yield* this.#find(moving, root))) continue;
      const count = this.#reference.pages(frames.pageBytes);
      if (count < this.#tooLong) {
        if (yield* this.#moveBelow(this.#mark, moving)) continue;
        this.#tooLong = count;
        if (!(yield* this.#find(moving, root))) continue;
      }
      // So many places in one piece are not free there, but perhaps further up: lower is better.
      if (this.#reference.page > this.#mark) yield* this.#moveBelow(this.#reference.page, moving);
    }
  }

  /** Finds the run of a key again: other writes may have come between. */
  *#find(key: Uint8Array, root: TreeRoot): Task<boolean> {
    const engine = this.#engine;
    while (engine.tree.find(root, key, key.length) === MISS) {
      yield* engine.pager.load(engine.pages.missPage, engine.pages.missEpoch);
    }
    return overflowAt(engine, engine.tree.frame, engine.tree.slot, this.#reference);
  }

  /** Moves the run that was just found to places below `ceiling`; false where there is no room. */
  *#moveBelow(ceiling: number, key: Uint8Array): Task<boolean> {
    const engine = this.#engine;
    engine.free.setCeiling(ceiling);
    engine.pager.placesReleased();
    engine.beginMove();
    try {
      const value = yield* readRun(engine, this.#reference);
      yield* putTask(engine, key, value);
    } catch (error) {
      if (engine.scope !== undefined) yield* engine.abortScope();
      if (!isKvigError(error, "KVIG_FULL")) throw error;
      return false;
    } finally {
      engine.free.setCeiling(this.#mark);
      engine.pager.placesReleased();
    }
    engine.endMove();
    this.#count(this.#reference.pages(engine.cache.frames.pageBytes));
    return true;
  }

  /** Moves the pages of the free-space map. */
  *#map(): Task<void> {
    const engine = this.#engine;
    const { work } = engine.pages;
    // Also of segments that the file no longer has: their pages may lie anywhere.
    let left = work.usedPages;
    for (let segment = 0;; segment++) {
      segment = yield* engine.pager.nextSegment(work, segment);
      if (segment < 0) return;
      if (left-- <= 0) throw engine.pager.corrupt(work.freePage, "its map has too many pages");
      for (;;) {
        let status = engine.readyToChange(false);
        if (status === DONE) status = engine.tree.relocateMap(segment);
        if (status === DONE) break;
        yield* engine.supply(status, 0);
      }
    }
  }
}
