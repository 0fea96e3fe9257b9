/**
 * How many bytes each operation allocates on the heap, once everything is warm.
 *
 * Keys and values are bytes that the caller made once and changes in place, so whatever shows up is
 * the store's. `--check` ends with status 1 where a target is missed.
 *
 * @module
 */

import fs from "node:fs";
import process from "node:process";

import { type Kvig, openSync } from "../adapters/node/mod.ts";
import { table } from "./support/figures.ts";
import { type Allocated, ensureFlags, type Loop, measureAllocation } from "./support/heap_meter.ts";
import { KEY_BYTES, shuffled, writeKey } from "./support/keys.ts";
import { Scratch } from "./support/scratch.ts";

const ENTRIES = 100_000;
const VALUE_BYTES = 100;
const CACHE_BYTES = 256 * 2 ** 20;
/** Enough that checkpoints fall into every round. */
const PUT_TURNS = 400_000;
/** Fewer, so that the cache holds all new keys. */
const FEW_PUT_TURNS = 20_000;
/** The numbers of all entries, in an order that visits the whole tree. */
const ORDER = shuffled(ENTRIES, 1);

/** Where results go: what nobody keeps, the compiler does not even make. */
const received: { value: Uint8Array | undefined } = { value: undefined };

interface Row {
  readonly what: string;
  readonly allocated: Allocated;
  /** What the same number of the runtime's own write calls allocates, per operation. */
  readonly writesBytes?: number;
  /** The most that it may allocate beyond the write calls. */
  readonly target?: number;
}

ensureFlags();
main();

function main(): void {
  using scratch = new Scratch();
  console.log(`Bytes allocated per operation, ${process.release.name} ${process.version}`);
  console.log(
    `${ENTRIES} entries of ${KEY_BYTES} + ${VALUE_BYTES} bytes, all in the cache; ` +
      `median of 7 rounds\n`,
  );
  using store = openSync(scratch.file("alloc.kvig"), {
    cacheSize: CACHE_BYTES,
    durability: "deferred",
  });
  fill(store);
  report([...readingRows(store), ...writingRows(store, scratch.file("bare"))]);
}

function fill(store: Kvig): void {
  const key = new Uint8Array(KEY_BYTES);
  const value = new Uint8Array(VALUE_BYTES).fill(7);
  for (let i = 0; i < ENTRIES; i++) {
    writeKey(key, ORDER[i]);
    store.putSync(key, value);
  }
  store.checkpointSync();
}

function readingRows(store: Kvig): Row[] {
  const strings = Array.from(ORDER, (number) => `${number}`.padStart(KEY_BYTES, "0"));
  return [
    { what: "getInto", allocated: measureAllocation(getIntoLoop(store)), target: 0.1 },
    { what: "cursor step", allocated: measureAllocation(cursorLoop(store)), target: 0.1 },
    { what: "getSync", allocated: measureAllocation(getLoop(store)) },
    { what: "getInto, key a string", allocated: measureAllocation(getIntoText(store, strings)) },
    { what: "getSync, key a string", allocated: measureAllocation(getText(store, strings)) },
  ];
}

function getIntoLoop(store: Kvig): Loop {
  const key = new Uint8Array(KEY_BYTES);
  const target = new Uint8Array(VALUE_BYTES);
  let at = 0;
  return (turns) => {
    for (let i = 0; i < turns; i++) {
      writeKey(key, ORDER[at]);
      if (++at === ENTRIES) at = 0;
      if (store.getInto(key, target) !== VALUE_BYTES) throw new Error("an entry is missing");
    }
  };
}

function getIntoText(store: Kvig, keys: readonly string[]): Loop {
  const target = new Uint8Array(VALUE_BYTES);
  let at = 0;
  return (turns) => {
    for (let i = 0; i < turns; i++) {
      if (store.getInto(keys[at], target) !== VALUE_BYTES) throw new Error("an entry is missing");
      if (++at === ENTRIES) at = 0;
    }
  };
}

function getLoop(store: Kvig): Loop {
  const key = new Uint8Array(KEY_BYTES);
  let at = 0;
  return (turns) => {
    for (let i = 0; i < turns; i++) {
      writeKey(key, ORDER[at]);
      if (++at === ENTRIES) at = 0;
      received.value = store.getSync(key);
    }
  };
}

function getText(store: Kvig, keys: readonly string[]): Loop {
  let at = 0;
  return (turns) => {
    for (let i = 0; i < turns; i++) {
      received.value = store.getSync(keys[at]);
      if (++at === ENTRIES) at = 0;
    }
  };
}

