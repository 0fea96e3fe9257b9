/**
 * Measures what a loop allocates on the heap of V8, exact to a twentieth of a byte per turn.
 *
 * The young generation is made so large that no collection falls into a measurement: then the heap
 * only grows, and what it grew by is what was allocated. That takes flags at the start of the
 * process, see {@link ensureFlags}.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import process from "node:process";

import { median } from "./figures.ts";

/** The flags with which V8 must have been started. */
export const FLAGS: readonly string[] = [
  "--expose-gc",
  "--max-semi-space-size=256",
  "--min-semi-space-size=256",
];

/** Runs this process's program again where a flag is missing, and ends with its status. */
export function ensureFlags(): void {
  const missing = FLAGS.filter((flag) => !process.execArgv.includes(flag));
  if (missing.length === 0) return;
  const given = [...process.execArgv, ...missing, ...process.argv.slice(1)];
  const ended = spawnSync(process.execPath, given, { stdio: "inherit" });
  if (ended.error !== undefined) throw ended.error;
  process.exit(ended.status ?? 1);
}

/** What one turn of a loop allocates. */
export interface Allocated {
  /** Bytes on the heap. */
  readonly heapBytes: number;
  /** Bytes of array buffers beside the heap. */
  readonly bufferBytes: number;
  /** Turns of a measurement. */
  readonly turns: number;
}

/** A loop that takes as many turns as it is told. */
export type Loop = (turns: number) => void;

/** A loop that awaits something in every turn. */
export type AwaitingLoop = (turns: number) => Promise<void>;

const ROUNDS = 7;
const AWAITING_ROUNDS = 5;
const WARM_UP_ROUNDS = 5;
const WARM_UP_TURNS = 100_000;
const PROBE_TURNS = 5_000;
const MAX_TURNS = 500_000;
/** Well below the half of the young generation, where a collection might begin. */
export const MAX_HEAP_BYTES = 64 * 2 ** 20;
/** Array buffers beside the heap make a collection begin much earlier. */
const MAX_BUFFER_BYTES = 8 * 2 ** 20;

/**
 * Measures what `loop` allocates per turn: the median of seven rounds, warmed up. A round takes up
 * to `maxTurns` turns, fewer where they allocate much.
 */
export function measureAllocation(loop: Loop, maxTurns = MAX_TURNS): Allocated {
  // In pieces, so that the compiler replaces the running code as it does in a program.
  for (let i = 0; i < 20; i++) loop(WARM_UP_TURNS / 20);
  const probe = round(loop, PROBE_TURNS);
  const affordable = Math.min(
    MAX_HEAP_BYTES / Math.max(1, probe.heapBytes),
    MAX_BUFFER_BYTES / Math.max(1, probe.bufferBytes),
  );
  const turns = Math.max(PROBE_TURNS, Math.min(maxTurns, Math.floor(affordable)));
  loop(turns);
  // A full collection throws away code that was compiled for objects which are gone: as long as
  // there are such, the rounds measure the compiler.
  for (let i = 0; i < WARM_UP_ROUNDS; i++) round(loop, turns);
  const rounds: Allocated[] = [];
  for (let i = 0; i < ROUNDS; i++) rounds.push(round(loop, turns));
  return {
    heapBytes: median(rounds.map(({ heapBytes }) => heapBytes)),
    bufferBytes: median(rounds.map(({ bufferBytes }) => bufferBytes)),
    turns,
  };
}

/**
 * Measures what `loop` allocates per turn where it awaits: the median of five rounds of `turns`
 * turns, warmed up by `warmUpTurns`. The caller sees to it that a round allocates less than
 * {@link MAX_HEAP_BYTES}.
 */
export async function measureAwaiting(
  loop: AwaitingLoop,
  turns: number,
  warmUpTurns: number,
): Promise<Allocated> {
  for (let i = 0; i < 10; i++) await loop(warmUpTurns / 10);
  const rounds: Allocated[] = [];
  for (let i = 0; i < AWAITING_ROUNDS + 1; i++) {
    collect();
    const before = process.memoryUsage();
    await loop(turns);
    if (i > 0) rounds.push(grownSince(before, turns));
  }
  return {
    heapBytes: median(rounds.map(({ heapBytes }) => heapBytes)),
    bufferBytes: median(rounds.map(({ bufferBytes }) => bufferBytes)),
    turns,
  };
}

function round(loop: Loop, turns: number): Allocated {
  collect();
  const before = process.memoryUsage();
  loop(turns);
  return grownSince(before, turns);
}

function grownSince(before: NodeJS.MemoryUsage, turns: number): Allocated {
  const after = process.memoryUsage();
  // A round that asks for its memory and does nothing else comes out a little above zero.
  const idle = process.memoryUsage().heapUsed - after.heapUsed;
  const heapBytes = (after.heapUsed - before.heapUsed - idle) / turns;
  const bufferBytes = (after.arrayBuffers - before.arrayBuffers) / turns;
  return { heapBytes: Math.max(0, heapBytes), bufferBytes: Math.max(0, bufferBytes), turns };
}

function collect(): void {
  const gc: unknown = Reflect.get(globalThis, "gc");
  if (typeof gc !== "function") throw new Error(`run with ${FLAGS.join(" ")}`);
  gc();
}
