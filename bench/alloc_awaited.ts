/**
 * How many bytes each awaited operation allocates on the heap, once everything is warm.
 *
 * The awaiting function's own part is in every row: the first one shows how much that is, and the
 * second what the runtime itself takes for a read in the background.
 *
 * @module
 */

import fs from "node:fs";
import process from "node:process";

import { type Kvig, open, openSync } from "../adapters/node/mod.ts";
import { table } from "./support/figures.ts";
import {
  type Allocated,
  type AwaitingLoop,
  ensureFlags,
  measureAwaiting,
} from "./support/heap_meter.ts";
import { KEY_BYTES, randomBelow, writeKey } from "./support/keys.ts";
import { Scratch } from "./support/scratch.ts";

const TASKS = 64;
const VALUE_BYTES = 117;
const PAGE_BYTES = 4096;
/** Far more than the small cache holds, and less than the large one. */
const ENTRIES = 300_000;
const SMALL_CACHE_BYTES = 2 * 2 ** 20;
const LARGE_CACHE_BYTES = 128 * 2 ** 20;
const LOG_BYTES = 16 * 2 ** 20;
/** Operations that the cache or the log can serve at once. */
const QUICK_TURNS = 20_000;
/** Operations that read a page. */
const COLD_TURNS = 4_000;

/** Which entry each operation is about. */
const random = randomBelow(3);

interface Row {
  readonly what: string;
  readonly allocated: Allocated;
}

ensureFlags();
await main();

async function main(): Promise<void> {
  using scratch = new Scratch();
  console.log(`Bytes allocated per awaited operation, ${process.release.name} ${process.version}`);
  console.log(
    `${ENTRIES} entries of ${KEY_BYTES} + ${VALUE_BYTES} bytes; median of 5 rounds; ` +
      `64 tasks at once, but for a transaction's puts\n`,
  );
  const path = scratch.file("awaited.kvig");
  fill(path);
  const rows = await runtimeRows(path);
  {
    await using warm = await open(path, { cacheSize: LARGE_CACHE_BYTES, logSize: LOG_BYTES });
    rows.push(...await warmRows(warm));
  }
  {
    await using cold = await open(path, { cacheSize: SMALL_CACHE_BYTES, logSize: LOG_BYTES });
    rows.push(...await coldRows(cold));
  }
  report(rows);
}

function fill(path: string): void {
  using store = openSync(path, { durability: "deferred", cacheSize: LARGE_CACHE_BYTES });
  const key = new Uint8Array(KEY_BYTES);
  const value = new Uint8Array(VALUE_BYTES).fill(7);
  for (let i = 0; i < ENTRIES; i++) {
    writeKey(key, i);
    store.putSync(key, value);
  }
}

/** What the awaiting itself takes, and the runtime's own reads. */
async function runtimeRows(path: string): Promise<Row[]> {
  const settled = Promise.resolve();
  const fd = fs.openSync(path, "r");
  const pages = Math.floor(fs.fstatSync(fd).size / PAGE_BYTES);
  const rows = [
    await quickRow("a settled promise", tasks(() => () => settled)),
    await coldRow(
      "fs.read of a page behind a promise",
      tasks(() => {
        const memory = new Uint8Array(PAGE_BYTES);
        return () =>
          new Promise<void>((resolve, reject) => {
            const at = random(pages) * PAGE_BYTES;
            fs.read(fd, memory, 0, PAGE_BYTES, at, (error) => {
              if (error === null) resolve();
              else reject(error);
            });
          });
      }),
    ),
  ];
  fs.closeSync(fd);
  return rows;
}

async function warmRows(store: Kvig): Promise<Row[]> {
  for (const _ of store.keys()) { /* brings every page into the cache */ }
  return [
    await quickRow("get, cached", tasks(() => getter(store))),
    await quickRow("put, deferred, cached", tasks(() => putter(store, "deferred"))),
    await quickRow("put, durable, cached", tasks(() => putter(store, "sync"))),
    await quickRow("delete, durable, cached", tasks(() => deleter(store))),
    await quickRow("put in a transaction", transactionLoop(store)),
  ];
}

async function coldRows(store: Kvig): Promise<Row[]> {
  return [
    await coldRow("get, cold", tasks(() => getter(store))),
    await coldRow("put, durable, cold", tasks(() => putter(store, "sync"))),
  ];
}

function quickRow(what: string, loop: AwaitingLoop): Promise<Row> {
  return row(what, loop, QUICK_TURNS);
}

function coldRow(what: string, loop: AwaitingLoop): Promise<Row> {
  return row(what, loop, COLD_TURNS);
}

async function row(what: string, loop: AwaitingLoop, turns: number): Promise<Row> {
  return { what, allocated: await measureAwaiting(loop, turns, 4 * turns) };
}

/** A loop that {@link TASKS} tasks share; each carries out its own operation again and again. */
function tasks(make: () => () => Promise<unknown>): AwaitingLoop {
  const operations = Array.from({ length: TASKS }, make);
  return async (turns) => {
    let left = turns;
    const task = async (operation: () => Promise<unknown>): Promise<void> => {
      while (left-- > 0) await operation();
    };
    await Promise.all(operations.map(task));
  };
}

function getter(store: Kvig): () => Promise<unknown> {
  const key = new Uint8Array(KEY_BYTES);
  return () => {
    writeKey(key, random(ENTRIES));
    return store.get(key);
  };
}

function putter(store: Kvig, durability: "sync" | "deferred"): () => Promise<unknown> {
  const key = new Uint8Array(KEY_BYTES);
  const value = new Uint8Array(VALUE_BYTES).fill(8);
  const options = { durability } as const;
  return () => {
    writeKey(key, random(ENTRIES));
    return store.put(key, value, options);
  };
}

/** Deletes what is there and what is not, as it comes. */
function deleter(store: Kvig): () => Promise<unknown> {
  const key = new Uint8Array(KEY_BYTES);
  return () => {
    writeKey(key, random(ENTRIES));
    return store.delete(key);
  };
}

function transactionLoop(store: Kvig): AwaitingLoop {
  const key = new Uint8Array(KEY_BYTES);
  const value = new Uint8Array(VALUE_BYTES).fill(9);
  return (turns) =>
    store.transaction(async (tx) => {
      for (let i = 0; i < turns; i++) {
        writeKey(key, random(ENTRIES));
        await tx.put(key, value);
      }
    });
}

function report(rows: readonly Row[]): void {
  const lines = [["", "heap", "buffers"]];
  for (const { what, allocated } of rows) {
    lines.push([what, allocated.heapBytes.toFixed(0), allocated.bufferBytes.toFixed(0)]);
  }
  console.log(table(lines));
}
