/**
 * The log: records gathered into groups, groups written into the ring, syncs that make them
 * durable, and blocks that are written ahead of a transaction's commit.
 *
 * @module
 */

import type { Group, StoreParts, Surroundings } from "./parts.ts";
import { type Block, BLOCK_RECORDS, type LogRecord, RING_BLOCKS } from "./contents.ts";
import type { Call, Entry } from "./disk.ts";
import type { Task } from "./process.ts";

/** The log of one opening. */
export class Log {
  salt: number;
  /** Position of the first block that is still needed. */
  tail: number;
  /** Position where the next group begins. */
  head: number;
  /** Number of that group. */
  nextGroup: number;
  /** The last group that was written. */
  written: Group | undefined = undefined;
  /** The last group known durable. */
  durable: number;
  /** Whether a write or a sync of the log is in flight. */
  flushing = false;
  /** Blocks of the open transaction that were written ahead of its commit. */
  ahead: Block[] = [];
  readonly #world: Surroundings;
  readonly #store: StoreParts;
  #forming: LogRecord[] = [];
  #formingSync = false;
  #queue: Group[] = [];
  /** Groups that were written and not synced since. */
  #unsynced: Group[] = [];

  /** Begins behind what is durable. */
  constructor(
    world: Surroundings,
    store: StoreParts,
    position: number,
    group: number,
    salt: number,
  ) {
    this.#world = world;
    this.#store = store;
    this.tail = this.head = position;
    this.nextGroup = group;
    this.durable = group - 1;
    this.salt = salt;
  }

  /** Begins anew, when opening ends. */
  reset(position: number, group: number, salt: number): void {
    this.tail = this.head = position;
    this.nextGroup = group;
    this.durable = group - 1;
    this.salt = salt;
  }

  /** Whether something waits to be written. */
  get pending(): boolean {
    return this.#forming.length > 0 || this.#queue.length > 0;
  }

  /** Whether something was written and not synced. */
  get unsynced(): boolean {
    return this.#unsynced.length > 0;
  }

