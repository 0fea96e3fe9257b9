/**
 * Cases of the store: writing in every form, values of every size, more entries than the cache
 * holds.
 *
 * @module
 */

import { bytes } from "../../core/codec.ts";
import { openStore } from "../../core/open_store.ts";
import { check, checkBytes, checkEqual, pattern, randomNumbers, shuffled } from "./check.ts";
import type { Case } from "./harness.ts";
import {
  checkRejects,
  checkSame,
  inBothForms,
  MEBIBYTE,
  storeCase,
  type StorePlace,
} from "./store_place.ts";
import type { Entry, Operation } from "./store_verbs.ts";

const GROUP = "writing to a store";

/** Text of `length` characters of one byte each, which tells where it is. */
export function text(length: number, seed = 0): string {
  const words = `${seed}:`;
  const unit = `${words}${"abcdefghijklmnopqrstuvwxyz".slice(seed % 20)}.`;
  return unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
}

/** Cases of writing. */
export const writingCases: readonly Case[] = [
  ...inBothForms(GROUP, "put() sets a key, and sets it again", async (at) => {
    await at.open();
    await at.verbs.put("a", "1");
    await at.verbs.put("b", "2");
    checkEqual(await at.verbs.get("a"), "1", "get() of what was put");
    await at.verbs.put("a", "another value");
    checkSame(await at.verbs.range(), [["a", "another value"], ["b", "2"]], "all entries");
  }),

  ...inBothForms(GROUP, "delete() says whether the key was there", async (at) => {
    await at.open();
    await at.verbs.put("a", "1");
    checkEqual(await at.verbs.delete("a"), true, "delete() of a key that is there");
    checkEqual(await at.verbs.delete("a"), false, "delete() of a key that is absent");
    checkEqual(await at.verbs.has("a"), false, "has() of what was deleted");
  }),

  ...inBothForms(GROUP, "batch() carries out its operations in their order", async (at) => {
    await at.open();
    await at.verbs.put("old", "1");
    await at.verbs.batch([
      { type: "put", key: "a", value: "1" },
      { type: "delete", key: "old" },
      { type: "put", key: "a", value: "2" },
      { type: "put", key: "b", value: "1" },
      { type: "delete", key: "b" },
      { type: "delete", key: "never there" },
    ]);
    checkSame(await at.verbs.range(), [["a", "2"]], "all entries");
    await at.verbs.batch([]);
  }),

  ...inBothForms(GROUP, "a batch with a wrong operation changes nothing", async (at) => {
    const verbs = at.verbsOf(await at.open());
    await verbs.put("a", "1");
    const batch: Operation[] = [
      { type: "delete", key: "a" },
      { type: "put", key: "k".repeat(1025), value: "" },
    ];
    await checkRejects(() => verbs.batch(batch), "KVIG_KEY_TOO_LARGE", "batch() with a long key");
    checkSame(await verbs.range(), [["a", "1"]], "all entries");
  }),

  ...inBothForms(GROUP, "clear() removes a range, or everything", clearRanges),

  ...inBothForms(GROUP, "the empty key and the empty value are like any other", async (at) => {
    await at.open();
    await at.verbs.put("", "of the empty key");
    await at.verbs.put("empty", "");
    checkEqual(await at.verbs.get(""), "of the empty key", "get() of the empty key");
    checkEqual(await at.verbs.get("empty"), "", "get() of an empty value");
    checkEqual(await at.verbs.has("empty"), true, "has() of a key with an empty value");
    await at.verbs.put("", "");
    await at.reopen();
    checkSame(await at.verbs.range(), [["", ""], ["empty", ""]], "all entries");
    checkEqual(await at.verbs.delete(""), true, "delete() of the empty key");
  }),

  ...inBothForms(GROUP, "a key may have a quarter of a page, and no more", async (at) => {
    await at.open({ pageSize: 4096 });
    const longest = text(1024);
    await at.verbs.put(longest, "1");
    const { verbs } = at;
    await checkRejects(() => verbs.put(`${longest}x`, ""), "KVIG_KEY_TOO_LARGE", "put() above it");
    checkEqual(await verbs.get(longest), "1", "get() of the longest key");
    checkEqual(await verbs.get(`${longest}x`), undefined, "get() of a key that is too long");
  }),

  ...inBothForms(GROUP, "values of every size come back as they were", valuesOfEverySize),
  ...inBothForms(GROUP, "large values are replaced and removed", replaceLargeValues),
  ...inBothForms(GROUP, "more entries than the cache holds, put in any order", manyEntries),
  ...inBothForms(GROUP, "a tree of small pages grows and shrinks", growAndShrink),
  ...inBothForms(GROUP, "deferred writes are seen at once and kept by close()", deferredWrites),

  storeCase(GROUP, "any bytes may be keys and values", anyBytes),
];

