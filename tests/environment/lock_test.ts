/**
 * Who may open a store beside whom: one writer, or many that only read, in any processes.
 *
 * @module
 */

import { test } from "node:test";

import { open, openSync } from "../support/runtime.ts";
import { assertEquals } from "../support/assert.ts";
import { closeSound, LIMIT_MS, openElsewhere, QUICK } from "../support/environment.ts";
import { assertCode, assertCodeSync, textOf } from "../support/store.ts";
import { tempDir } from "../support/tmp.ts";

const READER = { ...QUICK, readOnly: true };

function testLock(sentence: string, work: (path: string) => Promise<void>): void {
  test(sentence, { timeout: LIMIT_MS }, async () => {
    using dir = tempDir();
    await work(dir.file("store"));
  });
}

testLock("a second process is KVIG_LOCKED until the holder is killed", async (path) => {
  const holder = await openElsewhere(path, QUICK);
  try {
    assertEquals(holder.said, "open");
    await assertCode(() => open(path, QUICK), "KVIG_LOCKED");
    await assertCode(() => open(path, READER), "KVIG_LOCKED");
    assertCodeSync(() => openSync(path, QUICK), "KVIG_LOCKED");
  } finally {
    await holder.kill();
  }
  const store = await open(path, QUICK);
  assertEquals(textOf(await store.get("from")), "elsewhere");
  for (const options of [QUICK, READER]) {
    const late = await openElsewhere(path, options);
    await late.kill();
    assertEquals(late.said, "KVIG_LOCKED");
  }
  await closeSound(store);
});

testLock("a second opening in the same process is KVIG_LOCKED", async (path) => {
  const store = await open(path, QUICK);
  await store.put("key", "value");
  await assertCode(() => open(path, QUICK), "KVIG_LOCKED");
  await assertCode(() => open(path, READER), "KVIG_LOCKED");
  assertCodeSync(() => openSync(path, QUICK), "KVIG_LOCKED");
  assertCodeSync(() => openSync(path, READER), "KVIG_LOCKED");
  await store.put("key", "another");
  await closeSound(store);
  const again = openSync(path, QUICK);
  assertCodeSync(() => openSync(path, QUICK), "KVIG_LOCKED");
  assertEquals(textOf(again.getSync("key")), "another");
  await closeSound(again);
});

testLock("of two that create a store at once only one gets it", async (path) => {
  const outcomes = await Promise.allSettled([open(path, QUICK), open(path, QUICK)]);
  const opened = outcomes.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
  assertEquals(opened.length, 1);
  for (const each of outcomes) {
    if (each.status === "rejected") {
      await assertCode(() => Promise.reject(each.reason), "KVIG_LOCKED");
    }
  }
  await opened[0].put("key", "value");
  await closeSound(opened[0]);
});

testLock("many may read together, and a writer has to wait for all", async (path) => {
  const store = await open(path, QUICK);
  await store.put("key", "value");
  await store.close();
  const readers = [await open(path, READER), openSync(path, READER), await open(path, READER)];
  const other = await openElsewhere(path, READER);
  try {
    assertEquals(other.said, "open");
    for (const reader of readers) {
      assertEquals(textOf(await reader.get("key")), "value");
      await assertCode(() => open(path, QUICK), "KVIG_LOCKED");
      await assertCode(() => reader.put("key", "another"), "KVIG_READ_ONLY");
      await closeSound(reader);
    }
    await assertCode(() => open(path, QUICK), "KVIG_LOCKED");
  } finally {
    await other.kill();
  }
  await closeSound(await open(path, QUICK));
});

testLock("an opening that failed holds no lock", async (path) => {
  await closeSound(await open(path, QUICK));
  await assertCode(() => open(path, { ...QUICK, errorIfExists: true }), "KVIG_EXISTS");
  await assertCode(() => open(path, { ...QUICK, pageSize: 512 }), "KVIG_FORMAT");
  await closeSound(await open(path, QUICK));
});

testLock("lock: false neither asks nor holds", async (path) => {
  const unlocked = { ...QUICK, lock: false };
  const store = await open(path, QUICK);
  await store.put("key", "value");
  await store.checkpoint();
  const reader = await open(path, { ...unlocked, readOnly: true });
  assertEquals(textOf(await reader.get("key")), "value");
  await reader.close();
  await assertCode(() => open(path, QUICK), "KVIG_LOCKED");
  await closeSound(store);
  const free = await open(path, unlocked);
  const locked = await open(path, READER);
  assertEquals(textOf(await locked.get("key")), "value");
  await locked.close();
  await closeSound(free);
});
