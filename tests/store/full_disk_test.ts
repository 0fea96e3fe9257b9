/**
 * A disk that is full, and a store that has reached its greatest size: writes are refused with
 * KVIG_FULL, reads and deletes go on, nothing is lost, and writes succeed once there is room.
 *
 * @module
 */

import fs from "node:fs";
import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import { open, openSync } from "../support/runtime.ts";
import { isKvigError } from "../../core/errors.ts";
import type { Kvig, OpenOptions } from "../../mod.ts";
import { assert, assertEquals, assertLessOrEqual } from "../support/assert.ts";
import { smallDisk } from "../support/small_disk.ts";
import { assertCode, assertCodeSync, assertSound, PATH, SMALL, textOf } from "../support/store.ts";

const MIB = 1024 * 1024;
const key = (i: number): string => `key${i.toString().padStart(6, "0")}`;
const value = (i: number): string => `${i}`.repeat(20);

/** Puts until the store is full; returns how many keys there are. */
async function fill(store: Kvig, first = 0): Promise<number> {
  for (let i = first;; i += 50) {
    const batch = Array.from({ length: 50 }, (_, j) => i + j);
    const results = await Promise.allSettled(batch.map((n) => store.put(key(n), value(n))));
    const bad = results.findIndex(({ status }) => status === "rejected");
    if (bad < 0) continue;
    for (const result of results.slice(bad)) {
      if (result.status === "fulfilled") continue;
      assert(isKvigError(result.reason, "KVIG_FULL"), String(result.reason));
    }
    // Those behind the first that was refused may have fitted into a leaf: take them away again.
    for (const n of batch.slice(bad)) await store.delete(key(n));
    return i + bad;
  }
}

async function assertHolds(store: Kvig, count: number): Promise<void> {
  assertEquals(await store.count(), count);
  for (let i = 0; i < count; i += 97) assertEquals(textOf(await store.get(key(i))), value(i));
  assertEquals((await store.keys().toArray()).length, count);
}

/** The life of a store that fills up; `room` makes room outside of the store, where it can. */
async function liveFull(options: OpenOptions, path: string, room?: () => void): Promise<void> {
  const opening = { ...SMALL, ...options };
  let store = await open(path, opening);
  const count = await fill(store);
  assert(count > 1000, "a good many fit");
  await assertCode(() => store.put("large", "x".repeat(200_000)), "KVIG_FULL", path);
  await assertCode(() =>
    store.transaction(async (tx) => {
      for (let i = 0; i < 20_000; i++) await tx.put(`tx${i}`, value(i));
    }), "KVIG_FULL");
  await assertHolds(store, count);
  assertSound(await store.verify());
  await store.checkpoint();
  await store.close();
  store = await open(path, opening);
  await assertHolds(store, count);
  // Deletes work on a full store, and what they free can be used.
  const half = Math.floor(count / 2);
  for (let i = 0; i < half; i++) assertEquals(await store.delete(key(i)), true);
  await store.checkpoint();
  for (let i = 0; i < half / 2; i++) await store.put(key(i), value(i));
  assertSound(await store.verify());
  const left = await store.count();
  assertEquals(left, count - half + Math.ceil(half / 2));
  assertEquals(await store.clear(), left);
  await store.put("a", "b");
  if (room !== undefined) {
    await fill(store);
    room();
    await store.put("large", "x".repeat(200_000));
  }
  assertSound(await store.verify());
  await store.close();
  store = await open(path, opening);
  assertEquals(await store.has("a") || room !== undefined, true);
  assertSound(await store.verify());
  await store.close();
}

test("a store at its greatest size refuses writes and takes deletes", async () => {
  for (const pageSize of [512, 4096]) {
    const io = memoryIo();
    await liveFull({ io, pageSize, maxSize: 2 * MIB }, PATH);
    const file = io.open(PATH, { readOnly: true }).take();
    assertLessOrEqual(file.size, 2 * MIB);
  }
});

test("an Io without room refuses writes and takes deletes", async () => {
  await liveFull({ io: memoryIo({ capacityBytes: 3 * MIB }) }, PATH);
});

test("a full disk refuses writes, loses nothing, and takes writes again", {
  timeout: 120_000,
}, async (context) => {
  using disk = smallDisk(context, 3 * MIB);
  if (disk === undefined) return;
  await liveFull({}, disk.file("store"), () => disk.resize(8 * MIB));
});

test("creation on a full disk fails with KVIG_FULL and leaves nothing behind", async (context) => {
  using disk = smallDisk(context, MIB / 2);
  if (disk === undefined) return;
  const path = disk.file("store");
  await assertCode(() => open(path, SMALL), "KVIG_FULL");
  assertCodeSync(() => openSync(path, SMALL), "KVIG_FULL");
  assertEquals([fs.existsSync(path), fs.existsSync(`${path}-wal`)], [false, false]);
  disk.resize(8 * MIB);
  const store = await open(path, SMALL);
  await store.put("a", "b");
  await store.close();
});

test("a backup to a full disk fails and removes what it wrote", async (context) => {
  using disk = smallDisk(context, MIB);
  if (disk === undefined) return;
  using other = smallDisk(context, 32 * MIB);
  if (other === undefined) return;
  const store = await open(other.file("store"), SMALL);
  await store.put("large", "x".repeat(3 * MIB));
  await assertCode(() => store.backup(disk.file("copy")), "KVIG_FULL");
  assertEquals(fs.existsSync(disk.file("copy")), false);
  assertSound(await store.verify());
  await store.close();
});

test("a synchronous store that is full refuses and goes on", () => {
  const store = openSync(PATH, { ...SMALL, io: memoryIo(), maxSize: 2 * MIB });
  let count = 0;
  assertCodeSync(() => {
    for (;; count++) store.putSync(key(count), value(count), { durability: "deferred" });
  }, "KVIG_FULL");
  assertEquals(store.countSync(), count);
  assertCodeSync(() => store.putSync("large", "x".repeat(100_000)), "KVIG_FULL");
  assertCodeSync(() =>
    store.transactionSync((tx) => {
      for (let i = 0; i < 20_000; i++) tx.putSync(`tx${i}`, value(i));
    }), "KVIG_FULL");
  // An error in a transaction that is not let out still dooms it.
  assertCodeSync(() =>
    store.transactionSync((tx) => {
      tx.putSync("small", "1");
      assertCodeSync(() => tx.putSync("large", "x".repeat(100_000)), "KVIG_FULL");
    }), "KVIG_FULL");
  assertEquals(store.hasSync("small"), false);
  assertSound(store.verifySync());
  for (let i = 0; i < count; i++) assertEquals(store.deleteSync(key(i)), true);
  store.putSync("large", "x".repeat(100_000));
  assertSound(store.verifySync());
  store.closeSync();
});
