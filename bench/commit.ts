/**
 * How fast commits become durable, beside what the system itself takes for a write and a sync.
 *
 * All contestants take turns in every round, so that whatever else the machine does meets all of
 * them; what counts are the medians. `--check` ends with status 1 where the target is missed.
 *
 * @module
 */

import fs from "node:fs";
import process from "node:process";

import { type Kvig, nodeIo, open, openSync } from "../adapters/node/mod.ts";
import { median, table, whole } from "./support/figures.ts";
import { KEY_BYTES, randomBelow, writeKey } from "./support/keys.ts";
import { Scratch } from "./support/scratch.ts";

// Many short rounds: neighbours in time meet the same disturbances.
const ROUNDS = 101;
const COMMITS = 100;
const TASKS = 64;
const COMMITS_PER_TASK = 10;
const VALUE_BYTES = 100;
const KEYS = 100_000;
const BLOCK_BYTES = 4096;
const BARE_FILE_BYTES = 64 * 2 ** 20;
const TARGET_RATIO = 0.8;

/** One way to make something durable again and again. */
interface Contestant {
  readonly what: string;
  /** Makes so many commits durable. */
  readonly commits: number;
  /** Does it. */
  run(): void | Promise<void>;
  /** Commits per second, for each round. */
  readonly rates: number[];
}

await main();

async function main(): Promise<void> {
  using scratch = new Scratch();
  console.log(`Durable commits, ${process.release.name} ${process.version}`);
  console.log(`${scratch.path}, ${scratch.fileSystem}; ${ROUNDS} rounds, medians\n`);
  using oneByOne = openSync(scratch.file("sync.kvig"));
  await using awaited = await open(scratch.file("awaited.kvig"));
  await using together = await open(scratch.file("together.kvig"));
  const direct = contestant("write + fdatasync, O_DIRECT", COMMITS, bareLoop(scratch, true));
  const buffered = contestant("write + fdatasync, buffered", COMMITS, bareLoop(scratch, false));
  const sync = contestant("putSync, one after another", COMMITS, putLoop(oneByOne));
  const promised = contestant("await put, one after another", COMMITS, awaitLoop(awaited));
  const tasks = contestant(
    `await put, ${TASKS} tasks at once`,
    TASKS * COMMITS_PER_TASK,
    taskLoop(together),
  );
  const contestants = [direct, buffered, sync, promised, tasks];
  const before = together.stats().log;
  await race(contestants);
  const after = together.stats().log;
  const perSync = (after.commits - before.commits) / (after.syncs - before.syncs);
  report(contestants, direct);
  console.log(`\n${TASKS} tasks share syncs: ${perSync.toFixed(1)} commits per sync.`);
  judge(sync, direct, oneByOne);
}

function contestant(
  what: string,
  commits: number,
  run: () => void | Promise<void>,
): Contestant {
  return { what, commits, run, rates: [] };
}

/** Every contestant in every round, beginning with another one each time. */
async function race(contestants: readonly Contestant[]): Promise<void> {
  for (const { run } of contestants) await run();
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < contestants.length; i++) {
      const { commits, run, rates } = contestants[(round + i) % contestants.length];
      const began = performance.now();
      await run();
      rates.push(commits / (performance.now() - began) * 1000);
    }
  }
}

/** A loop of nothing but a write of 4 KiB and a sync, round a file that was written before. */
function bareLoop(scratch: Scratch, direct: boolean): () => void {
  const path = scratch.file(direct ? "bare-direct" : "bare-buffered");
  const zeros = new Uint8Array(2 ** 20);
  const creating = fs.openSync(path, "w");
  for (let at = 0; at < BARE_FILE_BYTES; at += zeros.length) {
    fs.writeSync(creating, zeros, 0, zeros.length, at);
  }
  fs.fsyncSync(creating);
  fs.closeSync(creating);
  const fd = fs.openSync(path, fs.constants.O_RDWR | (direct ? fs.constants.O_DIRECT : 0));
  const block = nodeIo().allocate(BLOCK_BYTES).subarray(0, BLOCK_BYTES).fill(7);
  let at = 0;
  return () => {
    for (let i = 0; i < COMMITS; i++) {
      block[0] = i;
      fs.writeSync(fd, block, 0, BLOCK_BYTES, at);
      fs.fdatasyncSync(fd);
      at = (at + BLOCK_BYTES) % BARE_FILE_BYTES;
    }
  };
}

function putLoop(store: Kvig): () => void {
  const random = randomBelow(2);
  const key = new Uint8Array(KEY_BYTES);
  const value = new Uint8Array(VALUE_BYTES);
  return () => {
    for (let i = 0; i < COMMITS; i++) {
      writeKey(key, random(KEYS));
      store.putSync(key, value);
    }
  };
}

function awaitLoop(store: Kvig): () => Promise<void> {
  const random = randomBelow(3);
  const key = new Uint8Array(KEY_BYTES);
  const value = new Uint8Array(VALUE_BYTES);
  return async () => {
    for (let i = 0; i < COMMITS; i++) {
      writeKey(key, random(KEYS));
      await store.put(key, value);
    }
  };
}

function taskLoop(store: Kvig): () => Promise<void> {
  const random = randomBelow(4);
  const task = async (): Promise<void> => {
    const key = new Uint8Array(KEY_BYTES);
    const value = new Uint8Array(VALUE_BYTES);
    for (let i = 0; i < COMMITS_PER_TASK; i++) {
      writeKey(key, random(KEYS));
      await store.put(key, value);
    }
  };
  return async () => {
    await Promise.all(Array.from({ length: TASKS }, task));
  };
}

function report(contestants: readonly Contestant[], yardstick: Contestant): void {
  const rows = [["", "commits/s", "µs each", "of the first"]];
  for (const contestant of contestants) {
    const rate = median(contestant.rates);
    const share = `${(ratio(contestant, yardstick) * 100).toFixed(0)} %`;
    rows.push([contestant.what, whole(rate), (1e6 / rate).toFixed(1), share]);
  }
  console.log(table(rows));
}

/** The median over the rounds of how much of the yardstick's rate there was. */
function ratio(contestant: Contestant, yardstick: Contestant): number {
  return median(contestant.rates.map((rate, round) => rate / yardstick.rates[round]));
}

function judge(sync: Contestant, direct: Contestant, store: Kvig): void {
  const reached = ratio(sync, direct);
  const verdict = reached >= TARGET_RATIO ? "met" : "MISSED";
  console.log(
    `putSync reaches ${(reached * 100).toFixed(0)} % of the bare loop with O_DIRECT; ` +
      `target ${TARGET_RATIO * 100} %: ${verdict}.`,
  );
  const { checkpoints } = store.stats();
  console.log(`Checkpoints are included: the store of putSync made ${checkpoints.count}.`);
  if (verdict === "MISSED" && process.argv.includes("--check")) process.exitCode = 1;
}