async function clearRanges(at: StorePlace): Promise<void> {
  await at.open();
  const keys = Array.from({ length: 500 }, (_, i) => `key ${String(i).padStart(3, "0")}`);
  await at.verbs.batch(keys.map((key) => ({ type: "put", key, value: text(200) })));
  checkEqual(await at.verbs.clear({ gte: "key 100", lt: "key 200" }), 100, "clear() of a range");
  checkEqual(await at.verbs.clear({ prefix: "key 3" }), 100, "clear() of a prefix");
  checkEqual(await at.verbs.clear({ gt: "x", lt: "a" }), 0, "clear() of an empty range");
  checkEqual(await at.verbs.clear({ prefix: "other" }), 0, "clear() where nothing is");
  const left = keys.filter((key) => !/^key [13]/.test(key));
  checkSame(await at.verbs.keys(), left, "the keys that are left");
  await at.reopen();
  checkEqual(await at.verbs.clear(), 300, "clear() of everything");
  checkEqual(await at.verbs.count(), 0, "count() after it");
  await at.verbs.put("after", "it");
}

async function valuesOfEverySize(at: StorePlace): Promise<void> {
  await at.open({ cacheSize: 2 * MEBIBYTE });
  const sizes = [0, 1, 2, 63, 64, 500, 1000, 1015, 1024, 2000, 4000, 4079, 4080, 4096, 4097, 8192];
  sizes.push(10_000, 65_535, 65_536, 100_000, MEBIBYTE, MEBIBYTE + 1, 3 * MEBIBYTE + 777);
  for (const size of sizes) await at.verbs.put(`size ${size}`, text(size, size));
  const checkAll = async (when: string): Promise<void> => {
    for (const size of sizes) {
      const found = await at.verbs.get(`size ${size}`);
      check(found === text(size, size), `a value of ${size} bytes ${when}: expected what was put`);
    }
  };
  await checkAll("in the open store");
  await at.reopen();
  await checkAll("after opening again");
  const values = await at.verbs.values({ prefix: "size 1" });
  const lengths = values.map((value) => value.length).sort((a, b) => a - b);
  const wanted = sizes.filter((size) => String(size).startsWith("1"));
  checkSame(lengths, wanted, "lengths of the values of a range");
}

async function replaceLargeValues(at: StorePlace): Promise<void> {
  await at.open();
  for (let round = 0; round < 12; round++) {
    await at.verbs.put("large", text(300_000 + round * 20_000, round));
    await at.verbs.put("other", round % 2 === 0 ? text(50_000, round) : "small");
    check(
      await at.verbs.get("large") === text(300_000 + round * 20_000, round),
      `the large value of round ${round}: expected what was put`,
    );
  }
  checkEqual(await at.verbs.delete("large"), true, "delete() of a large value");
  checkSame(await at.verbs.range(), [["other", "small"]], "all entries");
}

