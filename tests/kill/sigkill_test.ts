/**
 * Hundreds of processes killed with SIGKILL while they write to stores in files: what was
 * acknowledged is there, every commit is whole or absent, the commits of each task are a prefix.
 *
 * The children are those of `killed_child.ts`; a dead child's store is opened here, compared with
 * what its commits must have made of it, verified, and handed to the next child. The moment of the
 * kill is a random delay or a random number of lines heard, at times before the store is open.
 *
 * @module
 */

import { spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { fullLength, open } from "../support/runtime.ts";
import type { Kvig } from "../../mod.ts";
import { assert, assertEquals, assertGreaterOrEqual, fail } from "../support/assert.ts";
import {
  changesOf,
  COUNTER,
  type LifePlan,
  optionsOf,
  TASKS,
  verbOf,
} from "../support/killed_child.ts";
import { RUN_ARGUMENTS } from "../support/subprocess.ts";
import { Random, runSeed } from "../support/random.ts";
import { assertSound, textOf } from "../support/store.ts";
import { tempDir } from "../support/tmp.ts";

const CYCLES_PER_STORE = fullLength ? 52 : 13;
const STORES = [
  { pageSize: 512, blocking: "mixed" },
  { pageSize: 4096, blocking: "mixed" },
  { pageSize: 512, blocking: "never" },
  { pageSize: 4096, blocking: "always" },
] as const;
const LIFE_LIMIT_MS = 30_000;

// The same file as source or compiled: its ending is that of this file.
const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
const program = fileURLToPath(new URL(`../support/killed_child.${ending}`, import.meta.url));

/** What a child said before it died. */
interface Heard {
  opened: boolean;
  /** The last commit of each task that was issued, and acknowledged; else below the first. */
  issued: number[];
  acknowledged: number[];
}

/** When a child is killed: whichever of these comes first. */
interface Death {
  /** Milliseconds after its start. */
  startMs: number;
  /** Milliseconds after its store was open. */
  openMs: number;
  /** Lines that it said. */
  lines: number;
}

function drawDeath(random: Random): Death {
  const death: Death = { startMs: LIFE_LIMIT_MS, openMs: LIFE_LIMIT_MS, lines: Infinity };
  if (random.oneIn(10)) death.startMs = 20 + random.below(150);
  else if (random.oneIn(2)) death.openMs = random.below(random.oneIn(4) ? 150 : 30);
  else death.lines = 1 + random.below(random.oneIn(6) ? 600 : 80);
  return death;
}

/** Starts a child and kills it; tells what it said. */
function liveAndDie(plan: LifePlan, death: Death, env: NodeJS.ProcessEnv): Promise<Heard> {
  const child = spawn(process.execPath, [...RUN_ARGUMENTS, program, JSON.stringify(plan)], {
    stdio: ["ignore", "pipe", "inherit"],
    env,
  });
  const kill = (): void => void child.kill("SIGKILL");
  const timers = [setTimeout(kill, death.startMs)];
  const before = plan.first.map((first) => first - 1);
  const heard: Heard = { opened: false, issued: [...before], acknowledged: [...before] };
  let rest = "";
  let lines = 0;
  const hear = (line: string): void => {
    const [what, task, n] = line.split(" ");
    if (what === "open") {
      heard.opened = true;
      timers.push(setTimeout(kill, death.openMs));
    } else (what === "i" ? heard.issued : heard.acknowledged)[Number(task)] = Number(n);
    if (++lines === death.lines) kill();
  };
  return new Promise((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      const whole = (rest + chunk.toString()).split("\n");
      rest = whole.pop()!;
      whole.forEach(hear);
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      timers.forEach(clearTimeout);
      if (signal === "SIGKILL") resolve(heard);
      else reject(new Error(`the child ended by itself, with ${code ?? signal}`));
    });
  });
}

/** What one store must hold, and what was seen of it so far. */
class Expected {
  /** Entries of each task after `commits` of it. */
  readonly entries: Map<string, string>[] = Array.from({ length: TASKS }, () => new Map());
  /** Commits of each task that are in the store for good. */
  readonly commits: number[] = new Array<number>(TASKS).fill(0);
  /** Transactions among them. */
  transactions = 0;

  /** Compares `store` with what a dead child said; what it holds is expected from now on. */
  async take(store: Kvig, heard: Heard): Promise<void> {
    const counter = Number(textOf(await store.get(COUNTER)) ?? "0");
    for (let task = 0; task < TASKS; task++) {
      await this.#takeTask(store, heard, task);
    }
    // Commits that change no entry of their task may be there or not: only the counter tells.
    for (let task = 0; task < TASKS; task++) this.#takeSilent(heard, task, counter);
    assertEquals(counter, this.transactions, "each transaction there is whole with its counter");
    const count = this.entries.reduce((sum, { size }) => sum + size, counter === 0 ? 0 : 1);
    assertEquals(await store.count(), count, "nothing is there that was not written");
  }

  async #takeTask(store: Kvig, heard: Heard, task: number): Promise<void> {
    const found = new Map<string, string>();
    for await (const [key, value] of store.range({ prefix: `task${task}/` })) {
      found.set(textOf(key)!, textOf(value)!);
    }
    const last = heard.issued[task]!;
    while (this.commits[task]! <= heard.acknowledged[task]!) this.#apply(task);
    while (!sameEntries(found, this.entries[task]!)) {
      if (this.commits[task]! > last) {
        fail(
          `task ${task}: the entries are those after no number of commits from ` +
            `${heard.acknowledged[task]! + 1} (acknowledged) to ${last + 1} (issued)`,
        );
      }
      this.#apply(task);
    }
  }

  #takeSilent(heard: Heard, task: number, counter: number): void {
    const entries = this.entries[task]!;
    while (this.commits[task]! <= heard.issued[task]! && this.transactions < counter) {
      const n = this.commits[task]!;
      const changes = changesOf(task, n);
      if (!changes.every(({ key, value }) => entries.get(key) === value)) return;
      this.#apply(task);
    }
  }

  #apply(task: number): void {
    const n = this.commits[task]!++;
    if (verbOf(task, n) === "transaction") this.transactions++;
    for (const { key, value } of changesOf(task, n)) {
      if (value === undefined) this.entries[task]!.delete(key);
      else this.entries[task]!.set(key, value);
    }
  }
}

function sameEntries(left: Map<string, string>, right: Map<string, string>): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) if (right.get(key) !== value) return false;
  return true;
}

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
  const heard = await liveAndDie(plan, drawDeath(random), env);
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
  spawnSync(process.execPath, [...RUN_ARGUMENTS, program, "null"], { env, timeout: LIFE_LIMIT_MS });
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
  assertGreaterOrEqual(totals.cycles, fullLength ? 200 : 50);
  assert(totals.commits > totals.cycles, "the children did work");
});
