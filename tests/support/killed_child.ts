/**
 * The child of the kill tests: several tasks write to one store, each through every writing verb,
 * and what was acknowledged is said on standard output until the process is killed.
 *
 * Each task has commits of its own, numbered from 0 on through all lives. What commit `n` of a task
 * changes follows from its number alone, so that whoever opens the store afterwards can tell the
 * state after any number of commits. A line `i T N` says that task T issued commit N, `a T N` that
 * all its commits up to N were acknowledged as durable. Standard output is written at once, never
 * buffered: a line that was said was heard.
 *
 * @module
 */

import { writeSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";

import { open, openSync } from "./runtime.ts";
import type { Kvig } from "../../mod.ts";

/** Tasks of a child. The last one commits deferred and flushes now and then. */
export const TASKS = 4;

/** The task whose commits are deferred. */
export const DEFERRED_TASK = TASKS - 1;

/** How often the deferred task flushes, in commits. */
const FLUSH_EVERY = 7;

/** The key that counts the transactions of all tasks. */
export const COUNTER = "counter";

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
}

/** One change of a commit; without a value it removes the key. */
export interface Change {
  key: string;
  value: string | undefined;
}

/** What a commit is made with. */
export type Verb = "put" | "delete" | "batch" | "transaction" | "clear";

/** The key of a task in a slot. */
export function slotKey(task: number, slot: number, part = ""): string {
  return `task${task}/${String(slot).padStart(3, "0")}${part}`;
}

/** The value that commit `n` writes at `key`: of `length` bytes at least. */
function valueOf(n: number, key: string, length: number): string {
  return `${n}:${key}:`.padEnd(length, String(n % 10));
}

function spread(task: number, n: number): number {
  return Math.imul(n * TASKS + task + 1, 0x9E3779B1) >>> 8;
}

/** Which verb commit `n` of a task takes. */
export function verbOf(task: number, n: number): Verb {
  const draw = spread(task, n) % 16;
  if (draw < 6) return "put";
  if (draw < 8) return "delete";
  if (draw < 11) return "batch";
  return draw < 15 ? "transaction" : "clear";
}

/** What commit `n` of a task changes, apart from the counter of the transactions. */
export function changesOf(task: number, n: number): Change[] {
  const verb = verbOf(task, n);
  const mixed = spread(task, n) >>> 4;
  const slot = mixed % 60;
  const put = (key: string, length: number): Change => ({ key, value: valueOf(n, key, length) });
  const length = mixed % 11 === 0 ? 1500 + mixed % 90_000 : mixed % 300;
  if (verb === "put") return [put(slotKey(task, slot), length)];
  if (verb === "delete") return [{ key: slotKey(task, slot), value: undefined }];
  if (verb === "clear") {
    return [0, 1, 2].flatMap((i) => {
      return ["", "a", "b"].map((part) => ({
        key: slotKey(task, slot + i, part),
        value: undefined,
      }));
    });
  }
  const count = verb === "batch" ? 6 : 3 + mixed % 24;
  const changes: Change[] = [];
  for (let i = 0; i < count; i++) {
    const key = slotKey(task, (slot + i * 7) % 60, ["", "a", "b"][i % 3]);
    if (i % 5 === 4) changes.push({ key, value: undefined });
    else changes.push(put(key, i === 2 ? length : 40 + i));
  }
  return changes;
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Writes a line to standard output at once; where nobody reads it yet, waits until it is taken. */
function say(line: string): void {
  for (let rest = `${line}\n`; rest.length > 0;) {
    try {
      rest = rest.slice(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

function countOf(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : Number(new TextDecoder().decode(bytes));
}

function operationsOf(changes: Change[]): Parameters<Kvig["batch"]>[0] {
  return changes.map(({ key, value }) => {
    return value === undefined ? { type: "delete", key } : { type: "put", key, value };
  });
}

/** The range that a commit of the verb "clear" removes. */
function clearedRange(changes: Change[]): { gte: string; lte: string } {
  return { gte: changes[0]!.key, lte: changes.at(-1)!.key };
}

async function commit(store: Kvig, task: number, n: number): Promise<void> {
  const changes = changesOf(task, n);
  const { key, value } = changes[0]!;
  const verb = verbOf(task, n);
  const options = { durability: task === DEFERRED_TASK ? "deferred" : "sync" } as const;
  if (verb === "put") await store.put(key, value!, options);
  else if (verb === "delete") await store.delete(key, options);
  else if (verb === "batch") await store.batch(operationsOf(changes), options);
  else if (verb === "clear") await store.clear(clearedRange(changes), options);
  else {
    await store.transaction(async (tx) => {
      await tx.put(COUNTER, String(countOf(await tx.get(COUNTER)) + 1));
      for (const change of changes) {
        if (change.value === undefined) await tx.delete(change.key);
        else await tx.put(change.key, change.value);
      }
    }, options);
  }
}

function commitSync(store: Kvig, task: number, n: number): void {
  const changes = changesOf(task, n);
  const { key, value } = changes[0]!;
  const verb = verbOf(task, n);
  const options = { durability: task === DEFERRED_TASK ? "deferred" : "sync" } as const;
  if (verb === "put") store.putSync(key, value!, options);
  else if (verb === "delete") store.deleteSync(key, options);
  else if (verb === "batch") store.batchSync(operationsOf(changes), options);
  else if (verb === "clear") store.clearSync(clearedRange(changes), options);
  else {
    store.transactionSync((tx) => {
      tx.putSync(COUNTER, String(countOf(tx.getSync(COUNTER)) + 1));
      for (const change of changes) {
        if (change.value === undefined) tx.deleteSync(change.key);
        else tx.putSync(change.key, change.value);
      }
    }, options);
  }
}

/** Whether upkeep that is due every so many commits is due after `done` of them. */
function isDue(every: number, done: number): boolean {
  return every > 0 && done % every === 0;
}

async function live(plan: LifePlan): Promise<void> {
  const store = await open(plan.path, optionsOf(plan));
  say("open");
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
  const store = openSync(plan.path, optionsOf(plan));
  say("open");
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
