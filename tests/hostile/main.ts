/**
 * Hostile files: stores changed at random, in places that matter, half of them under checksums that
 * fit, put through everything a store can be asked for.
 *
 * @module
 */

import { availableParallelism } from "node:os";

import { DATA, LOG } from "../damage/subject.ts";
import {
  commitName,
  endJob,
  jobOptions,
  type JobValues,
  refuse,
  writeFiles,
} from "../support/job.ts";
import { inThreads } from "../support/parallel.ts";
import { LIMITS, makeInput, runInput } from "./inputs.ts";
import { type Piece, type PieceResult, piecesOf, type Violation } from "./plan.ts";

const USAGE = `usage: npm run hostile -- [options]

Opens, reads, verifies, writes and reopens stores whose files were made hostile: fields, slots,
references, records and files changed at random, in every second input under checksums that fit.
Nothing but a KvigError may be thrown, within ${LIMITS.milliseconds} ms and ${
  LIMITS.memoryBytes / 2 ** 20
} MiB; where checksums
do not fit, every answer must be right; what verify() calls sound must be so for an independent
reader, and stay so through writes and a reopening.`;

const PATIENCE_MS = 60_000;
const PROGRESS_MS = 30_000;
const SHOWN = 20;

function options(): JobValues {
  return jobOptions(USAGE, {
    inputs: { help: "how many inputs", least: 1, default: 200_000 },
    seed: { help: "what decides them; a new one is printed", least: 0 },
    from: { help: "number of the first one", default: 0 },
    threads: { help: "threads", least: 1, default: Math.min(2, availableParallelism()) },
    input: { help: "with --seed: do this one again, and say what was done to it" },
    write: { text: true, help: "with --input: write its two files into this directory" },
  });
}

/** Does one input again, with everything that is known about it. */
function replay(seed: number, index: number, directory: string | undefined): void {
  Error.stackTraceLimit = 50;
  const { base, repaired, story, io } = makeInput(seed, index);
  console.log(`${base.name}, checksums ${repaired ? "repaired" : "left as they are"}`);
  for (const line of story) console.log(`  ${line}`);
  if (directory !== undefined) {
    const files = Object.fromEntries(
      [DATA, LOG].filter((path) => io.file(path).named).map((
        path,
      ) => [path, io.file(path).bytes()]),
    );
    console.log(`written: ${writeFiles(directory, files).join(", ")}`);
  }
  const { violation, course } = runInput(seed, index);
  console.log(violation === "" ? JSON.stringify(course) : `VIOLATION ${violation}`);
  endJob({ job: "hostile", seed, input: index, violations: violation === "" ? 0 : 1 });
}

/** Says what is wrong, as soon as it is known, and how to see it again. */
function tell(seed: number, { index, what }: Violation): void {
  const again = `npm run hostile -- --seed ${seed} --input ${index}`;
  console.log(`VIOLATION at commit ${commitName()}: ${again}\n  ${what}`);
}

/** Carries out all inputs. */
async function run(values: JobValues, seed: number): Promise<void> {
  const started = performance.now();
  const inputs = values.number("inputs");
  const tally = new Map<string, number>();
  const shown: Violation[] = [];
  let violations = 0;
  let told = started;
  await inThreads<Piece, PieceResult>({
    program: new URL("./thread.ts", import.meta.url),
    tasks: piecesOf(seed, values.number("from"), inputs),
    threads: values.number("threads"),
    patienceMs: PATIENCE_MS,
    onResult: (_piece, result) => {
      for (const [key, count] of Object.entries(result.tally)) {
        tally.set(key, (tally.get(key) ?? 0) + count);
      }
      violations += result.violations;
      for (const violation of result.shown) {
        shown.push(violation);
        if (shown.length <= SHOWN) tell(seed, violation);
      }
      if (performance.now() - told < PROGRESS_MS) return;
      told = performance.now();
      const done = [...tally.values()].reduce((sum, count) => sum + count, 0);
      console.log(`${done} of ${inputs} inputs, ${violations} violations`);
    },
    onHang: (_piece, index) => {
      violations++;
      tell(seed, { index, what: `no end after ${PATIENCE_MS / 1000} s` });
    },
  });
  for (const [key, count] of [...tally].sort()) console.log(`${key.padEnd(28)} ${count}`);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const done = [...tally.values()].reduce((sum, count) => sum + count, 0);
  endJob({
    job: "hostile",
    inputs: done,
    violations,
    seed,
    outcomes: Object.fromEntries(tally),
    seconds,
  });
}

const values = options();
const input = values.optional("input");
const given = values.optional("seed");
if (input !== undefined) {
  if (given === undefined) refuse("--input needs the --seed that it belongs to");
  replay(given, input, values.text("write"));
} else {
  if (values.text("write") !== undefined) refuse("--write goes with --input");
  const seed = given ?? Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  await run(values, seed);
}
