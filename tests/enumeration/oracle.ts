/**
 * Judges what a power cut left: a store must open from it, show the state after one of its commits,
 * be sound, show the same when it is opened again, and work on.
 *
 * @module
 */

import type { Kvig } from "../../core/database.ts";
import { openTinySync, type TinyOptions } from "../sim/tiny_store.ts";
import { type Entry, type History, sameBytes } from "./history.ts";
import { type FileImage, ImageIo } from "./image_io.ts";

/** Path of every store here. */
export const PATH = "s";

/** One image in so many is opened twice, and one in so many goes on to commit. */
const AGAIN_ONE_IN = 16;
const ON_ONE_IN = 16;

/** Judges images of one store. */
export class Oracle {
  /** What is wrong with the image looked at last; "" where it is right. */
  complaint = "";
  readonly #history: History;
  readonly #options: TinyOptions;
  readonly #io: ImageIo;

  /** Judges by `history`; `io` is used by nobody else. */
  constructor(history: History, options: TinyOptions, io: ImageIo = new ImageIo()) {
    this.#history = history;
    this.#options = options;
    this.#io = io;
  }

  /**
   * The commit whose state is shown by a store that is opened from `images`; −1 where something is
   * wrong. `dice` decides what else is tried.
   */
  judge(images: Iterable<FileImage>, dice: number): number {
    this.complaint = "";
    this.#io.load(images);
    try {
      return this.#judge(dice);
    } catch (error) {
      this.complaint = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      return -1;
    }
  }

  #judge(dice: number): number {
    const store = this.#open();
    const commit = store.stats().sequence;
    const entries = this.#history.version(commit);
    if (entries === undefined) return this.#wrong(`it shows commit ${commit}, which never was`);
    if (!this.#sound(store, entries, `commit ${commit}`)) return -1;
    if (dice % AGAIN_ONE_IN === 0) {
      const again = this.#open();
      const found = again.stats().sequence;
      if (found !== commit) {
        return this.#wrong(`it shows commit ${commit}, then, opened again, commit ${found}`);
      }
      if (!this.#sound(again, entries, `commit ${commit}, opened again,`)) return -1;
    }
    if (dice % ON_ONE_IN === 1 && !this.#goesOn(store, entries, dice)) return -1;
    return commit;
  }

  #open(): Kvig {
    this.#io.recycle();
    return openTinySync(this.#io, PATH, this.#options);
  }

  #wrong(what: string): number {
    this.complaint = what;
    return -1;
  }

  #sound(store: Kvig, entries: readonly Entry[], what: string): boolean {
    let at = 0;
    for (const [key, value] of store.range()) {
      const entry = entries[at++];
      if (entry === undefined || !sameBytes(entry.key, key) || !sameBytes(entry.value, value)) {
        this.complaint = `${what} is shown with a wrong entry number ${at - 1}`;
        return false;
      }
    }
    if (at !== entries.length || store.countSync() !== at) {
      this.complaint = `${what} is shown with ${at} entries where it had ${entries.length}`;
      return false;
    }
    const report = store.verifySync();
    if (!report.ok) this.complaint = `${what} is unsound: ${report.problems[0].what}`;
    return report.ok;
  }

  /** Commits once more, ends in one way or another, and opens again. */
  #goesOn(store: Kvig, entries: readonly Entry[], dice: number): boolean {
    const key = Uint8Array.of(0);
    const value = Uint8Array.of(dice & 255, 1, 2);
    store.putSync(key, value);
    if ((dice & 64) !== 0) store.closeSync();
    const entry: Entry = { name: "\0", key, value };
    return this.#sound(this.#open(), [entry, ...entries], "one more commit");
  }
}