function cursorLoop(store: Kvig): Loop {
  const key = new Uint8Array(KEY_BYTES);
  const value = new Uint8Array(VALUE_BYTES);
  const first = new Uint8Array(KEY_BYTES);
  // V8 settles the layout of a class with its first instances: code from before is compiled anew.
  for (let i = 0; i < 20; i++) {
    using early = store.cursor();
    early.next();
  }
  // One cursor for all rounds: with cursors that come and go, the rounds measure the compiler too.
  const cursor = store.cursor();
  return (turns) => {
    for (let i = 0; i < turns; i++) {
      if (!cursor.next()) {
        cursor.seek(first);
        cursor.next();
      }
      if (cursor.keyInto(key) + cursor.valueInto(value) !== KEY_BYTES + VALUE_BYTES) {
        throw new Error("an entry is missing");
      }
    }
  };
}

/** The rows of writes, with what the runtime's own write calls have of them. */
function writingRows(store: Kvig, barePath: string): Row[] {
  const bytesPerWrite = measureAllocation(bareWrites(barePath), 20_000).heapBytes;
  const row = (what: string, loop: Loop, maxTurns: number, target?: number): Row => {
    const allocated = measureAllocation(loop, maxTurns);
    const { turns } = allocated;
    const writesBytes = bytesPerWrite * countWrites(loop, turns) / turns;
    return { what, allocated, writesBytes, ...(target === undefined ? {} : { target }) };
  };
  return [
    row("putSync, deferred", putLoop(store), PUT_TURNS, 1),
    row("putSync, deferred, new keys", putNewLoop(store), FEW_PUT_TURNS),
    row("putSync, deferred, key a string", putText(store), FEW_PUT_TURNS),
  ];
}

function putLoop(store: Kvig): Loop {
  const key = new Uint8Array(KEY_BYTES);
  const value = new Uint8Array(VALUE_BYTES).fill(8);
  let at = 0;
  return (turns) => {
    for (let i = 0; i < turns; i++) {
      writeKey(key, ORDER[at]);
      if (++at === ENTRIES) at = 0;
      store.putSync(key, value);
    }
  };
}

/** Puts keys that are not there yet, scattered over the tree, so that its pages split. */
function putNewLoop(store: Kvig): Loop {
  const key = new Uint8Array(KEY_BYTES + 4);
  const value = new Uint8Array(VALUE_BYTES).fill(9);
  let at = 0;
  let lap = 0;
  return (turns) => {
    for (let i = 0; i < turns; i++) {
      writeKey(key, ORDER[at]);
      key[KEY_BYTES] = lap;
      key[KEY_BYTES + 1] = lap >>> 8;
      if (++at === ENTRIES) {
        at = 0;
        lap++;
      }
      store.putSync(key, value);
    }
  };
}

function putText(store: Kvig): Loop {
  const keys = Array.from(ORDER, (number) => `${number}`.padStart(KEY_BYTES, "0"));
  const value = new Uint8Array(VALUE_BYTES).fill(8);
  let at = 0;
  return (turns) => {
    for (let i = 0; i < turns; i++) {
      store.putSync(keys[at], value);
      if (++at === ENTRIES) at = 0;
    }
  };
}

/** A loop of nothing but the runtime's own blocking write. */
function bareWrites(path: string): Loop {
  const memory = new Uint8Array(4096);
  const fd = fs.openSync(path, "w");
  return (turns) => {
    for (let i = 0; i < turns; i++) fs.writeSync(fd, memory, 0, memory.length, 0);
  };
}

/** How many blocking writes a loop makes. */
function countWrites(loop: Loop, turns: number): number {
  const { writeSync } = fs;
  let writes = 0;
  fs.writeSync = ((fd: number, memory: Uint8Array, offset: number, length: number, at: number) => {
    writes++;
    return writeSync(fd, memory, offset, length, at);
  }) as typeof fs.writeSync;
  try {
    loop(turns);
  } finally {
    fs.writeSync = writeSync;
  }
  return writes;
}

function report(rows: readonly Row[]): void {
  const lines = [["", "heap", "write calls", "beyond", "target", "", "buffers"]];
  let missed = 0;
  for (const { what, allocated, writesBytes, target } of rows) {
    const beyond = allocated.heapBytes - (writesBytes ?? 0);
    const met = target === undefined || beyond <= target;
    if (!met) missed++;
    lines.push([
      what,
      allocated.heapBytes.toFixed(2),
      writesBytes === undefined ? "" : writesBytes.toFixed(2),
      beyond.toFixed(2),
      target === undefined ? "" : `≤ ${target}`,
      target === undefined ? "" : met ? "met" : "MISSED",
      allocated.bufferBytes.toFixed(1),
    ]);
  }
  console.log(table(lines));
  console.log(
    "\nHeap: what the loop allocates on V8's heap, and how much of it the system's write calls " +
      "do.\n" +
      "Buffers: array buffers beside the heap. getSync hands bytes over, so it has to make some.\n",
  );
  console.log(missed === 0 ? "All targets are met." : `Targets missed: ${missed}.`);
  if (missed > 0 && process.argv.includes("--check")) process.exitCode = 1;
}
