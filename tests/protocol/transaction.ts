/**
 * Transactions: they copy what they touch, log one group at their commit, partly written ahead;
 * those that outgrow the log commit by a checkpoint.
 *
 * @module
 */

import type { StoreParts, Surroundings, Transaction } from "./parts.ts";
import { BLOCK_RECORDS } from "./contents.ts";
import type { Task } from "./process.ts";

/** The transactions of one opening: one at a time. */
export class Transactions {
  open: Transaction | undefined = undefined;
  readonly #world: Surroundings;
  readonly #store: StoreParts;

  /** For one opening. */
  constructor(world: Surroundings, store: StoreParts) {
    this.#world = world;
    this.#store = store;
  }

  /** Begins one; the caller has the turn. `busy` keeps it from others than who began it. */
  begin(busy = false): Transaction {
    const { frames, log } = this.#store;
    log.endGroup();
    const { history } = this.#world;
    this.open = {
      committed: frames.hold("committed", frames.freeze()),
      values: history.after(history.issued),
      records: [],
      logged: true,
      busy,
    };
    return this.open;
  }

  /** Sets a key in the open transaction. */
  *put(key: number, value: number, large: boolean): Task<void> {
    const { open } = this;
    if (open === undefined) return;
    open.busy = true;
    if (yield* this.#store.writers.set(key, value, large)) {
      open.values = open.values.with(key, value);
      open.records.push({ kind: "put", key, value, large });
      this.#world.say(() => `the transaction has set key ${key} to ${value}`);
    } else this.abort();
    open.busy = false;
  }

  /** Writes a full block of its records ahead of the commit. */
  *writeAhead(): Task<void> {
    const { open } = this;
    if (open === undefined) return;
    const { log } = this.#store;
    open.busy = true;
    const from = log.ahead.length * BLOCK_RECORDS;
    yield* log.writeAhead(open.records.slice(from, from + BLOCK_RECORDS));
    open.busy = false;
  }

  /** It has outgrown the log: a checkpoint will commit it. */
  stopLogging(): void {
    if (this.open === undefined) return;
    this.#store.log.abandon();
    this.open.logged = false;
  }

  /** Commits it as a group of the log. */
  commit(): void {
    const { open } = this;
    if (open === undefined) return;
    const { frames, log } = this.#store;
    const sequence = this.#world.history.commit(open.values);
    frames.work.sequence = sequence;
    const group = log.commitTransaction([...open.records, { kind: "commit", sequence }]);
    this.end();
    this.#world.say(() => `the transaction is commit ${sequence}, group ${group.number}`);
  }

  /** Commits it by a checkpoint. */
  *commitByCheckpoint(): Task<void> {
    const { open } = this;
    if (open === undefined) return;
    const { checkpointer, frames, log } = this.#store;
    const { history, rules } = this.#world;
    open.busy = true;
    if (rules.hugeSyncs) yield* log.syncThrough(log.nextGroup - 1);
    let sequence = 0;
    const close = () => {
      sequence = history.commit(open.values);
      frames.work.sequence = sequence;
      if (rules.hugeNumber) log.skipGroup();
      const closed = { state: frames.freeze(), group: log.nextGroup, position: log.head };
      this.#world.say(() => `commit ${sequence} is made by a checkpoint`);
      if (!rules.hugeTurn) this.end();
      return closed;
    };
    if (yield* checkpointer.run(close, { huge: true })) {
      this.#world.acknowledge(sequence);
      if (rules.hugeTurn) this.end();
    } else if (this.open === open) {
      if (rules.hugeNumber) log.unskipGroup();
      history.withdraw();
      this.abort();
    }
  }

  /** Takes everything back that it did. */
  abort(): void {
    const { open } = this;
    if (open === undefined) return;
    const { frames, log } = this.#store;
    log.abandon();
    frames.rollback(open.committed.state);
    this.end();
    this.#world.say(() => "the transaction is rolled back");
  }

  /** It is over: the turn is free. */
  end(): void {
    if (this.open === undefined) return;
    const { frames, free } = this.#store;
    frames.release(this.open.committed);
    free.stale = true;
    this.open = undefined;
    this.#store.turn = "";
  }
}
