/**
 * A group of the log, as those see it who wait for it.
 *
 * However many they are, all of them share one promise or one future: what each would leave behind
 * until the sync is over is what makes a young generation grow.
 *
 * @module
 */

import { Future } from "./future.ts";

/** A group of commits that becomes durable as a whole. */
export class Group {
  /** Its number. */
  readonly number: number;
  /** Position of its first block. */
  readonly start: number;
  /** Number of its blocks, once it is closed. */
  blocks = 0;
  /** Blocks whose header is complete. */
  sealed = 0;
  /** Checksum of the last block whose header is complete. */
  chain = 0;
  /** Whether somebody waits for it to be durable. */
  sync = false;
  /** Whether it is decided how it went. */
  #over = false;
  #error: unknown = undefined;
  #decided: Future<void> | undefined = undefined;
  #promise: Promise<void> | undefined = undefined;
  #truth: Promise<boolean> | undefined = undefined;
  #resolve: (() => void) | undefined = undefined;
  #reject: ((error: unknown) => void) | undefined = undefined;

  /** Opens a group. */
  constructor(number: number, start: number) {
    this.number = number;
    this.start = start;
  }

  /** One promise for everybody who waits for this group to be durable. */
  durable(): Promise<void> {
    this.sync = true;
    this.#promise ??= new Promise((resolve, reject) => {
      if (!this.#over) {
        this.#resolve = resolve;
        this.#reject = reject;
      } else if (this.#error === undefined) resolve();
      else reject(this.#error);
    });
    return this.#promise;
  }

  /** Like {@link durable}, for everybody who is to be given `true` then. */
  durablyTrue(): Promise<boolean> {
    this.#truth ??= this.durable().then(() => true);
    return this.#truth;
  }

  /**
   * One future for all tasks that wait for this group to be durable: settled when that is decided,
   * and never taken. {@link check} says how it went.
   */
  decided(): Future<void> {
    this.sync = true;
    if (this.#decided === undefined) {
      this.#decided = new Future();
      if (this.#over) this.#decided.settle(undefined);
    }
    return this.#decided;
  }

  /** Throws where it did not become durable. */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Tells them how it went. */
  settle(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    if (error === undefined) this.#resolve?.();
    else this.#reject?.(error);
    this.#decided?.settle(undefined);
  }
}
