/**
 * `npm run protocol`: runs the model. With all rules on nothing may go wrong; with each one off
 * something must. Two processes share the search.
 *
 * @module
 */

import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

import { readSchedule } from "./chooser.ts";
import { DOCS_PATH, docsText } from "./docs.ts";
import { checkKept, holds, readKept, repositoryFile, writeKept } from "./kept.ts";
import { HELP, type Options, readOptions, UsageError } from "./options.ts";
import { CREATION, RULE_NAMES, type RuleName, RULES } from "./rules.ts";
import { better, type Counterexample, type SearchResult, tell } from "./search.ts";
import type { WorkerJob } from "./worker.ts";

const WORKERS = 2;

/** Lets a process of its own do a job. */
function runWorker(job: WorkerJob): Promise<SearchResult> {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const file = join(import.meta.dirname, `worker.${ending}`);
  const child = spawn(process.execPath, [file, JSON.stringify(job)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => output += piece);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(JSON.parse(output) as SearchResult);
      else reject(new Error(`a process of the search ended with ${code}`));
    });
  });
}

function total(results: readonly SearchResult[]): SearchResult {
  const sum = (pick: (result: SearchResult) => number): number =>
    results.reduce((all, result) => all + pick(result), 0);
  return {
    runs: sum(({ runs }) => runs),
    steps: sum(({ steps }) => steps),
    openings: sum(({ openings }) => openings),
    detected: sum(({ detected }) => detected),
    found: results.flatMap(({ found }) => found),
  };
}

function print(counterexample: Counterexample): void {
  const { rule, schedule } = counterexample;
  const { trace, wrong } = tell(rule, readSchedule(schedule));
  console.log(`${rule === "" ? "with all rules on" : `without ${rule}`}: ${wrong}`);
  for (const line of trace) console.log(`    ${line}`);
  console.log(`    schedule: ${schedule}`);
}

/** Searches with all rules on, on both cores. */
async function searchAllOn({ seed, steps, seconds }: Options): Promise<SearchResult> {
  const jobs = Array.from({ length: WORKERS }, (_, part): WorkerJob => ({
    rules: [""],
    seed: seed + part,
    stride: WORKERS,
    steps: Math.ceil(steps / WORKERS),
    seconds,
    wanted: 1,
  }));
  return total(await Promise.all(jobs.map(runWorker)));
}

/** Searches with each of `rules` off, shared out between both cores. */
async function searchRules(
  rules: readonly RuleName[],
  { seed, steps, seconds }: Options,
  wanted: number,
): Promise<SearchResult> {
  const jobs = Array.from({ length: WORKERS }, (_, part): WorkerJob => ({
    rules: rules.filter((_, at) => at % WORKERS === part),
    seed,
    stride: 1,
    steps,
    seconds,
    wanted,
  }));
  return total(await Promise.all(jobs.map(runWorker)));
}

function searched(): RuleName[] {
  return RULE_NAMES.filter((rule) => RULES[rule].part !== CREATION);
}

/** Searches rules at random. Returns the best that was found for each. */
async function searchAnew(
  rules: readonly RuleName[],
  options: Options,
  wanted: number,
): Promise<Map<RuleName, Counterexample>> {
  const best = new Map<RuleName, Counterexample>();
  const { found } = await searchRules(rules, options, wanted);
  for (const counterexample of found) {
    const { rule } = counterexample;
    if (rule === "" || !holds(counterexample)) continue;
    best.set(rule, better(best.get(rule), counterexample) ?? counterexample);
  }
  return best;
}

/** Searches all rules, and says which are not what they should be. */
async function searchEach(options: Options): Promise<string[]> {
  const best = await searchAnew(searched(), options, 1);
  for (const counterexample of best.values()) print(counterexample);
  return searched().flatMap((rule) => {
    if (best.has(rule) !== (RULES[rule].needless !== undefined)) return [];
    return best.has(rule) ? [`${rule}: is not needless`] : [`${rule}: nothing found`];
  });
}

/** Searches what is not kept, or no longer leads there; writes what is kept, and the page. */
async function writeDocs(options: Options): Promise<void> {
  const kept = new Map([...readKept()].filter(([, found]) => holds(found)));
  const missing = searched().filter((rule) =>
    options.searches ? true : !kept.has(rule) && RULES[rule].needless === undefined
  );
  if (missing.length > 0) console.log(`searching: ${missing.join(" ")}`);
  for (const [rule, found] of await searchAnew(missing, options, 3)) {
    kept.set(rule, better(kept.get(rule), found) ?? found);
  }
  writeKept(kept);
  const path = repositoryFile(DOCS_PATH);
  writeFileSync(path, docsText(kept));
  spawnSync(repositoryFile("node_modules/.bin/deno"), ["fmt", "--quiet", path]);
}

async function searchOne(rule: RuleName, options: Options): Promise<string[]> {
  const { found, runs, steps } = await searchRules([rule], options, 4);
  const best = found.reduce<Counterexample | undefined>(better, undefined);
  console.log(`${rule}: ${RULES[rule].text}`);
  console.log(`${runs} runs, ${steps} steps, ${found.length} times something went wrong`);
  if (best !== undefined) print(best);
  return best === undefined && RULES[rule].needless === undefined ? [`${rule}: nothing found`] : [];
}

async function main(options: Options): Promise<void> {
  const start = performance.now();
  const complaints: string[] = [];
  let all: SearchResult = { runs: 0, steps: 0, openings: 0, detected: 0, found: [] };
  if (options.rule !== undefined) complaints.push(...await searchOne(options.rule, options));
  else if (options.writes) await writeDocs(options);
  else if (options.searches) complaints.push(...await searchEach(options));
  else {
    all = await searchAllOn(options);
    for (const counterexample of all.found) print(counterexample);
  }
  const checked = checkKept(readKept());
  if (options.rule === undefined) complaints.push(...checked.complaints);
  for (const complaint of complaints) console.log(complaint);
  const violations = all.found.length;
  console.log(JSON.stringify({
    job: "protocol",
    steps: all.steps,
    runs: all.runs,
    openings: all.openings,
    faultsDetected: all.detected,
    violations,
    rules: RULE_NAMES.length,
    rulesCaught: checked.caught.length,
    needless: checked.needless,
    creationStates: checked.creationStates,
    complaints: complaints.length,
    seconds: Math.round((performance.now() - start) / 100) / 10,
    seed: options.seed,
  }));
  if (violations > 0 || complaints.length > 0) process.exitCode = 1;
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(HELP);
  else await main(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}; --help says more`);
  process.exitCode = 2;
}
