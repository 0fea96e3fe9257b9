/**
 * Opening and closing: options, codecs, read-only stores, signals, and what is left after the end.
 *
 * @module
 */

import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { memoryIo } from "../../adapters/memory/mod.ts";
import { open, openSync } from "../support/runtime.ts";
import { json, utf8 } from "../../core/codec.ts";
import type { Kvig, OpenOptions } from "../../mod.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../support/assert.ts";
import { textTest } from "../support/api_store.ts";
import { assertCode, assertCodeSync, assertSound, SMALL, storeTest } from "../support/store.ts";
import { tempDir } from "../support/tmp.ts";

const LIMIT = { timeout: 60_000 };

/** Every verb that gives a promise and only reads. */
const READS: Readonly<Record<string, (store: Kvig) => Promise<unknown>>> = {
  get: (store) => store.get("a"),
  has: (store) => store.has("a"),
  getMany: (store) => store.getMany(["a"]),
  count: (store) => store.count(),
  countRange: (store) => store.count({ gte: "a" }),
  first: (store) => store.first(),
  last: (store) => store.last(),
  verify: (store) => store.verify(),
  backup: (store) => store.backup("copy"),
};

const READS_SYNC: Readonly<Record<string, (store: Kvig) => unknown>> = {
  getSync: (store) => store.getSync("a"),
  hasSync: (store) => store.hasSync("a"),
  getInto: (store) => store.getInto("a", new Uint8Array(9)),
  getManySync: (store) => store.getManySync(["a"]),
  countSync: (store) => store.countSync(),
  firstSync: (store) => store.firstSync(),
  lastSync: (store) => store.lastSync(),
  range: (store) => [...store.range()],
  keys: (store) => store.keys().toArraySync(),
  values: (store) => store.values(),
  cursor: (store) => store.cursor(),
  snapshot: (store) => store.snapshot(),
  stats: (store) => store.stats(),
  verifySync: (store) => store.verifySync(),
  backupSync: (store) => store.backupSync("copy2"),
};

const WRITES: Readonly<Record<string, (store: Kvig) => Promise<unknown>>> = {
  put: (store) => store.put("a", "1"),
  delete: (store) => store.delete("a"),
  batch: (store) => store.batch([]),
  clear: (store) => store.clear(),
  transaction: (store) => store.transaction(() => {}),
  flush: (store) => store.flush(),
  checkpoint: (store) => store.checkpoint(),
  compact: (store) => store.compact(),
};

const WRITES_SYNC: Readonly<Record<string, (store: Kvig) => unknown>> = {
  putSync: (store) => store.putSync("a", "1"),
  deleteSync: (store) => store.deleteSync("a"),
  batchSync: (store) => store.batchSync([]),
  clearSync: (store) => store.clearSync(),
  transactionSync: (store) => store.transactionSync(() => {}),
  flushSync: (store) => store.flushSync(),
  checkpointSync: (store) => store.checkpointSync(),
  compactSync: (store) => store.compactSync(),
};

test(
  "every verb of a closed store says KVIG_CLOSED, in both forms",
  { timeout: 60_000 },
  async () => {
    const store = await open("store", { ...SMALL, io: memoryIo() });
    await store.put("a", "1");
    const snapshot = store.snapshot();
    const entries = store.range();
    const cursor = store.cursor();
    await store.close();
    for (const call of Object.values({ ...READS, ...WRITES })) {
      await assertCode(() => call(store), "KVIG_CLOSED");
    }
    for (const call of Object.values({ ...READS_SYNC, ...WRITES_SYNC })) {
      assertCodeSync(() => call(store), "KVIG_CLOSED");
    }
    await assertCode(() => snapshot.get("a"), "KVIG_CLOSED");
    assertCodeSync(() => snapshot.getSync("a"), "KVIG_CLOSED");
    await assertCode(() => entries.toArray(), "KVIG_CLOSED");
    assertCodeSync(() => cursor.next(), "KVIG_CLOSED");
    snapshot.close();
    cursor.close();
  },
);

