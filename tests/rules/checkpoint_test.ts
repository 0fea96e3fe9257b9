/**
 * The rules of checkpoints: which state one writes, in which order, what goes on meanwhile, when
 * one begins, and what its failure means. Cutting the file is in shortening_test.ts.
 *
 * @module
 */

import { WRITE_SLICE_PAGES } from "../../core/limits.ts";
import { assert, assertEquals, assertGreaterOrEqual, assertNotEquals } from "../support/assert.ts";
import { groupsOf, newestMeta, newestSlot } from "../support/image.ts";
import {
  inFlight,
  isLogWrite,
  isMeta,
  isPages,
  isPending,
  isSync,
  PAGE,
  stagesOf,
  until,
} from "../support/stages.ts";
import type { FailureRule, Operation } from "../support/recording_io.ts";
import { assertCode, assertCodeSync } from "../support/store.ts";
import { drained } from "../support/unrest.ts";
import {
  contentsOf,
  entriesOf,
  fill,
  finish,
  finishAsync,
  LOG,
  PATH,
  reopen,
  rule,
  shownBy,
  watch,
  watchAsync,
  type Watched,
} from "../support/watched.ts";

const LARGE_LOG = { logSize: 16 * 1024 * 1024 };
const MARK = 128;

/** The numbers of the pages that were written in batches, in their order. */
function pagesIn(operations: readonly Operation[]): number[] {
  return operations.filter(isPages).flatMap(({ pieces }) => pieces.map(({ at }) => at / PAGE));
}

/** A store with keys that are in the log only. */
function unsynced(count: number): Watched {
  const it = watch();
  it.store.putSync("first", "1");
  it.store.checkpointSync();
  for (let i = 0; i < count; i++) it.store.putSync(`key ${i}`, "v", { durability: "deferred" });
  return it;
}

rule("a checkpoint closes the state after the last commit, between two groups", () => {
  const it = unsynced(5);
  const { sequence } = it.store.stats();
  it.store.checkpointSync();
  const meta = newestMeta(it.io.durable(PATH));
  assertEquals(meta.state.sequence, sequence);
  assertEquals(Object.keys(shownBy(it.io.durable(PATH))).length, 6);
  assertEquals(groupsOf(it.io.durable(LOG), meta), [], "no group is left behind it");
  it.store.putSync("next", "n");
  const [next] = groupsOf(it.io.durable(LOG), meta);
  assertEquals([next.number, next.position], [meta.group, meta.position], "the next one follows");
  finish(it);
});

rule("a checkpoint is without the open transaction", async () => {
  for (const aborted of [false, true]) {
    const it = await watchAsync();
    await it.store.put("before", "1");
    const work = it.store.transaction(async (tx) => {
      for (let i = 0; i < 50; i++) await tx.put(`within ${i}`, "2");
      await it.store.checkpoint();
      assertEquals(shownBy(it.io.durable(PATH)), { before: "1" });
      assertEquals(contentsOf(it.io.powerCut()), { before: "1" });
      if (aborted) throw new RangeError("given up");
    });
    if (aborted) await work.catch(() => undefined);
    else await work;
    const count = aborted ? 1 : 51;
    assertEquals(await it.store.count(), count);
    assertEquals(Object.keys(contentsOf(it.io.powerCut())).length, count);
    await finishAsync(it);
  }
});

rule("roots, counts, sequence, group and position are those of the moment of closing", async () => {
  const it = await watchAsync();
  for (let i = 0; i < 300; i++) await it.store.put(`key ${i}`, `${i}`, { durability: "deferred" });
  await it.store.flush();
  const wanted = entriesOf(it.store);
  const { sequence } = it.store.stats();
  const { nextGroup, head } = it.engine.log;
  it.io.hold = isPages;
  const checkpoint = it.store.checkpoint();
  await inFlight(it.io, isPages);
  for (let i = 0; i < 100; i++) await it.store.put(`key ${3 * i}`, "later");
  await it.store.delete("key 1");
  it.io.hold = () => false;
  it.io.settleAll();
  await checkpoint;
  const meta = newestMeta(it.io.durable(PATH));
  const { count } = newestMeta(it.io.durable(PATH)).state.catalogue;
  assertEquals([meta.state.sequence, meta.group, meta.position], [sequence, nextGroup, head]);
  assertEquals(count, 1);
  assertEquals(shownBy(it.io.durable(PATH)), wanted);
  assertEquals(contentsOf(it.io.powerCut()), entriesOf(it.store));
  await finishAsync(it);
});

