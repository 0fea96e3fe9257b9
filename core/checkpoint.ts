/**
 * The checkpoint: makes a state durable in the data file, so that the log before it can be reused.
 *
 * Order is everything: the pages of the state, a sync, the log through the last group of the state,
 * then the meta page and its sync; only then is the log freed. Pages are written to places that no
 * durable state reaches, so no order of lost or torn writes can hurt. A page that cannot be written
 * drops the checkpoint; a sync or meta page that fails fails the store.
 *
 * @module
 */

import type { Failure } from "./failure.ts";
import type { CallMode } from "./file_access.ts";
import { Signal, type Task } from "./future.ts";
import { sortIndices } from "./index_sort.ts";
import type { Log } from "./log.ts";
import type { MetaPages } from "./meta_pages.ts";
import { BUSY, DIRTY, type PageCache } from "./page_cache.ts";
import { type Pager, Slice } from "./pager.ts";
import type { State } from "./state.ts";

/** A state and where the log goes on behind it. */
export interface ClosedState {
  /** The state. */
  state: State;
  /** Number of the first group that is not in it. */
  group: number;
  /** Position of that group. */
  position: number;
}

/** Writes checkpoints, one at a time. */
export class Checkpointer {
  /** Whether one is under way. */
  running = false;
  /** Checkpoints made since opening. */
  count = 0;
  /** Told when one is over. */
  readonly done: Signal = new Signal();
  readonly #pager: Pager;
  readonly #cache: PageCache;
  readonly #log: Log;
  readonly #meta: MetaPages;
  readonly #failure: Failure;
  readonly #mode: CallMode;
  readonly #slice: Slice;
  readonly #list: Int32Array;

  /** For one store. */
  constructor(pager: Pager, log: Log, meta: MetaPages, failure: Failure, mode: CallMode) {
    this.#pager = pager;
    this.#cache = pager.pages.cache;
    this.#log = log;
    this.#meta = meta;
    this.#failure = failure;
    this.#mode = mode;
    this.#slice = new Slice(this.#cache.frames.u8, pager.sizes.slicePages);
    this.#list = new Int32Array(this.#cache.capacity);
  }

  /** Waits until no checkpoint is under way. */
  *settled(): Task<void> {
    while (this.running) yield* this.done.wait();
  }

  /**
   * Makes the state that `close` returns durable; `salt` goes into the meta page. With `twice` both
   * meta pages carry the state in the end.
   * @throws {KvigError} `KVIG_IO` or `KVIG_FULL` when a page could not be written: nothing changed;
   *   `KVIG_FAILED` when the store failed.
   */
  *run(close: () => ClosedState, salt: number, twice = false): Task<void> {
    yield* this.settled();
    this.#mode.checkMayWait();
    const closed = close();
    const { current } = this.#meta;
    const { state, group, position } = closed;
    if (!twice && state === current.state && position === current.position) {
      if (salt === current.salt) return;
    }
    const { pages } = this.#pager;
    this.running = true;
    pages.holds.hold(state);
    try {
      yield* this.#writePages(state);
      yield* this.#sync();
      yield* this.#log.syncThrough(group - 1);
      yield* this.#meta.write(state, group, position, salt);
      if (twice) yield* this.#meta.write(state, group, position, salt);
      if (position > this.#log.tail) this.#log.tail = position;
      this.count++;
    } finally {
      this.running = false;
      pages.release(state);
      this.#pager.placesReleased();
      this.done.fire();
    }
  }

  *#writePages(state: State): Task<void> {
    const { generation } = state;
    const list = this.#list;
    const slice = this.#slice;
    let count = 0;
    for (let frame = 0; frame < this.#cache.capacity; frame++) {
      if (this.#belongs(frame, generation)) list[count++] = frame;
    }
    sortIndices(list, count, this.#cache.page);
    for (let next = 0; next < count;) {
      slice.count = 0;
      while (next < count && slice.count < slice.capacity) {
        const frame = list[next];
        if (this.#belongs(frame, generation)) {
          if ((this.#cache.flags[frame] & BUSY) !== 0) break;
          slice.frames[slice.count++] = frame;
        }
        next++;
      }
      if (slice.count > 0) yield* this.#pager.writeSlice(slice);
      else if (next < count) yield* this.#pager.moved();
    }
  }

  #belongs(frame: number, generation: number): boolean {
    const { flags, birth, death } = this.#cache;
    return (flags[frame] & DIRTY) !== 0 && birth[frame] <= generation && death[frame] > generation;
  }

  *#sync(): Task<void> {
    this.#failure.check();
    const kind = this.#pager.grew ? "full" : "data";
    this.#pager.grew = false;
    try {
      yield* this.#pager.file.sync(kind, this.#mode.options);
    } catch (error) {
      throw this.#failure.fail(error);
    }
  }
}
