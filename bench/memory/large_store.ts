/**
 * A store far larger than its cache: built, worked in every way, opened again.
 *
 * @module
 */

import { type Kvig, open, openSync } from "../../adapters/node/mod.ts";
import { whole } from "../support/figures.ts";
import { KEY_BYTES, randomBelow, writeKey } from "../support/keys.ts";
import { expect, OPTIONS, type PhaseInput, type PhaseReport, Steps } from "./phase.ts";

const ENTRIES = 1_050_000;
const VALUE_BYTES = 1000;
const GETS = 200_000;
const PUTS = 200_000;
const TASKS = 64;
const TASK_PUTS = 500;

/** Number of entries at a scale. */
function entriesAt(scale: number): number {
  return Math.round(ENTRIES * scale);
}

/** Fills the store in the order of its keys. */
export function build({ path, scale }: PhaseInput): PhaseReport {
  const steps = new Steps();
  const count = entriesAt(scale);
  const store = openSync(path, { ...OPTIONS, durability: "deferred" });
  const key = new Uint8Array(KEY_BYTES);
  const value = new Uint8Array(VALUE_BYTES);
  for (let i = 0; i < count; i++) {
    writeKey(key, i);
    stamp(value, i);
    store.putSync(key, value);
  }
  steps.end(`${whole(count)} puts of ${VALUE_BYTES} bytes in the order of their keys`);
  store.closeSync();
  steps.end("closing");
  return { steps: steps.lines, figures: {} };
}

/** Reads, writes and scans with the verbs that block. */
export function workSync({ path, scale }: PhaseInput): PhaseReport {
  const steps = new Steps();
  const store = openSync(path, { ...OPTIONS, durability: "deferred" });
  steps.end("opening");
  const bytes = store.stats().bytes.data;
  getRandomly(store, scale);
  steps.end(`${whole(GETS * scale)} random gets`);
  putRandomly(store, scale);
  steps.end(`${whole(PUTS * scale)} random puts`);
  expect(scan(store, false) === entriesAt(scale), "a scan missed entries");
  steps.end("a scan of everything");
  expect(scan(store, true) === entriesAt(scale), "a scan in reverse missed entries");
  steps.end("a scan of everything in reverse");
  const report = store.verifySync();
  expect(report.ok, `verify() found ${JSON.stringify(report.problems)}`);
  steps.end(`verify() of ${whole(report.pages)} pages`);
  store.closeSync();
  steps.end("closing");
  return { steps: steps.lines, figures: { bytes } };
}

/** Reads, writes and scans with promises, many at once. */
export async function workAsync({ path, scale }: PhaseInput): Promise<PhaseReport> {
  const steps = new Steps();
  const store = await open(path, OPTIONS);
  steps.end("opening");
  const count = entriesAt(scale);
  const rounds = Math.ceil(TASK_PUTS * scale);
  const random = randomBelow(7);
  const task = async (): Promise<void> => {
    const key = new Uint8Array(KEY_BYTES);
    const value = new Uint8Array(VALUE_BYTES);
    for (let i = 0; i < rounds; i++) {
      const number = random(count);
      writeKey(key, number);
      stamp(value, number);
      await store.put(key, value);
      const found = await store.get(key);
      expect(found !== undefined && stampOf(found) === number, "get() found another value");
    }
  };
  await Promise.all(Array.from({ length: TASKS }, task));
  steps.end(`${whole(TASKS * rounds)} puts and gets by ${TASKS} tasks`);
  let seen = 0;
  for await (const value of store.values({ limit: Math.round(count / 4) })) {
    seen += value.length === VALUE_BYTES ? 1 : 0;
  }
  expect(seen === Math.round(count / 4), "for await missed entries");
  steps.end(`for await over ${whole(seen)} values`);
  const report = await store.verify();
  expect(report.ok, `verify() found ${JSON.stringify(report.problems)}`);
  steps.end(`verify() of ${whole(report.pages)} pages`);
  await store.close();
  steps.end("closing");
  return { steps: steps.lines, figures: {} };
}

/** Opens the store, with verbs that block. */
export function reopenSync({ path }: PhaseInput): PhaseReport {
  const began = performance.now();
  const store = openSync(path, OPTIONS);
  const milliseconds = performance.now() - began;
  store.closeSync();
  return { steps: [], figures: { milliseconds } };
}

/** Opens the store, with promises. */
export async function reopenAsync({ path }: PhaseInput): Promise<PhaseReport> {
  const began = performance.now();
  const store = await open(path, OPTIONS);
  const milliseconds = performance.now() - began;
  await store.close();
  return { steps: [], figures: { milliseconds } };
}

function getRandomly(store: Kvig, scale: number): void {
  const random = randomBelow(5);
  const count = entriesAt(scale);
  const key = new Uint8Array(KEY_BYTES);
  const target = new Uint8Array(VALUE_BYTES);
  for (let i = 0; i < GETS * scale; i++) {
    const number = random(count);
    writeKey(key, number);
    const length = store.getInto(key, target);
    expect(length === VALUE_BYTES && stampOf(target) === number, "getInto() found another value");
  }
}

function putRandomly(store: Kvig, scale: number): void {
  const random = randomBelow(6);
  const count = entriesAt(scale);
  const key = new Uint8Array(KEY_BYTES);
  const value = new Uint8Array(VALUE_BYTES);
  for (let i = 0; i < PUTS * scale; i++) {
    const number = random(count);
    writeKey(key, number);
    stamp(value, number);
    store.putSync(key, value);
  }
}

function scan(store: Kvig, reverse: boolean): number {
  const target = new Uint8Array(VALUE_BYTES);
  let count = 0;
  using cursor = store.cursor({ reverse });
  while (cursor.next()) {
    cursor.valueInto(target);
    const expected = reverse ? store.countSync() - 1 - count : count;
    expect(stampOf(target) === expected, "a cursor led to another value");
    count++;
  }
  return count;
}

/** Writes a number into the first four bytes of a value. */
function stamp(value: Uint8Array, number: number): void {
  for (let i = 0; i < 4; i++) value[i] = number >>> (8 * i);
}

function stampOf(value: Uint8Array): number {
  return value[0] | (value[1] << 8) | (value[2] << 16) | (value[3] << 24);
}
