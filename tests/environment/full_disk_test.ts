/**
 * Disks that are full, and limits of the size: what was acknowledged stays, what does not fit is
 * refused whole, and there is always room to delete.
 *
 * @module
 */

import fs from "node:fs";
import { test, type TestContext } from "node:test";

import { open, openSync } from "../support/runtime.ts";
import { isKvigError } from "../../core/errors.ts";
import type { Kvig, OpenOptions } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { closeSound, LIMIT_MS, mountMemory, NEEDS_ROOT, QUICK } from "../support/environment.ts";
import { skipTest } from "../support/skip.ts";
import { assertCode, assertCodeSync, assertSound, textOf } from "../support/store.ts";
import { tempDir } from "../support/tmp.ts";

const key = (number: number): string => `key ${number.toString().padStart(6, "0")}`;
const value = (number: number): string => `${number} `.padEnd(1000, "value ");

/**
 * Puts numbered keys from `first` on until the store is full and checkpoints, which free what the
 * older meta page reached, do not help; returns the number of the next.
 */
async function fill(store: Kvig, first = 0): Promise<number> {
  let number = first;
  for (let vain = 0; vain < 4; vain++) {
    try {
      for (;; number++) {
        await store.put(key(number), value(number), { durability: "deferred" });
        vain = 0;
      }
    } catch (error) {
      if (!isKvigError(error, "KVIG_FULL")) throw error;
    }
    await store.checkpoint();
  }
  return number;
}

/** Fails unless exactly the keys of these numbers are there, with their values. */
async function assertHolds(store: Kvig, first: number, end: number): Promise<void> {
  assertEquals(await store.count(), end - first);
  let number = first;
  for await (const [found, content] of store.range()) {
    assertEquals(textOf(found), key(number));
    assertEquals(textOf(content), value(number));
    number++;
  }
  assertEquals(number, end);
  assertEquals(textOf(await store.get(key(first))), value(first));
  assertEquals(await store.get(key(end)), undefined);
}

/** What must be true of a store that is full, whatever makes it so. */
async function assertCopes(
  path: string,
  options: OpenOptions,
  more: { store: Kvig; end: number },
): Promise<Kvig> {
  let { store, end } = more;
  await assertHolds(store, 0, end);
  await assertCode(() => store.put(key(end), value(end)), "KVIG_FULL");
  await assertCode(
    () =>
      store.transaction(async (tx) => {
        await tx.delete(key(0));
        for (let i = 0; i < 3000; i++) await tx.put(`other ${i}`, value(i));
      }),
    "KVIG_FULL",
  );
  await assertHolds(store, 0, end);
  assertSound(await store.verify());
  await store.flush();
  await store.close();
  store = await open(path, options);
  await assertHolds(store, 0, end);
  assertEquals(await store.delete(key(0)), true);
  assertEquals(await store.clear({ lt: key(100) }), 99);
  await assertHolds(store, 100, end);
  await store.checkpoint();
  await store.put(key(end), value(end));
  await assertHolds(store, 100, end + 1);
  return store;
}

function testOnDisk(
  sentence: string,
  size: string,
  work: (directory: string, context: TestContext) => Promise<void>,
): void {
  test(sentence, { timeout: LIMIT_MS }, async (context) => {
    using dir = tempDir();
    using disk = mountMemory(dir.file("disk"), size);
    if (disk === undefined) return skipTest(context, NEEDS_ROOT);
    await work(disk.path, context);
  });
}

testOnDisk("a full disk keeps what it has, and deletes go through", "8m", async (directory) => {
  const path = `${directory}/store`;
  const store = await open(path, QUICK);
  const end = await fill(store);
  assert(end > 1000, `${end} keys fit`);
  const after = await assertCopes(path, QUICK, { store, end });
  assert(await after.clear() > 1000, "clear() goes through");
  await closeSound(after);
});

testOnDisk("clear() of everything goes through on a full disk", "6m", async (directory) => {
  const path = `${directory}/store`;
  const store = await open(path, QUICK);
  const end = await fill(store);
  assertEquals(await store.clear(), end);
  assertEquals(await store.count(), 0);
  assertSound(await store.verify());
  await store.checkpoint();
  assert(await fill(store) > end / 2, "the space can be used again");
  await closeSound(store);
});

