/**
 * Lines said on standard output by a process that may die at any moment.
 *
 * @module
 */

import { writeSync } from "node:fs";

const pause = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes a line to standard output at once, so that a line that was said was heard; where nobody
 * reads it yet, waits until it is taken.
 */
export function say(line: string): void {
  for (let rest = `${line}\n`; rest.length > 0;) {
    try {
      rest = rest.slice(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}
