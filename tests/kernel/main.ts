/**
 * Stores on a real kernel: power cuts, kills, full and failing disks, lying syncs.
 *
 * It needs root on Linux, and says what is missing elsewhere. The last line it prints is a JSON
 * object with what was counted. `--help` tells the rest.
 *
 * @module
 */

import process from "node:process";

import { Random, runSeed } from "../support/random.ts";
import { undoAll, undoOnSignals } from "./cleanup.ts";
import { Arena, type DiskKind, hasProgram, run } from "./disks.ts";
import { fileLimit } from "./file_limit.ts";
import { fullDisk } from "./full_disk.ts";
import { injected } from "./injected.ts";
import { kills } from "./kills.ts";
import { HELP, readOptions, type ScenarioName, UsageError, type Wanted } from "./options.ts";
import type { Context } from "./ordeal.ts";
import { powerCuts } from "./power_cuts.ts";
import { readOnly } from "./read_only.ts";
import { Report } from "./report.ts";
import { selfCheck } from "./self_check.ts";
import { stickyError } from "./sticky_error.ts";
import { syncLie } from "./sync_lie.ts";
import { loadSystem } from "./system.ts";

const ARENA_BYTES = 1536 * 2 ** 20;

/** What a scenario cannot do without. */
const NEEDS_LOOP: readonly ScenarioName[] = [
  "power-cuts",
  "full-disk",
  "read-only",
  "sync-lie",
  "sticky-error",
  "self-check",
];
const NEEDS_TRACING: readonly ScenarioName[] = ["injected", "self-check"];

const RUNS: Readonly<Record<ScenarioName, (context: Context, wanted: Wanted) => Promise<void>>> = {
  "power-cuts": ({ arena, report }, { cuts }) => powerCuts(arena, report, kinds(report), cuts),
  "kills": ({ arena, report }, wanted) => kills(arena, report, wanted.kills),
  "full-disk": fullDisk,
  "file-limit": fileLimit,
  "read-only": readOnly,
  "sync-lie": syncLie,
  "sticky-error": stickyError,
  "self-check": selfCheck,
  "injected": injected,
};

function kinds(report: Report): DiskKind[] {
  if (hasProgram("mkfs.xfs")) return ["ext4", "xfs"];
  report.skip("power-cuts on XFS", "mkfs.xfs is missing; Debian has it in the package xfsprogs");
  return ["ext4"];
}

/** Why a scenario cannot run here, or undefined. */
function hindrance(name: ScenarioName, tracing: boolean): string | undefined {
  if (NEEDS_TRACING.includes(name) && !tracing) return "strace is missing, or may not trace here";
  if (name === "file-limit" && !hasProgram("prlimit")) return "prlimit is missing";
  if (!NEEDS_LOOP.includes(name)) return undefined;
  const missing = ["losetup", "mkfs.ext4", "fallocate"].find((program) => !hasProgram(program));
  return missing === undefined ? undefined : `${missing} is missing`;
}

function canTrace(): boolean {
  try {
    run("strace", "-qq", "-e", "trace=none", "true");
    return true;
  } catch {
    return false;
  }
}

async function runAll(wanted: Wanted, report: Report): Promise<void> {
  const system = loadSystem();
  if (typeof system === "string") return report.skip("everything", system);
  const arena = new Arena(system, ARENA_BYTES);
  const tracing = canTrace();
  const context = { arena, report, random: new Random(report.seed), tracing };
  for (const name of wanted.scenarios) {
    const why = hindrance(name, tracing);
    if (why !== undefined) {
      report.skip(name, why);
      continue;
    }
    const before = report.seconds;
    try {
      await RUNS[name](context, wanted);
    } catch (error) {
      report.violation({ scenario: name, blame: "otherViolations", error, files: [], more: [] });
    }
    console.log(`${name}: ${(report.seconds - before).toFixed(1)} s`);
  }
}

async function main(): Promise<void> {
  const wanted = readOptions(process.argv.slice(2));
  if (wanted === undefined) return console.log(HELP);
  const report = new Report(wanted.seed ?? runSeed("kernel"));
  undoOnSignals();
  await runAll(wanted, report);
  undoAll();
  console.log(report.summary());
  if (report.failed || (wanted.required && report.skipped.length > 0)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`kernel: ${error.message}; --help tells more`);
  process.exitCode = 2;
}
