/**
 * One opening of the store: its parts, the writer's turn, and calls that it waits for.
 *
 * @module
 */

import type { Meta } from "./contents.ts";
import { Checkpointer } from "./checkpoint.ts";
import { Compaction } from "./compaction.ts";
import type { Call, DiskFile } from "./disk.ts";
import { Frames } from "./frames.ts";
import { FreeSpace } from "./free_space.ts";
import { Violation } from "./history.ts";
import { Log } from "./log.ts";
import { MetaPages } from "./meta_pages.ts";
import type { Task } from "./process.ts";
import { Readers } from "./readers.ts";
import { Transactions } from "./transaction.ts";
import { Tree } from "./tree.ts";
import { Writers } from "./writer.ts";
import type { ClosedState, Frame, Surroundings } from "./parts.ts";

/** One opening. */
export class Store {
  readonly frames: Frames;
  readonly free: FreeSpace;
  readonly tree: Tree;
  readonly log: Log;
  readonly metas: MetaPages;
  readonly checkpointer: Checkpointer;
  readonly transactions: Transactions;
  readonly writers: Writers;
  readonly readers: Readers;
  readonly compaction: Compaction;
  /** Whether opening is not over: nothing else than replay writes. */
  opening = true;
  /** Who has the writer's turn. */
  turn = "";
  readonly #world: Surroundings;

  /** Begins from the meta pages that were read. */
  constructor(
    world: Surroundings,
    slots: readonly (Meta | undefined)[],
    newest: number,
    epoch: number,
  ) {
    this.#world = world;
    this.metas = new MetaPages(world, this, slots, newest);
    const { state, position, group, salt } = this.metas.current;
    this.frames = new Frames(world, state, epoch);
    this.free = new FreeSpace(world, this);
    this.tree = new Tree(world, this);
    this.log = new Log(world, this, position, group, salt);
    this.checkpointer = new Checkpointer(world, this);
    this.transactions = new Transactions(world, this);
    this.writers = new Writers(world, this);
    this.readers = new Readers(world, this);
    this.compaction = new Compaction(world, this);
  }

  /** Waits for a call. What it says stands in the call. */
  *finished(call: Call): Task<void> {
    while (!call.done) yield () => call.done;
  }

  /** Syncs a file; where that fails the store fails, and this never ends. */
  *synced(file: DiskFile, full: boolean): Task<void> {
    const { disk, rules } = this.#world;
    const call = disk.sync(file, full);
    yield* this.finished(call);
    if (call.failed === "") return;
    if (rules.failedSync) {
      this.#world.fail();
      for (;;) yield () => false;
    }
    this.#world.say(() => "the failed sync is repeated");
    yield* this.finished(disk.sync(file, full));
  }

  /** Writes dirty pages to their places; false where that failed: they stay dirty. */
  *writePages(list: readonly Frame[], why: string): Task<boolean> {
    const { disk } = this.#world;
    const entries = list.map((frame) => ({
      place: frame.place,
      content: this.frames.seal(frame),
      lost: false,
    }));
    const call = this.#world.write(disk.data, entries, why);
    yield* this.finished(call);
    for (const frame of list) {
      frame.busy = false;
      if (call.failed === "") frame.dirty = false;
    }
    if (call.failed === "full") {
      throw new Violation("full disk", `${why} finds no room on the disk for a page`);
    }
    return call.failed === "";
  }

  /** Closes the committed state between two groups of the log. */
  readonly closeState = (): ClosedState => {
    if (this.transactions.open === undefined) this.log.endGroup();
    return {
      state: this.transactions.open?.committed.state ?? this.frames.freeze(),
      group: this.log.nextGroup,
      position: this.log.head,
    };
  };

  /** Makes the committed state durable in the data file. */
  *checkpoint(): Task<boolean> {
    return yield* this.checkpointer.run(this.closeState);
  }
}