async function manyEntries(at: StorePlace): Promise<void> {
  await at.open();
  const count = 8000;
  const key = (i: number): string => `entry ${String(i).padStart(5, "0")}`;
  const order = shuffled(count, randomNumbers(7));
  for (let from = 0; from < count; from += 400) {
    const some = order.slice(from, from + 400);
    await at.verbs.batch(some.map((i) => ({ type: "put", key: key(i), value: text(270, i) })));
  }
  const { cache, bytes: sizes } = at.store.stats();
  check(sizes.data > 2 * MEBIBYTE, `expected more than the cache, got ${sizes.data} bytes of data`);
  check(cache.evictions > 0, "expected pages to have left the cache");
  const wanted = Array.from({ length: count }, (_, i): Entry => [key(i), text(270, i)]);
  checkSame(await at.verbs.range(), wanted, "all entries in their order");
  await at.reopen();
  checkSame(await at.verbs.range({ reverse: true }), wanted.reverse(), "all entries backwards");
  for (const i of order.slice(0, 300)) {
    checkEqual(await at.verbs.get(key(i)), text(270, i), `get() of entry ${i}`);
  }
}

async function growAndShrink(at: StorePlace): Promise<void> {
  await at.open({ pageSize: 512 });
  const model = new Map<string, string>();
  const random = randomNumbers(11);
  for (let round = 0; round < 30; round++) {
    const operations: Operation[] = [];
    for (let i = 0; i < 100; i++) {
      const key = `k${random(1500)}`;
      if (random(30) < (round < 15 ? 5 : 25)) {
        operations.push({ type: "delete", key });
        model.delete(key);
      } else {
        const value = text(random(150), random(1000));
        operations.push({ type: "put", key, value });
        model.set(key, value);
      }
    }
    await at.verbs.batch(operations);
  }
  const wanted = [...model].sort(([a], [b]) => a < b ? -1 : 1);
  checkSame(await at.verbs.range(), wanted, "all entries");
  const keys = [...model.keys()];
  for (const key of keys.splice(0, 20)) {
    checkEqual(await at.verbs.delete(key), true, `delete() of ${key}`);
  }
  while (keys.length > 0) {
    await at.verbs.batch(keys.splice(0, 100).map((key) => ({ type: "delete", key })));
  }
  checkEqual(await at.verbs.count(), 0, "count() at the end");
}

async function deferredWrites(at: StorePlace): Promise<void> {
  await at.open({ durability: "deferred" });
  const { store } = at;
  if (at.form === "Sync") {
    store.putSync("a", "1");
    store.batchSync([{ type: "put", key: "b", value: "2" }]);
    store.transactionSync((tx) => tx.putSync("c", "3"));
    store.deleteSync("b");
    checkSame([...store.keys()], ["a", "c"], "the keys at once");
    store.flushSync();
    store.putSync("d", "4");
  } else {
    const writes = [
      store.put("a", "1"),
      store.batch([{ type: "put", key: "b", value: "2" }]),
      store.transaction((tx) => tx.put("c", "3")),
      store.delete("b"),
    ];
    await Promise.all(writes);
    checkSame(await store.keys().toArray(), ["a", "c"], "the keys at once");
    await store.flush();
    await store.put("d", "4");
  }
  await at.reopen();
  checkSame(await at.verbs.keys(), ["a", "c", "d"], "the keys after closing and opening");
}

async function anyBytes(at: StorePlace): Promise<void> {
  const options = { cacheSize: MEBIBYTE, logSize: MEBIBYTE, key: bytes, value: bytes };
  const lock = at.place.supports.locks === false ? { lock: false } : {};
  const store = await openStore(at.io, at.path("bytes"), { ...options, ...lock });
  const keys = Array.from({ length: 256 }, (_, byte) => new Uint8Array([byte, 255 - byte, 0]));
  for (const [i, key] of keys.entries()) {
    await store.put(key, pattern(i * 40, i), { durability: "deferred" });
  }
  const found = await store.range().toArray();
  checkEqual(found.length, 256, "number of entries");
  for (const [i, [key, value]] of found.entries()) {
    checkBytes(key, keys[i], `key ${i}`);
    checkBytes(value, pattern(i * 40, i), `value ${i}`);
  }
  checkEqual((await store.verify()).ok, true, "verify() of a store of bytes");
  await store.close();
}
