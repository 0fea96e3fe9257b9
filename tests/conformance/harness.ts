/**
 * What the suite wants of whoever runs it, what a case is, and how one case is carried out.
 *
 * A case ends in one of three ways: it passed, it failed, or it is *not proven*, because the
 * harness lacks something that the case needs. Nothing is ever passed over in silence.
 *
 * @module
 */

import { checkedIo } from "../../core/checked_io.ts";
import type { Io, IoFile, IoOpenOptions } from "../../core/io.ts";
import { NotProven, notProven, result, within } from "./check.ts";

/** An attempt to take the lock of a file from another process, which stays alive. */
export interface Elsewhere {
  /** Whether the lock was taken there; false when it was refused with `KVIG_LOCKED`. */
  readonly held: boolean;
  /** Gives the lock up, if it was taken, and ends the other process. */
  close(): void | Promise<void>;
}

/**
 * What the Io can do and what the harness can make happen around it. Each of these is optional; a
 * case that needs one that is missing is reported as not proven, by name.
 */
export interface Supports {
  /** Whether the Io can block; then its `canBlock` has to be true. Default: what that says. */
  blocking: boolean;
  /** Whether files opened with `direct` do bypass the system's page cache. */
  direct: boolean;
  /** Whether a file may have holes, so that one of 4 GiB with little in it costs little. */
  large: boolean;
  /** Whether locks can be had; then `KVIG_UNSUPPORTED` is a failure. */
  locks: boolean;
  /** Makes a symbolic link at `path`. */
  symbolicLink(target: string, path: string): void | Promise<void>;
  /** Makes a directory at `path`. */
  makeDirectory(path: string): void | Promise<void>;
  /** Makes something at `path` that is no file, directory nor link: a pipe, a socket. */
  makeSpecial(path: string): void | Promise<void>;
  /** The permission bits of the file at `path`. */
  modeOf(path: string): number | Promise<number>;
  /** Tries to take the lock of the file at `path` from another process. */
  openElsewhere(path: string, kind: "exclusive" | "shared"): Promise<Elsewhere>;
  /**
   * An Io of what would be left if power failed now: what is durable, and nothing else. It is given
   * the Io that {@link Harness.createIo} made, which is used no more afterwards.
   */
  powerCut(io: Io): Io | Promise<Io>;
  /** A new Io whose files hold `capacityBytes` bytes together; then its disk is full. */
  full(capacityBytes: number): Io | Promise<Io>;
  /**
   * A new Io over a disk that fails: files open, are empty and close, and whatever else is asked of
   * the system for an open file fails.
   */
  failing(): Io | Promise<Io>;
}

/** What is tested, and with what help. */
export interface Harness {
  /** Makes the Io that is tested; called for each case. */
  createIo(): Io | Promise<Io>;
  /**
   * The path of an empty directory for one case. Default: a name that no other case gets, for an Io
   * with names of its own.
   */
  directory?(): string | Promise<string>;
  /** Removes a directory when its case is over. */
  cleanUp?(directory: string): void | Promise<void>;
  /** What the Io can do, and what can be made to happen around it. */
  supports?: Partial<Supports>;
  /** Longest that a case may take, in milliseconds; it then fails. Default: 60000. */
  limitMs?: number;
}

/** A {@link Harness} with a test runner, to which the cases are handed. */
export interface Conformance extends Harness {
  /**
   * Registers a test with the runner at hand. `work` carries out one case, and rejects where the
   * case fails. A case that is not proven calls `onNotProven` with what was missing; without that
   * it rejects, so that it cannot be taken for passed.
   */
  test(name: string, work: (onNotProven?: (why: string) => void) => Promise<void>): void;
}

/** One sentence of the contract, and how it is proved. */
export interface Case {
  /** What the sentence is about; cases of a group stand together. */
  readonly group: string;
  /** The sentence, in short. */
  readonly name: string;
  /** Proves it: throws where it does not hold, `NotProven` where that cannot be told. */
  work(place: Place): Promise<void>;
}

/** How a case ended. */
export interface Outcome {
  /** In which of the three ways. */
  readonly outcome: "passed" | "failed" | "not proven";
  /** Why it failed, or what was missing. */
  readonly error?: unknown;
}

const LIMIT_MS = 60_000;

let directoryCount = 0;

/** Where one case works: an Io, a directory, and what the harness offers. */
export class Place {
  /** The Io that is tested, made for this case. */
  readonly io: Io;
  /** The directory of this case. */
  readonly directory: string;
  /** The harness, for cases that make further Ios. */
  readonly harness: Harness;
  readonly #files: IoFile[] = [];
  /** The Io as the harness made it. */
  readonly #given: Io;

  /** A place for one case. */
  constructor(harness: Harness, io: Io, directory: string) {
    this.harness = harness;
    this.#given = io;
    this.io = checkedIo(io);
    this.directory = directory;
  }

  /** What the harness says it supports. */
  get supports(): Partial<Supports> {
    return this.harness.supports ?? {};
  }

  /** The path of `name` in the directory. */
  path(name = "data"): string {
    return `${this.directory}/${name}`;
  }

  /** Opens a file, creating it unless told otherwise; it is closed when the case is over. */
  async open(
    path: string = this.path(),
    options: IoOpenOptions = { create: true },
  ): Promise<IoFile> {
    return this.keep(await result(this.io.open(path, options)));
  }

  /** Has `file` closed when the case is over. */
  keep(file: IoFile): IoFile {
    this.#files.push(file);
    return file;
  }

  /**
   * What the harness offers under `name`.
   * @throws {NotProven} where it offers nothing.
   */
  need<K extends keyof Supports>(name: K): Supports[K] {
    const found = this.supports[name];
    if (found === undefined || found === false) return notProven(`the harness offers no ${name}`);
    if (name === "powerCut") {
      const powerCut = found as Supports["powerCut"];
      const ofGiven: Supports["powerCut"] = (io) => powerCut(io === this.io ? this.#given : io);
      return ofGiven as Supports[K];
    }
    return found as Supports[K];
  }

  /** Closes what was opened. */
  async closeFiles(): Promise<void> {
    for (const file of this.#files.splice(0)) await result(file.close());
  }
}

/** Carries out one case in a directory of its own. */
export async function runCase(harness: Harness, one: Case): Promise<Outcome> {
  try {
    const directory = await harness.directory?.() ?? `conformance-${++directoryCount}`;
    try {
      await within(harness.limitMs ?? LIMIT_MS, workIn(harness, directory, one));
    } finally {
      await harness.cleanUp?.(directory);
    }
  } catch (error) {
    return { outcome: error instanceof NotProven ? "not proven" : "failed", error };
  }
  return { outcome: "passed" };
}

async function workIn(harness: Harness, directory: string, one: Case): Promise<void> {
  const place = new Place(harness, await harness.createIo(), directory);
  try {
    await one.work(place);
  } catch (error) {
    // The first failure is the one to report: that of closing may well be its consequence.
    await place.closeFiles().catch(() => undefined);
    throw error;
  }
  await place.closeFiles();
}

/** Hands cases to the harness's test runner. */
export function registerCases(harness: Conformance, cases: readonly Case[]): void {
  for (const one of cases) {
    harness.test(`${one.group}: ${one.name}`, async (onNotProven) => {
      const { outcome, error } = await runCase(harness, one);
      if (outcome === "passed") return;
      if (outcome === "not proven" && onNotProven !== undefined) {
        return onNotProven(error instanceof Error ? error.message : String(error));
      }
      throw error;
    });
  }
}