  /** Whether the ring takes so many records more. */
  fits(records: number): boolean {
    const blocks = Math.ceil((this.#forming.length + records) / BLOCK_RECORDS) + this.ahead.length;
    return this.head + blocks + 1 - this.tail <= RING_BLOCKS;
  }

  /** Adds a commit of one operation to the group that is being filled. */
  append(records: readonly LogRecord[], sync: boolean): void {
    this.#forming.push(...records);
    if (sync) this.#formingSync = true;
    if (this.#forming.length >= 3 * BLOCK_RECORDS) this.endGroup();
  }

  /** Ends the group that is being filled. */
  endGroup(): void {
    if (this.#forming.length > 0) this.#close(this.#forming, this.#formingSync, []);
    this.#forming = [];
    this.#formingSync = false;
  }

  /** A group of its own for a transaction; part of it was written ahead. */
  commitTransaction(records: readonly LogRecord[]): Group {
    this.endGroup();
    const group = this.#close(records, true, this.ahead);
    this.ahead = [];
    return group;
  }

  #close(records: readonly LogRecord[], sync: boolean, ahead: readonly Block[]): Group {
    const commits = records.filter((record) => record.kind === "commit");
    const rest = records.length - ahead.length * BLOCK_RECORDS;
    const blocks = ahead.length + Math.max(1, Math.ceil(rest / BLOCK_RECORDS));
    const group: Group = {
      number: this.nextGroup++,
      position: this.head,
      blocks,
      records,
      first: commits[0].sequence,
      last: commits[commits.length - 1].sequence,
      sync,
      ahead,
    };
    this.head += blocks;
    this.#queue.push(group);
    return group;
  }

  /** Gives up the open transaction's group. */
  abandon(): void {
    if (!this.#world.rules.giveBack && this.ahead.length > 0) {
      this.head += this.ahead.length;
      this.nextGroup++;
    }
    this.ahead = [];
  }

  /** Takes the number of the next group for a commit that a checkpoint makes. */
  skipGroup(): void {
    this.nextGroup++;
  }

  /** Gives it back: the checkpoint was dropped. */
  unskipGroup(): void {
    this.nextGroup--;
    this.durable = Math.min(this.durable, this.nextGroup - 1);
  }

  #block(position: number, group: number, before: Block | undefined, last: boolean): Block {
    return {
      kind: "block",
      salt: this.salt,
      position,
      group,
      index: before === undefined ? 0 : before.index + 1,
      last,
      through: this.durable,
      sum: this.#world.newSum(),
      chain: before === undefined ? 0 : before.sum,
      records: [],
    };
  }

  #entriesOf(group: Group): Entry[] {
    const entries: Entry[] = [];
    let before = group.ahead.at(-1);
    for (let index = group.ahead.length; index < group.blocks; index++) {
      const last = index === group.blocks - 1;
      const records = group.records.slice(index * BLOCK_RECORDS, (index + 1) * BLOCK_RECORDS);
      before = { ...this.#block(group.position + index, group.number, before, last), records };
      entries.push({ place: before.position % RING_BLOCKS, content: before, lost: false });
    }
    return entries;
  }

  /** Without the rule of own blocks: adds a small group to the block that was written last. */
  #joined(group: Group): Entry | undefined {
    const before = this.written;
    if (this.#world.rules.ownBlock || before === undefined || group.ahead.length > 0) return;
    if (before.blocks !== 1 || group.blocks !== 1 || before.position < this.tail) return;
    if (group.position !== before.position + 1 || this.head !== group.position + 1) return;
    this.head--;
    this.nextGroup--;
    const records = [...before.records, ...group.records];
    const block = { ...this.#block(before.position, before.number, undefined, true), records };
    this.written = { ...before, records, last: group.last };
    return { place: before.position % RING_BLOCKS, content: block, lost: false };
  }

  /** Writes what waits, and syncs if `sync` or somebody wants it. */
  *flush(sync: boolean): Task<void> {
    while (this.flushing) yield () => !this.flushing;
    this.endGroup();
    const groups = this.#queue;
    this.#queue = [];
    const wanted = sync || groups.some((group) => group.sync);
    this.flushing = true;
    if (groups.length > 0) {
      const call = this.#issue(groups);
      yield* this.#store.finished(call);
      this.#unsynced.push(...groups);
    }
    if (wanted) {
      const covered = this.#unsynced.slice();
      yield* this.#store.synced(this.#world.disk.log, false);
      this.#durable(covered);
    }
    this.flushing = false;
  }

  #issue(groups: Group[]): Call {
    const entries: Entry[] = [];
    for (let i = 0; i < groups.length; i++) {
      const joined = this.#joined(groups[i]);
      if (joined === undefined) {
        entries.push(...this.#entriesOf(groups[i]));
        this.written = groups[i];
      } else {
        entries.push(joined);
        if (this.written !== undefined) groups[i] = this.written;
      }
    }
    return this.#world.write(this.#world.disk.log, entries, "the log");
  }

  #durable(groups: readonly Group[]): void {
    if (groups.length === 0) return;
    const { number, last } = groups[groups.length - 1];
    this.#unsynced = this.#unsynced.filter((group) => !groups.includes(group));
    this.durable = Math.max(this.durable, number);
    this.#world.lastSync = groups;
    this.#world.say(() => `the log is durable through group ${number}`);
    this.#world.acknowledge(last);
  }

  /** Makes everything up to a group durable. */
  *syncThrough(group: number): Task<void> {
    while (this.durable < group) {
      if (this.flushing) yield () => !this.flushing;
      // A number without a group.
      else if (!this.pending && !this.unsynced) this.durable = group;
      else yield* this.flush(true);
    }
  }

  /** Writes and syncs at once, as a call that cannot wait does. */
  flushNow(): void {
    const { disk } = this.#world;
    this.endGroup();
    const groups = this.#queue;
    this.#queue = [];
    disk.complete(this.#issue(groups));
    this.#unsynced.push(...groups);
    const covered = this.#unsynced.slice();
    disk.complete(disk.sync(disk.log, false));
    this.#durable(covered);
  }

  /** Writes a full block of the open transaction ahead of its commit. */
  *writeAhead(records: readonly LogRecord[]): Task<void> {
    const { rules, disk } = this.#world;
    if (rules.oneFlush) { while (this.flushing) yield () => !this.flushing; }
    const before = this.ahead.at(-1);
    const position = this.head + this.ahead.length;
    const block = { ...this.#block(position, this.nextGroup, before, false), records };
    this.ahead.push(block);
    const entry = { place: position % RING_BLOCKS, content: block, lost: false };
    if (rules.oneFlush) this.flushing = true;
    const call = this.#world.write(disk.log, [entry], "the log, ahead of the commit");
    if (!rules.oneFlush) return;
    yield* this.#store.finished(call);
    this.flushing = false;
  }
}