rule("the pages of a checkpoint are scattered, and go in batches", () => {
  const first = watch();
  fill(first.store, 3000, 60);
  for (let i = 0; i < 3000; i += 40) first.store.putSync(`key ${`${i}`.padStart(5, "0")}`, "");
  finish(first);
  // From now on places are looked for from the beginning of the file.
  const it = reopen(first);
  for (let i = 0; i < 3000; i += 9) {
    const key = `key ${`${i}`.padStart(5, "0")}`;
    it.store.putSync(key, "changed", { durability: "deferred" });
  }
  const { dirty } = it.store.stats().cache;
  it.io.forget();
  it.store.checkpointSync();
  const pages = pagesIn(it.io.operations);
  assertGreaterOrEqual(dirty, 2 * WRITE_SLICE_PAGES);
  assertEquals(pages.length, dirty, "each dirty page once");
  const batches = it.io.operations.filter(isPages);
  assertEquals(batches.length, Math.ceil(dirty / WRITE_SLICE_PAGES));
  assertEquals(pages, pages.toSorted((a, b) => a - b), "in the order of their places");
  assert(pages.some((page, i) => i > 0 && page !== pages[i - 1] + 1), "with gaps between");
  finish(it);
});

rule("a checkpoint goes on in slices, between which others get their turn", async () => {
  const it = await watchAsync(LARGE_LOG);
  for (let i = 0; i < 800; i++) {
    await it.store.put(`key ${i}`, "v".repeat(100), { durability: "deferred" });
  }
  it.io.hold = isPages;
  const checkpoint = it.store.checkpoint();
  let slices = 0;
  for (; it.store.stats().checkpoints.running; slices++) {
    const batch = await inFlight(it.io, isPages);
    assertEquals(it.io.inFlight.filter(isPages).length, 1, "one slice at a time");
    await it.store.put(`between ${slices}`, "w");
    assertEquals((await it.store.get("key 7"))?.length, 100);
    it.io.settle(batch);
    await drained();
    await drained();
  }
  await checkpoint;
  assertGreaterOrEqual(slices, 2);
  await finishAsync(it);
});

rule("new writes go on during a checkpoint and copy what they touch", async () => {
  const it = await watchAsync();
  await it.store.put("key", "old");
  it.io.hold = isPages;
  const checkpoint = it.store.checkpoint();
  const batch = await inFlight(it.io, isPages);
  const { page } = it.engine.pages.work.tree;
  assert(batch.pieces.some(({ at }) => at === page * PAGE), "the leaf is being written");
  await it.store.put("key", "new");
  assertNotEquals(it.engine.pages.work.tree.page, page, "the leaf has another place now");
  it.io.hold = () => false;
  it.io.settleAll();
  await checkpoint;
  assertEquals(shownBy(it.io.durable(PATH)), { key: "old" });
  assertEquals(contentsOf(it.io.powerCut()), { key: "new" });
  await finishAsync(it);
});

rule("a page that waits for its slice is copied too", async () => {
  const it = await watchAsync(LARGE_LOG);
  const put = (value: string, from: number, step: number): Promise<void>[] => {
    const puts: Promise<void>[] = [];
    for (let i = from; i < 900; i += step) {
      puts.push(it.store.put(`key ${i}`, value.repeat(20), { durability: "deferred" }));
    }
    return puts;
  };
  await Promise.all(put("old ", 0, 1));
  const wanted = entriesOf(it.store);
  it.io.hold = isPages;
  const checkpoint = it.store.checkpoint();
  await inFlight(it.io, isPages);
  await Promise.all(put("new ", 0, 2));
  it.io.hold = () => false;
  it.io.settleAll();
  await checkpoint;
  assertEquals(shownBy(it.io.durable(PATH)), wanted);
  await finishAsync(it);
});

