/**
 * Cases of the store: reading in every form, of stores, snapshots and transactions.
 *
 * @module
 */

import type { RangeOptions } from "../../core/range.ts";
import { check, checkBytes, checkEqual, checkThrowsRange, randomNumbers } from "./check.ts";
import type { Case } from "./harness.ts";
import {
  checkSame,
  type Form,
  inBothForms,
  storeCase,
  type StorePlace,
  type TextReader,
} from "./store_place.ts";
import { type Entry, synchronousReadVerbs, waitingReadVerbs } from "./store_verbs.ts";
import { text } from "./store_writing.ts";

const GROUP = "reading a store";

/** Cases of reading. */
export const readingCases: readonly Case[] = [
  ...inBothForms(GROUP, "every verb finds what is there and misses what is not", async (at) => {
    const entries = await fill(at, 300);
    await checkReads(at.form, at.store, entries);
    await at.reopen();
    await checkReads(at.form, at.store, entries);
  }),

  ...inBothForms(GROUP, "a snapshot reads like a store", async (at) => {
    const entries = await fill(at, 300);
    const snapshot = at.store.snapshot();
    await at.verbs.clear();
    await at.verbs.put("later", "1");
    await checkReads(at.form, snapshot, entries);
    snapshot.close();
    checkSame(await at.verbs.keys(), ["later"], "the keys of the store meanwhile");
  }),

  storeCase(GROUP, "a transaction reads like a store", async (at) => {
    const entries = await fill(at, 300);
    await at.store.transaction((tx) => checkReads("promises", tx, entries));
  }),

  ...inBothForms(GROUP, "ranges of every shape are those of a plain list", rangesOfEveryShape),

  storeCase(GROUP, "for await gives the entries, and may be left early", async (at) => {
    const entries = await fill(at, 300);
    const found: Entry[] = [];
    for await (const entry of at.store.range()) found.push(entry);
    checkSame(found, entries, "all entries");
    let steps = 0;
    for await (const key of at.store.keys({ reverse: true })) {
      checkEqual(key, entries[entries.length - ++steps][0], `key ${steps} from the end`);
      if (steps === 5) break;
    }
    checkEqual(steps, 5, "number of steps");
  }),

  storeCase(GROUP, "an iteration sees the state of its first step", async (at) => {
    const entries = await fill(at, 300);
    const found: string[] = [];
    for await (const key of at.store.keys()) {
      if (found.length % 20 === 0) await at.store.clear({ gt: key });
      found.push(key);
    }
    checkSame(found, entries.map(([key]) => key), "the keys of the iteration");
    checkEqual(await at.store.count(), 1, "count() after it");
  }),

  storeCase(GROUP, "getInto() copies a value to where it is wanted", async (at) => {
    await at.open();
    await at.store.put("k", "value");
    await at.store.put("empty", "");
    const target = new Uint8Array(8).fill(9);
    checkEqual(at.store.getInto("k", target, 2), 5, "length of the value");
    checkBytes(target, new Uint8Array([9, 9, 118, 97, 108, 117, 101, 9]), "the target");
    checkEqual(at.store.getInto("absent", target), -1, "getInto() of an absent key");
    checkEqual(at.store.getInto("empty", target, 8), 0, "getInto() of an empty value");
    checkThrowsRange(() => at.store.getInto("k", target, 4), "getInto() without room");
    checkEqual(target[4], 108, "a byte of the target after the refusal");
  }),

  storeCase(GROUP, "a cursor steps through a range in both directions", cursorSteps),
  ...inBothForms(GROUP, "large values are read by every verb", readLargeValues),
];

/** A store of `count` entries, of which some are large and some empty; in the order of its keys. */
async function fill(at: StorePlace, count: number): Promise<Entry[]> {
  await at.open();
  const entries: Entry[] = [["", "of the empty key"]];
  for (let i = 0; i < count; i++) {
    const key = `${"abc"[i % 3]}${String(Math.floor(i / 3) * 2).padStart(4, "0")}`;
    entries.push([key, i % 50 === 0 ? text(9000, i) : i % 7 === 0 ? "" : `value ${i}`]);
  }
  await at.verbs.batch(entries.map(([key, value]) => ({ type: "put", key, value })));
  return entries.sort(([a], [b]) => a < b ? -1 : 1);
}

async function checkReads(form: Form, reader: TextReader, entries: Entry[]): Promise<void> {
  const verbs = form === "Sync" ? synchronousReadVerbs(reader) : waitingReadVerbs(reader);
  const values = new Map(entries);
  const keys = [...values.keys(), "absent", "a0001", "zzz", "k".repeat(5000)];
  for (const key of keys) {
    const name = JSON.stringify(key.slice(0, 10));
    checkEqual(await verbs.get(key), values.get(key), `get() of ${name}`);
    checkEqual(await verbs.has(key), values.has(key), `has() of ${name}`);
  }
  checkSame(await verbs.getMany(keys), keys.map((key) => values.get(key)), "getMany()");
  checkSame(await verbs.getMany(new Set<string>()), [], "getMany() of nothing");
  checkSame(await verbs.range(), entries, "range()");
  checkSame(await verbs.keys(), entries.map(([key]) => key), "keys()");
  checkSame(await verbs.values(), entries.map(([, value]) => value), "values()");
  checkEqual(await verbs.count(), entries.length, "count()");
  checkEqual(await verbs.count({ prefix: "b" }), 100, "count() of a prefix");
  checkSame(await verbs.first(), entries[0], "first()");
  checkSame(await verbs.last(), entries[entries.length - 1], "last()");
  checkEqual(await verbs.first({ prefix: "x" }), undefined, "first() of nothing");
}

