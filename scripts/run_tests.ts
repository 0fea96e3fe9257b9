/**
 * Runs the tests on the runtimes named: every file below tests/ that ends in `_test.ts`.
 *
 * Files are found, never listed by hand. What tests the core, or a job that runs over memory or the
 * simulator, runs by default on the machine's Node.js only, and wherever one runtime is named or a
 * part of a file name; `npm run sim:hashes` shows that the core does the same on all of them. Each
 * runs in a process of its own, and counts as run only when its report is complete and names at
 * least one test. The report is JUnit
 * XML, the one form that the test runners of all runtimes can write. A test that is marked as todo,
 * or skipped without a reason, is a failure; one skipped with a reason is printed and counted.
 *
 * Usage: `run_tests.ts [--verbose] RUNTIME... [PART_OF_A_FILE_NAME...]`
 *
 * @module
 */

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { filesBelow, root } from "./repository.ts";

const FILES_AT_ONCE = 2;

/** Directories of tests whose subject is the engine or a job, whatever they open stores with. */
const OF_THE_CORE =
  /^tests\/(crash|damage|enumeration|error_sweep|hostile|protocol|rules|sabotage|store|swarm)\//;
/** What any other test imports that meets the runtime; without it, it tests the core alone. */
const MEETS_RUNTIME = [
  /from "[^"]*support\/(runtime|subprocess|conformance|tmp)\.ts"/,
  /from "[^"]*(cli|adapters)\/(?!memory)/,
  /from "node:(fs|child_process|worker_threads)"/,
];
/** The runtime for all tests. */
const ALL_TESTS_ON = "node20";
const FILE_LIMIT_MS = 8 * 60_000;

interface Runtime {
  /** The program, and undefined where it cannot be known. */
  readonly program: string | undefined;
  /** What its version must begin with. */
  readonly version: string;
  /** Arguments that print the version. Default: those of Node.js. */
  readonly versionArguments?: readonly string[];
  /** The file to run for a test's source file. */
  fileOf(source: string): string;
  /** Arguments that run one file and write its report. */
  argumentsFor(file: string, reportPath: string): string[];
}

const nodeArguments = (file: string, reportPath: string): string[] => [
  "--enable-source-maps",
  "--test-reporter=spec",
  "--test-reporter-destination=stdout",
  "--test-reporter=junit",
  `--test-reporter-destination=${reportPath}`,
  file,
];

const RUNTIMES: Readonly<Record<string, Runtime>> = {
  // The Node.js that runs npm; the one in node_modules stands before it in PATH.
  node20: {
    program: process.env["npm_node_execpath"],
    version: "v20.",
    fileOf: (source) => join("dist", source.replace(/\.ts$/, ".js")),
    argumentsFor: nodeArguments,
  },
  node26: {
    program: join(root, "node_modules/node26/bin/node"),
    version: "v26.",
    fileOf: (source) => source,
    argumentsFor: nodeArguments,
  },
  deno: {
    program: join(root, "node_modules/.bin/deno"),
    version: "2.",
    versionArguments: ["eval", "console.log(Deno.version.deno)"],
    fileOf: (source) => source,
    argumentsFor: (file, reportPath) => [
      "test",
      "--allow-all",
      // `npm run check` has checked the types.
      "--no-check",
      `--junit-path=${reportPath}`,
      file,
    ],
  },
  bun: {
    program: join(root, "node_modules/.bin/bun"),
    version: "1.",
    versionArguments: ["-p", "process.versions.bun"],
    fileOf: (source) => source,
    argumentsFor: (file, reportPath) => [
      "test",
      // Each test of a file may take as long as the file may.
      `--timeout=${FILE_LIMIT_MS}`,
      "--reporter=junit",
      `--reporter-outfile=${reportPath}`,
      `./${file}`,
    ],
  },
};

const NODE_VERSION = ["-p", "process.version"];

