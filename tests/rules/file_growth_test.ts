/**
 * The rules of the file's growth: places are there before a page needs them, a full store refuses
 * without a change, and its last places serve those who give places back.
 *
 * @module
 */
import { KvigError } from "../../core/errors.ts";
import { reservedPlaces } from "../../core/limits.ts";
import { assert, assertEquals, assertGreaterOrEqual } from "../support/assert.ts";
import { assertCode, assertCodeSync } from "../support/store.ts";
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
  type Watched,
} from "../support/watched.ts";

const PAGE = 512;
const MIB = 1024 * 1024;

rule("the file grows by zeros, a mebibyte or more at a time, before a write needs it", () => {
  const it = watch();
  for (let i = 0; i < 2500; i++) {
    const key = `key ${i}`;
    it.store.putSync(key, "v".repeat(220), { durability: "deferred" });
    // Every page that may become dirty has its place in the file by now.
    const { work } = it.engine.pages;
    assert(work.highestPage < work.pageCount && work.pageCount * PAGE <= it.io.live(PATH).length);
  }
  const growth = it.io.recorded(PATH, "write").filter(({ pieces: [{ at, length }], sizeBefore }) =>
    at + length > sizeBefore && at > 2 * PAGE - 1
  );
  assertGreaterOrEqual(growth.length, 2);
  for (const { pieces: [{ bytes }] } of growth) assert(bytes.every((byte) => byte === 0));
  // Writes that follow each other with nothing between are one step.
  let step = 0;
  for (let i = 0; i < growth.length; i++) {
    step += growth[i].pieces[0].length;
    const next = growth[i + 1];
    if (next !== undefined && next.index === growth[i].index + 1) continue;
    assertGreaterOrEqual(step, MIB);
    step = 0;
  }
  finish(it);
  const written = it.io.recorded(PATH, "batch");
  for (const { pieces, sizeBefore } of written) {
    for (const { at, length } of pieces) assert(at + length <= sizeBefore, "no page makes it grow");
  }
});

/**
 * Fills a store until there is no room, most of it with large values; returns the count of small
 * ones. The write that fails must change nothing.
 */
function fillUp(it: Watched, largeBytes: number): number {
  const { store } = it;
  for (let bytes = 0; bytes < largeBytes; bytes += MIB / 10) {
    store.putSync(`filling ${bytes}`, "f".repeat(MIB / 10));
  }
  for (let count = 0;; count++) {
    const before = store.stats();
    try {
      store.putSync(small(count), "v".repeat(200), { durability: "deferred" });
    } catch (error) {
      assert(error instanceof KvigError && error.code === "KVIG_FULL", String(error));
      const { sequence, pages, entries } = store.stats();
      assertEquals([sequence, entries], [before.sequence, before.entries]);
      assertEquals(pages.used, before.pages.used);
      return count;
    }
  }
}

const small = (i: number): string => `key ${`${i}`.padStart(6, "0")}`;

const full: readonly (readonly [string, () => Watched])[] = [
  ["a full disk", () => watch({ capacityBytes: 3 * MIB })],
  ["maxSize", () => watch({ maxSize: 2 * MIB })],
];

for (const [what, make] of full) {
  rule(`${what}: a write that finds no place gets KVIG_FULL and changed nothing`, () => {
    const it = make();
    const { store } = it;
    assertGreaterOrEqual(fillUp(it, 1.6 * MIB), 200);
    const before = entriesOf(store);
    const { sequence } = store.stats();
    const many = Array.from({ length: 1000 }, (_, i) => ({
      type: "put" as const,
      key: `many ${i}`,
      value: "m".repeat(200),
    }));
    const writes: readonly (() => unknown)[] = [
      () => store.putSync("large", "l".repeat(300_000)),
      () => store.putSync("filling 0", "l".repeat(1.6 * MIB)),
      () => store.batchSync(many),
      () =>
        store.transactionSync((tx) => {
          tx.deleteSync(small(0));
          tx.batchSync(many);
        }),
    ];
    for (const write of writes) {
      assertCodeSync(write, "KVIG_FULL");
      assertEquals(store.stats().sequence, sequence);
      assertEquals(store.verifySync().problems, []);
    }
    assertEquals(entriesOf(store), before);
    finish(it);
    assertEquals(contentsOf(it.io.killed()), before);
  });

  rule(`${what}: deletes and clears go through, and make room`, () => {
    const it = make();
    const { store } = it;
    const count = fillUp(it, 1.6 * MIB);
    // Deletes all over the file copy pages first; they find the places that are kept for them.
    for (let i = 0; i < count; i += 7) {
      assertEquals(store.deleteSync(small(i), { durability: "deferred" }), true);
    }
    const left = Object.keys(entriesOf(store)).filter((key) => key >= small(100));
    assertEquals(store.clearSync({ gte: small(100) }), left.length);
    for (let i = 0; i < 50; i++) store.putSync(`again ${i}`, "v".repeat(200));
    finish(it);
  });

  rule(`${what}: a checkpoint never meets it`, () => {
    const it = make();
    fillUp(it, 1.6 * MIB);
    for (let i = 0; i < 100; i++) it.store.deleteSync(small(i), { durability: "deferred" });
    assertGreaterOrEqual(it.store.stats().cache.dirty, 10);
    it.store.checkpointSync();
    assertEquals(it.store.stats().cache.dirty, 0);
    finish(it);
  });
}

