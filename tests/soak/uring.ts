/**
 * `npm run soak:uring`: a store over io_uring for minutes, with random operations, checkpoints,
 * operations that are called off and closes in the midst of things, compared with a model; and raw
 * files beside it. At the end nothing may have leaked: no descriptor, no memory, no operation.
 *
 * @module
 */

import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

import { uringIo } from "../../adapters/uring/mod.ts";
import { type Future, type Io, WriteBatch } from "../../core/io.ts";
import { isKvigError } from "../../core/errors.ts";
import type { Kvig } from "../../mod.ts";
import { endJob, jobOptions } from "../support/job.ts";
import { Random } from "../support/random.ts";
import { open, runtimeName } from "../support/runtime.ts";
import { whyNoRing } from "../support/uring.ts";

const USAGE = `usage: npm run soak:uring -- [options]

Lives of a store over io_uring, one after another, on one runtime.`;

const options = jobOptions(USAGE, {
  minutes: { help: "how long", least: 1, default: 10 },
  seed: { help: "where the random numbers begin", default: Math.floor(Math.random() * 2 ** 31) },
});

const TASKS = 16;
const KEYS = 4000;
const VALUE_BYTES_MAX = 6000;
/** Longer than this for one life is an operation that was lost. */
const LIFE_LIMIT_MS = 120_000;
/** What the process may have grown by: what a runtime keeps back varies. */
const GROWTH_MAX = 96 * 2 ** 20;
const WARM_LIVES = 10;

const seed = options.number("seed");
const random = new Random(seed);
const directory = fs.mkdtempSync(join(tmpdir(), "kvig-soak-"));
const path = join(directory, "store");
const model = new Map<string, string>();
const totals = { lives: 0, operations: 0, calledOff: 0, checkpoints: 0, files: 0 };

const descriptors = (): number => fs.readdirSync("/proc/self/fd").length;

function drawIo(): Io {
  return uringIo({
    blocking: random.oneIn(6),
    direct: !random.oneIn(3),
    spinMicroseconds: random.oneIn(3) ? random.below(200) : 0,
  });
}

/** One life of the store: opened, used by many tasks, closed. */
async function live(): Promise<void> {
  const io = drawIo();
  const store = await open(path, { io, cacheSize: 2 << 20, logSize: 2 << 20 });
  for (const [key, value] of model) {
    if (random.oneIn(20)) await check(store, key, value);
  }
  const steps = 20 + random.below(200);
  const tasks = Array.from({ length: TASKS }, (_, task) => use(store, task, steps));
  const files = useFiles(io);
  await Promise.all([...tasks, files]);
  if (random.oneIn(3)) {
    const report = await store.verify();
    if (report.problems.length > 0) throw new Error(JSON.stringify(report.problems));
  }
  // Reads in flight while it closes: they end, one way or the other.
  const late = Array.from({ length: 8 }, () => store.get(`0:${random.below(KEYS)}`));
  const [closed] = await Promise.allSettled([store.close(), ...late]);
  if (closed.status === "rejected") throw closed.reason;
  totals.lives++;
}

async function check(store: Kvig, key: string, value: string | undefined): Promise<void> {
  const found = await store.get(key);
  const text = found === undefined ? undefined : new TextDecoder().decode(found);
  if (text !== value) throw new Error(`${key}: found ${text?.length}, wanted ${value?.length}`);
}

/** One task with keys of its own. */
async function use(store: Kvig, task: number, steps: number): Promise<void> {
  for (let step = 0; step < steps; step++) {
    totals.operations++;
    const key = `${task}:${random.below(KEYS / TASKS)}`;
    const kind = random.below(20);
    if (kind < 8) {
      const value = `${step} `.repeat(1 + random.below(random.oneIn(9) ? VALUE_BYTES_MAX / 4 : 60));
      const durability = random.oneIn(4) ? "sync" : "deferred";
      await store.put(key, value, { durability });
      model.set(key, value);
    } else if (kind < 14) await check(store, key, model.get(key));
    else if (kind < 16) {
      await store.delete(key);
      model.delete(key);
    } else if (kind < 19) await callOff(store, key, step);
    else if (random.oneIn(8)) {
      await store.checkpoint();
      totals.checkpoints++;
    }
  }
}

/** A write that is called off: it happened or not, and what happened is what it said. */
async function callOff(store: Kvig, key: string, step: number): Promise<void> {
  const controller = new AbortController();
  const value = `called off in step ${step}`;
  const put = store.put(key, value, { signal: controller.signal });
  if (random.oneIn(2)) await Promise.resolve();
  controller.abort();
  try {
    await put;
    model.set(key, value);
  } catch (error) {
    if (!isKvigError(error) || error.code !== "KVIG_ABORTED") throw error;
    totals.calledOff++;
  }
}

/** A file of its own, closed while operations with it are in flight. */
async function useFiles(io: Io): Promise<void> {
  const name = join(directory, "file");
  const memory = io.allocate(128 * 4096);
  for (let round = 0; round < 3; round++) {
    const file = await result(io.open(name, { create: true }));
    const batch = new WriteBatch(memory, 64);
    for (let page = 0; page < 64; page++) batch.add(page * 8192, page * 4096, 4096);
    const pending: Future<unknown>[] = [file.writeBatch(batch), file.sync("data")];
    for (let page = 64; page < 128; page++) {
      pending.push(file.read(page * 8192, memory, page * 4096, 4096));
    }
    pending.push(file.close());
    await Promise.all(pending.map((future) => future.promise()));
    for (const future of pending) future.take();
    totals.files++;
  }
}

async function result<T>(future: Future<T>): Promise<T> {
  await future.promise();
  return future.take();
}

async function main(): Promise<void> {
  if (whyNoRing !== undefined) throw new Error(`there is no ring here: ${whyNoRing}`);
  console.log(`${uringIo().description}; seed ${seed}; load ${load()}`);
  const end = performance.now() + options.number("minutes") * 60_000;
  let [fds, bytes, told] = [0, 0, performance.now()];
  while (performance.now() < end) {
    const timer = setTimeout(lost, LIFE_LIMIT_MS);
    await live();
    clearTimeout(timer);
    if (totals.lives === WARM_LIVES) [fds, bytes] = [descriptors(), process.memoryUsage().rss];
    if (performance.now() - told > 60_000) {
      told = performance.now();
      console.log(JSON.stringify({ ...totals, descriptors: descriptors(), rss: rss() }));
    }
  }
  // What is told of in the background has its turn.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const grown = process.memoryUsage().rss - bytes;
  const more = descriptors() - fds;
  console.log(`load ${load()}; ${more} more descriptors, ${Math.round(grown / 2 ** 20)} MiB more`);
  const violations = (more > 0 ? 1 : 0) + (grown > GROWTH_MAX ? 1 : 0);
  endJob({ job: "soak:uring", runtime: runtimeName, seed, ...totals, violations });
}

const rss = (): string => `${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`;
const load = (): string => fs.readFileSync("/proc/loadavg", "utf8").split(" ")[0]!;

function lost(): never {
  console.error(`seed ${seed}, life ${totals.lives}: an operation was never settled`);
  process.exit(1);
}

try {
  await main();
} finally {
  fs.rmSync(directory, { recursive: true, force: true });
}
