/**
 * The chapter with two processes: one writes and is killed, the other one looks what is left.
 *
 * The writer awaits every `put` and only then says so, with a line on its standard output. Such a
 * line is a promise of the store that the entry survives whatever happens.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { writeSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

import { open } from "../../mod.ts";
import { CITIES, type City, type CityStore, CODECS } from "./cities.ts";
import { chapter, confirm, count, many, progress, promise, say, stopwatch, time } from "./story.ts";

/** The option with which the demo starts itself as the writer. */
export const WRITER_OPTION = "--writer";

/** Acknowledged writes after which the writer is killed, and the time it gets for them. */
const ENOUGH_WRITES = 2000;
const ENOUGH_MILLISECONDS = 3000;
const FEWEST_WRITES = 20;
const PATIENCE_MILLISECONDS = 20_000;
/** How many writes the writer has under way at once. */
const TASKS = 8;
const PREFIX = "diary/";
const STDOUT = 1;

/** What the writer stores under number `number`. */
function entryOf(number: number): City {
  return {
    name: `Entry ${number}`,
    lat: `${number % 90}`,
    lng: `${number % 180}`,
    country: "",
    admin1: "",
    admin2: `${number * 31 % 9973}`,
  };
}

function keyOf(number: number): string {
  return `${PREFIX}${`${number}`.padStart(9, "0")}`;
}

/** The child: writes without end, and says of each write that it is on disk. */
export async function write(path: string): Promise<void> {
  const store = await open(path, CODECS);
  let next = 0;
  const task = async (): Promise<never> => {
    for (;;) {
      const number = next++;
      await store.put(keyOf(number), entryOf(number));
      await tell(number);
    }
  };
  await Promise.all(Array.from({ length: TASKS }, task));
}

/** Says that a write is on disk; waits where the reader is slow and the pipe full. */
async function tell(number: number): Promise<void> {
  for (;;) {
    try {
      writeSync(STDOUT, `${number}\n`);
      return;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
    }
    await pause(1);
  }
}

/** Starts a writer, kills it in mid-flight, opens the store again and looks; returns the store. */
export async function crash(path: string): Promise<CityStore> {
  chapter("Pulling the plug: a program is killed while it writes");
  say(`another process opens the store and writes entry after entry, ${TASKS} at once;`);
  say("of each it says when the store has promised that the entry is on disk");
  const acknowledged = await runWriter(path);
  const watch = stopwatch();
  const store = await open(path, CODECS);
  say(`opened again, with everything the log had kept: ${time(watch())}`);
  await compare(store, acknowledged);
  return store;
}

/** Runs the writer until it has written enough, kills it; returns the numbers it acknowledged. */
async function runWriter(path: string): Promise<number[]> {
  const acknowledged: number[] = [];
  const child = spawn(
    process.execPath,
    [...process.execArgv, process.argv[1], WRITER_OPTION, path],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const stopKilling = killWithParent(child);
  const ended = new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (_, signal) => resolve(signal));
  });
  const impatience = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MILLISECONDS);
  let watch = stopwatch();
  let milliseconds = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    if (acknowledged.length === 0) watch = stopwatch();
    acknowledged.push(Number(line));
    progress(many(acknowledged.length, "write", "writes"));
    if (child.killed) continue;
    milliseconds = watch();
    const enough = acknowledged.length >= ENOUGH_WRITES || milliseconds >= ENOUGH_MILLISECONDS;
    if (enough && acknowledged.length >= FEWEST_WRITES) child.kill("SIGKILL");
  }
  const signal = await ended;
  clearTimeout(impatience);
  stopKilling();
  promise(signal === "SIGKILL", "the writer ended by itself, before it was killed");
  promise(
    acknowledged.length >= FEWEST_WRITES,
    `the writer was to make ${FEWEST_WRITES} writes and made ${acknowledged.length}`,
  );
  say(
    `killed with SIGKILL after ${time(milliseconds)}: ${count(acknowledged.length)} entries ` +
      "had been promised by then",
  );
  return acknowledged;
}

/** Proves that every acknowledged entry is there, and nothing that was not written. */
async function compare(store: CityStore, acknowledged: readonly number[]): Promise<void> {
  let lost = 0;
  for (const number of acknowledged) {
    const found = await store.get(keyOf(number));
    if (JSON.stringify(found) !== JSON.stringify(entryOf(number))) lost++;
  }
  promise(
    lost === 0,
    `${many(lost, "promised entry is", "promised entries are")} lost or not what was written`,
  );
  confirm(`all ${count(acknowledged.length)} promised entries are there, none is lost`);
  const promised = new Set(acknowledged);
  let others = 0;
  for await (const [key, value] of store.range({ prefix: PREFIX })) {
    const number = Number(key.slice(PREFIX.length));
    const intact = key === keyOf(number) && value.name === entryOf(number).name;
    promise(intact, `there is an entry ${key} that was never written like this`);
    if (!promised.has(number)) others++;
  }
  // A write under way at the kill, or acknowledged without the word getting through.
  promise(others <= TASKS, `${others} entries survive that were not promised, more than under way`);
  say(
    others === 0
      ? "none of the writes under way at that moment made it"
      : `of the ${TASKS} writes under way at that moment ${others} survived as well, intact`,
  );
  const cities = await store.count() - await store.count({ prefix: PREFIX });
  promise(cities === CITIES, `${cities} cities are left of ${CITIES}`);
  confirm(`all ${count(cities)} cities are there too`);
}

/** Takes the child along when this process ends; returns how to stop that. */
function killWithParent(child: ChildProcess): () => void {
  const kill = (): void => {
    child.kill("SIGKILL");
  };
  process.on("exit", kill);
  return () => process.off("exit", kill);
}