/** The entries that a range has, by the book. Keys are ASCII, so text sorts as its bytes do. */
function expected(entries: readonly Entry[], options: RangeOptions<string>): Entry[] {
  const { gt, gte, lt, lte, prefix, reverse = false, limit = Infinity } = options;
  const found = entries.filter(([key]) =>
    (gt === undefined || key > gt) && (gte === undefined || key >= gte) &&
    (lt === undefined || key < lt) && (lte === undefined || key <= lte) &&
    (prefix === undefined || key.startsWith(prefix))
  );
  if (reverse) found.reverse();
  return found.slice(0, limit);
}

function drawOptions(random: (below: number) => number): RangeOptions<string> {
  const options: RangeOptions<string> = {};
  const key = (): string => `${"abcd"[random(4)]}${String(random(220)).padStart(4, "0")}`;
  for (const name of ["gt", "gte", "lt", "lte"] as const) {
    if (random(3) === 0) options[name] = random(10) === 0 ? "" : key();
  }
  if (random(4) === 0) options.prefix = ["", "a", "b0", "c01", "x", "b0002"][random(6)];
  if (random(2) === 0) options.reverse = random(2) === 0;
  if (random(3) === 0) options.limit = [0, 1, 2, 7, 1000, Infinity][random(6)];
  return options;
}

async function rangesOfEveryShape(at: StorePlace): Promise<void> {
  const entries = await fill(at, 300);
  const random = randomNumbers(5);
  for (let i = 0; i < 100; i++) {
    const options = drawOptions(random);
    const wanted = expected(entries, options);
    const what = JSON.stringify(options);
    checkSame(await at.verbs.range(options), wanted, `range(${what})`);
    checkSame(await at.verbs.keys(options), wanted.map(([key]) => key), `keys(${what})`);
    checkSame(await at.verbs.values(options), wanted.map(([, v]) => v), `values(${what})`);
    const { reverse: _, limit: __, ...range } = options;
    const all = expected(entries, range);
    checkEqual(await at.verbs.count(range), all.length, `count(${what})`);
    checkSame(await at.verbs.first(range), all[0], `first(${what})`);
    checkSame(await at.verbs.last(range), all.at(-1), `last(${what})`);
  }
}

async function cursorSteps(at: StorePlace): Promise<void> {
  await at.open();
  await at.store.batch([..."bdfhj"].map((key) => ({ type: "put", key, value: `of ${key}` })));
  const memory = new Uint8Array(10);
  for (const reverse of [false, true]) {
    const cursor = at.store.cursor({ gte: "d", reverse });
    let found = "";
    while (cursor.next()) {
      checkEqual(cursor.keyInto(memory, 1), 1, "length of a key");
      found += String.fromCharCode(memory[1]);
      checkEqual(cursor.valueInto(memory), 4, "length of a value");
      checkEqual(String.fromCharCode(memory[3]), found.at(-1), "last byte of a value");
    }
    checkEqual(found, reverse ? "jhfd" : "dfhj", "the keys of a cursor");
    cursor.seek("g");
    check(cursor.next(), "expected an entry where seek() went");
    cursor.keyInto(memory);
    checkEqual(String.fromCharCode(memory[0]), reverse ? "f" : "h", "the key that seek() found");
    cursor.close();
    cursor.close();
  }
}

async function readLargeValues(at: StorePlace): Promise<void> {
  await at.open();
  const entries = Array.from({ length: 9 }, (_, i): Entry => [`k${i}`, text(150_000 + i, i)]);
  for (const [key, value] of entries) await at.verbs.put(key, value);
  await at.reopen();
  const wanted = entries.map(([, value]) => value);
  checkSame(await at.verbs.getMany(entries.map(([key]) => key)), wanted, "getMany()");
  checkSame(await at.verbs.values(), wanted, "values()");
  checkSame(await at.verbs.last(), entries[8], "last()");
  if (!at.io.canBlock) return;
  const target = new Uint8Array(150_010);
  checkEqual(at.store.getInto("k3", target, 1), 150_003, "getInto() of a large value");
  checkEqual(target[1], 51, "first byte of a large value");
  const cursor = at.store.cursor({ reverse: true });
  check(cursor.next(), "expected an entry");
  checkEqual(cursor.valueInto(target), 150_008, "valueInto() of a large value");
  cursor.close();
}
