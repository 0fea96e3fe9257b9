/**
 * One runtime's part of `npm run bench:uring`: the same work over the ring and over the portable
 * Io, in turns. Prints one line of JSON.
 *
 * Usage: `worker.ts DIRECTORY`
 *
 * @module
 */

import fs from "node:fs";
import process from "node:process";

import { runningAdapter } from "../../adapters/mod.ts";
import { uringIo } from "../../adapters/uring/mod.ts";
import { type Future, type Io, type IoFile, WriteBatch } from "../../core/io.ts";
import { median } from "../support/figures.ts";

const PAGE = 4096;
const FILE_PAGES = 50_000;
const DIRTY_PAGES = 10_000;
/** As many pages as a slice of a checkpoint has. */
const SLICE_PAGES = 128;
const CHECKPOINTS = 5;
const READERS = 64;
const READ_ROUNDS = 5;
const READ_MS = 500;
const COMMITS = 100;
const COMMIT_ROUNDS = 7;

const directory = process.argv[2]!;

/** The Ios that are compared. */
const ios: Readonly<Record<string, Io>> = {
  direct: await portable(true),
  buffered: await portable(false),
  ring: uringIo(),
};

async function portable(direct: boolean): Promise<Io> {
  await runningAdapter();
  if ("Deno" in globalThis) {
    return (await import("../../adapters/deno/mod.ts")).denoIo({ direct });
  }
  if (process.versions["bun"] !== undefined) {
    return (await import("../../adapters/bun/mod.ts")).bunIo({ direct });
  }
  return (await import("../../adapters/node/mod.ts")).nodeIo({ direct });
}

async function result<T>(future: Future<T>): Promise<T> {
  if (!future.settled) await future.promise();
  return future.take();
}

/** A file whose every page was written, so that no sync pays for more than its bytes. */
async function writtenFile(io: Io, name: string): Promise<IoFile> {
  const file = await result(
    io.open(`${directory}/${name}`, { create: true, direct: true }),
  );
  const chunk = io.allocate(1 << 20);
  chunk.fill(7);
  while (file.size < FILE_PAGES * PAGE) {
    await result(
      file.write(file.size, chunk, 0, chunk.length, { blocking: true }),
    );
  }
  await result(file.sync("full"));
  await result(file.close());
  return await result(io.open(`${directory}/${name}`));
}

/** Different places of pages in the file, in random order. */
function scattered(count: number): number[] {
  const places = Array.from({ length: FILE_PAGES }, (_, place) => place);
  for (let i = 0; i < count; i++) {
    const other = i + Math.floor(Math.random() * (FILE_PAGES - i));
    [places[i], places[other]] = [places[other]!, places[i]!];
  }
  return places.slice(0, count);
}

/** Longest time for which the event loop did not turn. */
class LoopWatch {
  longestMs = 0;
  #last = performance.now();
  #timer: ReturnType<typeof setInterval>;

  constructor() {
    this.#timer = setInterval(() => this.#turn(), 1);
  }

  #turn(): void {
    const now = performance.now();
    this.longestMs = Math.max(this.longestMs, now - this.#last - 1);
    this.#last = now;
  }

