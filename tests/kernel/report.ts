/**
 * What the job counts, and what it does with a violation: tells all that is needed to run it again,
 * and keeps the files.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { root } from "../../scripts/repository.ts";

/** Counters, in the order of the report. */
export interface Counts {
  /** File systems shut down under working stores. */
  powerCuts: number;
  /** Of those, on ext4. */
  powerCutsExt4: number;
  /** Of those, on XFS. */
  powerCutsXfs: number;
  /** Times that a store was looked at after a power cut. */
  looksAfterPowerCuts: number;
  /** Commits acknowledged before power cuts. */
  acknowledgedBeforePowerCuts: number;
  /** Violations of a store after a power cut. */
  acknowledgedLost: number;
  /** Processes killed. */
  killCycles: number;
  /** Of those, while they opened their store. */
  killedWhileOpening: number;
  /** Violations of a store after a kill. */
  killLost: number;
  /** Full disks lived through. */
  fullDisks: number;
  /** Stores that reached the limit of the size of files. */
  fileLimits: number;
  /** Stores whose file system became read-only. */
  readOnlyRemounts: number;
  /** Stores whose first sync failed and whose second one would have succeeded. */
  syncLies: number;
  /** Stores whose disk failed for good. */
  stickyErrors: number;
  /** Stores with an error injected into a system call. */
  injectedErrors: number;
  /** Runs of power cuts under syncs that do nothing, in which that was noticed. */
  lyingSyncsNoticed: number;
  /** Syncs that failed under a store, as the tracer saw them or the store said. */
  failedSyncs: number;
  /** Commits acknowledged although their sync failed. */
  failedSyncAcknowledged: number;
  /** Syncs of a store's files after one of them had failed. */
  failedSyncRetried: number;
  /** Other violations. */
  otherViolations: number;
}

/** Which counter a violation goes to. */
export type Blame = {
  [K in keyof Counts]: K extends
    | "acknowledgedLost"
    | "killLost"
    | "failedSyncAcknowledged"
    | "failedSyncRetried"
    | "otherViolations" ? K
    : never;
}[keyof Counts];

const BLAMES: readonly Blame[] = [
  "acknowledgedLost",
  "killLost",
  "failedSyncAcknowledged",
  "failedSyncRetried",
  "otherViolations",
];

/** What is found out about one violation. */
export interface Violation {
  /** The scenario, and whatever else tells it apart. */
  scenario: string;
  /** Which counter it goes to. */
  blame: Blame;
  /** What was thrown. */
  error: unknown;
  /** Files to keep. */
  files: readonly string[];
  /** Further words: the plan, the last lines. */
  more: readonly string[];
}

/** The counts, the violations, the skips of one run. */
export class Report {
  /** The seed of the run. */
  readonly seed: number;
  /** What was counted. */
  readonly counts: Counts = {
    powerCuts: 0,
    powerCutsExt4: 0,
    powerCutsXfs: 0,
    looksAfterPowerCuts: 0,
    acknowledgedBeforePowerCuts: 0,
    acknowledgedLost: 0,
    killCycles: 0,
    killedWhileOpening: 0,
    killLost: 0,
    fullDisks: 0,
    fileLimits: 0,
    readOnlyRemounts: 0,
    syncLies: 0,
    stickyErrors: 0,
    injectedErrors: 0,
    lyingSyncsNoticed: 0,
    failedSyncs: 0,
    failedSyncAcknowledged: 0,
    failedSyncRetried: 0,
    otherViolations: 0,
  };
  /** What was left out, and why. */
  readonly skipped: string[] = [];
  readonly #began = performance.now();

  /** Begins to count. */
  constructor(seed: number) {
    this.seed = seed;
  }

  /** Whether there was any violation. */
  get failed(): boolean {
    return BLAMES.some((blame) => this.counts[blame] > 0);
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return Math.round((performance.now() - this.#began) / 100) / 10;
  }

  /** Says loudly that something is left out. */
  skip(what: string, why: string): void {
    console.log(`SKIPPED  ${what}: ${why}`);
    this.skipped.push(`${what}: ${why}`);
  }

  /** Counts a violation, tells of it, and keeps its files. */
  violation({ scenario, blame, error, files, more }: Violation): void {
    this.counts[blame]++;
    const kept = fs.mkdtempSync(join(tmpdir(), "kvig-kernel-kept-"));
    for (const file of files) keep(file, kept);
    const commit = execFileSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" });
    console.error(`VIOLATION  ${scenario} (${blame}), seed ${this.seed}, commit ${commit.trim()}`);
    console.error(error instanceof Error ? error.stack : error);
    for (const line of more) console.error(`  ${line}`);
    console.error(`its files are kept in ${kept}`);
  }

  /** The summary: the last line of the job. */
  summary(): string {
    const { counts, skipped, seconds, seed } = this;
    return JSON.stringify({ job: "kernel", ...counts, skipped, seconds, seed });
  }
}

/** Copies a file into a directory; it may lie on a disk that was made to fail. */
function keep(file: string, directory: string): void {
  try {
    fs.copyFileSync(file, join(directory, basename(file)));
  } catch (error) {
    console.error(`  ${file} cannot be kept: ${(error as Error).message}`);
  }
}
