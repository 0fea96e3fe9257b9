/**
 * Snapshots: one state of the store, readable for as long as it is held.
 *
 * @module
 */

import type { Bytes } from "./codec.ts";
import type { Engine } from "./engine.ts";
import { KvigError } from "./errors.ts";
import { type Codecs, Reader } from "./reader.ts";
import type { State, TreeRoot } from "./state.ts";

/** One state of the store. Close it: until then the places it reaches are not reused. */
export class Snapshot<K = Bytes, V = Bytes, KO = Uint8Array, VO = Uint8Array>
  extends Reader<K, V, KO, VO> {
  readonly #state: State;
  readonly #openedAt: number;
  readonly #onClose: (snapshot: Snapshot<K, V, KO, VO>) => void;
  #closed = false;

  /** Made by `snapshot()` of a store: takes over a hold on `state`. */
  constructor(
    engine: Engine,
    codecs: Codecs<K, V, KO, VO>,
    state: State,
    onClose: (snapshot: Snapshot<K, V, KO, VO>) => void,
  ) {
    super(engine, codecs);
    this.#state = state;
    this.#openedAt = engine.parts.io.now();
    this.#onClose = onClose;
  }

  /** Number of commits that it shows. */
  get sequence(): number {
    return this.#state.sequence;
  }

  /** When it was made, in milliseconds since 1970. */
  get openedAt(): number {
    return this.#openedAt;
  }

  /** Ends it. Closing again does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.release(this.#state);
    this.#onClose(this);
  }

  /** Same as {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * The tree of its state.
   * @internal
   */
  protected override root(): TreeRoot {
    return this.#state.tree;
  }

  /** Throws where it is closed. */
  protected override check(): void {
    this.engine.checkOpen();
    if (this.#closed) throw new KvigError("KVIG_CLOSED", "the snapshot is closed");
  }

  /**
   * Holds its state once more.
   * @internal
   */
  protected override hold(): State {
    this.engine.pages.holds.hold(this.#state);
    return this.#state;
  }

  /**
   * Gives one hold up.
   * @internal
   */
  protected override release(state: State): void {
    this.engine.releaseState(state);
  }
}
