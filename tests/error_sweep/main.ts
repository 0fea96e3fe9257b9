/**
 * `npm run errors`: sweeps in two processes and prints what they found, one JSON object last.
 *
 * @module
 */

import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { judgeCells, printCells } from "./cell_table.ts";
import { type Command, HELP, readCommand, UsageError } from "./command.ts";
import { Cells } from "../sim/cells.ts";
import { sweep, type SweepOptions, type Violation } from "./sweep.ts";
import { WORKLOADS } from "./workloads.ts";

const PROCESSES = 2;
/** Violations that are printed in full. */
const SHOWN = 20;

/** What one process found. */
interface Found {
  injected: number;
  operations: number;
  unreached: string[];
  violations: number;
  failedSyncAcknowledged: number;
  failedSyncRetried: number;
  cells: [string, number][];
}

function optionsOf(command: Command, share: number, shares: number): SweepOptions {
  const { rounds, index, ever } = command;
  return {
    ...command,
    brief: rounds === 1 && index === undefined && ever === undefined,
    share,
    shares,
    onViolation: (violation) => console.log(describe(violation, command.seed)),
  };
}

/** A violation in words, with the command that shows it again. */
function describe(violation: Violation, seed: number): string {
  const { workload, form, round, injection, what, trace } = violation;
  const where = injection === undefined
    ? "without a fault"
    : `${injection.kind}, ${injection.ever ? "for ever" : "once"}, at operation ${injection.index}`;
  const flags = injection === undefined ? "" : ` --kind "${injection.kind}" --index ` +
    `${injection.index} ${injection.ever ? "--ever" : "--once"}`;
  return [
    `VIOLATION in ${workload} (${form}), ${where}:`,
    ...trace.map((line) => `    ${line}`),
    ...what.map((line) => `  ${line}`),
    `  again: npm run errors -- --seed ${seed} --round ${round} --only "${workload}" ` +
    `--form ${form}${flags}`,
  ].join("\n");
}

/** Does one share and prints what was found in one line. */
async function work(command: Command, [share, shares]: readonly [number, number]): Promise<void> {
  const { cells, ...counts } = await sweep(WORKLOADS, optionsOf(command, share, shares));
  const found: Found = { ...counts, cells: [...cells.counts] };
  console.log(`FOUND ${JSON.stringify(found)}`);
}

/** Starts a process for one share; hands on what it prints and gives what it found. */
function start(given: readonly string[], share: number, print: (line: string) => void) {
  return new Promise<Found>((resolve, reject) => {
    const self = fileURLToPath(import.meta.url);
    const child = spawn(process.execPath, [self, ...given, "--share", `${share}/${PROCESSES}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let found: Found | undefined;
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      if (line.startsWith("FOUND ")) found = JSON.parse(line.slice("FOUND ".length)) as Found;
      else print(line);
    });
    child.on("error", reject);
    lines.on("close", () => {
      if (found === undefined) reject(new Error(`process ${share} ended before it was done`));
      else resolve(found);
    });
  });
}

/** Runs everything and returns the exit code. */
async function main(given: readonly string[]): Promise<number> {
  if (given.includes("--help")) {
    console.log(HELP);
    return 0;
  }
  const command = readCommand(given, process.env["KVIG_SEED"]);
  if (command.share !== undefined) {
    await work(command, command.share);
    return 0;
  }
  const began = performance.now();
  let shown = 0;
  const print = (line: string): void => {
    if (line.startsWith("VIOLATION")) shown++;
    if (shown <= SHOWN) console.log(line);
  };
  const shares = Array.from({ length: PROCESSES }, (_, share) => start(given, share, print));
  const found = await Promise.all(shares);
  return report(command, found, (performance.now() - began) / 1000);
}

function report(command: Command, found: readonly Found[], seconds: number): number {
  const sum = (of: (part: Found) => number): number =>
    found.reduce((all, part) => all + of(part), 0);
  const cells = new Cells();
  for (const part of found) cells.add(part.cells);
  const { only, kind, form, index, ever, round } = command;
  const whole = [only, kind, form, index, ever, round].every((choice) => choice === undefined);
  const judged = judgeCells(cells.counts);
  if (command.cells) printCells(cells.counts, (line) => console.log(line));
  for (const name of judged.unexpected) console.log(`a cell that the table does not have: ${name}`);
  const { unreached, operations } = found[0];
  const summary = {
    job: "errors",
    injected: sum((part) => part.injected),
    operations,
    indicesReached: unreached.length === 0 ? "all" : unreached,
    violations: sum((part) => part.violations),
    failedSyncAcknowledged: sum((part) => part.failedSyncAcknowledged),
    failedSyncRetried: sum((part) => part.failedSyncRetried),
    cells: judged.reached,
    cellsMissing: whole ? judged.missing : [],
    cellsUnexpected: judged.unexpected.length,
    seconds: Math.round(seconds),
    seed: command.seed,
  };
  const wrong = summary.violations + summary.failedSyncAcknowledged + summary.failedSyncRetried +
    judged.unexpected.length;
  const incomplete = whole && (unreached.length > 0 || judged.missing.length > 0);
  console.log(JSON.stringify(summary));
  return wrong > 0 || incomplete ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
