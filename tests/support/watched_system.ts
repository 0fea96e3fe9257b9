/**
 * The system's calls as the adapters make them, watched and replaced: so that of real files one can
 * tell what is durable, and make a disk fail.
 *
 * A cut of the power is acted out: whatever a sync call of the system covered is noted when it is
 * called, and the cut puts exactly that back. The runtime's own syncs are carried out as well.
 *
 * @module
 */

import fs from "node:fs";
import { basename, dirname, join } from "node:path";

type Call = (...words: never[]) => unknown;
type Calls = Record<string, Call>;

/** The object whose properties the adapters call; every runtime lets them be replaced. */
const system = fs as unknown as Calls;
const SYNC_CALLS = ["fsyncSync", "fdatasyncSync", "fsync", "fdatasync"];
const FILE_CALLS = [
  ...["read", "write", "fsync", "fdatasync", "ftruncate"],
  ...["readSync", "writeSync", "fsyncSync", "fdatasyncSync", "ftruncateSync"],
];

/** Calls that were replaced, until this is disposed. */
class Replaced implements Disposable {
  readonly #original: Calls = {};

  /** Replaces a call by what `make` makes of it. */
  replace(name: string, make: (original: Call) => Call): void {
    const original = system[name];
    this.#original[name] = original;
    system[name] = make(original);
  }

  [Symbol.dispose](): void {
    Object.assign(system, this.#original);
  }
}

function pathOf(fd: number): string {
  return fs.readlinkSync(`/proc/self/fd/${fd}`);
}

/** Watches the syncs of the files in one directory. */
export class WatchedSyncs implements Disposable {
  readonly #replaced = new Replaced();
  readonly #directory: string;
  /** Bytes that a sync of the file covered, by name. */
  readonly #bytes = new Map<string, Uint8Array>();
  /** Names that a sync of the directory covered. */
  #names = new Set<string>();

  /** Begins to watch. */
  constructor(directory: string) {
    this.#directory = directory;
    for (const name of SYNC_CALLS) {
      this.#replaced.replace(name, (original) => (...words: never[]) => {
        this.#note(words[0]);
        return original(...words);
      });
    }
  }

  /** Leaves in the directory what is durable, and nothing else. */
  cutPower(): void {
    this[Symbol.dispose]();
    for (const name of fs.readdirSync(this.#directory)) fs.rmSync(join(this.#directory, name));
    for (const name of this.#names) {
      const bytes = this.#bytes.get(name) ?? new Uint8Array(0);
      fs.writeFileSync(join(this.#directory, name), bytes, { mode: 0o600 });
    }
  }

  /** What the sync that is called now covers: all that was written before. */
  #note(fd: number): void {
    const path = pathOf(fd);
    if (path === this.#directory) this.#names = new Set(fs.readdirSync(path));
    else if (dirname(path) === this.#directory) {
      this.#bytes.set(basename(path), new Uint8Array(fs.readFileSync(path)));
    }
  }

  /** Ends the watching. */
  [Symbol.dispose](): void {
    this.#replaced[Symbol.dispose]();
  }
}

function inputError(): Error {
  return Object.assign(new Error("EIO: i/o error"), { code: "EIO", errno: -5 });
}

/** A disk that fails: every call for an open file does, until this is disposed. */
export class FailingDisk implements Disposable {
  readonly #replaced = new Replaced();
  readonly #handles: { write: unknown } | undefined;
  readonly #write: unknown;

  /** Begins to fail. */
  constructor() {
    for (const name of FILE_CALLS) {
      this.#replaced.replace(name, () => (...words: never[]) => {
        if (name.endsWith("Sync")) throw inputError();
        const done = words.at(-1) as unknown as (error: Error) => void;
        queueMicrotask(() => done(inputError()));
      });
    }
    // Deno writes through handles of its own.
    const { Deno } = globalThis as { Deno?: { FsFile: { prototype: { write: unknown } } } };
    if (Deno === undefined) return;
    this.#handles = Deno.FsFile.prototype;
    this.#write = this.#handles.write;
    this.#handles.write = () => Promise.reject(inputError());
  }

  /** Works again. */
  [Symbol.dispose](): void {
    this.#replaced[Symbol.dispose]();
    if (this.#handles !== undefined) this.#handles.write = this.#write;
  }
}
