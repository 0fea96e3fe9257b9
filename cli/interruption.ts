/**
 * Interruption by the user: Ctrl-C, or a polite request to end.
 *
 * The first signal asks the command to stop where the store is in order; the second one ends the
 * process at once, which loses nothing that was acknowledged.
 *
 * @module
 */

import process from "node:process";

/** Exit codes by signal: 128 and the signal's number, as shells have it. */
const CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** Listens to signals from its construction to its disposal. */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #listeners: [keyof typeof CODES, () => void][] = [];
  /** The exit code for the signal that came, if one came. */
  code: number | undefined = undefined;

  /** Begins to listen. */
  constructor() {
    for (const name of ["SIGINT", "SIGTERM"] as const) {
      const listener = (): void => {
        this.code = CODES[name];
        this[Symbol.dispose]();
        this.#controller.abort();
      };
      process.on(name, listener);
      this.#listeners.push([name, listener]);
    }
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Stops listening: a further signal ends the process. */
  [Symbol.dispose](): void {
    for (const [name, listener] of this.#listeners) process.off(name, listener);
  }
}
