/**
 * The writer's turn: one writer at a time, in the order in which they came.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { KvigError } from "./errors.ts";
import { Future, type Task } from "./future.ts";
import type { Signalled } from "./host.ts";

/** A place in the queue; settled when its turn comes or its signal is aborted, and never taken. */
export class Waiting extends Future<void> {
  /** Whether the signal was aborted. */
  aborted = false;
  /** The signal. */
  readonly signal: Signalled | undefined;
  readonly #abort: (() => void) | undefined;

  /** In front of nobody yet. */
  constructor(signal: Signalled | undefined) {
    super();
    this.signal = signal;
    if (signal === undefined) return;
    this.#abort = () => {
      this.aborted = true;
      this.settle(undefined);
    };
    signal.addEventListener("abort", this.#abort, { once: true });
  }

  /** The signal means nothing to it any more. */
  unlisten(): void {
    if (this.#abort !== undefined) this.signal?.removeEventListener("abort", this.#abort);
  }
}

/** A queue for the one turn to write. */
export class Turn {
  /** Whether somebody has the turn. */
  held = false;
  #waiting: Waiting[] = [];

  /** Whether somebody has the turn or waits for it. */
  get busy(): boolean {
    return this.held || this.#waiting.length > 0;
  }

  /** Takes the turn if nobody has it or waits for it. */
  tryTake(): boolean {
    if (this.busy) return false;
    this.held = true;
    return true;
  }

  /** How many wait for it. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /**
   * Waits for the turn.
   * @throws {KvigError} `KVIG_ABORTED` when `signal` is aborted before the turn comes.
   */
  *take(signal?: Signalled): Task<void> {
    const waiting = this.ask(signal);
    if (waiting === undefined) return;
    if (!waiting.settled) yield waiting;
    this.enter(waiting);
  }

  /**
   * Takes the turn if it is free and returns undefined; else joins the queue: {@link enter} or
   * {@link leave} must follow.
   * @throws {KvigError} `KVIG_ABORTED` when `signal` is aborted already.
   */
  ask(signal: Signalled | undefined): Waiting | undefined {
    if (signal?.aborted === true) throw abortedBy(signal);
    if (this.tryTake()) return undefined;
    const waiting = new Waiting(signal);
    this.#waiting.push(waiting);
    return waiting;
  }

  /**
   * Takes the turn for who waited.
   * @throws {KvigError} `KVIG_ABORTED` when the signal was aborted before, `KVIG_WOULD_BLOCK` when
   *   the turn has not come; then the place in the queue is given up.
   */
  enter(waiting: Waiting): void {
    if (waiting.settled && !waiting.aborted) {
      waiting.unlisten();
      return;
    }
    this.leave(waiting);
    if (waiting.aborted) throw abortedBy(waiting.signal);
    waiting.take();
  }

  /** Gives up a place in the queue, and the turn where it has come. */
  leave(waiting: Waiting): void {
    waiting.unlisten();
    const index = this.#waiting.indexOf(waiting);
    if (index >= 0) this.#waiting.splice(index, 1);
    else this.release();
  }

  /** Passes the turn on. */
  release(): void {
    assert(this.held, "the turn is given back by who has it");
    const next = this.#waiting.shift();
    if (next === undefined) this.held = false;
    else next.settle(undefined);
  }
}

/** The error for an operation that its signal stopped. */
export function abortedBy(signal: Signalled | undefined): KvigError {
  return new KvigError("KVIG_ABORTED", "the operation was aborted by its signal", {
    cause: signal?.reason,
  });
}