rule("the order is: pages, sync, log, sync, the other meta page, sync", () => {
  const it = unsynced(20);
  it.store.checkpointSync();
  for (let i = 0; i < 20; i++) it.store.putSync(`key ${i}`, "w", { durability: "deferred" });
  const slot = newestSlot(it.io.live(PATH));
  it.io.forget();
  it.store.checkpointSync();
  assertEquals(stagesOf(it.io.operations), [
    "pages",
    "sync of the data, data",
    "log",
    "sync of the log, data",
    "meta page",
    "sync of the data, full",
  ]);
  const metas = it.io.operations.filter(isMeta);
  assertEquals(metas.map(({ pieces: [{ at }] }) => at), [(1 - slot) * PAGE]);
  finish(it);
});

rule("the sync behind the pages is a full one where the file grew", () => {
  const it = watch();
  fill(it.store, 400, 30);
  assert(it.store.stats().bytes.data > it.io.durable(PATH).length, "the file grew");
  it.io.forget();
  it.store.checkpointSync();
  assertEquals(stagesOf(it.io.operations).slice(0, 2), ["pages", "sync of the data, full"]);
  it.io.forget();
  it.store.putSync("key 00007", "changed");
  it.store.checkpointSync();
  const stages = stagesOf(it.io.operations).filter((stage) => !stage.includes("log"));
  assertEquals(stages.slice(0, 2), ["pages", "sync of the data, data"]);
  finish(it);
});

rule("each step of a checkpoint waits for the one before it", async () => {
  const it = await watchAsync();
  for (let i = 0; i < 10; i++) await it.store.put(`key ${i}`, "v", { durability: "deferred" });
  await until(() => it.io.operations.some(isLogWrite), "the log is written");
  it.io.forget();
  it.io.hold = () => true;
  const checkpoint = it.store.checkpoint();
  const seen: string[] = [];
  while (it.store.stats().checkpoints.running) {
    await until(() => it.io.inFlight.length > 0, "something is in flight");
    assertEquals(it.io.inFlight.length, 1, "one operation at a time");
    assert(await isPending(checkpoint));
    seen.push(...stagesOf(it.io.inFlight));
    it.io.settleAll();
    for (let i = 0; i < 5; i++) await drained();
  }
  await checkpoint;
  assertEquals(seen, [
    "pages",
    "sync of the data, full",
    "sync of the log, data",
    "meta page",
    "sync of the data, full",
  ]);
  await finishAsync(it);
});

rule("the log is freed when the sync of the meta page is over, not before", async () => {
  const it = await watchAsync();
  for (let i = 0; i < 30; i++) await it.store.put(`key ${i}`, "v");
  const used = it.store.stats().log.usedBlocks;
  assertGreaterOrEqual(used, 20);
  it.io.hold = () => true;
  const checkpoint = it.store.checkpoint();
  const stages: ((operation: Operation) => boolean)[] = [
    isPages,
    isSync(PATH),
    isMeta,
    isSync(PATH),
  ];
  for (const stage of stages) {
    const operation = await inFlight(it.io, stage);
    assertEquals(it.store.stats().log.usedBlocks, used);
    it.io.settle(operation);
  }
  await checkpoint;
  assertEquals(it.store.stats().log.usedBlocks, 0);
  await finishAsync(it);
});

rule("a checkpoint begins when the log passes its mark", async () => {
  const it = await watchAsync();
  it.io.hold = isPages;
  for (let i = 0; i <= MARK; i++) {
    const { log, checkpoints } = it.store.stats();
    assertEquals(log.blocks, 2 * MARK);
    assertEquals(checkpoints.running, false, `with ${log.usedBlocks} blocks`);
    await it.store.put("key", `${i}`);
  }
  for (let i = 0; i < 3; i++) await it.store.put("key", "further");
  assertEquals(it.store.stats().checkpoints.running, true);
  it.io.hold = () => false;
  it.io.settleAll();
  await until(() => it.store.stats().checkpoints.count === 1, "the checkpoint is over");
  assert(it.store.stats().log.usedBlocks < 10, "the log is free again");
  await finishAsync(it);
});