test("every write of a read-only store says KVIG_READ_ONLY", LIMIT, async () => {
  const io = memoryIo();
  await assertCode(() => open("store", { ...SMALL, io, readOnly: true }), "KVIG_NOT_FOUND");
  const writer = await open("store", { ...SMALL, io });
  await writer.put("a", "1");
  await writer.close();
  const store = await open("store", { ...SMALL, io, readOnly: true });
  for (const call of Object.values(WRITES)) await assertCode(() => call(store), "KVIG_READ_ONLY");
  for (const call of Object.values(WRITES_SYNC)) {
    assertCodeSync(() => call(store), "KVIG_READ_ONLY");
  }
  for (const call of Object.values(READS)) await call(store);
  for (const call of Object.values(READS_SYNC)) call(store);
  assertEquals(await store.count(), 1);
  assertSound(await store.verify());
  await store.close();
});

test("closing again does nothing, in whichever form", LIMIT, async () => {
  const io = memoryIo();
  const store = await open("store", { ...SMALL, io });
  const flying = store.put("a", "1");
  await Promise.all([store.close(), store.close(), flying]);
  await store.close();
  store.closeSync();
  store[Symbol.dispose]();
  await store[Symbol.asyncDispose]();
  {
    await using again = await open("store", { ...SMALL, io });
    assertEquals(await again.count(), 1);
  }
  {
    using again = openSync("store", { ...SMALL, io });
    assertSound(again.verifySync());
  }
  using last = openSync("store", { ...SMALL, io });
  assertEquals(last.countSync(), 1);
});

test(
  "an aborted signal stops opening, verify(), backup() and compact()",
  { timeout: 60_000 },
  async () => {
    const signal = AbortSignal.abort();
    const io = memoryIo();
    await assertCode(() => open("store", { ...SMALL, io, signal }), "KVIG_ABORTED");
    const store = await open("store", { ...SMALL, io });
    for (let i = 0; i < 300; i++) await store.put(`key${i}`, "v".repeat(400));
    await assertCode(() => store.verify({ signal }), "KVIG_ABORTED");
    await assertCode(() => store.backup("copy", { signal }), "KVIG_ABORTED");
    await store.backup("copy");
    await store.clear();
    await assertCode(() => store.compact({ signal }), "KVIG_ABORTED");
    assertSound(await store.verify());
    await store.close();
  },
);

test(
  "an aborted signal stops the waiting for close(), not the closing",
  { timeout: 60_000 },
  async () => {
    const io = memoryIo();
    const store = await open("store", { ...SMALL, io });
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const open1 = store.transaction(async (tx) => {
      await tx.put("a", "1");
      await gate;
    });
    const controller = new AbortController();
    const closing = assertCode(() => store.close({ signal: controller.signal }), "KVIG_ABORTED");
    controller.abort();
    await closing;
    release();
    // The transaction was open before the closing; either way it is whole or refused.
    const [outcome] = await Promise.allSettled([open1]);
    await store.close();
    const again = await open("store", { ...SMALL, io });
    assertEquals(await again.count(), outcome!.status === "fulfilled" ? 1 : 0);
    assertSound(await again.verify());
    await again.close();
  },
);

test("options that are wrong are refused with their names, before any file is made", async () => {
  const io = memoryIo();
  const types: Record<string, unknown> = {
    cacheSize: "1",
    createIfMissing: 1,
    direct: "yes",
    durability: "soon",
    errorIfExists: "no",
    key: {},
    lock: 0,
    logSize: null,
    maxSize: "1",
    pageSize: true,
    readOnly: "no",
    value: { encode: () => new Uint8Array(0) },
  };
  for (const [name, value] of Object.entries(types)) {
    const options = { io, [name]: value } as unknown as OpenOptions;
    await assertRejects(() => open("store", options), TypeError, name);
    assertThrows(() => openSync("store", options), TypeError, name);
  }
  const ranges: Record<string, number[]> = {
    cacheSize: [0, -1, 1.5, NaN, 2 ** 20 - 1, 2 ** 32 + 1],
    logSize: [0, 2 ** 20 - 1, Infinity],
    pageSize: [0, 256, 4095, 131_072, 600],
    maxSize: [0, 1000, -5],
  };
  for (const [name, values] of Object.entries(ranges)) {
    for (const value of values) {
      const options = { io, [name]: value } as unknown as OpenOptions;
      await assertRejects(() => open("store", options), RangeError, name);
      assertThrows(() => openSync("store", options), RangeError, name);
    }
  }
  for (const path of ["", "a\0b", 5, null, new URL("https://example.org/store")]) {
    await assertRejects(() => open(path as string, { io }), TypeError, "path");
  }
  const missing = { ...SMALL, io, createIfMissing: false };
  await assertCode(() => open("store", missing), "KVIG_NOT_FOUND");
});

