/**
 * Upkeep as users see it: backup, compact, verify, checkpoint and the figures about a store.
 *
 * @module
 */

import { memoryIo } from "../../adapters/memory/mod.ts";
import { open } from "../support/runtime.ts";
import { assert, assertEquals, assertGreaterOrEqual, assertNotEquals } from "../support/assert.ts";
import { TEXT, type TextStore, textTest, textTestSync } from "../support/api_store.ts";
import { assertCode, assertCodeSync, assertSound, readFileOf } from "../support/store.ts";

async function fill(store: TextStore, count: number): Promise<void> {
  for (let from = 0; from < count; from += 500) {
    await store.batch(Array.from({ length: Math.min(500, count - from) }, (_, i) => {
      const key = `key${from + i}`;
      return { type: "put", key, value: key.repeat(i % 100 === 0 ? 2000 : 20) };
    }));
  }
}

const io = memoryIo();

textTest("a backup is a store of its own with the same content", async (store) => {
  await fill(store, 2000);
  const before = await store.range().toArray();
  const steps: [number, number][] = [];
  const backup = store.backup("copy", { onProgress: (done, total) => steps.push([done, total]) });
  await store.clear({ gte: "key5" });
  await backup;
  assert(steps.every(([done, total]) => done <= total), "progress stays within its total");
  const copy = await open("copy", { ...TEXT, io });
  assertEquals(await copy.range().toArray(), before, "as it was when it began");
  assertSound(await copy.verify());
  await copy.put("more", "in the copy alone");
  await copy.close();
  assertEquals(await store.has("more"), false);
  const [mine, other] = ["store", "copy"].map((path) => readFileOf(io, path).subarray(0, 512));
  assertNotEquals(mine, other, "its meta page says another id");
}, { io });

textTest("a backup never overwrites a file", async (store) => {
  const elsewhere = memoryIo();
  await fill(store, 100);
  await store.backup("copy of a few");
  await assertCode(() => store.backup("copy of a few"), "KVIG_EXISTS");
  assertCodeSync(() => store.backupSync("copy of a few"), "KVIG_EXISTS");
  await assertCode(() => store.backup("store"), "KVIG_EXISTS");
  await assertCode(() =>
    open("copy of a few", {
      ...TEXT,
      io: elsewhere,
      createIfMissing: false,
    }), "KVIG_NOT_FOUND");
});

textTest("compact() makes the file short again and loses nothing", async (store) => {
  const put = (i: number): { type: "put"; key: string; value: string } => {
    const times = i % 100 === 0 ? 1500 : 15;
    return { type: "put", key: `key${i}`, value: `value ${i}`.repeat(times) };
  };
  await store.batch(Array.from({ length: 6000 }, (_, i) => put(i)));
  await store.checkpoint();
  const kept = await store.range({ prefix: "key58" }).toArray();
  await store.clear({ lt: "key58" });
  await store.clear({ gte: "key59" });
  const { data } = store.stats().bytes;
  const report = await store.compact();
  assertEquals(report.before, data);
  assertEquals(report.after, store.stats().bytes.data);
  assert(report.after * 10 < report.before, `from ${report.before} to ${report.after}`);
  assertEquals(report.heldBack.snapshots, 0);
  assertEquals(await store.range().toArray(), kept);
});

textTestSync("compactSync(), backupSync() and verifySync() do the same at once", (store) => {
  for (let i = 0; i < 1000; i++) store.putSync(`key${i}`, "v".repeat(900));
  store.backupSync("copy");
  store.clearSync();
  const report = store.compactSync();
  assert(report.after < report.before, "the file is shorter");
  assertEquals(store.verifySync().entries, 0);
});

textTest("verify() reports what it looked at", async (store) => {
  await fill(store, 3000);
  let calls = 0;
  const report = await store.verify({ onProgress: () => calls++ });
  assertEquals(report.ok, true);
  assertEquals(report.problems, []);
  assertEquals(report.entries, 3000);
  assertGreaterOrEqual(report.pages, 100);
  assertEquals(Object.keys(report).sort(), ["entries", "ok", "pages", "problems"]);
  assert(calls === 0 || report.pages >= 256, "progress is told now and then");
});

textTest("checkpoint() frees the log", async (store) => {
  await fill(store, 1000);
  const before = store.stats();
  assertGreaterOrEqual(before.log.usedBlocks, 2);
  await store.checkpoint();
  const after = store.stats();
  assert(after.log.usedBlocks < before.log.usedBlocks, "blocks are free again");
  assertEquals(after.checkpoints.count, before.checkpoints.count + 1);
  assertEquals(after.cache.dirty, 0);
  assertEquals(after.checkpoints.error, undefined);
});

textTest("stats() is a plain object of figures that follow the store", async (store) => {
  await fill(store, 700);
  const stats = store.stats();
  assertEquals(Object.keys(stats).sort(), [
    "bytes",
    "cache",
    "checkpoints",
    "entries",
    "io",
    "log",
    "memoryReserved",
    "pages",
    "sequence",
    "snapshots",
  ]);
  assertEquals(JSON.parse(JSON.stringify(stats)).entries, 700);
  assertEquals(stats.sequence, 2, "two batches were committed");
  assertEquals(stats.pages.size, 4096);
  assert(stats.pages.used <= stats.pages.total, "no more pages are used than there are");
  assertGreaterOrEqual(stats.bytes.log, 1024 * 1024);
  assert(stats.bytes.data >= stats.pages.total * 4096, "the file holds all its pages");
  assertGreaterOrEqual(stats.memoryReserved, 1024 * 1024);
  await store.delete("key1");
  assertEquals(store.stats().entries, 699);
  assertEquals(store.stats().sequence, 3);
});