rule("a checkpoint begins when the dirty frames pass their mark", async () => {
  const it = await watchAsync(LARGE_LOG);
  it.io.hold = isPages;
  const { frames } = it.store.stats().cache;
  let count = 0;
  for (; !it.store.stats().checkpoints.running && count < 20_000; count++) {
    assert(it.store.stats().cache.dirty <= frames / 2 + 30);
    const put = it.store.put(`key ${count}`, "v".repeat(100), { durability: "deferred" });
    if (count % 20 === 0) await put;
  }
  const { cache, log } = it.store.stats();
  assertGreaterOrEqual(cache.dirty, frames / 2);
  assert(log.usedBlocks < log.blocks / 2, "it was not for the log");
  await finishAsync(it);
});

rule("a synchronous store makes its checkpoints at the same marks", () => {
  const it = watch();
  let most = 0;
  for (let i = 0; i < 1000; i++) {
    it.store.putSync("key", `${i}`);
    most = Math.max(most, it.store.stats().log.usedBlocks);
  }
  assertGreaterOrEqual(it.store.stats().checkpoints.count, 5);
  assert(most <= MARK + 2, `${most} blocks were in use`);
  finish(it);
});

rule("writes wait before the log runs out, and none is refused", async () => {
  const it = await watchAsync();
  it.io.hold = isPages;
  const puts: Promise<void>[] = [];
  let settled = 0;
  for (let i = 0; i < 400; i++) {
    const put = it.store.put(`key ${i % 10}`, `${i}`).then(() => {
      settled++;
    });
    puts.push(put);
    await drained();
  }
  const { usedBlocks, blocks } = it.store.stats().log;
  assert(settled < 300, `${settled} puts went through`);
  assert(settled > MARK, "those that found room did");
  assert(usedBlocks <= blocks);
  it.io.hold = () => false;
  it.io.settleAll();
  await Promise.all(puts);
  assertEquals(settled, 400);
  assertEquals(contentsOf(it.io.powerCut()), entriesOf(it.store));
  await finishAsync(it);
});

rule("writes wait before the frames run out, and none is refused", async () => {
  const it = await watchAsync(LARGE_LOG);
  it.io.hold = isPages;
  const puts: Promise<void>[] = [];
  let settled = 0;
  for (let i = 0; i < 5000; i++) {
    const key = `key ${`${(i * 7919) % 5000}`.padStart(5, "0")}`;
    const put = it.store.put(key, "v".repeat(150), { durability: "deferred" });
    puts.push(put.then(() => {
      settled++;
    }));
    if (i % 50 === 0) await drained();
  }
  const { available, frames } = it.store.stats().cache;
  assert(settled < 5000, "not all went through");
  assertGreaterOrEqual(settled, 1000);
  assertGreaterOrEqual(available, 0);
  assert(available < frames / 4, "they waited for frames");
  it.io.hold = () => false;
  it.io.settleAll();
  await Promise.all(puts);
  assertEquals(await it.store.count(), 5000);
  await finishAsync(it);
});

rule("a failed data page drops the checkpoint, and its pages go with the next", () => {
  for (const effect of [false, true]) {
    const it = watch();
    fill(it.store, 900);
    it.store.checkpointSync();
    fill(it.store, 900, 90);
    const { dirty } = it.store.stats().cache;
    const { usedBlocks } = it.store.stats().log;
    it.io.forget();
    it.io.failWhen({ match: isPages, effect, skip: 1 });
    assertCodeSync(() => it.store.checkpointSync(), "KVIG_IO");
    assertEquals(stagesOf(it.io.operations), ["pages"], "no sync, no meta page");
    const tried = pagesIn(it.io.operations);
    const after = it.store.stats();
    assertEquals(after.log.usedBlocks, usedBlocks, "the log is kept");
    assertEquals(after.cache.dirty, dirty - WRITE_SLICE_PAGES, "the pages stay dirty");
    const wanted = entriesOf(it.store);
    assertEquals(contentsOf(it.io.powerCut()), wanted);
    it.io.forget();
    it.store.checkpointSync();
    const pages = new Set(pagesIn(it.io.operations));
    const failed = tried.slice(WRITE_SLICE_PAGES);
    assertGreaterOrEqual(failed.length, 20);
    assert(failed.every((page) => pages.has(page)), "they go with the next one");
    assertEquals(shownBy(it.io.durable(PATH)), wanted);
    finish(it);
  }
});

