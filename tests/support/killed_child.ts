/**
 * The child of the kill tests: several tasks write to one store, each through every writing verb,
 * and what was acknowledged is said on standard output until the process is killed.
 *
 * The commits of each task are those of `numbered_commits.ts`, numbered from 0 on through all
 * lives. The line `opening` says that the store is about to be opened, `open` that it is. A line
 * `i T N` says that task T issued commit N, `a T N` that all its commits up to N were acknowledged
 * as durable.
 *
 * @module
 */

import process from "node:process";
import { pathToFileURL } from "node:url";

import { open, openSync } from "./runtime.ts";
import { commit, commitSync, DEFERRED_TASK, FLUSH_EVERY, TASKS } from "./numbered_commits.ts";
import { say } from "./say.ts";

/** How a child lives. */
export interface LifePlan {
  path: string;
  pageSize: number;
  /** Whether everything goes through the synchronous verbs. */
  blocking: boolean;
  /** A checkpoint after so many commits; 0 for none of its own. */
  checkpointEvery: number;
  /** A compaction after so many commits; 0 for none. */
  compactEvery: number;
  /** The first commit of each task. */
  first: number[];
  /** Whether it opens the store and does nothing more. */
  idle?: boolean;
}

/** Whether upkeep that is due every so many commits is due after `done` of them. */
function isDue(every: number, done: number): boolean {
  return every > 0 && done % every === 0;
}

/** Does nothing until the process is killed. */
function rest(): void {
  setInterval(() => {}, 1000);
}

async function live(plan: LifePlan): Promise<void> {
  say("opening");
  const store = await open(plan.path, optionsOf(plan));
  say("open");
  if (plan.idle === true) return rest();
  let done = 0;
  const work = async (task: number): Promise<void> => {
    for (let n = plan.first[task]!;; n++) {
      say(`i ${task} ${n}`);
      await commit(store, task, n);
      done++;
      if (task !== DEFERRED_TASK) say(`a ${task} ${n}`);
      else if (n % FLUSH_EVERY === 0) {
        await store.flush();
        say(`a ${task} ${n}`);
      }
      if (isDue(plan.checkpointEvery, done)) await store.checkpoint();
      if (isDue(plan.compactEvery, done)) await store.compact();
    }
  };
  await Promise.all(Array.from({ length: TASKS }, (_, task) => work(task)));
}

function liveBlocking(plan: LifePlan): void {
  say("opening");
  const store = openSync(plan.path, optionsOf(plan));
  say("open");
  if (plan.idle === true) return rest();
  for (let round = 0;; round++) {
    for (let task = 0; task < TASKS; task++) {
      const n = plan.first[task]! + round;
      say(`i ${task} ${n}`);
      commitSync(store, task, n);
      if (task === DEFERRED_TASK && n % FLUSH_EVERY !== 0) continue;
      if (task === DEFERRED_TASK) store.flushSync();
      say(`a ${task} ${n}`);
    }
    if (isDue(plan.checkpointEvery, round * TASKS)) store.checkpointSync();
    if (isDue(plan.compactEvery, round * TASKS)) store.compactSync();
  }
}

/** Options of a store that is killed: a small log, so that checkpoints are cut off too. */
export function optionsOf(plan: { pageSize: number }): {
  pageSize: number;
  cacheSize: number;
  logSize: number;
} {
  return { pageSize: plan.pageSize, cacheSize: 1024 * 1024, logSize: 1024 * 1024 };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  // Without a plan it only loads its modules, which fills the cache of compiled ones.
  const plan = JSON.parse(process.argv[2]!) as LifePlan | null;
  if (plan?.blocking === true) liveBlocking(plan);
  else if (plan !== null) await live(plan);
}
