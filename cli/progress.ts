/**
 * The line on a terminal that says how far a command is, and the closing line that stays.
 *
 * The line is rewritten in place, at most ten times a second, and is gone when the command ends.
 * Where standard error is no terminal there is none; the closing line is written all the same.
 *
 * @module
 */

import type { Writable } from "node:stream";

const LEAST_INTERVAL_MS = 100;
const DEFAULT_COLUMNS = 80;

/** What a terminal's stream offers beyond writing. */
export type TerminalStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** Shows how far a command is. */
export class Progress {
  readonly #stream: TerminalStream;
  readonly #now: () => number;
  /** Whether nothing is shown, the closing line included. */
  quiet = false;
  /** Whether the line is left out, because other output goes to the same terminal. */
  hidden = false;
  #shownAtMs = -Infinity;
  #columns = 0;

  /** Shows on `stream`; `now` is a clock in milliseconds. */
  constructor(stream: TerminalStream, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
  }

  /** Shows the line that `say` returns, unless one was shown just now. */
  show(say: () => string): void {
    if (this.#stream.isTTY !== true || this.quiet || this.hidden) return;
    const now = this.#now();
    if (now - this.#shownAtMs < LEAST_INTERVAL_MS) return;
    this.#shownAtMs = now;
    const most = (this.#stream.columns || DEFAULT_COLUMNS) - 1;
    const text = say().slice(0, most);
    this.#stream.write(`\r${text.padEnd(this.#columns)}\r`);
    this.#columns = text.length;
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#columns === 0) return;
    this.#stream.write(`\r${" ".repeat(this.#columns)}\r`);
    this.#columns = 0;
  }

  /** Takes the line away and writes the closing line. */
  end(text: string): void {
    this.clear();
    if (!this.quiet) this.#stream.write(`${text}\n`);
  }
}
