/**
 * Bugs of large values, which lie in runs of adjacent places.
 *
 * @module
 */

import { assertEquals, assertLessOrEqual } from "../support/assert.ts";
import { drain, holdFirst, outcomeOf, withinOperations } from "../support/bounded.ts";
import {
  contentsOf,
  entriesOf,
  fill,
  finish,
  finishAsync,
  PATH,
  rule,
  watch,
  watchAsync,
} from "../support/watched.ts";

const DEFERRED = { durability: "deferred" } as const;

/*
 * A value of more than a segment (of 512-byte pages: 1.9 MB; of 4 KiB ones: 127 MB) asked for all
 * of its places in one segment. None has so many: the file grew until the disk was full, with the
 * writer's turn held.
 */
rule("a value larger than a segment does not make the file grow without end", () => {
  const it = watch({ maxSize: 64 * 1024 * 1024 });
  for (const [i, bytes] of [1_000_000, 2_500_000, 1_950_000, 5_000_000].entries()) {
    const put = (): void => it.store.putSync(`large ${i % 2}`, `${i}`.repeat(bytes));
    withinOperations(it.io, 200, put);
    it.store.checkpointSync();
  }
  assertLessOrEqual(it.io.live(PATH).length, 24 * 1024 * 1024);
  assertEquals(contentsOf(it.io.powerCut()), {
    "large 0": "2".repeat(1_950_000),
    "large 1": "3".repeat(5_000_000),
  });
  finish(it);
});

/*
 * A run of 1/4 of a segment and more was never looked for among the free places: each overwriting
 * of such a value made the file grow, by more each time. With a maxSize the store was full after
 * seven of them, with nearly all of it free.
 */
rule("large values that are overwritten use the free places again", () => {
  const it = watch({ maxSize: 8 * 1024 * 1024 });
  for (let i = 0; i < 12; i++) {
    it.store.putSync("large", `${i % 10}`.repeat(600_000));
    it.store.checkpointSync();
    it.store.checkpointSync();
  }
  assertLessOrEqual(it.io.live(PATH).length, 4 * 1024 * 1024);
  assertEquals(entriesOf(it.store), { large: "1".repeat(600_000) });
  finish(it);
});

/*
 * Handing out a run copied the page of the map that marks it, and that copy took its place from the
 * middle of the run, whose places were not marked yet. The value was written over the map page, or
 * the map page over the value.
 */
rule("a run's own map pages are not put inside of it", () => {
  const it = watch();
  fill(it.store, 300, 100, "small");
  it.store.checkpointSync();
  for (let i = 0; i < 60; i++) {
    const key = `large ${(i * 7) % 11}`;
    const bytes = (i * 104_729) % 300_000 + 5000;
    it.store.putSync(key, `${i % 10}`.repeat(bytes), DEFERRED);
    if (i % 3 === 2) it.store.deleteSync(`large ${(i * 5) % 11}`, DEFERRED);
    if (i % 5 === 4) it.store.checkpointSync();
  }
  const entries = entriesOf(it.store);
  assertEquals(it.store.verifySync().problems, []);
  assertEquals(contentsOf(it.io.killed()), entries);
  finish(it);
});

/*
 * A read of a large value was under way when its transaction was rolled back. Its places were free
 * at once and written by the next put, below the read: it found other bytes and said KVIG_CORRUPT,
 * of a store without any damage.
 */
rule("places of a large value that is being read are not written", async () => {
  const it = await watchAsync({ maxSize: 2 * 1024 * 1024 });
  await it.store.put("a", "1");
  const slow = holdFirst(
    it.io,
    ({ kind, path, pieces }) => kind === "read" && path === PATH && pieces[0].length === 200_000,
  );
  let read = Promise.resolve("");
  const transaction = it.store.transaction(async (tx) => {
    await tx.put("large", "x".repeat(200_000));
    read = tx.get("large").then(() => "read", (error: { code: string }) => error.code);
    throw new Error("no");
  });
  await drain();
  const others = Promise.allSettled(
    Array.from(
      { length: 20 },
      (_, i) => it.store.put(`other ${i % 3}`, `${i % 10}`.repeat(150_000 + i), DEFERRED),
    ),
  );
  await drain();
  it.io.check();
  it.io.settle(slow.operation);
  assertEquals(["read", "KVIG_CLOSED"].includes(await read), true, await read);
  assertEquals(await outcomeOf(transaction), "Error: no");
  assertEquals(new Set((await others).map(({ status }) => status)), new Set(["fulfilled"]));
  await finishAsync(it);
});
