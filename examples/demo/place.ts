/**
 * Where the demo makes its store, and how that is cleaned up again.
 *
 * @module
 */

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";

/** Status of a program that a signal ended, as shells count it. */
const INTERRUPTED = 130;

/** Where the store is made. */
export class Place implements Disposable {
  /** Path of the store. */
  readonly path: string;
  readonly #directory: string | undefined;
  readonly #keep: boolean;

  /** At `path`, or in a temporary directory of its own. */
  constructor(path: string | undefined, keep: boolean) {
    this.#keep = keep;
    this.#directory = path === undefined ? mkdtempSync(join(tmpdir(), "kvig-demo-")) : undefined;
    this.path = path === undefined ? join(this.#directory ?? "", "cities.kvig") : resolve(path);
    if (existsSync(this.path)) {
      throw new TypeError(`${this.path} is there already; the demo makes a store of its own`);
    }
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => {
        this[Symbol.dispose]();
        process.exit(INTERRUPTED);
      });
    }
  }

  /** Removes the store, unless it is to be kept. */
  [Symbol.dispose](): void {
    if (this.#keep) {
      console.log(`\nThe store is left at ${this.path}.`);
      return;
    }
    for (const file of [this.path, `${this.path}-wal`]) rmSync(file, { force: true });
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }
}
