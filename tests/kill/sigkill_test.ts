/**
 * Processes killed with SIGKILL while they write to stores in files: what was
 * acknowledged is there, every commit is whole or absent, the commits of each task are a prefix.
 *
 * A dead child's store is opened here, compared with what its commits must have made of it
 * (`killed_store.ts`), verified, and handed to the next child.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { open } from "../support/runtime.ts";
import { assert, assertGreaterOrEqual } from "../support/assert.ts";
import { type LifePlan, optionsOf } from "../support/killed_child.ts";
import { drawDeath, Expected, liveAndDie } from "../support/killed_store.ts";
import { TASKS } from "../support/numbered_commits.ts";
import { RUN_ARGUMENTS } from "../support/subprocess.ts";
import { Random, runSeed } from "../support/random.ts";
import { assertSound } from "../support/store.ts";
import { tempDir } from "../support/tmp.ts";

/** On each runtime; `npm run kernel` kills more. */
const CYCLES_PER_STORE = 13;
const STORES = [
  { pageSize: 512, blocking: "mixed" },
  { pageSize: 4096, blocking: "mixed" },
  { pageSize: 512, blocking: "never" },
  { pageSize: 4096, blocking: "always" },
] as const;

// The same file as source or compiled: its ending is that of this file.
const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
const program = fileURLToPath(new URL(`../support/killed_child.${ending}`, import.meta.url));
const command = [process.execPath, ...RUN_ARGUMENTS, program];

const totals = { cycles: 0, commits: 0, unopened: 0 };

/** One child on a store, its death, and the look at what it left. */
async function cycle(
  plan: LifePlan,
  expected: Expected,
  random: Random,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  plan.first = [...expected.commits];
  plan.checkpointEvery = random.oneIn(3) ? 1 + random.below(40) : 0;
  plan.compactEvery = random.oneIn(6) ? 20 + random.below(60) : 0;
  const heard = await liveAndDie(command, plan, drawDeath(random), env);
  const store = await open(plan.path, optionsOf(plan));
  await expected.take(store, heard);
  assertSound(await store.verify());
  await store.close();
  totals.cycles++;
  if (!heard.opened) totals.unopened++;
  for (let task = 0; task < TASKS; task++) {
    totals.commits += heard.acknowledged[task]! - plan.first[task]! + 1;
  }
}

async function manyLives(
  index: number,
  random: Random,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  using dir = tempDir();
  const { pageSize, blocking } = STORES[index]!;
  const plan: LifePlan = {
    path: dir.file("store"),
    pageSize,
    blocking: false,
    checkpointEvery: 0,
    compactEvery: 0,
    first: [],
  };
  const expected = new Expected();
  for (let i = 0; i < CYCLES_PER_STORE; i++) {
    plan.blocking = blocking === "always" || (blocking === "mixed" && random.oneIn(2));
    try {
      await cycle(plan, expected, random, env);
    } catch (error) {
      console.log(`store ${index}, cycle ${i}, seed ${random.seed}: ${JSON.stringify(plan)}`);
      throw error;
    }
  }
}

test("processes killed at any moment lose nothing that was acknowledged", {
  timeout: 420_000,
}, async () => {
  const seed = runSeed("processes killed");
  using cache = tempDir();
  const env = { ...process.env, NODE_COMPILE_CACHE: cache.path };
  spawnSync(process.execPath, [...RUN_ARGUMENTS, program, "null"], { env });
  // Two at a time: one child works while another one starts.
  const queue = STORES.keys();
  const worker = async (): Promise<void> => {
    for (const index of queue) await manyLives(index, new Random(seed + index), env);
  };
  await Promise.all([worker(), worker()]);
  console.log(
    `${totals.cycles} processes killed, ${totals.unopened} of them before their store was open; ` +
      `${totals.commits} acknowledged commits, none lost`,
  );
  assertGreaterOrEqual(totals.cycles, 50);
  assert(totals.commits > totals.cycles, "the children did work");
});