  stop(): number {
    this.#turn();
    clearInterval(this.#timer);
    return this.longestMs;
  }
}

interface Checkpoint {
  ms: number;
  blockedMs: number;
}

/** Writes scattered pages in slices, as a checkpoint does, and syncs. */
async function checkpoint(
  io: Io,
  file: IoFile,
  slicePages: number,
): Promise<Checkpoint> {
  const memory = memories.get(io)!;
  const places = scattered(DIRTY_PAGES).sort((a, b) => a - b);
  const batch = new WriteBatch(memory, slicePages);
  const watch = new LoopWatch();
  await new Promise((resolve) => setTimeout(resolve, 3));
  watch.longestMs = 0;
  const start = performance.now();
  for (let next = 0; next < places.length; next += slicePages) {
    batch.clear();
    const end = Math.min(next + slicePages, places.length);
    for (let i = next; i < end; i++) {
      batch.add(places[i]! * PAGE, (i * 7919 % DIRTY_PAGES) * PAGE, PAGE);
    }
    const written = file.writeBatch(batch);
    // In the same tick as the last slice: the ring submits both together, and orders them.
    if (slicePages === DIRTY_PAGES) {
      const synced = file.sync("data");
      await result(written);
      await result(synced);
    } else await result(written);
  }
  if (slicePages !== DIRTY_PAGES) await result(file.sync("data"));
  const ms = performance.now() - start;
  return { ms, blockedMs: watch.stop() };
}

const memories = new Map<Io, Uint8Array>();

async function checkpoints(): Promise<Record<string, number>> {
  const files: Record<string, IoFile> = {};
  for (const [name, io] of Object.entries(ios)) {
    files[name] = await writtenFile(io, `checkpoint-${name}`);
    const memory = io.allocate(DIRTY_PAGES * PAGE);
    memory.fill(3);
    memories.set(io, memory);
  }
  const times: Record<string, Checkpoint[]> = {
    direct: [],
    buffered: [],
    ring: [],
    together: [],
  };
  for (let round = 0; round <= CHECKPOINTS; round++) {
    for (const name of Object.keys(times)) {
      const which = name === "together" ? "ring" : name;
      const slice = name === "together" ? DIRTY_PAGES : SLICE_PAGES;
      const time = await checkpoint(ios[which]!, files[which]!, slice);
      if (round > 0) times[name]!.push(time);
    }
  }
  for (const file of Object.values(files)) await result(file.close());
  const figures: Record<string, number> = {};
  for (const [name, list] of Object.entries(times)) {
    figures[`checkpoint ${name} ms`] = median(list.map(({ ms }) => ms));
    figures[`checkpoint ${name} blocked ms`] = median(
      list.map(({ blockedMs }) => blockedMs),
    );
  }
  return figures;
}

async function reads(): Promise<Record<string, number>> {
  const figures: Record<string, number> = {};
  const rates: Record<string, number[]> = { direct: [], ring: [] };
  const path = "checkpoint-direct";
  for (let round = 0; round < READ_ROUNDS; round++) {
    for (const name of Object.keys(rates)) {
      const io = ios[name]!;
      const file = await result(
        io.open(`${directory}/${path}`, { direct: true }),
      );
      const memory = memories.get(io)!;
      let count = 0;
      const end = performance.now() + READ_MS;
      const reader = async (index: number): Promise<void> => {
        while (performance.now() < end) {
          const page = Math.floor(Math.random() * FILE_PAGES);
          await result(file.read(page * PAGE, memory, index * PAGE, PAGE));
          count++;
        }
      };
      await Promise.all(
        Array.from({ length: READERS }, (_, index) => reader(index)),
      );
      rates[name]!.push(count / READ_MS * 1000);
      await result(file.close());
    }
  }
  for (const [name, list] of Object.entries(rates)) {
    figures[`reads ${name} /s`] = median(list);
  }
  return figures;
}

async function commits(): Promise<Record<string, number>> {
  const { open } = await runningAdapter();
  const times: Record<string, number[]> = {};
  const compared: Record<string, Io> = {
    buffered: ios["buffered"]!,
    ring: ios["ring"]!,
    spinning: uringIo({ spinMicroseconds: 150 }),
  };
  const stores = new Map<string, Awaited<ReturnType<typeof open>>>();
  for (const [name, io] of Object.entries(compared)) {
    stores.set(name, await open(`${directory}/store-${name}`, { io }));
  }
  const value = "x".repeat(100);
  for (let round = 0; round <= COMMIT_ROUNDS; round++) {
    for (const [name, store] of stores) {
      let start = performance.now();
      for (let i = 0; i < COMMITS; i++) await store.put(`key ${i}`, value);
      const single = (performance.now() - start) / COMMITS * 1000;
      start = performance.now();
      const task = async (index: number): Promise<void> => {
        for (let i = 0; i < 10; i++) {
          await store.put(`key ${index}-${i}`, value);
        }
      };
      await Promise.all(
        Array.from({ length: READERS }, (_, index) => task(index)),
      );
      const together = (performance.now() - start) / (READERS * 10) * 1000;
      if (round === 0) continue;
      (times[`commit ${name} µs`] ??= []).push(single);
      (times[`commit of 64 tasks ${name} µs`] ??= []).push(together);
    }
  }
  for (const store of stores.values()) await store.close();
  return Object.fromEntries(
    Object.entries(times).map(([name, list]) => [name, median(list)]),
  );
}

const figures = {
  ...await checkpoints(),
  ...await reads(),
  ...await commits(),
};
for (const name of fs.readdirSync(directory)) {
  if (name !== "checkpoint-direct") fs.rmSync(`${directory}/${name}`);
}
console.log(JSON.stringify({ io: ios["ring"]!.description, figures }));