test("a path may be a file URL; one writer at a time", LIMIT, async () => {
  using dir = tempDir();
  const path = dir.file("a store with spaces");
  const store = await open(pathToFileURL(path), SMALL);
  await store.put("a", "1");
  await assertCode(() => open(path, SMALL), "KVIG_LOCKED");
  assertCodeSync(() => openSync(path, SMALL), "KVIG_LOCKED");
  await store.close();
  await assertCode(() => open(path, { ...SMALL, errorIfExists: true }), "KVIG_EXISTS");
  const again = openSync(path, { ...SMALL, createIfMissing: false });
  assertEquals(again.countSync(), 1);
  assertSound(again.verifySync());
  again.closeSync();
});

test("codecs turn keys and values into bytes and back", LIMIT, async () => {
  const uint32 = {
    encode(value: number): Uint8Array {
      const encoded = new Uint8Array(4);
      new DataView(encoded.buffer).setUint32(0, value);
      return encoded;
    },
    decode: (encoded: Uint8Array): number =>
      new DataView(encoded.buffer, encoded.byteOffset).getUint32(0),
  };
  const io = memoryIo();
  const store = await open("store", { ...SMALL, io, key: uint32, value: json });
  const value = { list: [1, null, "ä"], nested: { yes: true } };
  for (const key of [70_000, 3, 256]) await store.put(key, { key, ...value });
  assertEquals(await store.get(256), { key: 256, ...value });
  assertEquals(await store.keys({ gt: 3 }).toArray(), [256, 70_000]);
  assertEquals(await store.last(), [70_000, { key: 70_000, ...value }]);
  await store.transaction(async (tx) => {
    assertEquals(await tx.get(3), { key: 3, ...value });
    await tx.put(4, "text");
  });
  assertEquals(store.getSync(4), "text");
  await assertRejects(() => store.put(5, undefined), TypeError, "value");
  assertSound(await store.verify());
  await store.close();
  const text = await open("store", { ...SMALL, io, value: utf8 });
  assertEquals(await text.get(new Uint8Array([0, 0, 0, 4])), '"text"');
  await text.close();
});

storeTest("arguments of the wrong type are refused with their names", async ({ store }) => {
  const wrong = 5 as unknown as string;
  await assertRejects(() => store.put(wrong, ""), TypeError, "key");
  await assertRejects(() => store.put("a", wrong), TypeError, "value");
  await assertRejects(() => store.get(wrong), TypeError, "key");
  await assertRejects(() => store.delete(wrong), TypeError, "key");
  await assertRejects(() => store.getMany(wrong as never), TypeError, "keys");
  await assertRejects(() => store.batch(wrong as never), TypeError, "operations");
  await assertRejects(() => store.clear(wrong as never), TypeError, "range");
  assertThrows(() => store.putSync("a", wrong), TypeError, "value");
  assertThrows(() => store.getSync(wrong), TypeError, "key");
  assertThrows(() => store.transactionSync(wrong as never), TypeError, "function");
  assertEquals(await store.count(), 0);
});

textTest("text with lone surrogates is refused", async (store) => {
  await assertRejects(() => store.put("\uD800", ""), TypeError, "key");
  await assertRejects(() => store.put("a", "\uDC00x"), TypeError, "value");
  assert(!store.hasSync("a"), "nothing was written");
});
