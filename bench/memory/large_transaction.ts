/**
 * One transaction far larger than cache and log: committed, or taken back as a whole.
 *
 * @module
 */

import { type Kvig, open, openSync, type Transaction } from "../../adapters/node/mod.ts";
import { whole } from "../support/figures.ts";
import { KEY_BYTES, writeKey } from "../support/keys.ts";
import { expect, OPTIONS, type Phase, type PhaseInput, type PhaseReport, Steps } from "./phase.ts";

const PUTS = 3_000_000;
const VALUE_BYTES = 117;
/** A prime above the number of puts, and a factor: together they make a permutation. */
const PRIME = 3_000_017;
const FACTOR = 1_299_709;
/** Entries that are there before, outside of the transaction's keys. */
const BEFORE = 1000;
const BEFORE_FIRST = 2_000_000_000;

type Order = "in order" | "at random";
type End = "commit" | "throw";

/** The part that makes one transaction with blocking verbs, in this order, with this end. */
export function transactionSync(order: Order, end: End): Phase {
  return ({ path, scale }) => {
    const steps = new Steps();
    const store = openSync(path, OPTIONS);
    prepare(store);
    const puts = Math.round(PUTS * scale);
    steps.end("opening");
    const work = (tx: Transaction): void => {
      putAll(tx, puts, order);
      steps.end(`${whole(puts)} puts ${order}`);
      if (end === "throw") throw new Changed();
    };
    try {
      store.transactionSync(work);
      expect(end === "commit", "a transaction whose function threw was committed");
    } catch (error) {
      if (!(error instanceof Changed)) throw error;
    }
    const { cache } = store.stats();
    steps.end(end === "commit" ? "the commit" : "taking all of it back");
    store.closeSync();
    steps.end("closing");
    return prove({ path, scale }, steps, end, cache);
  };
}

/** The part that makes one transaction with promises, every put awaited. */
export async function transactionAsync({ path, scale }: PhaseInput): Promise<PhaseReport> {
  const steps = new Steps();
  const store = await open(path, OPTIONS);
  prepare(store);
  const puts = Math.round(PUTS * scale);
  steps.end("opening");
  await store.transaction(async (tx) => {
    const key = new Uint8Array(KEY_BYTES);
    const value = new Uint8Array(VALUE_BYTES);
    for (let i = 0; i < puts; i++) {
      const number = numberAt(i, "in order");
      writeKey(key, number);
      value[0] = number;
      await tx.put(key, value);
    }
    steps.end(`${whole(puts)} awaited puts in order`);
  });
  const { cache } = store.stats();
  steps.end("the commit");
  await store.close();
  steps.end("closing");
  return prove({ path, scale }, steps, "commit", cache);
}

class Changed extends Error {}

/** A few entries in a commit of their own: they stay whatever happens. */
function prepare(store: Kvig): void {
  store.batchSync(Array.from({ length: BEFORE }, (_, i) => {
    const key = new Uint8Array(KEY_BYTES);
    writeKey(key, BEFORE_FIRST + i);
    return { type: "put", key, value: "before" };
  }));
}

function putAll(tx: Transaction, puts: number, order: Order): void {
  const key = new Uint8Array(KEY_BYTES);
  const value = new Uint8Array(VALUE_BYTES);
  for (let i = 0; i < puts; i++) {
    const number = numberAt(i, order);
    writeKey(key, number);
    value[0] = number;
    tx.putSync(key, value);
  }
}

/** The number of the key put as the `i`th. */
function numberAt(i: number, order: Order): number {
  return order === "in order" ? i : i * FACTOR % PRIME;
}

/** Proves in a store that was opened anew that all or nothing is there. */
function prove(
  { path, scale }: PhaseInput,
  steps: Steps,
  end: End,
  { spills, reads }: { spills: number; reads: number },
): PhaseReport {
  const puts = Math.round(PUTS * scale);
  const again = openSync(path, OPTIONS);
  const expected = BEFORE + (end === "commit" ? puts : 0);
  const count = again.countSync();
  expect(count === expected, `there are ${count} entries and not ${expected}`);
  const report = again.verifySync();
  expect(report.ok, `verify() found ${JSON.stringify(report.problems)}`);
  expect(report.entries === expected, `verify() counted ${report.entries} entries`);
  again.closeSync();
  steps.end(`proof: opened again, ${whole(count)} entries, verify()`);
  return { steps: steps.lines, figures: { spills, reads } };
}
