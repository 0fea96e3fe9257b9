/**
 * Swarms of simulated lives: each seed is a store that is created, used, crashed and opened again,
 * with faults of all kinds, compared with a model all the way. Or, with `--hashes`, a check that
 * every runtime does the very same for the same seeds.
 *
 * @module
 */

import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

import { live } from "../sim/life.ts";
import { drawPlan } from "../sim/workload.ts";
import { commitName, endJob, jobOptions, type JobValues } from "../support/job.ts";
import { inThreads } from "../support/parallel.ts";
import { cutDown } from "./found.ts";
import { compareRuntimes, printHash } from "./hashes.ts";
import { addTotals, noTotals, type ShareTotals } from "./share.ts";
import type { SwarmTask } from "./thread.ts";

const USAGE = `usage: npm run sim -- [options]

Lives of simulated stores. A seed that breaks a promise is printed with its plan, cut down to few
steps, and a regression test is written.`;

const PATIENCE_MS = 60_000;
const SEEDS_A_TASK = 100;
const CUT_DOWN = 5;

function options(): JobValues {
  return jobOptions(USAGE, {
    seeds: { help: "lives", least: 1, default: 1000 },
    from: { help: "first seed", default: 1 },
    steps: { help: "steps of each life", least: 2, default: 200 },
    threads: { help: "threads", least: 1, default: Math.min(2, availableParallelism()) },
    replay: { help: "live one seed again and show its trace" },
    write: { text: true, help: "directory for regression tests (default: a temporary one)" },
    hashes: { help: "compare the traces of so many seeds on all runtimes" },
    hash: { help: "print a hash of the traces of so many seeds on this runtime" },
  });
}

async function replay(seed: number, steps: number): Promise<void> {
  Error.stackTraceLimit = 30;
  const plan = drawPlan(seed, { steps });
  const { steps: _steps, ...circumstances } = plan;
  console.log(JSON.stringify(circumstances));
  const lines: string[] = [];
  try {
    const report = await live(plan, { lines });
    console.log(lines.join("\n"));
    endJob({ job: "sim", seed, ...report, violations: 0 });
  } catch (error) {
    console.log(lines.join("\n"));
    console.log(error);
    endJob({ job: "sim", seed, violations: 1 });
  }
}

async function swarm(values: JobValues): Promise<void> {
  const started = performance.now();
  const [from, steps] = [values.number("from"), values.number("steps")];
  const to = from + values.number("seeds");
  const totals = noTotals();
  const tasks: SwarmTask[] = [];
  for (let first = from; first < to; first += SEEDS_A_TASK) {
    tasks.push({ from: first, to: Math.min(to, first + SEEDS_A_TASK), steps });
  }
  let told = started;
  await inThreads<SwarmTask, ShareTotals>({
    program: new URL("./thread.ts", import.meta.url),
    tasks,
    threads: values.number("threads"),
    patienceMs: PATIENCE_MS,
    onResult: (_task, result) => {
      addTotals(totals, result);
      if (performance.now() - told < 30_000) return;
      told = performance.now();
      console.log(`${totals.lives} lives, ${totals.violations.length} violations so far`);
    },
    onHang: (task, at) => {
      const seed = at === 0 ? task.from : at + 1;
      totals.violations.push({ seed, message: `no end after ${PATIENCE_MS / 1000} s` });
    },
  });
  await tellViolations(totals, steps, values.text("write"));
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  endJob({
    job: "sim",
    lives: totals.lives,
    calls: totals.calls,
    operations: totals.operations,
    crashes: totals.crashes,
    damageNoticed: totals.detected,
    faults: totals.faults,
    violations: totals.violations.length,
    seed: from,
    seconds,
  });
}

async function tellViolations(
  totals: ShareTotals,
  steps: number,
  directory: string | undefined,
): Promise<void> {
  const where = directory ?? join(tmpdir(), "kvig-sim");
  totals.violations.sort((a, b) => a.seed - b.seed);
  let shown = 0;
  for (const { seed, message } of totals.violations) {
    console.log(`VIOLATION seed ${seed} at commit ${commitName()}: ${message}`);
    console.log(`  npm run sim -- --replay ${seed} --steps ${steps}`);
    if (message.startsWith("no end") || shown++ >= CUT_DOWN) continue;
    const found = await cutDown(seed, steps);
    const path = join(where, `seed_${seed}_test.ts`);
    mkdirSync(where, { recursive: true });
    writeFileSync(path, found.test);
    const { profile, blocking, faults } = found.plan;
    console.log(`  profile ${profile}, blocking ${blocking}, faults ${JSON.stringify(faults)}`);
    console.log(`  cut down to ${found.plan.steps.length} steps: ${found.message}`);
    console.log(found.lines.map((line) => `    ${line}`).join("\n"));
    console.log(`  a test of it: ${path}`);
  }
}

const values = options();
const single = values.optional("replay");
const hashes = values.optional("hashes");
const hash = values.optional("hash");
if (single !== undefined) await replay(single, values.number("steps"));
else if (hash !== undefined) await printHash(values.number("from"), hash, values.number("steps"));
else if (hashes !== undefined) {
  await compareRuntimes(values.number("from"), hashes, values.number("steps"));
} else await swarm(values);
if (process.exitCode === undefined) process.exitCode = 0;
