/**
 * How much memory a store takes that is far larger than its cache, how long it takes to open, and
 * what a transaction of three million puts does.
 *
 * Each part runs in a process of its own. What counts is its largest resident memory, as a whole,
 * runtime included. `--help` says how to run some of the parts, smaller, or several times.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";

import { build, reopenAsync, reopenSync, workAsync, workSync } from "./memory/large_store.ts";
import { transactionAsync, transactionSync } from "./memory/large_transaction.ts";
import { OPTIONS, type Phase, type PhaseReport } from "./memory/phase.ts";
import { duration, mebibytes, median } from "./support/figures.ts";
import { forgetPeak, peakBytes, residentBytes } from "./support/resident.ts";
import { Scratch } from "./support/scratch.ts";

/** The buffer between commits and log. */
const LOG_BUFFER_BYTES = 2 ** 20;
const BOUND_BYTES = OPTIONS.cacheSize + LOG_BUFFER_BYTES + 80 * 2 ** 20;
const OPENING_MILLISECONDS = 100;
const OPENINGS = 9;

/** The parts; the first word of a name says which store they work on. */
const PHASES: Readonly<Record<string, Phase>> = {
  "large store: building it": build,
  "large store: working it, blocking": workSync,
  "large store: working it, promises": workAsync,
  "large store: opening it, blocking": reopenSync,
  "large store: opening it, promises": reopenAsync,
  "transaction in order": transactionSync("in order", "commit"),
  "transaction in order, taken back": transactionSync("in order", "throw"),
  "transaction at random": transactionSync("at random", "commit"),
  "transaction at random, taken back": transactionSync("at random", "throw"),
  "transaction in order, promises": transactionAsync,
};

/** A part's report with the memory of its process. */
interface Measured extends PhaseReport {
  readonly beforeBytes: number;
  readonly peakBytes: number;
  readonly failure?: string;
}

const HELP = `Usage: npm run bench:memory -- [options]

  --only NAME   only the parts whose name contains NAME, and the building of the store they need
  --runs COUNT  each part so many times, default 1
  --scale SHARE everything in this share of the full size, above 0, default 1
  --check       end with status 1 where a target is missed
  --help        this text

Parts:
${Object.keys(PHASES).map((name) => `  ${name}`).join("\n")}`;

const given = readArguments();
if (given.help) console.log(HELP);
else if (given.phase === undefined) main();
else await runPhase(given.phase);

interface Given {
  /** In a process of a part: its name. */
  readonly phase?: string | undefined;
  /** In a process of a part: the path of its store. */
  readonly path: string;
  readonly scale: string;
  readonly runs: string;
  readonly only: string;
  readonly check: boolean;
  readonly help: boolean;
}

