/**
 * Making the file shorter: moving pages to free places further down, lowering the page count,
 * cutting the file; and closing, which cuts as well.
 *
 * @module
 */

import type { StoreParts, Surroundings } from "./parts.ts";
import { bit, highest, KEYS, MAX_PLACES, runBits } from "./contents.ts";
import type { Task } from "./process.ts";

/** Shortens the file of one opening. */
export class Compaction {
  /** Whether a page is being moved. */
  moving = false;
  readonly #world: Surroundings;
  readonly #store: StoreParts;

  /** For one opening. */
  constructor(world: Surroundings, store: StoreParts) {
    this.#world = world;
    this.#store = store;
  }

  /** Moves the page or run at the highest place that the working state reaches; has the turn. */
  *move(): Task<void> {
    const { frames, free, writers } = this.#store;
    const place = highest(frames.work.reached);
    free.ceiling = place;
    free.stale = this.moving = true;
    const key = this.#keyAt(place);
    if (key >= 0) yield* this.#moveRun(key);
    else if (yield* writers.makeRoom()) {
      this.#store.tree.relocate(place);
      this.#world.say(() => `the page at ${place} is moved down`);
    }
    this.moving = false;
    free.ceiling = MAX_PLACES;
    free.stale = true;
    this.#store.turn = "";
  }

  #keyAt(place: number): number {
    const { frames, tree } = this.#store;
    for (let key = 0; key < KEYS; key++) {
      const cell = tree.cell(frames.work, key);
      if (typeof cell !== "number" && (runBits(cell) & bit(place)) !== 0) return key;
    }
    return -1;
  }

  /** Within a transaction that is never logged, so that it can be taken back. */
  *#moveRun(key: number): Task<void> {
    const { frames, transactions, tree, writers } = this.#store;
    transactions.begin(true);
    transactions.stopLogging();
    const cell = tree.cell(frames.work, key);
    if (typeof cell === "number") return;
    const value = tree.readRun(cell);
    if (yield* writers.set(key, value, true)) {
      transactions.end();
      this.#world.say(() => `the large value at ${cell.place} is moved down`);
    } else transactions.abort();
  }

  /** Makes the moves durable in both meta pages and cuts the file; has the turn. */
  *shorten(): Task<void> {
    const { checkpointer, metas } = this.#store;
    yield* checkpointer.settled();
    this.#trim();
    if (yield* this.#store.checkpoint()) {
      if (this.#world.rules.compactTwice) yield* metas.raiseLimit();
      yield* this.#cut();
    }
    if (this.#store.turn === "shorten") this.#store.turn = "";
  }

  /** Closes the store; has the turn. */
  *close(): Task<void> {
    const { checkpointer, log } = this.#store;
    yield* checkpointer.settled();
    yield* log.flush(false);
    this.#trim();
    if (yield* this.#store.checkpoint()) {
      if (this.#world.chooser.once(2)) yield* this.#store.metas.raiseLimit();
      yield* this.#cut();
      this.#world.acknowledge(this.#world.history.issued);
      this.#world.closed();
    } else this.#store.turn = "";
  }

  /** Lowers the page count to behind the last page that the working state reaches. */
  #trim(): void {
    const { frames } = this.#store;
    const { rules } = this.#world;
    let end = highest(frames.work.reached) + 1;
    if (rules.trimHolds && rules.cutHolds) {
      for (const { state } of frames.holds) end = Math.max(end, highest(state.reached) + 1);
    }
    frames.work.pageCount = Math.min(frames.work.pageCount, end);
    this.#store.free.stale = true;
  }

  /** Cuts the file behind the last page that a meta page or a held state reaches. */
  *#cut(): Task<void> {
    const { frames, metas } = this.#store;
    const { rules, disk } = this.#world;
    let last = Math.max(1, frames.work.pageCount - 1);
    const states = rules.cutMetas ? metas.slots.flatMap((meta) => meta?.state ?? []) : [];
    if (rules.cutHolds) states.push(...frames.holds.map(({ state }) => state));
    for (const state of states) last = Math.max(last, highest(state.reached));
    if (rules.cutReads) {
      for (const { kind, file, entries } of disk.calls) {
        if (file === disk.data && kind === "read") last = Math.max(last, entries[0].place);
      }
    }
    if (last + 1 >= disk.data.size) return;
    if (!rules.cutTurn) this.#store.turn = "";
    this.#world.say(() => `the file is cut to ${last + 1} places`);
    yield* this.#store.finished(disk.truncate(disk.data, last + 1));
  }
}
