/**
 * Reading as users of the surface see it, compared with a plain array of entries.
 *
 * @module
 */

import { Buffer } from "node:buffer";

import { bytes } from "../../core/codec.ts";
import type { RangeOptions } from "../../mod.ts";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { type TextStore, textTest } from "../support/api_store.ts";
import { Random, runSeed } from "../support/random.ts";
import { storeTest, textOf } from "../support/store.ts";

type Options = RangeOptions<string>;

/** The entries that a range has, by the book. Keys are ASCII, so text sorts as its bytes do. */
function expected(entries: [string, string][], options: Options): [string, string][] {
  const { gt, gte, lt, lte, prefix, reverse = false, limit = Infinity } = options;
  const found = entries.filter(([key]) =>
    (gt === undefined || key > gt) && (gte === undefined || key >= gte) &&
    (lt === undefined || key < lt) && (lte === undefined || key <= lte) &&
    (prefix === undefined || key.startsWith(prefix))
  );
  if (reverse) found.reverse();
  return found.slice(0, limit);
}

async function fill(store: TextStore, count: number): Promise<[string, string][]> {
  const entries: [string, string][] = [["", "of the empty key"]];
  for (let i = 0; i < count; i++) {
    const key = `${"abc"[i % 3]}${String(Math.floor(i / 3) * 2).padStart(4, "0")}`;
    entries.push([key, i % 50 === 0 ? `${i}`.repeat(1500) : i % 7 === 0 ? "" : `value ${i}`]);
  }
  await store.batch(entries.map(([key, value]) => ({ type: "put", key, value })));
  return entries.sort(([a], [b]) => a < b ? -1 : 1);
}

function drawOptions(random: Random): Options {
  const options: Options = {};
  const key = (): string => {
    const number = String(random.below(320)).padStart(4, "0");
    return random.oneIn(10) ? "" : `${random.pick(["a", "b", "c", "d"])}${number}`;
  };
  for (const name of ["gt", "gte", "lt", "lte"] as const) {
    if (random.oneIn(3)) options[name] = key();
  }
  if (random.oneIn(4)) options.prefix = random.pick(["", "a", "b0", "c01", "x", "b0002"]);
  if (random.oneIn(2)) options.reverse = random.oneIn(2);
  if (random.oneIn(3)) options.limit = random.pick([0, 1, 2, 7, 1000, Infinity]);
  return options;
}

/** Reads a range with a cursor. */
function walk(store: TextStore, options: Options): [string, string][] {
  const cursor = store.cursor(options);
  const target = new Uint8Array(10_000);
  const found: [string, string][] = [];
  while (cursor.next()) {
    const key = textOf(target.subarray(0, cursor.keyInto(target)))!;
    const length = cursor.valueInto(target, 5);
    found.push([key, textOf(target.subarray(5, 5 + length))!]);
  }
  assertEquals(cursor.next(), false, "behind the end there is nothing");
  cursor.close();
  return found;
}

textTest("ranges of every shape are those of a plain array", async (store) => {
  const entries = await fill(store, 450);
  const random = new Random(runSeed("ranges"));
  for (let i = 0; i < 300; i++) {
    const options = drawOptions(random);
    const wanted = expected(entries, options);
    const what = JSON.stringify(options);
    assertEquals(await store.range(options).toArray(), wanted, what);
    assertEquals(store.range(options).toArraySync(), wanted, what);
    assertEquals(await store.keys(options).toArray(), wanted.map(([key]) => key), what);
    assertEquals([...store.values(options)], wanted.map(([, value]) => value), what);
    assertEquals(walk(store, options), wanted, what);
    const { reverse: _, limit: __, ...range } = options;
    const all = expected(entries, range);
    assertEquals(await store.count(range), all.length, what);
    assertEquals(store.countSync(range), all.length, what);
    assertEquals(await store.first(range), all[0], what);
    assertEquals(store.firstSync(range), all[0], what);
    assertEquals(await store.last(range), all.at(-1), what);
    assertEquals(store.lastSync(range), all.at(-1), what);
  }
  assertEquals(await store.count(), entries.length);
});

textTest("every reading verb finds what is there and misses what is not", async (store) => {
  const entries = await fill(store, 200);
  const keys = [...entries.map(([key]) => key), "absent", "a0001", "zzz"];
  const values = new Map(entries);
  const wanted = keys.map((key) => values.get(key));
  assertEquals(await store.getMany(keys), wanted);
  assertEquals(store.getManySync(new Set(keys)), wanted);
  for (const key of keys) {
    assertEquals(await store.get(key), values.get(key));
    assertEquals(store.getSync(key), values.get(key));
    assertEquals(await store.has(key), values.has(key));
    assertEquals(store.hasSync(key), values.has(key));
  }
  assertEquals(await store.getMany([]), []);
  assertEquals(await store.get("k".repeat(5000)), undefined, "too long a key is just absent");
});

textTest(
  "getInto() gives the length, −1 without a key, RangeError without room",
  async (store) => {
    await store.put("k", "value");
    await store.put("empty", "");
    await store.put("large", "x".repeat(9000));
    const target = new Uint8Array(8).fill(9);
    assertEquals(store.getInto("k", target, 3), 5);
    assertEquals([...target.subarray(0, 3)], [9, 9, 9]);
    assertEquals(textOf(target.subarray(3)), "value");
    assertEquals(store.getInto("absent", target), -1);
    assertEquals(store.getInto("empty", target, 8), 0);
    for (const offset of [4, 8, 9, -1, 0.5]) {
      assertThrows(() => store.getInto("k", target, offset), RangeError);
    }
    assertThrows(() => store.getInto("large", target), RangeError, "9000");
    assertEquals([...target.subarray(0, 3)], [9, 9, 9], "a refusal writes nothing");
    assertEquals(store.getInto("large", new Uint8Array(9000)), 9000);
    assertThrows(() => store.getInto("k", [] as unknown as Uint8Array), TypeError, "target");
  },
);

