/**
 * Writing meta pages, one at a time: into the slot of the older one, with the next checkpoint
 * number and a raised epoch limit, followed by a sync.
 *
 * @module
 */

import type { StoreParts, Surroundings } from "./parts.ts";
import { EPOCH_STEP, type Meta, type State } from "./contents.ts";
import type { Task } from "./process.ts";

/** The two meta pages of one opening. */
export class MetaPages {
  /** What the two slots hold, as far as this opening knows. */
  readonly slots: [Meta | undefined, Meta | undefined];
  /** The slot of the newest. */
  newest: number;
  readonly #world: Surroundings;
  readonly #store: StoreParts;
  #busy = false;

  /** Begins with what was read. */
  constructor(
    world: Surroundings,
    store: StoreParts,
    slots: readonly (Meta | undefined)[],
    newest: number,
  ) {
    this.#world = world;
    this.#store = store;
    this.slots = [slots[0], slots[1]];
    this.newest = newest;
  }

  /** The newest meta page. */
  get current(): Meta {
    const meta = this.slots[this.newest];
    if (meta === undefined) throw new Error("model: no meta page");
    return meta;
  }

  /** The states whose places the meta pages keep. */
  states(): State[] {
    if (!this.#world.rules.bothMetas) return [this.current.state];
    return this.slots.flatMap((meta) => meta === undefined ? [] : [meta.state]);
  }

  /** Makes a state the durable one. */
  *write(state: State, group: number, position: number, salt: number): Task<void> {
    while (this.#busy) yield () => !this.#busy;
    this.#busy = true;
    const { rules, disk } = this.#world;
    const { frames } = this.#store;
    const slot = rules.olderSlot ? 1 - this.newest : this.newest;
    const numbered = rules.nextNumber || !this.#store.opening ? 1 : 0;
    const epochLimit = Math.max(frames.epochLimit + 1, frames.epoch + EPOCH_STEP);
    const checkpoint = this.current.checkpoint + numbered;
    const meta: Meta = {
      kind: "meta",
      checkpoint,
      state,
      group,
      position,
      salt,
      epochLimit,
    };
    const entry = { place: slot, content: meta, lost: false };
    yield* this.#store.finished(this.#world.write(disk.data, [entry], `slot ${slot}`));
    if (rules.metaSynced) yield* this.#store.synced(disk.data, true);
    this.slots[slot] = meta;
    this.newest = slot;
    frames.epochLimit = epochLimit;
    this.#store.free.stale = true;
    this.#busy = false;
  }

  /** Writes the durable state once more, with a raised limit. */
  *raiseLimit(): Task<void> {
    while (this.#busy) yield () => !this.#busy;
    const { state, group, position, salt } = this.current;
    yield* this.write(state, group, position, salt);
  }
}
