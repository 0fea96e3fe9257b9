/**
 * Writing meta pages: always into the slot of the older one, always with the next checkpoint
 * number, always with a raised epoch limit, always followed by a full sync.
 *
 * @module
 */

import { isKvigError, KvigError } from "./errors.ts";
import type { Failure } from "./failure.ts";
import { type CallMode, readFully, writeFully } from "./file_access.ts";
import { Signal, type Task } from "./future.ts";
import { EPOCH_STEP, MAX_EPOCH } from "./limits.ts";
import { decodeMeta, encodeMeta, type Meta, META_BYTES } from "./meta.ts";
import type { Pager } from "./pager.ts";
import type { State } from "./state.ts";

/** The two meta pages of an open store. */
export class MetaPages {
  /** What the newest meta page says. */
  current: Meta;
  /** Whether a meta page is being written or read. */
  busy = false;
  readonly #pager: Pager;
  readonly #failure: Failure;
  readonly #mode: CallMode;
  readonly #memory: Uint8Array;
  readonly #done = new Signal();
  #slot: number;

  /** Goes on from `current`, which was read from `slot`; `memory` holds one page. */
  constructor(
    pager: Pager,
    mode: CallMode,
    memory: Uint8Array,
    current: Meta,
    slot: number,
    failure: Failure,
  ) {
    this.#pager = pager;
    this.#mode = mode;
    this.#memory = memory;
    this.current = current;
    this.#slot = slot;
    this.#failure = failure;
  }

  /**
   * Makes `state` the durable one, with the log from `position` on. Its pages are durable already.
   * @throws {KvigError} `KVIG_FAILED` when the write or the sync failed: the store has failed.
   */
  *write(state: State, group: number, position: number, salt: number): Task<void> {
    while (this.busy) yield* this.#done.wait();
    const { error: failed } = this.#failure;
    // Unknown it is: the other meta page may carry the state already.
    if (failed !== undefined) throw this.#failure.fail(failed);
    this.#mode.checkMayWait();
    this.busy = true;
    const { pages } = this.#pager;
    const slot = 1 - this.#slot;
    const meta: Meta = {
      ...this.current,
      noLog: false,
      checkpoint: this.current.checkpoint + 1,
      epochLimit: Math.max(pages.epochLimit + 1, pages.epoch + EPOCH_STEP),
      state,
      group,
      position,
      salt,
    };
    try {
      encodeMeta(meta, slot, this.#memory);
      const { length } = this.#memory;
      yield* writeFully(this.#pager.file, slot * length, this.#memory, 0, length, this.#mode);
      // Another part of the store may have failed meanwhile.
      this.#failure.check();
      yield* this.#pager.file.sync("full", this.#mode.options);
    } catch (error) {
      throw this.#failure.fail(error);
    } finally {
      this.busy = false;
      this.#done.fire();
    }
    this.#slot = slot;
    this.current = meta;
    pages.epochLimit = meta.epochLimit;
    this.#pager.metaStates[slot] = state;
    this.#pager.placesReleased();
  }

  /**
   * Reads meta page `slot`, between two writings, once more where it is not valid; undefined where
   * it is not, or cannot be read.
   */
  *read(slot: number): Task<Meta | undefined> {
    while (this.busy) yield* this.#done.wait();
    this.busy = true;
    try {
      return (yield* this.#read(slot)) ?? (yield* this.#read(slot));
    } catch (error) {
      if (!isKvigError(error, "KVIG_IO")) throw error;
      return undefined;
    } finally {
      this.busy = false;
      this.#done.fire();
    }
  }

  *#read(slot: number): Task<Meta | undefined> {
    const bytes = new Uint8Array(META_BYTES);
    const at = slot * this.#memory.length;
    yield* readFully(this.#pager.file, at, bytes, 0, META_BYTES, this.#mode);
    return decodeMeta(bytes, slot);
  }

  /** Writes the durable state once more, with a raised epoch limit, if the limit is near. */
  *raiseLimit(): Task<void> {
    if (this.#pager.pages.epoch > MAX_EPOCH) {
      throw new KvigError(
        "KVIG_UNSUPPORTED",
        "the store has used up its epochs: dump it and load it into a new one",
      );
    }
    while (this.busy) yield* this.#done.wait();
    const { state, group, position, salt } = this.current;
    yield* this.write(state, group, position, salt);
  }
}
