/**
 * When a synchronous write says KVIG_WOULD_BLOCK: on a store of `open` that has something under
 * way, with nothing changed; never on one of `openSync`.
 *
 * @module
 */

import { test } from "node:test";

import { open, openSync } from "../support/runtime.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { TEXT, type TextStore } from "../support/api_store.ts";
import { assertCodeSync, assertSound } from "../support/store.ts";
import { tempDir } from "../support/tmp.ts";

/** Lets the tick end, so that a flush begins, but no file operation complete. */
async function endOfTick(): Promise<void> {
  for (let i = 0; i < 20; i++) await undefined;
}

/** Every synchronous write. */
function syncWrites(store: TextStore): (() => unknown)[] {
  return [
    () => store.putSync("sync", "1"),
    () => store.deleteSync("a"),
    () => store.batchSync([{ type: "put", key: "sync", value: "1" }]),
    () => store.clearSync(),
    () => store.transactionSync((tx) => tx.putSync("sync", "1")),
  ];
}

async function withFileStore(work: (store: TextStore) => Promise<void>): Promise<void> {
  using dir = tempDir();
  const store = await open(dir.file("store"), TEXT);
  await store.put("a", "1");
  await work(store);
  assertSound(await store.verify());
  await store.close();
}

test("a synchronous write while a flush is in flight would block and changes nothing", {
  timeout: 60_000,
}, async () => {
  await withFileStore(async (store) => {
    const flying = store.put("b", "2");
    await endOfTick();
    for (const write of syncWrites(store)) assertCodeSync(write, "KVIG_WOULD_BLOCK");
    assertCodeSync(() => store.flushSync(), "KVIG_WOULD_BLOCK");
    assertCodeSync(() => store.checkpointSync(), "KVIG_WOULD_BLOCK");
    assertEquals([...store.range()], [["a", "1"], ["b", "2"]], "reading goes on");
    await flying;
    store.putSync("sync", "1");
    assertEquals(await store.keys().toArray(), ["a", "b", "sync"]);
  });
});

test("a deferred synchronous write goes through while a flush is in flight", {
  timeout: 60_000,
}, async () => {
  await withFileStore(async (store) => {
    const flying = store.put("b", "2");
    await endOfTick();
    store.putSync("c", "3", { durability: "deferred" });
    assertEquals(store.getSync("c"), "3");
    await flying;
    await store.flush();
    assertEquals(await store.count(), 3);
  });
});

test("a synchronous write while an asynchronous transaction is open would block", {
  timeout: 60_000,
}, async () => {
  await withFileStore(async (store) => {
    await store.transaction(async (tx) => {
      await tx.put("b", "2");
      for (const write of syncWrites(store)) assertCodeSync(write, "KVIG_WOULD_BLOCK");
      assertEquals(store.getSync("b"), undefined);
      tx.putSync("c", "3");
    });
    assertEquals(await store.keys().toArray(), ["a", "b", "c"]);
    for (const write of syncWrites(store)) write();
  });
});

test("closeSync() with a write under way would block and leaves the store open", {
  timeout: 60_000,
}, async () => {
  await withFileStore(async (store) => {
    const flying = store.put("b", "2");
    await endOfTick();
    assertCodeSync(() => store.closeSync(), "KVIG_WOULD_BLOCK");
    await flying;
    await store.put("c", "3");
    assertEquals(await store.count(), 3);
  });
});

test("nothing would ever block on a store that openSync() opened", {
  timeout: 60_000,
}, async () => {
  using dir = tempDir();
  const store = openSync(dir.file("store"), TEXT);
  const flying: Promise<unknown>[] = [];
  const value = "v".repeat(700);
  for (let i = 0; i < 500; i++) {
    flying.push(store.put(`async${i % 300}`, value));
    if (i % 40 === 0) flying.push(store.checkpoint());
    if (i % 7 === 0) await endOfTick();
    store.putSync(`sync${i}`, value, { durability: i % 50 === 0 ? "sync" : "deferred" });
    if (i % 3 === 0) store.deleteSync(`sync${i - 1}`);
    if (i % 100 === 0) store.transactionSync((tx) => tx.clearSync({ prefix: "sync1" }));
    assertEquals(store.getSync(`async${i % 300}`), value);
  }
  store.checkpointSync();
  await Promise.all(flying);
  assert(store.countSync() > 300, "everything arrived");
  assertSound(store.verifySync());
  store.closeSync();
});