storeTest("strings, bytes and Buffers name the same key", async ({ store }) => {
  await store.put("käy", Buffer.from("buffer"));
  await store.put(new Uint8Array([0, 255]), new Uint8Array([1, 2]));
  await store.put("", "");
  assertEquals(textOf(await store.get(Buffer.from("käy"))), "buffer");
  assertEquals(textOf(await store.get(new TextEncoder().encode("käy"))), "buffer");
  assertEquals(await store.get(Buffer.from([0, 255])), new Uint8Array([1, 2]));
  assertEquals(await store.get(new Uint8Array(0)), new Uint8Array(0));
  const key = (await store.first({ gt: "" }))![0];
  assertEquals(key.constructor, Uint8Array);
  assertEquals(await store.keys().toArray(), [
    new Uint8Array(0),
    new Uint8Array([0, 255]),
    bytes.encode("käy"),
  ]);
});

storeTest(
  "a prefix that ends in the highest byte bounds what begins with it",
  async ({ store }) => {
    const keys = [[1], [1, 254], [1, 255], [1, 255, 0], [1, 255, 255, 7], [2], [255], [255, 255]];
    for (const key of keys) await store.put(new Uint8Array(key), new Uint8Array(0));
    for (const prefix of [[1, 255], [1, 255, 255], [255], [255, 255], [1]]) {
      const wanted = keys.filter((key) => prefix.every((byte, i) => key[i] === byte));
      const found = await store.keys({ prefix: new Uint8Array(prefix) }).toArray();
      assertEquals(found.map((key) => [...key]), wanted);
    }
  },
);

storeTest("what get() gives is the caller's own", async ({ store }) => {
  await store.put("k", "value");
  const value = (await store.get("k"))!;
  value.fill(0);
  assertEquals(textOf(store.getSync("k")), "value");
});

textTest("keys of text sort by code point", async (store) => {
  const keys = ["\u{1F600}", "\uFF5E", "z", "ä", "Z", "\u{10000}"];
  for (const key of keys) await store.put(key, "");
  const wanted = [...keys].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  assertEquals(await store.keys().toArray(), wanted);
});

textTest("seek() goes anywhere within the cursor's range, in its direction", async (store) => {
  await store.batch([..."bdfhj"].map((key) => ({ type: "put", key, value: key })));
  const target = new Uint8Array(1);
  for (const reverse of [false, true]) {
    const cursor = store.cursor({ gte: "d", lte: "h", reverse });
    const at = (key: string): string | undefined => {
      cursor.seek(key);
      if (!cursor.next()) return undefined;
      assertEquals(cursor.keyInto(target), 1);
      return textOf(target);
    };
    const wanted = reverse
      ? { a: undefined, b: undefined, c: undefined, d: "d", e: "d", f: "f", h: "h", j: "h" }
      : { a: "d", b: "d", c: "d", d: "d", e: "f", f: "f", h: "h", i: undefined, j: undefined };
    for (const [key, found] of Object.entries(wanted)) assertEquals(at(key), found, key);
    cursor.close();
  }
});

textTest("a cursor that stands at no entry has no key and no value", async (store) => {
  await store.put("a", "1");
  const cursor = store.cursor();
  assertThrows(() => cursor.keyInto(new Uint8Array(9)), RangeError);
  assert(cursor.next(), "there is an entry");
  assertThrows(() => cursor.valueInto(new Uint8Array(0)), RangeError);
  assert(!cursor.next(), "there is one entry only");
  assertThrows(() => cursor.valueInto(new Uint8Array(9)), RangeError);
  cursor.close();
});

textTest("options of the wrong kind are refused with their names", (store) => {
  const range = (options: unknown) => () => [...store.range(options as Options)];
  assertThrows(range({ limit: -1 }), RangeError, "limit");
  assertThrows(range({ limit: 1.5 }), RangeError, "limit");
  assertThrows(range({ limit: "1" }), TypeError, "limit");
  assertThrows(range({ reverse: 1 }), TypeError, "reverse");
  assertThrows(range(5), TypeError, "range");
  assertThrows(range({ gt: 5 }), TypeError, "key");
});

storeTest(
  "many keys at once are each of them, absent, large, or asked for in a transaction",
  async (place) => {
    const { store } = place;
    const keys = Array.from({ length: 70 }, (_, i) => Buffer.from(`k${i * 37 % 70}`));
    assertEquals(store.getManySync(keys), keys.map(() => undefined), "in an empty store");
    keys.forEach((key, i) => {
      if (i % 5 !== 0) store.putSync(key, Buffer.alloc(i % 3 * 40, i));
    });
    const ask = (): (Uint8Array | undefined)[] => keys.map((key) => store.getSync(key));
    assertEquals(store.getManySync(keys), ask());
    assertEquals(await store.getMany(new Set(keys)), ask());
    store.putSync(keys[7]!, new Uint8Array(20_000).fill(3));
    assertEquals(store.getManySync(keys), ask(), "with a large one");
    assertEquals(await store.getMany(keys), ask());
    assertEquals(
      store.getManySync([keys[1]!, "k1"]),
      [store.getSync(keys[1]!), store.getSync("k1")],
      "bytes and text together",
    );
    store.transactionSync((transaction) => {
      transaction.putSync(keys[0]!, "new");
      transaction.deleteSync(keys[1]!);
      const [first, second] = transaction.getManySync(keys);
      assertEquals([textOf(first!), second], ["new", undefined]);
    });
    assertThrows(() => store.getManySync([keys[0]!, 5 as never]), TypeError, "key");
  },
);
