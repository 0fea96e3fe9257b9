/**
 * `npm run crash`: explores every crash of all workloads up to a length. See docs/testing.md.
 *
 * The workloads are shared out among processes by their numbers, so that what is explored does not
 * depend on how many there are. The last line of the output is one JSON object.
 *
 * @module
 */

import { execFileSync, spawn } from "node:child_process";
import process from "node:process";
import { parseArgs } from "node:util";

import { type Counts, Explorer } from "./explorer.ts";
import { report, shrink } from "./shrink.ts";
import { allWorkloads } from "./workload.ts";

const HELP = `npm run crash -- [options]: explores every power cut of all workloads up to a length

  --length L           sequences of the ten shapes up to this length, 0 to 5 (default: 3)
  --further M          sequences in which a further shape occurs, up to this length
                       (default: one less than --length)
  --from I, --to J     only workloads with numbers from I up to, not including, J
  --share K/N          only every N-th of these workloads, from the K-th on, in this process
  --workers N          processes to share them out to, 1 to 64 (default: 2)
  --recovery-one-in R  explore the recovery from one image in so many (default: 2000)
  --seed S             what values, garbage and samples follow from (default: 1)
  --help               this text

Ends with status 1 when something was wrong, 2 when an option was.`;

/** What was asked for. */
interface Options {
  readonly length: number;
  readonly further: number;
  readonly from: number;
  readonly to: number;
  readonly share: { readonly first: number; readonly of: number } | undefined;
  readonly workers: number;
  readonly recoveryOneIn: number;
  readonly seed: number;
}

/** What one process, or all together, found. */
interface Result extends Counts {
  violations: number;
}

const PROGRESS_MS = 10_000;
const MAX_LENGTH = 5;

await main();

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  const start = performance.now();
  const result = options.share !== undefined || options.workers === 1
    ? explore(options, options.share ?? { first: 0, of: 1 })
    : await shareOut(options);
  const seconds = (performance.now() - start) / 1000;
  const images = result.distinct + result.doubleCrashStates;
  console.log(JSON.stringify({
    job: "crash",
    length: options.length,
    ...result,
    seconds: Math.round(seconds * 10) / 10,
    statesPerSecond: Math.round(images / seconds),
    seed: options.seed,
  }));
  process.exitCode = result.violations > 0 ? 1 : 0;
}

/** Explores a share of the workloads in this process. */
function explore(options: Options, share: { first: number; of: number }): Result {
  const { seed, recoveryOneIn } = options;
  const explorer = new Explorer({ seed, recoveryOneIn });
  const workloads = allWorkloads(options.length, options.further).slice(options.from, options.to);
  let told = performance.now();
  for (let i = share.first; i < workloads.length; i += share.of) {
    const violation = explorer.explore(workloads[i]);
    if (violation !== undefined) {
      console.log(report(violation, commitHash()));
      console.log(`made smaller:\n\n${report(shrink(violation, recoveryOneIn), commitHash())}`);
      return { ...explorer.counts, violations: 1 };
    }
    if (performance.now() - told < PROGRESS_MS) continue;
    told = performance.now();
    const { distinct, doubleCrashStates } = explorer.counts;
    console.log(
      `${i} of ${workloads.length}: ${distinct} images, ${doubleCrashStates} of recoveries`,
    );
  }
  return { ...explorer.counts, violations: 0 };
}

/** Lets other processes explore, and adds up what they found. */
async function shareOut(options: Options): Promise<Result> {
  const sum: Result = {
    workloads: 0,
    states: 0,
    distinct: 0,
    recoveries: 0,
    doubleCrashStates: 0,
    violations: 0,
  };
  const shares = Array.from({ length: options.workers }, (_, i) => runShare(options, i));
  for (const result of await Promise.all(shares)) {
    for (const key of Object.keys(sum) as (keyof Result)[]) sum[key] += result[key];
  }
  return sum;
}

function runShare(options: Options, first: number): Promise<Result> {
  const script = process.argv[1];
  const share = `--share=${first}/${options.workers}`;
  const given = process.argv.slice(2);
  const child = spawn(process.execPath, [...process.execArgv, script, ...given, share], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let last = "";
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (last !== "") console.log(last);
      last = line;
    }
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0 || code === 1) resolve(JSON.parse(last) as Result);
      else reject(new Error(`share ${first} of ${options.workers} ended with status ${code}`));
    });
  });
}

function commitHash(): string {
  try {
    const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
    return execFileSync("git", ["rev-parse", "HEAD"], { encoding: "utf8", stdio }).trim();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return "unknown, there is no repository";
  }
}

function optionsOf(given: string[]): Options {
  try {
    return checkOptions(given);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    console.error(`npm run crash: ${error.message}; --help tells what there is`);
    return process.exit(2);
  }
}

function checkOptions(given: string[]): Options {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: given,
    options: {
      length: text,
      further: text,
      from: text,
      to: text,
      share: text,
      workers: text,
      "recovery-one-in": text,
      seed: text,
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    console.log(HELP);
    return process.exit(0);
  }
  const length = numberOf("--length", values.length, 3, 0, MAX_LENGTH);
  const most = 2 ** 31;
  return {
    length,
    further: numberOf("--further", values.further, Math.max(0, length - 1), 0, MAX_LENGTH),
    from: numberOf("--from", values.from, 0, 0, most),
    to: numberOf("--to", values.to, most, 0, most),
    share: values.share === undefined ? undefined : shareOf(values.share),
    workers: numberOf("--workers", values.workers, 2, 1, 64),
    recoveryOneIn: numberOf("--recovery-one-in", values["recovery-one-in"], 2000, 1, most),
    seed: numberOf("--seed", values.seed, 1, 0, most),
  };
}

function numberOf(
  name: string,
  given: string | undefined,
  otherwise: number,
  low: number,
  high: number,
): number {
  if (given === undefined) return otherwise;
  const value = Number(given);
  if (given.trim() === "" || !Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${name} is a whole number from ${low} to ${high}, got "${given}"`);
  }
  return value;
}

function shareOf(given: string): { first: number; of: number } {
  const [first, of] = given.split("/").map(Number);
  if (!Number.isInteger(first) || !Number.isInteger(of) || first < 0 || first >= of) {
    throw new RangeError(`--share is K/N with K from 0 up to, not including, N, got "${given}"`);
  }
  return { first, of };
}