/** The arguments; where they make no sense it says so and ends with status 2. */
function readArguments(): Given {
  try {
    const { values } = parseArgs({
      options: {
        phase: { type: "string" },
        path: { type: "string", default: "" },
        scale: { type: "string", default: "1" },
        runs: { type: "string", default: "1" },
        only: { type: "string", default: "" },
        check: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    const { scale, runs, only } = values;
    if (!(Number(scale) > 0)) {
      throw new Error(`--scale takes a number above 0, got ${scale}`);
    }
    if (!/^[1-9]\d*$/.test(runs)) {
      throw new Error(`--runs takes a whole number from 1 on, got ${runs}`);
    }
    if (!Object.keys(PHASES).some((name) => name.includes(only))) {
      throw new Error(
        `--only takes a part of one of the names that --help lists, got ${only}`,
      );
    }
    return values;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  }
}

function main(): void {
  using scratch = new Scratch();
  const { version, release } = process;
  console.log(
    `Memory, ${release.name} ${version}, ${scratch.path}, ${scratch.fileSystem}`,
  );
  console.log(
    `Cache ${mebibytes(OPTIONS.cacheSize)}, log ${mebibytes(OPTIONS.logSize)}; resident memory ` +
      `may be cache + log buffer + 80 MiB = ${mebibytes(BOUND_BYTES)}\n`,
  );
  let missed = 0;
  const chosen = Object.keys(PHASES).filter((name) => name.includes(given.only));
  const building = Object.keys(PHASES)[0];
  if (!chosen.includes(building) && chosen.some(isOfLargeStore)) {
    chosen.unshift(building);
  }
  for (const name of chosen) {
    const large = isOfLargeStore(name);
    const path = scratch.file(large ? "large.kvig" : "transaction.kvig");
    for (
      let run = 0;
      run < (name === building ? 1 : Number(given.runs));
      run++
    ) {
      if (name.includes("opening it")) missed += judgeOpening(name, path);
      else missed += judgeMemory(name, path);
      if (!large) {
        for (const file of [path, `${path}-wal`]) {
          fs.rmSync(file, { force: true });
        }
      }
    }
  }
  console.log(
    missed === 0 ? "All targets are met." : `Targets missed: ${missed}.`,
  );
  if (missed > 0 && given.check) process.exitCode = 1;
}

function isOfLargeStore(name: string): boolean {
  return name.startsWith("large store");
}

/** Runs a part and prints what came out; returns the number of targets that were missed. */
function judgeMemory(name: string, path: string): number {
  const measured = spawnPhase(name, path);
  console.log(name);
  for (const step of measured.steps) console.log(`  ${step}`);
  if (measured.failure !== undefined) {
    console.log(`  FAILED: ${measured.failure}\n`);
    return 1;
  }
  const { bytes, spills, reads } = measured.figures;
  if (bytes !== undefined) console.log(`  data file: ${mebibytes(bytes)}`);
  if (spills !== undefined) {
    console.log(`  pages read: ${reads}, spilled: ${spills}`);
  }
  const met = measured.peakBytes <= BOUND_BYTES;
  const more = measured.peakBytes - measured.beforeBytes;
  console.log(
    `  resident memory: ${mebibytes(measured.peakBytes)} at most, ${mebibytes(more)} more than ` +
      `before opening: ${met ? "met" : "MISSED"}\n`,
  );
  return met ? 0 : 1;
}

/** Opens the store in one process after another. */
function judgeOpening(name: string, path: string): number {
  const times: number[] = [];
  for (let i = 0; i < OPENINGS; i++) {
    const { figures, failure } = spawnPhase(name, path);
    if (failure !== undefined) {
      console.log(`${name}\n  FAILED: ${failure}\n`);
      return 1;
    }
    times.push(figures["milliseconds"]);
  }
  const met = median(times) < OPENING_MILLISECONDS;
  console.log(
    `${name}\n  ${duration(median(times))} (median of ${OPENINGS} processes, at most ` +
      `${duration(Math.max(...times))}), target ${OPENING_MILLISECONDS} ms: ` +
      `${met ? "met" : "MISSED"}\n`,
  );
  return met ? 0 : 1;
}

function spawnPhase(name: string, path: string): Measured {
  const ended = spawnSync(
    process.execPath,
    [...process.execArgv, process.argv[1], "--phase", name, "--path", path]
      .concat(
        "--scale",
        given.scale,
      ),
    {
      stdio: ["ignore", "pipe", "inherit"],
      encoding: "utf8",
      maxBuffer: 2 ** 24,
    },
  );
  if (ended.error !== undefined) throw ended.error;
  const last = ended.stdout.trim().split("\n").at(-1) ?? "";
  if (last.startsWith("{")) return JSON.parse(last) as Measured;
  const failure = `the process ended with ${ended.signal ?? `status ${ended.status}`}`;
  return { steps: [], figures: {}, beforeBytes: 0, peakBytes: 0, failure };
}

/** In a process of its own: runs one part and prints its report as a line of JSON. */
async function runPhase(name: string): Promise<void> {
  const phase = PHASES[name];
  if (phase === undefined) throw new RangeError(`there is no part ${name}`);
  forgetPeak();
  const beforeBytes = residentBytes();
  let report: PhaseReport & { failure?: string };
  try {
    report = await phase({ path: given.path, scale: Number(given.scale) });
  } catch (error) {
    const failure = error instanceof Error ? error.stack ?? error.message : String(error);
    report = { steps: [], figures: {}, failure };
  }
  console.log(
    JSON.stringify({ ...report, beforeBytes, peakBytes: peakBytes() }),
  );
}
