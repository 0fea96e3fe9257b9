/**
 * Readers: reads that are in flight while others write, and snapshots.
 *
 * @module
 */

import type { Hold, StoreParts, Surroundings } from "./parts.ts";
import { KEYS, type Reference, type State } from "./contents.ts";
import { judge } from "./frames.ts";
import type { Values } from "./history.ts";
import { sameValues, Violation } from "./history.ts";
import type { Task } from "./process.ts";

/** A state that a user holds, with the values that it must show. */
export interface Snapshot {
  readonly hold: Hold;
  readonly values: Values;
}

/** The readers of one opening. */
export class Readers {
  readonly snapshots: Snapshot[] = [];
  /** Pages and large values that are being read. */
  readsInFlight = 0;
  readonly #world: Surroundings;
  readonly #store: StoreParts;

  /** For one opening. */
  constructor(world: Surroundings, store: StoreParts) {
    this.#world = world;
    this.#store = store;
  }

  /** What everybody but a transaction sees. */
  visible(): State {
    return this.#store.transactions.open?.committed.state ?? this.#store.frames.work;
  }

  /** Takes a snapshot of what is committed. */
  snapshot(): void {
    const { frames, transactions } = this.#store;
    const { history } = this.#world;
    const state = transactions.open?.committed.state ?? frames.freeze();
    this.snapshots.push({
      hold: frames.hold("snapshot", state),
      values: history.after(state.sequence),
    });
  }

  /** Ends the oldest snapshot. */
  closeSnapshot(): void {
    const snapshot = this.snapshots.shift();
    if (snapshot === undefined) return;
    this.#store.frames.release(snapshot.hold);
    this.#store.free.stale = true;
  }

  /** Compares what a state shows with what it must show. */
  check(state: State, values: Values, who: string): void {
    const found = this.#store.tree.values(state);
    if (sameValues(found, values)) return;
    throw new Violation("wrong read", `${who} shows ${found.join(" ")}, not ${values.join(" ")}`);
  }

  /** Pages of what is visible that are not in memory. */
  cold(): Reference[] {
    const { frames } = this.#store;
    const state = this.visible();
    if (!frames.has(state.root)) return [state.root];
    const { body } = frames.get(state.root);
    return body.kind === "root" ? body.leaves.filter((leaf) => !frames.has(leaf)) : [];
  }

  /** Reads a page of what is visible; it is checked when the read is over. */
  *readPage(reference: Reference): Task<void> {
    const { disk } = this.#world;
    this.readsInFlight++;
    const call = disk.read(disk.data, reference.place);
    yield* this.#store.finished(call);
    this.readsInFlight--;
    judge(this.#world, disk.data.at(reference.place), reference);
  }

  /** Reads a large value past the cache, holding its state. */
  *readLarge(key: number): Task<void> {
    const { frames, tree, transactions } = this.#store;
    const { disk } = this.#world;
    const cell = tree.cell(this.visible(), key);
    if (typeof cell === "number") return;
    const state = transactions.open?.committed.state ?? frames.freeze();
    const hold = frames.hold("reader", state);
    this.readsInFlight++;
    // Not the place itself: what keeps it is the hold alone.
    yield* this.#store.finished(disk.read(disk.log, 0));
    this.readsInFlight--;
    tree.readRun(cell);
    frames.release(hold);
    this.#store.free.stale = true;
  }

  /** Keys that have a large value. */
  largeKeys(): number[] {
    const { tree } = this.#store;
    const keys: number[] = [];
    for (let key = 0; key < KEYS; key++) {
      if (typeof tree.cell(this.visible(), key) !== "number") keys.push(key);
    }
    return keys;
  }
}
