/**
 * `npm run bench`: compares kvig with other stores, and says which targets are met.
 *
 * @module
 */

import fs from "node:fs";
import process from "node:process";

import { compile } from "./compare/checkouts.ts";
import { HELP, parsePlan, type Plan, UsageError } from "./compare/arguments.ts";
import { CONTESTANTS } from "./compare/contestants.ts";
import { describeMachine, measuredCommit } from "./compare/machine.ts";
import { PARTS } from "./compare/parts/all.ts";
import { interruptible } from "./compare/interruption.ts";
import { install } from "./compare/install.ts";
import type { Results } from "./compare/results.ts";
import { contestantsOf, runAll, settingsOf } from "./compare/rounds.ts";
import { RUNTIMES } from "./compare/runtimes.ts";
import { tableOf, tablesOf } from "./compare/verdicts.ts";
import { writeReport } from "./report/report.ts";
import { root } from "./support/places.ts";
import { Scratch } from "./support/scratch.ts";

try {
  const plan = parsePlan(process.argv.slice(2));
  if (plan.help) console.log(HELP);
  else if (plan.list) list();
  else await interruptible((signal) => run(plan, signal));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

function list(): void {
  for (const { id, what, works } of PARTS) {
    console.log(`${id}: ${what}`);
    for (const work of works) {
      console.log(`  ${work.id.padEnd(26)}${work.what}`);
    }
  }
  console.log(`runtimes: ${RUNTIMES.map(({ id }) => id).join(", ")}`);
  console.log(`contestants: ${CONTESTANTS.map(({ id }) => id).join(", ")}`);
}

async function run(plan: Plan, signal: AbortSignal): Promise<void> {
  install();
  if (RUNTIMES.some(({ id, compiled }) => compiled && plan.runtimes.includes(id))) compile(root);
  using scratch = new Scratch();
  const machine = describeMachine(scratch.fileSystem);
  console.log(`${machine.hardware}, ${machine.system}, ${machine.fileSystem}`);
  console.log(
    `load ${machine.load.before.toFixed(2)}; ${plan.rounds} rounds\n`,
  );
  const contestants = contestantsOf(plan);
  const date = new Date().toISOString();
  const tell = (line: string): void => console.error(line);
  const rounds = { plan, contestants, kvigRoots: {}, signal, tell };
  const measured = await runAll(rounds, scratch);
  machine.load.after = describeMachine("").load.before;
  const results: Results = {
    ...{ date, commit: measuredCommit(), machine },
    ...{ settings: settingsOf(plan), ...measured },
  };
  show(results);
  if (plan.report) {
    for (const path of await writeReport(results)) console.log(`written: ${path}`);
  }
  if (plan.json !== undefined) {
    fs.writeFileSync(plan.json, JSON.stringify(results, null, 1));
  }
}

function show({ series, remarks, machine }: Results): void {
  for (const [title, rows] of tablesOf(series)) {
    console.log(`\n${title}: medians; ratios pair by pair, with the middle half\n`);
    console.log(tableOf(rows));
  }
  for (const remark of remarks) console.log(`\n${remark}`);
  const { before, after } = machine.load;
  console.log(`\nLoad of the machine before ${before.toFixed(2)}, after ${after.toFixed(2)}.`);
}
