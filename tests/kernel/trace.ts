/**
 * System calls of a worker, as strace sees them, and errors that it injects into them.
 *
 * Only calls on the files of one store are seen, and the making of directories with which the
 * worker marks how far it has come (see {@link MARKS}). Where a call of the store
 * failed, this says without trusting the store whether a sync was tried again.
 *
 * @module
 */

import fs from "node:fs";
import { dirname, join } from "node:path";

import { type MarkName, MARKS } from "./life.ts";

/** The calls that are seen, and may be injected into. */
const CALLS = "fdatasync,fsync,pwrite64,write,pwritev,writev,mkdir,mkdirat";
const LINE = new RegExp(
  String.raw`^(?<at>[\d.]+) (?<name>\w+)\((?<words>.*)\) += -?\d+` +
    String.raw`(?: (?<code>E\w+) .*?)? <(?<took>[\d.]+)>$`,
);

/** One call. */
export interface TracedCall {
  /** Its name. */
  readonly name: string;
  /** The file or directory. */
  readonly path: string;
  /** When it began and ended, in seconds. */
  readonly began: number;
  /** When it ended. */
  readonly ended: number;
  /** The system's code of its error, or "". */
  readonly code: string;
}

/** What the trace of one life says about its syncs. */
export interface SyncVerdict {
  /** Calls that failed, of any kind. */
  readonly failures: number;
  /** Syncs that failed. */
  readonly failed: number;
  /** Whether one of them was of the log. */
  readonly logFailed: boolean;
  /** Syncs after one of the same file had failed, or of either file after the store had. */
  readonly retried: number;
}

/** The trace of one worker with one store. */
export class Trace {
  /** The directory for the worker's marks. */
  readonly marks: string;
  readonly #files: readonly string[];
  readonly #directory: string;

  /** Of the store at `path`; what is written down goes to `directory`, which must be empty. */
  constructor(path: string, directory: string) {
    this.#files = [path, `${path}-wal`];
    this.#directory = directory;
    this.marks = join(directory, "marks");
    fs.mkdirSync(this.marks);
  }

  /** What stands before the worker's command; `injection` is an expression of `strace -e`. */
  words(injection?: string): string[] {
    const marks = MARKS.map((name) => join(this.marks, name));
    return [
      "strace",
      ..."-ff -ttt -T -y -qq --seccomp-bpf -s 1".split(" "),
      ...["-o", join(this.#directory, "trace"), "-e", `trace=${CALLS}`],
      ...[...this.#files, ...marks].flatMap((path) => ["-P", path]),
      ...(injection === undefined ? [] : ["-e", `inject=${injection}`]),
    ];
  }

  /** All calls, in the order in which they began. */
  calls(): TracedCall[] {
    const names = fs.readdirSync(this.#directory).filter((name) => name.startsWith("trace."));
    const lines = names.flatMap((name) => {
      return fs.readFileSync(join(this.#directory, name), "latin1").split("\n");
    });
    const calls = lines.map(readLine).filter((call) => call !== undefined);
    return calls.toSorted((a, b) => a.began - b.began);
  }

  /** What it says; `storeFailed`: whether the store failed as a whole. */
  judge(storeFailed: boolean): SyncVerdict {
    const calls = this.calls();
    const markedAt = (name: MarkName): number =>
      calls.find(({ path }) => path === join(this.marks, name))?.began ?? Infinity;
    const closed = markedAt("closed");
    const syncs = calls.filter(({ name, path, began }) => {
      return name.endsWith("sync") && this.#files.includes(path) && began < closed;
    });
    const failed = syncs.filter(({ code }) => code !== "");
    // The first failure may be one that a store outlives, that of a read: it syncs after that.
    const dead = storeFailed || failed.some(({ ended }) => ended <= markedAt("failed"));
    const [met, settled] = dead ? [markedAt("failed"), markedAt("settled")] : [Infinity, Infinity];
    const retried = syncs.filter((sync, index) => {
      const { path, began } = sync;
      const before = syncs.slice(0, index).filter((other) => other.path === path);
      // A store syncs each file once at a time: a sync that was under way when the failure was met
      // is none that was tried again, the next one is.
      return began > settled || before.some(({ code, ended }) => code !== "" || ended > met);
    });
    const failures = calls.filter(({ code, path }) => code !== "" && dirname(path) !== this.marks);
    return {
      failures: failures.length,
      failed: failed.length,
      logFailed: failed.some(({ path }) => path === this.#files[1]),
      retried: retried.length,
    };
  }
}

function readLine(line: string): TracedCall | undefined {
  const groups = LINE.exec(line)?.groups;
  if (groups === undefined) return undefined;
  const { at, name, words, code = "", took } = groups;
  const path = /^\d+<(?<path>[^>]*)>/.exec(words!)?.groups?.["path"] ??
    /"(?<path>[^"]*)"/.exec(words!)?.groups?.["path"] ?? "";
  const began = Number(at);
  return { name: name!, path, began, ended: began + Number(took), code };
}
