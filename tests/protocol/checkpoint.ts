/**
 * The checkpoint: the pages of a state, a sync, the log through its last group, the meta page and
 * its sync; only then is the ring before it given free.
 *
 * @module
 */

import type { CheckpointKind, ClosedState, Frame, StoreParts, Surroundings } from "./parts.ts";
import type { Reference, State } from "./contents.ts";
import type { Task } from "./process.ts";

/** Makes the checkpoints of one opening. */
export class Checkpointer {
  /** How many are under way: one, where the rules hold. */
  running = 0;
  readonly #world: Surroundings;
  readonly #store: StoreParts;

  /** For one opening. */
  constructor(world: Surroundings, store: StoreParts) {
    this.#world = world;
    this.#store = store;
  }

  /** Waits until none is under way. */
  *settled(): Task<void> {
    while (this.running > 0) yield () => this.running === 0;
  }

  /** Makes the state durable that `close` returns; false where the checkpoint was dropped. */
  *run(close: () => ClosedState, kind: CheckpointKind = {}): Task<boolean> {
    const { rules } = this.#world;
    const { frames, free, log, metas } = this.#store;
    if (rules.hugeWaits || kind.huge !== true) yield* this.settled();
    let { state, group, position } = close();
    const salt = kind.salt ?? log.salt;
    if (kind.huge !== true && this.#isDurable(state, position, salt)) return true;
    this.#world.say(() =>
      `a checkpoint closes commit ${state.sequence}: group ${group} at ${position} comes next`
    );
    this.running++;
    const hold = frames.hold("checkpoint", state);
    if (!rules.ringFreedLate) log.tail = Math.max(log.tail, position);
    const done = yield* this.#writePages(state);
    if (done) {
      if (rules.pagesSynced) yield* this.#sync();
      if (rules.logSynced && kind.salt === undefined) yield* log.syncThrough(group - 1);
      if (!rules.oneMoment && kind.salt === undefined && kind.huge !== true) {
        group = log.nextGroup;
        position = log.head;
      }
      yield* metas.write(state, group, position, salt);
      if (kind.huge === true && rules.hugeTwice) yield* metas.write(state, group, position, salt);
      log.tail = Math.max(log.tail, position);
    }
    this.running--;
    frames.release(hold);
    free.stale = true;
    this.#world.say(() => done ? "the checkpoint is over" : "the checkpoint is dropped");
    return done;
  }

  /** Whether the newest meta page says all this already. */
  #isDurable({ root, index, pageCount, sequence }: State, position: number, salt: number): boolean {
    const { current } = this.#store.metas;
    const { state } = current;
    return position === current.position && salt === current.salt &&
      sequence === state.sequence && pageCount === state.pageCount &&
      same(root, state.root) && same(index, state.index);
  }

  *#sync(): Task<void> {
    const { free } = this.#store;
    const full = free.grew && this.#world.rules.fullSync;
    free.grew = false;
    yield* this.#store.synced(this.#world.disk.data, full);
  }

  /** Writes the dirty pages of a state, in pieces. */
  *#writePages(state: State): Task<boolean> {
    const { frames } = this.#store;
    for (;;) {
      const dirty = frames.dirtyOf(state);
      if (dirty.length === 0) return true;
      const idle = dirty.filter((frame) => !frame.busy);
      if (idle.length === 0) {
        yield () => frames.dirtyOf(state).some((frame) => !frame.busy) || dirty.every(isClean);
        continue;
      }
      const count = this.#world.chooser.once(2) ? 1 : idle.length;
      if (!(yield* this.#store.writePages(idle.slice(0, count), "a checkpoint"))) {
        if (this.#world.rules.dropCheckpoint) return false;
        for (const frame of idle.slice(0, count)) frame.dirty = false;
      }
    }
  }
}

function same(a: Reference, b: Reference): boolean {
  return a.place === b.place && a.epoch === b.epoch;
}

function isClean(frame: Frame): boolean {
  return !frame.dirty;
}
