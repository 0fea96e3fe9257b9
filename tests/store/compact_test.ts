/**
 * Compacting: the file becomes shorter, nothing that can be read changes, and snapshots hold it
 * back without being disturbed.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual } from "../support/assert.ts";
import { Buffer } from "node:buffer";
import { test } from "node:test";

import { SimIo } from "../sim/io.ts";
import { assertSameEntries } from "../support/model.ts";
import { withSeeds } from "../support/random.ts";
import { open, openSync } from "../support/runtime.ts";
import { assertCode, assertSound, copyOf, PATH, SMALL, storeTest } from "../support/store.ts";

const MIB = 1024 * 1024;
const key = (i: number): string => `key${i.toString().padStart(6, "0")}`;

storeTest("compact() shrinks a file whose entries went, and keeps the others", async (subject) => {
  const { store } = subject;
  for (let i = 0; i < 24_000; i++) {
    await store.put(key(i), "v".repeat(60), { durability: "deferred" });
  }
  for (let i = 0; i < 24_000; i++) {
    if (i % 100 !== 0) await store.delete(key(i), { durability: "deferred" });
  }
  await store.put("large", Buffer.alloc(3000, "x"));
  const entries = await store.range().toArray();
  const report = await store.compact();
  assert(report.before > 2 * MIB, `${report.before} before`);
  assertLessOrEqual(report.after, MIB / 4);
  assert(report.moved > 0, "pages were moved");
  assertEquals(report.after, store.stats().bytes.data);
  assertEquals(report.heldBack, { snapshots: 0 });
  assertSameEntries(await store.range().toArray(), entries);
  assertSound(await store.verify());
  // What was killed right afterwards is the same store.
  const copy = await open(PATH, { ...SMALL, io: copyOf(subject.io, PATH) });
  assertSameEntries(await copy.range().toArray(), entries);
  assertSound(await copy.verify());
  await copy.close();
});

storeTest("compact() of an emptied store leaves a small file", async ({ store }) => {
  for (let i = 0; i < 12_000; i++) store.putSync(key(i), "v".repeat(60));
  store.clearSync();
  const report = store.compactSync();
  assertLessOrEqual(report.after, 64 * 1024);
  assertEquals(store.countSync(), 0);
  assertEquals((await store.compact()).moved, 0);
}, { blocking: true });

storeTest("a snapshot holds compact() back, is named, and stays as it was", async ({ store }) => {
  for (let i = 0; i < 12_000; i++) {
    await store.put(key(i), "v".repeat(60), { durability: "deferred" });
  }
  const snapshot = store.snapshot();
  const entries = await snapshot.range().toArray();
  await store.clear();
  const held = await store.compact();
  assertEquals(held.heldBack, { snapshots: 1 });
  assertSameEntries(await snapshot.range().toArray(), entries);
  for (let i = 0; i < 15_000; i++) {
    await store.put(`other${i}`, "w".repeat(60), { durability: "deferred" });
  }
  await store.checkpoint();
  await store.clear();
  assertSameEntries(await snapshot.range().toArray(), entries);
  assertSound(await store.verify());
  snapshot.close();
  const free = await store.compact();
  assertEquals(free.heldBack, { snapshots: 0 });
  assertLessOrEqual(free.after, MIB);
});

storeTest("a signal ends compact(), and what was moved stays moved", async ({ store }) => {
  for (let i = 0; i < 20_000; i++) {
    await store.put(key(i), "v".repeat(60), { durability: "deferred" });
  }
  await store.clear({ lt: key(18_000) });
  const controller = new AbortController();
  let told = 0;
  await assertCode(() =>
    store.compact({
      signal: controller.signal,
      onProgress: () => {
        if (++told === 3) controller.abort();
      },
    }), "KVIG_ABORTED");
  assertEquals(await store.count(), 2000);
  assertSound(await store.verify());
  assertLessOrEqual((await store.compact()).after, MIB);
});

test("compact() beside writers, readers and checkpoints", { timeout: 120_000 }, async () => {
  await withSeeds("compact beside others", 4, async (random) => {
    const io = new SimIo({ seed: random.below(2 ** 32), blocking: "never" });
    const store = await open(PATH, { ...SMALL, io });
    for (let i = 0; i < 12_000; i++) {
      await store.put(key(i), "v".repeat(60), { durability: "deferred" });
    }
    await store.clear({ lt: key(10_000) });
    let going = true;
    const writer = (async () => {
      for (let i = 0; going; i++) {
        await store.put(`w${i % 500}`, "w".repeat(random.below(400)));
        if (i % 20 === 0) await store.checkpoint();
        if (i % 30 === 0) assertEquals(await store.count({ prefix: "key" }), 2000);
      }
    })();
    const [first, second] = await Promise.all([store.compact(), store.compact()]);
    assert(first.after > 0 && second.after > 0, "both end");
    going = false;
    await writer;
    assertLessOrEqual((await store.compact()).after, 2 * MIB);
    assertSound(await store.verify());
    assertEquals(io.breaches.slice(0, 3), []);
    const copy = openSync(PATH, { ...SMALL, io: new SimIo({ disk: io.disk.killed() }) });
    assertEquals(copy.countSync({ prefix: "key" }), 2000);
    assertSound(copy.verifySync());
    copy.closeSync();
    await store.close();
  });
});