rule("a checkpoint dropped in the background is named, and the store goes on", async () => {
  const it = await watchAsync();
  it.io.failWhen({ match: isPages, times: 1e9 });
  for (let i = 0; i < MARK + 5; i++) await it.store.put("key", `${i}`);
  await until(() => it.store.stats().checkpoints.error !== undefined, "the error is known");
  assertEquals(it.store.stats().checkpoints.count, 0);
  it.io.failNothing();
  await it.store.put("key", "further");
  await until(() => it.store.stats().checkpoints.count === 1, "the next one is made");
  assertEquals(it.store.stats().checkpoints.error, undefined);
  assertEquals(Object.keys(shownBy(it.io.durable(PATH))), ["key"]);
  await finishAsync(it);
});

rule("a failed meta page or sync fails the store, and reopening decides", () => {
  const failures: [string, FailureRule][] = [
    ["the sync behind the pages", { match: isSync(PATH) }],
    ["the write of the log", { match: isLogWrite }],
    ["the sync of the log", { match: isSync(LOG) }],
    ["the meta page", { match: isMeta }],
    ["the meta page, which is there nevertheless", { match: isMeta, effect: true }],
    ["the sync of the meta page", { match: isSync(PATH), skip: 1 }],
  ];
  for (const [what, failure] of failures) {
    const it = unsynced(30);
    it.store.putSync("durable", "d");
    const durable = entriesOf(it.store);
    for (let i = 0; i < 10; i++) it.store.putSync(`more ${i}`, "m", { durability: "deferred" });
    const all = entriesOf(it.store);
    it.io.failWhen(failure);
    assertCodeSync(() => it.store.checkpointSync(), "KVIG_FAILED");
    it.io.forget();
    assertCodeSync(() => it.store.putSync("key", "refused"), "KVIG_FAILED");
    assertCodeSync(() => it.store.checkpointSync(), "KVIG_FAILED");
    assertCodeSync(() => it.store.closeSync(), "KVIG_FAILED");
    assertEquals(stagesOf(it.io.operations), [], `after ${what} nothing is written`);
    for (const image of [it.io.powerCut(), it.io.killed()]) {
      const found = Object.keys(contentsOf(image)).length;
      const counts = [Object.keys(durable).length, Object.keys(all).length];
      assert(found >= counts[0] && found <= counts[1], `${what}: ${found} entries`);
    }
    it.audit.check();
  }
});

rule("a failed sync of a checkpoint fails writers that come after", async () => {
  const it = await watchAsync();
  for (let i = 0; i < 10; i++) await it.store.put(`key ${i}`, "v");
  it.io.failWhen({ match: isSync(PATH) });
  await assertCode(() => it.store.checkpoint(), "KVIG_FAILED");
  await assertCode(() => it.store.put("key", "w"), "KVIG_FAILED");
  await assertCode(() => it.store.close(), "KVIG_FAILED");
  assertEquals(Object.keys(contentsOf(it.io.powerCut())).length, 10);
  it.audit.check();
});

rule("one checkpoint at a time: the second waits for the first", async () => {
  const it = await watchAsync();
  await it.store.put("key", "1");
  it.io.hold = isPages;
  const first = it.store.checkpoint();
  await inFlight(it.io, isPages);
  await it.store.put("key", "2");
  const second = it.store.checkpoint();
  await drained();
  assertEquals(it.io.inFlight.length, 1);
  it.io.hold = () => false;
  it.io.settleAll();
  await Promise.all([first, second]);
  assertEquals(shownBy(it.io.durable(PATH)), { key: "2" });
  assertEquals(it.store.stats().checkpoints.count, 2);
  await finishAsync(it);
});