interface Outcome {
  passed: number;
  skipped: string[];
  /** What went wrong, one line each. */
  failures: string[];
}

interface Execution {
  readonly output: string;
  /** How the process ended, or undefined when it ended well. */
  readonly trouble: string | undefined;
}

const running = new Set<number>();

/** Ends a test's process with all that it started: each one leads a process group. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function execute(program: string, args: string[]): Promise<Execution> {
  const child = spawn(program, args, {
    cwd: root,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const pid = child.pid;
  if (pid !== undefined) running.add(pid);
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      if (pid !== undefined) endGroup(pid);
    }, FILE_LIMIT_MS);
    child.on("error", reject);
    child.on("exit", () => {
      // What a test left running would keep the pipes open and disturb the tests after it.
      if (pid !== undefined) endGroup(pid);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (pid !== undefined) running.delete(pid);
      let trouble: string | undefined;
      if (late) trouble = `did not end within ${FILE_LIMIT_MS / 60_000} minutes`;
      else if (code !== 0) trouble = signal === null ? `exit code ${code}` : `ended by ${signal}`;
      resolve({ output: Buffer.concat(chunks).toString(), trouble });
    });
  });
}

function unescapeXml(text: string): string {
  const names: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(\w+);/g, (whole, name: string) => names[name] ?? whole);
}

function attribute(tag: string, name: string): string {
  return unescapeXml(new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? "");
}

/** One test of a report: its attributes, and what it holds, if anything. */
const TEST_CASE = /<testcase((?:\s+[\w-]+="[^"]*")*)\s*(?:\/>|>([^]*?)<\/testcase>)/g;

/** Counts the tests of one report; `undefined` when the report is not complete. */
function readReport(path: string): Outcome | undefined {
  if (!existsSync(path)) return undefined;
  const xml = readFileSync(path, "utf8").replace(/<!--[^]*?-->/g, "");
  if (!xml.trimEnd().endsWith("</testsuites>")) return undefined;
  const outcome: Outcome = { passed: 0, skipped: [], failures: [] };
  for (const [, tag, body] of xml.matchAll(TEST_CASE)) {
    const name = attribute(tag!, "name");
    const skip = /<skipped\b.*>/.exec(body ?? "")?.[0];
    if (skip !== undefined) {
      const reason = attribute(skip, "message");
      const todo = attribute(skip, "type") === "todo";
      if (todo) outcome.failures.push(`marked as todo: ${name}`);
      else if (reason === "" || reason === "true") {
        outcome.failures.push(`skipped without a reason: ${name}`);
      } else outcome.skipped.push(`${name}: ${reason}`);
    } else if (/<(failure|error)\b/.test(body ?? "")) outcome.failures.push(`failed: ${name}`);
    else outcome.passed++;
  }
  return outcome;
}

const SKIPPED = /^skipped (\{"name":.*\})$/gm;

/** Puts skips in order that the tests themselves tell of: not every report says that, and why. */
function addSkips(outcome: Outcome, output: string): void {
  for (const [, json] of output.matchAll(SKIPPED)) {
    const { name, why } = JSON.parse(json!) as { name: string; why: string };
    if (outcome.skipped.includes(`${name}: ${why}`)) continue;
    const bare = outcome.failures.indexOf(`skipped without a reason: ${name}`);
    if (bare >= 0) outcome.failures.splice(bare, 1);
    else outcome.passed--;
    outcome.skipped.push(`${name}: ${why}`);
  }
}

async function runFile(
  runtime: Runtime,
  program: string,
  source: string,
  reportPath: string,
  verbose: boolean,
): Promise<Outcome> {
  const file = runtime.fileOf(source);
  const none: Outcome = { passed: 0, skipped: [], failures: [] };
  if (!existsSync(join(root, file))) {
    none.failures.push(`${file} does not exist; was it compiled?`);
    console.log(`FAILED  ${source}`);
    return none;
  }
  const start = performance.now();
  const { output, trouble } = await execute(program, runtime.argumentsFor(file, reportPath));
  const outcome = readReport(reportPath) ?? none;
  addSkips(outcome, output);
  const count = outcome.passed + outcome.skipped.length + outcome.failures.length;
  if (outcome.failures.length === 0) {
    if (trouble !== undefined) outcome.failures.push(trouble);
    else if (count === 0) outcome.failures.push("reported no test, or ended before its report");
  }
  const bad = outcome.failures.length > 0;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${bad ? "FAILED" : "ok    "}  ${source} (${outcome.passed} passed, ${seconds} s)`);
  for (const skip of outcome.skipped) console.log(`SKIPPED ${skip}`);
  if (bad || verbose) console.log(output.trimEnd());
  return outcome;
}

/** Runs the files on one runtime and prints its closing line; true when nothing failed. */
async function runRuntime(name: string, files: string[], verbose: boolean): Promise<boolean> {
  const runtime = RUNTIMES[name]!;
  const program = runtime.program;
  if (program === undefined) {
    throw new Error(`${name}: the machine's Node.js is unknown; start this through npm`);
  }
  const asking = [...(runtime.versionArguments ?? NODE_VERSION)];
  const version = execFileSync(program, asking, { encoding: "utf8" }).trim();
  console.log(`${name}: version ${version}, ${program}`);
  if (!version.startsWith(runtime.version)) {
    console.error(`${name}: wants a version ${runtime.version}*, see CONTRIBUTING.md`);
    return false;
  }
  const reports = mkdtempSync(join(tmpdir(), "kvig-tests-"));
  const outcomes = new Map<string, Outcome>();
  const queue = files.entries();
  const worker = async (): Promise<void> => {
    for (const [index, source] of queue) {
      const reportPath = join(reports, `${index}.xml`);
      outcomes.set(source, await runFile(runtime, program, source, reportPath, verbose));
    }
  };
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, worker));
  rmSync(reports, { recursive: true });
  let [passed, failed, skipped] = [0, 0, 0];
  for (const [source, outcome] of outcomes) {
    passed += outcome.passed;
    failed += outcome.failures.length;
    skipped += outcome.skipped.length;
    for (const failure of outcome.failures) console.error(`${name}: ${source}: ${failure}`);
  }
  for (const source of files.filter((file) => !outcomes.has(file))) {
    failed++;
    console.error(`${name}: ${source} was not run`);
  }
  const tail = skipped > 0 ? `, ${skipped} skipped` : "";
  console.log(`${name}: ${passed} passed, ${failed} failed${tail}`);
  return failed === 0;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    for (const pid of running) endGroup(pid);
    process.exit(1);
  });
}

const words = process.argv.slice(2);
const verbose = words.includes("--verbose");
const runtimes = words.filter((word) => Object.hasOwn(RUNTIMES, word));
const parts = words.filter((word) => !Object.hasOwn(RUNTIMES, word) && !word.startsWith("-"));
const wanted = (file: string): boolean =>
  parts.length === 0 || parts.some((part) => file.includes(part));
const files = filesBelow("tests", "_test.ts").filter(wanted);
if (runtimes.length === 0) throw new Error(`name a runtime: ${Object.keys(RUNTIMES).join(" ")}`);
if (files.length === 0) throw new Error(`no test file matches ${parts.join(" ")}`);
function meetsRuntime(file: string): boolean {
  if (OF_THE_CORE.test(file)) return false;
  const source = readFileSync(join(root, file), "utf8");
  return MEETS_RUNTIME.some((pattern) => pattern.test(source));
}

const everywhere = parts.length > 0 || runtimes.length === 1;
for (const name of runtimes) {
  const own = everywhere || name === ALL_TESTS_ON ? files : files.filter(meetsRuntime);
  if (!await runRuntime(name, own, verbose)) process.exitCode = 1;
}
