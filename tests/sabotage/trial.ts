/**
 * One trial: a detector in a process of its own, with a patch or without, and what it said.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import {
  APPLIED,
  BEGUN,
  filesOf,
  type GeneralName,
  type Patch,
  PATCH_VARIABLE,
  type TestCatcher,
} from "./patch.ts";

/** The root of the repository. */
export const ROOT: string = resolve(import.meta.dirname, "../..");

/** A detector and what it is to look at. */
export type Detector =
  | { readonly name: GeneralName; readonly cases: readonly number[] }
  | { readonly name: "test"; readonly test: TestCatcher };

/** What came of a trial. */
export interface Outcome {
  /** Whether something was noticed. */
  readonly caught: boolean;
  /** What was noticed, in words; "" for nothing. */
  readonly what: string;
  /** The case that noticed, where the detector has cases. */
  readonly at: number | undefined;
  /** Why it says nothing about the patch, "" where it does. */
  readonly broken: string;
  /** How long it took. */
  readonly ms: number;
}

/** What a process printed, and how it ended. */
interface Ended {
  readonly lines: readonly string[];
  readonly errors: string;
  readonly code: number | null;
  readonly silent: boolean;
}

/** After so long without a word a general detector makes no progress. */
const PATIENCE_MS = 150_000;
/** A test tells nothing until it ends. */
const TEST_PATIENCE_MS = 240_000;

const running = new Set<() => void>();
process.on("exit", () => {
  for (const stop of running) stop();
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

/** Lets a detector look at the engine, with `patch` if there is one, for at most `limitMs`. */
export async function tryOut(
  detector: Detector,
  patch: Patch | undefined,
  limitMs: number,
): Promise<Outcome> {
  const started = performance.now();
  const ended = await run(detector, patch, limitMs);
  const ms = Math.round(performance.now() - started);
  return { ...judgementOf(detector, ended), broken: whatBroke(detector, patch, ended), ms };
}

/** A program that did not come to its work, or not with the patch, notices nothing. */
function whatBroke(detector: Detector, patch: Patch | undefined, ended: Ended): string {
  const { lines, errors, code, silent } = ended;
  const begun = detector.name === "test"
    ? code === 0 || silent || lines.some(isFailure)
    : lines.includes(BEGUN);
  if (!begun) return `it did not begin: ${lastWords(errors)}`;
  const applied = errors.split("\n").filter((line) => line.startsWith(APPLIED));
  const files = patch === undefined ? [] : filesOf(patch);
  const missing = files.filter((file) => !applied.includes(`${APPLIED} ${file}`));
  if (missing.length > 0) return `it does not use ${missing.join(", ")}`;
  const ran = detector.name !== "test" || lines.some((line) => /^\s*(not )?ok \d+ - /.test(line));
  return ran || silent ? "" : "there is no test of that name";
}

function judgementOf(
  detector: Detector,
  ended: Ended,
): { caught: boolean; what: string; at: number | undefined } {
  const { lines, errors, code, silent } = ended;
  if (detector.name === "test") {
    const failed = lines.find(isFailure);
    if (failed !== undefined) return caught(failed.trim().replace(/^not ok \d+ - /, ""), undefined);
    if (silent) return caught("no end", undefined);
    return code === 0 ? MISSED : caught(lastWords(errors), undefined);
  }
  const passed = lines.filter((line) => line.startsWith("passed "));
  const last = lines.at(-1) ?? "";
  if (last.startsWith("{")) {
    const { at, complaint } = JSON.parse(last) as { at: number; complaint: string };
    return complaint === "" ? MISSED : caught(complaint, at);
  }
  const next = detector.cases[passed.length];
  if (silent) return caught("no progress", next);
  if (code === null) return MISSED;
  return caught(`the process died: ${lastWords(errors)}`, next);
}

const MISSED = { caught: false, what: "", at: undefined };

function caught(what: string, at: number | undefined): ReturnType<typeof judgementOf> {
  return { caught: true, what, at };
}

function lastWords(errors: string): string {
  const lines = errors.split("\n").filter((line) => /Error|assert/.test(line));
  return (lines[0] ?? errors.slice(-200)).trim().slice(0, 300);
}

function isFailure(line: string): boolean {
  return /^\s*not ok \d+ - /.test(line) && !/# (SKIP|TODO)/.test(line);
}

function argumentsOf(detector: Detector): string[] {
  if (detector.name !== "test") {
    const program = resolve(ROOT, "tests/sabotage/detect.ts");
    return [program, detector.name, detector.cases.join(",")];
  }
  const { file, test } = detector.test;
  const pattern = `^${test.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}$`;
  return ["--test-reporter=tap", `--test-name-pattern=${pattern}`, resolve(ROOT, "tests", file)];
}

/** Runs the process; ends it when it has said enough, or nothing for too long. */
function run(detector: Detector, patch: Patch | undefined, limitMs: number): Promise<Ended> {
  const overlay = pathToFileURL(resolve(ROOT, "tests/sabotage/overlay.ts")).href;
  const words = patch === undefined ? [] : [`--import=${overlay}`];
  const child = spawn(process.execPath, [...words, ...argumentsOf(detector)], {
    cwd: ROOT,
    env: { ...process.env, ...(patch === undefined ? {} : { [PATCH_VARIABLE]: patch.name }) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stop = (): void => void child.kill("SIGKILL");
  running.add(stop);
  const lines: string[] = [];
  let rest = "";
  let errors = "";
  let silent = false;
  const patienceMs = detector.name === "test" ? TEST_PATIENCE_MS : PATIENCE_MS;
  let watch = setTimeout(hang, patienceMs);
  const limit = setTimeout(stop, limitMs);
  function hang(): void {
    silent = true;
    stop();
  }
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    clearTimeout(watch);
    watch = setTimeout(hang, patienceMs);
    const whole = (rest + text).split("\n");
    rest = whole.pop() ?? "";
    lines.push(...whole);
    if (detector.name === "test" && whole.some(isFailure)) stop();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    if (errors.length < 100_000) errors += text;
  });
  return new Promise((done, failed) => {
    child.on("error", failed);
    child.on("close", (code) => {
      clearTimeout(watch);
      clearTimeout(limit);
      running.delete(stop);
      done({ lines, errors, code, silent });
    });
  });
}
