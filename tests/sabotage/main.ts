/**
 * Sabotage: patches that break the engine in one place each, and a run that shows that the checks
 * of this repository notice every one of them.
 *
 * Of each patch the detector that is known to notice it fastest is run, and where that does not,
 * all others. In the end every detector must pass without any patch, with the very cases that
 * noticed something. With `--all` every patch meets every detector.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { endJob, jobOptions, type JobValues, refuse } from "../support/job.ts";
import { casesOf, DETECTORS } from "./detectors.ts";
import { GENERAL, type GeneralName, type Patch, type TestCatcher } from "./patch.ts";
import { PATCHES } from "./patches.ts";
import { DOCS_PATH, repositoryRoot, withTable } from "./table.ts";
import { type Detector, type Outcome, tryOut } from "./trial.ts";

const USAGE = `usage: npm run sabotage -- [options]

Breaks the engine in one place after another, and shows which check notices that and how fast.
${GENERAL.map((name) => `  ${name.padEnd(8)} ${DETECTORS[name].what}`).join("\n")}
  ${"test".padEnd(8)} the test that is about what is broken`;

/** What became of a patch. */
interface Result {
  readonly patch: Patch;
  readonly trials: readonly Trial[];
}

interface Trial {
  readonly detector: Detector;
  readonly outcome: Outcome;
}

function options(): JobValues {
  return jobOptions(USAGE, {
    only: { text: true, help: "only the patches with this in their names" },
    threads: { help: "patches at a time", least: 1, default: Math.min(2, availableParallelism()) },
    seconds: { help: "seconds that one detector may take for one patch", least: 1, default: 240 },
    all: { flag: true, help: "every detector, not only the one that is known to notice" },
    "write-docs": { flag: true, help: "only write the table of patches" },
  });
}

/** Detectors for a patch, the one that is known to notice first. */
function detectorsFor({ general, test }: Patch): Detector[] {
  const known: Detector[] = [];
  if (general !== undefined) {
    // Which case notices changes with every change of the engine: in the end all are tried.
    known.push({ name: general.by, cases: casesOf(general.by, general.at, true) });
  }
  if (test !== undefined) known.push({ name: "test", test });
  return [...known, ...GENERAL.map((name): Detector => ({ name, cases: casesOf(name) }))];
}

function nameOf(detector: Detector, at?: number): string {
  if (detector.name === "test") return `${detector.test.file}: ${detector.test.test}`;
  return at === undefined
    ? detector.name
    : `${detector.name}, ${DETECTORS[detector.name].unit} ${at}`;
}

async function tryPatch(patch: Patch, limitMs: number, all: boolean): Promise<Result> {
  const trials: Trial[] = [];
  for (const detector of detectorsFor(patch)) {
    const outcome = await tryOut(detector, patch, limitMs);
    trials.push({ detector, outcome });
    if (outcome.caught && outcome.broken === "" && !all) break;
  }
  return { patch, trials };
}

function isCaught({ trials }: Result): boolean {
  return trials.some(({ outcome }) => outcome.caught && outcome.broken === "");
}

function tell({ patch, trials }: Result): void {
  for (const { detector, outcome } of trials) {
    const { caught, broken, what, at, ms } = outcome;
    const word = broken !== "" ? "USELESS" : caught ? "caught" : "missed";
    const seconds = `${(ms / 1000).toFixed(1)} s`.padStart(8);
    const words = broken === "" ? what.slice(0, 200) : broken;
    console.log(`${word.padEnd(7)} ${patch.name}  ${seconds}  ${nameOf(detector, at)}`);
    if (words !== "") console.log(`          ${words}`);
  }
}

/** Without a patch the very same must pass, or nothing was shown. */
function controls(results: readonly Result[]): Detector[] {
  const cases = new Map<GeneralName, Set<number>>();
  const tests = new Map<string, TestCatcher>();
  for (const { detector, outcome } of results.flatMap(({ trials }) => trials)) {
    if (!outcome.caught) continue;
    if (detector.name === "test") tests.set(nameOf(detector), detector.test);
    else if (outcome.at !== undefined) {
      const known = cases.get(detector.name) ?? new Set();
      cases.set(detector.name, known.add(outcome.at));
    }
  }
  return [
    ...[...cases].map(([name, set]): Detector => ({ name, cases: [...set].sort((a, b) => a - b) })),
    ...[...tests.values()].map((test): Detector => ({ name: "test", test })),
  ];
}

/** Does `work` for all of `items`, so many at a time. */
async function inLanes<T>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const lane = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function sabotage(values: JobValues): Promise<void> {
  const started = performance.now();
  const only = values.text("only") ?? "";
  const patches = PATCHES.filter(({ name }) => name.includes(only));
  if (patches.length === 0) {
    refuse(
      `--only must be part of a name, got "${only}": ${PATCHES.map((it) => it.name).join(", ")}`,
    );
  }
  const limitMs = values.number("seconds") * 1000;
  const threads = values.number("threads");
  const results: Result[] = [];
  await inLanes(patches, threads, async (patch) => {
    const result = await tryPatch(patch, limitMs, values.flag("all"));
    results.push(result);
    tell(result);
  });
  const failed: string[] = [];
  await inLanes(controls(results), threads, async (detector) => {
    const { caught, what, broken } = await tryOut(detector, undefined, 4 * limitMs);
    if (!caught && broken === "") return;
    failed.push(nameOf(detector));
    console.log(`FAILS WITHOUT A PATCH: ${nameOf(detector)}\n          ${what} ${broken}`);
  });
  const missed = results.filter((result) => !isCaught(result)).map(({ patch }) => patch.name);
  const useless = results.filter(({ trials }) =>
    trials.some(({ outcome }) => outcome.broken !== "")
  );
  endJob({
    job: "sabotage",
    patches: patches.length,
    caught: results.length - missed.length,
    missed,
    useless: useless.map(({ patch }) => patch.name),
    failedWithoutPatch: failed,
    violations: missed.length + failed.length + useless.length,
    seconds: Math.round((performance.now() - started) / 100) / 10,
  });
}

/** Writes the table and lets the formatter align it. */
function writeDocs(): void {
  const path = join(repositoryRoot(), DOCS_PATH);
  writeFileSync(path, withTable(readFileSync(path, "utf8"), PATCHES));
  execFileSync(join(repositoryRoot(), "node_modules/.bin/deno"), ["fmt", "--quiet", path]);
}

const values = options();
if (values.flag("write-docs")) writeDocs();
else await sabotage(values);