testOnDisk("writes succeed once the disk has room again", "8m", async (directory) => {
  const path = `${directory}/store`;
  const ballast = `${directory}/ballast`;
  const store = await open(path, QUICK);
  fs.writeFileSync(ballast, new Uint8Array(3 << 20));
  const end = await fill(store);
  await assertCode(() => store.put(key(end), value(end)), "KVIG_FULL");
  fs.rmSync(ballast);
  const later = await fill(store, end);
  assert(later > end + 1000, `${later - end} more keys fit`);
  await assertHolds(store, 0, later);
  await store.flush();
  await closeSound(store);
  const again = await open(path, QUICK);
  await assertHolds(again, 0, later);
  await closeSound(again);
});

testOnDisk("a disk filled by others keeps what was acknowledged", "8m", async (directory) => {
  const path = `${directory}/store`;
  const ballast = `${directory}/ballast`;
  const store = await open(path, QUICK);
  let end = 0;
  while (end < 500) await store.put(key(end), value(end++));
  const file = fs.openSync(ballast, "w");
  try {
    for (;;) fs.writeSync(file, new Uint8Array(4096));
  } catch (error) {
    assertEquals((error as NodeJS.ErrnoException).code, "ENOSPC");
  } finally {
    fs.closeSync(file);
  }
  end = await fill(store, end);
  await assertHolds(store, 0, end);
  await store.flush();
  await store.close();
  const full = await open(path, QUICK);
  await assertHolds(full, 0, end);
  assertEquals(await full.clear({ gte: key(10) }), end - 10);
  await assertHolds(full, 0, 10);
  await closeSound(full);
});

testOnDisk("creation on a full disk leaves nothing behind", "2m", async (directory) => {
  const path = `${directory}/store`;
  const ballast = `${directory}/ballast`;
  const failures: string[] = [];
  for (let free = 0; free < 1200 << 10; free += 100 << 10) {
    fs.writeFileSync(ballast, new Uint8Array((2 << 20) - free));
    for (const way of ["open", "openSync"]) {
      try {
        const store = way === "open" ? await open(path, QUICK) : openSync(path, QUICK);
        await closeSound(store);
        fs.rmSync(path);
        fs.rmSync(`${path}-wal`);
      } catch (error) {
        if (!isKvigError(error, "KVIG_FULL")) throw error;
        failures.push(`${way} with ${free} bytes free`);
        assertEquals(fs.readdirSync(directory), ["ballast"]);
      }
    }
  }
  assert(failures.length >= 22, `failed: ${failures.join(", ")}`);
  fs.rmSync(ballast);
  await closeSound(await open(path, QUICK));
});

test("maxSize is like a full disk", { timeout: LIMIT_MS }, async () => {
  using dir = tempDir();
  const path = dir.file("store");
  const options = { ...QUICK, maxSize: 3 << 20 };
  const store = await open(path, options);
  const end = await fill(store);
  assert(end > 1000, `${end} keys fit`);
  const after = await assertCopes(path, options, { store, end });
  assert(fs.statSync(path).size <= options.maxSize, "the file is no larger than it may be");
  await closeSound(after);
});

test("maxSize that is raised gives room", { timeout: LIMIT_MS }, async () => {
  using dir = tempDir();
  const path = dir.file("store");
  const store = openSync(path, { ...QUICK, maxSize: 2 << 20 });
  const end = await fill(store);
  assertCodeSync(() => store.putSync(key(end), value(end)), "KVIG_FULL");
  assertCodeSync(
    () =>
      store.transactionSync((tx) => {
        tx.clearSync();
        for (let i = 0; i < 5000; i++) tx.putSync(key(i), value(i));
      }),
    "KVIG_FULL",
  );
  await assertHolds(store, 0, end);
  store.closeSync();
  const wider = openSync(path, { ...QUICK, maxSize: 4 << 20 });
  const later = await fill(wider, end);
  assert(later > end + 1000, `${later - end} more keys fit`);
  await assertHolds(wider, 0, later);
  await closeSound(wider);
});
