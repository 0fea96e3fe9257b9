/**
 * The failure of a store: one for all of its parts, so that none of them writes or syncs anything
 * any more once another one has met it.
 *
 * @module
 */

import { KvigError } from "./errors.ts";

/** Whether a store has failed, and why. */
export class Failure {
  /** What everything is refused with; undefined as long as all is well. */
  error: KvigError | undefined = undefined;
  readonly #path: string;

  /** Of the store at `path`. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Notes that a write of the log, a meta page or a sync failed with `reason`; everything is
   * refused from now on. Returns the error of what was under way, whose outcome is unknown.
   */
  fail(reason: unknown): KvigError {
    if (this.error === undefined) this.error = this.#make(reason, "none");
    return this.#make(reason === this.error ? this.error.cause : reason, "unknown");
  }

  /** Notes that a change could not be carried to its end, because of damage that it met. */
  broke(damage: KvigError): void {
    const { message, file, page } = damage;
    const details = { cause: damage, file: file ?? this.#path, outcome: "none" as const };
    const what = `the store ${this.#path} has failed in the middle of a change: ${message}`;
    this.error ??= new KvigError(
      "KVIG_FAILED",
      what,
      page === undefined ? details : { ...details, page },
    );
  }

  /** Throws where the store has failed. */
  check(): void {
    if (this.error !== undefined) throw this.error;
  }

  #make(cause: unknown, outcome: "none" | "unknown"): KvigError {
    const file = this.#path;
    const message = `the store ${file} has failed: a write or sync that durability rests on failed`;
    return new KvigError("KVIG_FAILED", message, { cause, file, outcome });
  }
}
