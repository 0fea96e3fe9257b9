/**
 * The work that `bench/runtimes.ts` compares, on the runtime that runs this: does each piece once
 * and prints nanoseconds per operation as one line of JSON.
 *
 * @module
 */

import process from "node:process";

import { type Adapter, runningAdapter } from "../../adapters/mod.ts";
import type { Kvig } from "../../mod.ts";
import { KEY_BYTES, randomBelow, shuffled, writeKey } from "../support/keys.ts";

const ENTRIES = 200_000;
const VALUE_BYTES = 100;
const WARM_UP = 60_000;
const COMMITS = 300;
const TASKS = 64;
const COMMITS_OF_A_TASK = 40;
const READS_OF_A_TASK = 150;
const SMALL_CACHE_BYTES = 2 ** 20;

const path = process.argv[2] ?? "";
const order = shuffled(ENTRIES, 1);
const key = new Uint8Array(KEY_BYTES);
const value = new Uint8Array(VALUE_BYTES);
const results: Record<string, number> = {};

await main(await runningAdapter());
console.log(JSON.stringify(results));

async function main({ open, openSync }: Adapter): Promise<void> {
  const blocking = openSync(path, { durability: "deferred" });
  for (let i = 0; i < ENTRIES; i++) put(blocking, order[i], i);
  blocking.checkpointSync();
  cached(blocking);
  durable(blocking);
  blocking.closeSync();
  const store = await open(path);
  await together(store);
  await checkpoint(store);
  await store.close();
  const small = await open(path, { cacheSize: SMALL_CACHE_BYTES });
  await cold(small);
  await small.close();
}

function put(store: Kvig, number: number, stamp: number): void {
  writeKey(key, number);
  value[0] = stamp;
  value[1] = stamp >>> 8;
  store.putSync(key, value);
}

/** Notes what one of `count` operations took, begun at `start`. */
function note(what: string, start: number, count: number): void {
  results[what] = (performance.now() - start) * 1e6 / count;
}

function cached(store: Kvig): void {
  const get = (count: number): void => {
    for (let i = 0; i < count; i++) {
      writeKey(key, order[i]);
      if (store.getSync(key)?.length !== VALUE_BYTES) throw new Error("an entry is missing");
    }
  };
  get(WARM_UP);
  let start = performance.now();
  get(ENTRIES);
  note("get, cached", start, ENTRIES);
  for (let i = 0; i < WARM_UP; i++) put(store, order[i], i + 1);
  start = performance.now();
  for (let i = 0; i < ENTRIES; i++) put(store, order[i], i + 2);
  note("put, deferred", start, ENTRIES);
  const scan = (): number => {
    let seen = 0;
    for (const [, found] of store.range()) seen += found.length;
    return seen;
  };
  scan();
  start = performance.now();
  if (scan() !== ENTRIES * VALUE_BYTES) throw new Error("a scan missed entries");
  note("scan, an entry", start, ENTRIES);
}

function durable(store: Kvig): void {
  store.flushSync();
  const start = performance.now();
  for (let i = 0; i < COMMITS; i++) {
    writeKey(key, order[i]);
    store.putSync(key, value, { durability: "sync" });
  }
  note("durable putSync", start, COMMITS);
}

async function together(store: Kvig): Promise<void> {
  // What is measured is committing, not reading pages.
  let seen = 0;
  for await (const entry of store.values()) seen += entry.length;
  if (seen !== ENTRIES * VALUE_BYTES) throw new Error("a scan missed entries");
  const random = randomBelow(2);
  const task = async (): Promise<void> => {
    const own = new Uint8Array(KEY_BYTES);
    for (let i = 0; i < COMMITS_OF_A_TASK; i++) {
      writeKey(own, random(ENTRIES));
      await store.put(own, value);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: TASKS }, task));
  note("durable put, 64 tasks", start, TASKS * COMMITS_OF_A_TASK);
}

async function checkpoint(store: Kvig): Promise<void> {
  await store.checkpoint();
  // One in ten: nearly every page gets dirty.
  for (let i = 0; i < ENTRIES / 10; i++) {
    writeKey(key, order[i]);
    await store.put(key, value, { durability: "deferred" });
  }
  const pages = store.stats().cache.dirty;
  const start = performance.now();
  await store.checkpoint();
  note("checkpoint, a page", start, pages);
}

async function cold(store: Kvig): Promise<void> {
  const random = randomBelow(3);
  const task = async (): Promise<void> => {
    const own = new Uint8Array(KEY_BYTES);
    for (let i = 0; i < READS_OF_A_TASK; i++) {
      writeKey(own, random(ENTRIES));
      if (await store.get(own) === undefined) throw new Error("an entry is missing");
    }
  };
  await task();
  const start = performance.now();
  await Promise.all(Array.from({ length: TASKS }, task));
  note("get from the file, 64 tasks", start, TASKS * READS_OF_A_TASK);
}
