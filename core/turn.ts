/**
 * The writer's turn: one writer at a time, in the order in which they came.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { KvigError } from "./errors.ts";
import { Future, type Task } from "./future.ts";
import type { Signalled } from "./host.ts";

interface Waiting {
  readonly future: Future<void>;
  aborted: boolean;
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

  /**
   * Waits for the turn.
   * @throws {KvigError} `KVIG_ABORTED` when `signal` is aborted before the turn comes.
   */
  *take(signal?: Signalled): Task<void> {
    if (signal?.aborted === true) throw abortedBy(signal);
    if (this.tryTake()) return;
    const waiting: Waiting = { future: new Future(), aborted: false };
    const abort = (): void => {
      waiting.aborted = true;
      waiting.future.settle(undefined);
    };
    this.#waiting.push(waiting);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      yield* waiting.future;
    } catch (error) {
      this.#leave(waiting);
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
    if (waiting.aborted) {
      this.#leave(waiting);
      throw abortedBy(signal);
    }
  }

  /** Passes the turn on. */
  release(): void {
    assert(this.held, "the turn is given back by who has it");
    const next = this.#waiting.shift();
    if (next === undefined) this.held = false;
    else next.future.settle(undefined);
  }

  #leave(waiting: Waiting): void {
    const index = this.#waiting.indexOf(waiting);
    if (index >= 0) this.#waiting.splice(index, 1);
    else this.release();
  }
}

/** The error for an operation that its signal stopped. */
export function abortedBy(signal: Signalled | undefined): KvigError {
  return new KvigError("KVIG_ABORTED", "the operation was aborted by its signal", {
    cause: signal?.reason,
  });
}