rule("the last 1/64 of the places, 64 to 4,096, serve only deletes, clears and recovery", () => {
  const sizes = [2, 4096, 6400, 2 ** 18, 2 ** 30];
  assertEquals(sizes.map(reservedPlaces), [64, 64, 100, 4096, 4096]);
  for (const [maxSize, kept] of [[2 * MIB, 64], [5 * MIB, 160]]) {
    const it = watch({ maxSize });
    const count = fillUp(it, maxSize - 0.4 * MIB);
    const { free, pager } = it.engine;
    const { total, used } = it.store.stats().pages;
    assertEquals(total, maxSize / PAGE, "the file has grown as far as it may");
    // What is free in every state is at least what is free in the working one, and kept.
    assert(total - 2 - used >= kept, `${total - 2 - used} places are left`);
    assert(total - 2 - used < kept + 64, `no more than ${kept} are kept`);
    for (let i = 0; i < count; i += 9) {
      assertEquals(it.store.deleteSync(small(i), { durability: "deferred" }), true);
    }
    assert(free.spare < kept, "deletes took of them");
    assertEquals(pager.file.size, maxSize);
    finish(it);
  }
});

rule("a store that is full is recovered in the places kept for that", () => {
  const it = watch({ maxSize: 2 * MIB });
  fillUp(it, 1.6 * MIB);
  it.store.flushSync();
  const before = entriesOf(it.store);
  const image = it.io.powerCut();
  finish(it);
  assertEquals(contentsOf(image, { maxSize: 2 * MIB }), before);
});

rule("growing after a compaction leaves alone what a snapshot reaches", () => {
  const it = watch();
  fill(it.store, 1500, 200);
  it.store.checkpointSync();
  const snapshot = it.store.snapshot();
  const before = entriesOf(snapshot);
  it.store.clearSync({ gte: "key 00100" });
  it.store.compactSync();
  fill(it.store, 2500, 220, "new");
  it.store.checkpointSync();
  it.audit.check();
  assertEquals(entriesOf(snapshot), before);
  snapshot.close();
  finish(it);
});

rule("a write that fails to grow the file fails alone", async () => {
  const it = await watchAsync();
  for (let i = 0; i < 50; i++) await it.store.put(`key ${i}`, "v");
  it.io.failWhen({
    match: ({ kind, path, pieces, sizeBefore }) =>
      kind === "write" && path === PATH && pieces[0].at + pieces[0].length > sizeBefore,
    times: 1000,
  });
  const { sequence } = it.store.stats();
  await assertCode(() => it.store.put("large", "l".repeat(2 * MIB)), "KVIG_IO");
  assertEquals(it.store.stats().sequence, sequence);
  await it.store.put("small", "s");
  it.io.failNothing();
  await it.store.put("large", "l".repeat(2 * MIB));
  await finishAsync(it);
  assertEquals(Object.keys(contentsOf(it.io.powerCut())).length, 52);
});

rule("a large value finds the places at the end of the file: what is missing is added", () => {
  const it = watch({ maxSize: 2 * MIB });
  it.store.putSync("small", "s");
  assertEquals(it.store.stats().pages.total, 2 + MIB / PAGE);
  // Most of its run is there already; the rest is fewer pages than the file may still grow by.
  it.store.putSync("large", "l".repeat(1.6 * MIB));
  finish(it);
  assertEquals(contentsOf(it.io.killed())["large"].length, Math.floor(1.6 * MIB));
});
