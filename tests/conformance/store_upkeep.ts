/**
 * Cases of the store: flush, checkpoint, compact, backup, verify, stats and close.
 *
 * @module
 */

import { check, checkEqual } from "./check.ts";
import type { Case } from "./harness.ts";
import {
  Aborter,
  checkRejects,
  checkSame,
  checkSound,
  inBothForms,
  MEBIBYTE,
  storeCase,
  storeCaseSync,
  type StorePlace,
} from "./store_place.ts";
import { text } from "./store_writing.ts";

const GROUP = "upkeep of a store";

/** Cases of upkeep. */
export const upkeepCases: readonly Case[] = [
  ...inBothForms(GROUP, "flush() makes deferred writes survive", async (at) => {
    await at.open({ durability: "deferred" });
    await at.verbs.flush();
    if (at.form === "Sync") {
      at.store.putSync("a", "1");
      at.store.flushSync();
    } else {
      await at.store.put("a", "1");
      await at.store.flush();
    }
    await at.leave();
    await at.open();
    checkEqual(await at.verbs.get("a"), "1", "get() after leaving and opening");
  }),

  ...inBothForms(GROUP, "checkpoint() frees the log", async (at) => {
    await fill(at, 1000);
    const before = at.store.stats();
    await at.verbs.checkpoint();
    const after = at.store.stats();
    check(before.log.usedBlocks > 2, `expected a log in use, got ${before.log.usedBlocks} blocks`);
    check(after.log.usedBlocks < before.log.usedBlocks, "expected blocks of the log to be free");
    checkEqual(after.cache.dirty, 0, "dirty pages after checkpoint()");
    await at.verbs.checkpoint();
  }),

  ...inBothForms(GROUP, "compact() makes the file short and loses nothing", async (at) => {
    await fill(at, 4000);
    await at.verbs.checkpoint();
    const kept = await at.verbs.range({ prefix: "key 38" });
    await at.verbs.clear({ lt: "key 38" });
    await at.verbs.clear({ gte: "key 39" });
    const report = await at.verbs.compact();
    checkEqual(report.after, at.store.stats().bytes.data, "size that compact() reports");
    check(
      report.after * 4 < report.before,
      `expected a file much shorter than ${report.before} bytes, got ${report.after}`,
    );
    checkSame(await at.verbs.range(), kept, "all entries after it");
    await at.close();
    checkEqual(
      (await at.files())[0].length <= report.after,
      true,
      "whether the file is that short",
    );
  }),

  ...inBothForms(GROUP, "backup() makes a store of its own", backUp),

  storeCase(GROUP, "backup() goes on beside writes, and shows the moment it began", async (at) => {
    await fill(at, 2000);
    const before = await at.store.range().toArray();
    const backup = at.store.backup(at.path("copy"));
    await at.store.clear({ gte: "key 5" });
    await at.store.put("key 1", "another value");
    await backup;
    const copy = await at.openBeside("copy");
    checkSame(await copy.range().toArray(), before, "all entries of the backup");
    await copy.close();
  }),

  ...inBothForms(GROUP, "verify() counts what it looks at", async (at) => {
    await fill(at, 2000);
    const report = await at.verbs.verify();
    checkEqual(report.ok, true, "whether all is well");
    checkEqual(report.entries, 2000, "number of entries");
    check(report.pages > 100, `expected more than 100 pages, got ${report.pages}`);
    checkSame(report.problems, [], "problems");
  }),

  ...inBothForms(GROUP, "stats() follows the store", async (at) => {
    await fill(at, 700);
    const stats = at.store.stats();
    checkEqual(stats.io, at.io.description, "the Io");
    checkEqual(stats.entries, 700, "number of entries");
    checkEqual(stats.sequence, 2, "number of commits");
    check(stats.bytes.data >= stats.pages.total * stats.pages.size, "expected room for all pages");
    check(stats.bytes.log >= MEBIBYTE, "expected a log of the size that was asked for");
    check(stats.memoryReserved >= MEBIBYTE, "expected the cache to be reserved");
    const snapshot = at.store.snapshot();
    await at.verbs.delete("key 1");
    checkEqual(at.store.stats().entries, 699, "number of entries after delete()");
    checkEqual(at.store.stats().snapshots.oldest?.sequence, 2, "commits of the oldest snapshot");
    snapshot.close();
  }),

  ...inBothForms(GROUP, "close() may be called again", async (at) => {
    const store = await at.open();
    await at.verbs.put("a", "1");
    await at.verbsOf(store).close();
    await at.verbsOf(store).close();
    await store.close();
    store.closeSync();
    await at.open();
    checkEqual(await at.verbs.get("a"), "1", "get() after opening again");
  }),

  storeCase(GROUP, "close() waits for writes under way", async (at) => {
    const store = await at.open();
    const writes = Array.from({ length: 20 }, (_, i) => store.put(`key ${i}`, text(500, i)));
    await Promise.all([store.close(), ...writes]);
    await at.open();
    checkEqual(await at.verbs.count(), 20, "count() after opening again");
  }),

  storeCase(
    GROUP,
    "an aborted signal stops the waiting for close(), not the closing",
    async (at) => {
      const store = await at.open();
      const write = store.put("a", "1");
      const signal = new Aborter(true);
      await checkRejects(() => store.close({ signal }), "KVIG_ABORTED", "close()");
      await Promise.all([write, store.close()]);
      await at.open();
      checkEqual(await at.verbs.get("a"), "1", "get() after opening again");
    },
  ),

  storeCase(GROUP, "await using closes", async (at) => {
    const store = await at.open();
    await store.put("a", "1");
    await store[Symbol.asyncDispose]();
    await checkRejects(() => store.get("a"), "KVIG_CLOSED", "get() of a closed store");
    await at.open();
  }),

  storeCaseSync(GROUP, "using closes", async (at) => {
    const store = await at.open();
    store.putSync("a", "1");
    store[Symbol.dispose]();
    await checkRejects(() => store.get("a"), "KVIG_CLOSED", "get() of a closed store");
    await at.open();
  }),
];

async function fill(at: StorePlace, count: number): Promise<void> {
  await at.open();
  for (let half = 0; half < 2; half++) {
    const keys = Array.from({ length: count / 2 }, (_, i) => `key ${half * count / 2 + i}`);
    await at.verbs.batch(keys.map((key, i) => {
      return { type: "put", key, value: text(i % 100 === 0 ? 20_000 : 250, i) };
    }));
  }
}

async function backUp(at: StorePlace): Promise<void> {
  await fill(at, 1500);
  const steps: [done: number, total: number][] = [];
  await at.verbs.backup(at.path("copy"), {
    onProgress: (done, total) => void steps.push([done, total]),
  });
  check(steps.every(([done, total]) => done <= total), "expected progress within its total");
  const again = at.verbs.backup(at.path("copy"));
  await checkRejects(() => again, "KVIG_EXISTS", "backup() to a name that is there");
  await checkRejects(() => at.verbs.backup(at.path()), "KVIG_EXISTS", "backup() to the store");
  const wanted = await at.verbs.range();
  const copy = at.verbsOf(await at.openBeside("copy", { createIfMissing: false }));
  checkSame(await copy.range(), wanted, "all entries of the backup");
  await checkSound(copy);
  await copy.put("more", "in the copy alone");
  await copy.close();
  checkEqual(await at.verbs.has("more"), false, "whether the store has what the copy got");
}
