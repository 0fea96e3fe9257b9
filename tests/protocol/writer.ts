/**
 * Writes of one operation: places first, then the change, then its record in the log.
 *
 * @module
 */

import type { StoreParts, Surroundings } from "./parts.ts";
import type { Cell, LogRecord } from "./contents.ts";
import { RUN_PAGES } from "./contents.ts";
import { PLACES_A_CHANGE, RESERVED_PLACES } from "./free_space.ts";
import { Violation } from "./history.ts";
import type { Task } from "./process.ts";

/** How a write becomes durable: with the next sync, by a sync of its own, or at once. */
export type Durability = "deferred" | "sync" | "blocking";

/** The writes of one opening. */
export class Writers {
  readonly #world: Surroundings;
  readonly #store: StoreParts;
  /** Whether something held places while the running operation looked for some. */
  #wereHeld = false;

  /** For one opening. */
  constructor(world: Surroundings, store: StoreParts) {
    this.#world = world;
    this.#store = store;
  }

  /** Makes sure of places for a change; where they are short checkpoints may give some free. */
  *#places(need: number, reserve: number): Task<boolean> {
    const { free, metas, opening, compaction } = this.#store;
    const { rules } = this.#world;
    this.#wereHeld = false;
    for (let round = 0; round < 3; round++) {
      if (yield* free.find(need, reserve)) return true;
      this.#wereHeld ||= this.#arePlacesHeld();
      if (compaction.moving) return false;
      if (opening) {
        if (round > 0 || !rules.recoveryRounds) return false;
        yield* metas.raiseLimit();
        continue;
      }
      yield* this.#store.checkpoint();
      if (!rules.twoRounds) continue;
      if (round === 1) yield* metas.raiseLimit();
      free.stale = true;
    }
    return false;
  }

  /** Makes sure of places for moving a page. */
  *makeRoom(): Task<boolean> {
    return yield* this.#places(PLACES_A_CHANGE + 1, 0);
  }

  /** Sets a key in the working state, 0 removes it; false where there is no place for it. */
  *set(key: number, value: number, large: boolean): Task<boolean> {
    const { opening, compaction, tree } = this.#store;
    const { rules } = this.#world;
    const keeps = value !== 0 && !opening && !compaction.moving && rules.reserve;
    const reserve = keeps ? RESERVED_PLACES : 0;
    if (!large) {
      if (!(yield* this.#places(PLACES_A_CHANGE, reserve))) return false;
      tree.set(key, value);
      return true;
    }
    if (!(yield* this.#places(PLACES_A_CHANGE + RUN_PAGES, reserve))) return false;
    return yield* this.#setLarge(key, value);
  }

  *#setLarge(key: number, value: number): Task<boolean> {
    const { frames, free, tree } = this.#store;
    const { rules, disk } = this.#world;
    const epoch = frames.freshEpoch();
    const place = free.takeRun();
    if (place < 0) return false;
    const cell: Cell = { place, epoch, sum: tree.sum(value, { place, epoch }) };
    frames.epochWritten = true;
    const entries = Array.from({ length: RUN_PAGES }, (_, index) => {
      this.#world.checkOnce(place + index, epoch, `${value}`);
      return {
        place: place + index,
        content: { kind: "piece" as const, value, index },
        lost: false,
      };
    });
    const call = this.#world.write(disk.data, entries, `places ${place} and ${place + 1}`);
    if (rules.runWritten) yield* this.#store.finished(call);
    if (call.failed !== "" || !(yield* this.#places(PLACES_A_CHANGE, 0))) {
      free.give(((1 << RUN_PAGES) - 1) << place);
      return false;
    }
    tree.set(key, cell);
    return true;
  }

  /** Sets or removes one key as a commit of its own. */
  *put(key: number, value: number, large: boolean, durability: Durability): Task<void> {
    const { log, transactions } = this.#store;
    const { history } = this.#world;
    if (large) transactions.begin(true);
    if (!log.fits(2)) yield* this.#store.checkpoint();
    const done = log.fits(2) && (yield* this.set(key, value, large));
    if (!done) {
      if (value === 0) this.#checkFull();
      if (large) transactions.abort();
      else this.#store.turn = "";
      return;
    }
    const values = history.after(history.issued).with(key, value);
    const records: LogRecord[] = [{ kind: "put", key, value, large }];
    if (large) {
      const { open } = transactions;
      if (open === undefined) return;
      open.values = values;
      open.records.push(...records);
      transactions.commit();
      return;
    }
    const sequence = history.commit(values);
    this.#store.frames.work.sequence = sequence;
    log.append([...records, { kind: "commit", sequence }], durability === "sync");
    this.#world.say(() => `commit ${sequence}, ${durability}: key ${key} is set to ${value}`);
    if (durability === "blocking") {
      if (!log.flushing || !this.#world.rules.syncAwaited) log.flushNow();
    }
    this.#store.turn = "";
  }

  #arePlacesHeld(): boolean {
    const { disk } = this.#world;
    return this.#store.frames.holds.length > 0 || this.#store.checkpointer.running > 0 ||
      disk.calls.some(({ file }) => file === disk.data);
  }

  /** A delete found no place: right only while something holds places. */
  #checkFull(): void {
    if (this.#wereHeld || !this.#store.log.fits(2)) return;
    throw new Violation("full disk", "a delete finds no place in a full file that nothing holds");
  }
}
