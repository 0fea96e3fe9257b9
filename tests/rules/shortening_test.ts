/**
 * The rules of the length of the data file: what closing cuts, what compacting moves and cuts, and
 * what holds it back.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLessOrEqual,
} from "../support/assert.ts";
import { groupsOf, metasOf, newestMeta } from "../support/image.ts";
import type { Operation } from "../support/recording_io.ts";
import { cutsOf, isMeta, isPages, PAGE, stagesOf } from "../support/stages.ts";
import { assertCode } from "../support/store.ts";
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

const isCut = ({ kind, path }: Operation): boolean => kind === "truncate" && path === PATH;

/** The size up to the highest page that one of the two meta pages reaches. */
function reachedBytes(data: Uint8Array): number {
  const highest = metasOf(data).map((meta) => meta?.state.highestPage ?? 1);
  return (Math.max(...highest) + 1) * PAGE;
}

/** A store of `count` keys, of which every fifth is left, all over the file. */
function sparse(it: Watched, count = 4000): Watched {
  fill(it.store, count, 150);
  it.store.checkpointSync();
  for (let i = 0; i < count; i++) {
    if (i % 5 === 0) continue;
    it.store.deleteSync(`key ${`${i}`.padStart(5, "0")}`, { durability: "deferred" });
  }
  it.store.flushSync();
  return it;
}

rule("close() checkpoints: everything is in the data file, nothing in the log", () => {
  const it = watch();
  fill(it.store, 100);
  for (let i = 0; i < 10; i++) it.store.putSync(`more ${i}`, "m", { durability: "deferred" });
  it.store.putSync("large", "l".repeat(9000));
  const wanted = entriesOf(it.store);
  finish(it);
  const data = it.io.durable(PATH);
  assertEquals(shownBy(data), wanted);
  assertEquals(groupsOf(it.io.durable(LOG), newestMeta(data)), []);
});

rule("close() cuts the free tail of the file", () => {
  const it = watch();
  fill(it.store, 50);
  const { data } = it.store.stats().bytes;
  assertGreaterOrEqual(data, 1024 * 1024);
  finish(it);
  const length = it.io.live(PATH).length;
  assertEquals(length, reachedBytes(it.io.live(PATH)));
  assertLessOrEqual(length, data / 4);
  const again = reopen(it);
  assertEquals(again.store.countSync(), 50);
  finish(again);
});

rule("close() cuts what both meta pages have given up, and moves nothing", () => {
  const it = watch();
  fill(it.store, 3000, 200);
  it.store.checkpointSync();
  it.store.clearSync({ gte: "key 00030" });
  it.store.checkpointSync();
  const before = it.io.live(PATH).length;
  it.io.forget();
  finish(it);
  const stages = stagesOf(it.io.operations);
  assertEquals(stages.at(-1), "truncate of the data");
  assertEquals(it.io.live(PATH).length, reachedBytes(it.io.live(PATH)));
  assertLessOrEqual(it.io.live(PATH).length, before);
});

rule("a file that could not be cut is longer than its page count, and legal", () => {
  const it = watch();
  fill(it.store, 3000, 200);
  it.store.clearSync({ gte: "key 00010" });
  it.io.failWhen({ match: isCut });
  it.store.closeSync();
  it.audit.check();
  const data = it.io.live(PATH);
  assert(data.length > newestMeta(data).state.pageCount * PAGE, "the file is longer");
  assertEquals(Object.keys(contentsOf(it.io.powerCut())).length, 10);
  const again = reopen(it);
  fill(again.store, 500, 200, "new");
  finish(again);
  assertEquals(Object.keys(contentsOf(it.io.killed())).length, 510);
});

rule("compact() moves pages behind a mark to free places, and the file gets short", () => {
  const it = sparse(watch());
  const wanted = entriesOf(it.store);
  const { sequence } = it.store.stats();
  const report = it.store.compactSync();
  const { used } = it.store.stats().pages;
  assertGreaterOrEqual(report.moved, 50);
  assertLessOrEqual(report.after, report.before / 2);
  assertLessOrEqual(report.after, (used + 2) * PAGE * 1.2);
  assertEquals(report.after, it.io.live(PATH).length);
  assertEquals(entriesOf(it.store), wanted);
  assertEquals(it.store.stats().sequence, sequence, "a move is no commit");
  assertEquals(shownBy(it.io.durable(PATH)), wanted);
  finish(it);
});

rule("compact() writes two checkpoints, then cuts behind the highest page of both", () => {
  const it = sparse(watch());
  it.io.forget();
  it.store.compactSync();
  const cuts = it.io.operations.filter(isCut);
  assertGreaterOrEqual(cuts.length, 1);
  for (const cut of cuts) {
    const before = it.io.operations.slice(0, cut.index).filter((operation) =>
      isMeta(operation) || isPages(operation)
    );
    assertEquals(before.slice(-2).map(isMeta), [true, true], "two meta pages in a row");
    assert(cut.size < cut.sizeBefore);
  }
  const data = it.io.live(PATH);
  assertEquals(data.length, reachedBytes(data));
  const [first, second] = metasOf(data);
  assertEquals(first!.state.catalogue, second!.state.catalogue);
  finish(it);
});

rule("compact() works in the writer's turn, and lets others write between its steps", async () => {
  const it = await watchAsync({ logSize: 4 * 1024 * 1024 });
  for (let i = 0; i < 3000; i++) {
    const put = it.store.put(`key ${i}`, "v".repeat(150), { durability: "deferred" });
    if (i % 100 === 0) await put;
  }
  await it.store.checkpoint();
  for (let i = 0; i < 3000; i++) {
    const gone = i % 5 === 0 || it.store.delete(`key ${i}`, { durability: "deferred" });
    if (i % 100 === 1) await gone;
  }
  const puts: Promise<void>[] = [];
  let between = 0;
  let over = false;
  const count = (): void => {
    if (!over) between++;
  };
  const report = await it.store.compact({
    onProgress: () => puts.push(it.store.put(`beside ${puts.length}`, "b").then(count)),
  });
  over = true;
  await Promise.all(puts);
  assertGreaterOrEqual(puts.length, 4);
  assertGreaterOrEqual(between, 3);
  assertEquals(await it.store.count(), 600 + puts.length);
  assertLessOrEqual(report.after, report.before / 2);
  await finishAsync(it);
});

rule("a power cut or a kill within compact() loses nothing", () => {
  const it = sparse(watch(), 1500);
  it.store.putSync("large", "x".repeat(20_000));
  const wanted = entriesOf(it.store);
  const images = cutsOf(
    it.io,
    () => it.store.compactSync(),
    (operation) => isMeta(operation) || isCut(operation) || operation.kind === "sync",
  );
  assertGreaterOrEqual(images.length, 12);
  images.forEach((image, i) => {
    if (i % 3 === 0 || i > images.length - 4) assertEquals(contentsOf(image), wanted);
  });
  finish(it);
});

rule("a failed data page within compact() takes nothing with it", async () => {
  const it = sparse(watch());
  const wanted = entriesOf(it.store);
  it.io.failWhen({ match: isPages, skip: 1 });
  await assertCode(() => it.store.compact(), "KVIG_IO");
  assertEquals(entriesOf(it.store), wanted);
  assertEquals(contentsOf(it.io.powerCut()), wanted);
  fill(it.store, 1000, 200, "new");
  it.store.compactSync();
  assertEquals(it.store.countSync(), 1800);
  finish(it);
});

rule("compact() never waits for a snapshot, and its report says that one held it back", () => {
  const it = watch();
  fill(it.store, 4000, 150);
  const snapshot = it.store.snapshot();
  const shown = entriesOf(snapshot);
  it.store.clearSync({ gte: "key 00100" });
  const held = it.store.compactSync();
  assertEquals(held.heldBack, { snapshots: 1 });
  assertEquals(entriesOf(snapshot), shown);
  assertGreaterOrEqual(held.after, 3000 * 150);
  fill(it.store, 300, 150, "new");
  assertEquals(entriesOf(snapshot), shown, "what grows again does not lie over it");
  snapshot.close();
  const free = it.store.compactSync();
  assertEquals(free.heldBack, { snapshots: 0 });
  assertLessOrEqual(free.after, held.after / 3);
  finish(it);
});

rule("compact() cuts behind the highest page that a meta page or a snapshot reaches", () => {
  const it = watch();
  fill(it.store, 2000, 150);
  const snapshot = it.store.snapshot();
  const highest = Math.max(...it.engine.pages.holds.states.map((state) => state.highestPage));
  const shown = entriesOf(snapshot);
  fill(it.store, 500, 150, "more");
  it.store.clearSync({ gte: "key 00010" });
  const report = it.store.compactSync();
  const data = it.io.live(PATH);
  assertEquals(report.after, data.length);
  assertEquals(report.after, Math.max((highest + 1) * PAGE, reachedBytes(data)));
  assertEquals(entriesOf(snapshot), shown);
  snapshot.close();
  assertLessOrEqual(it.store.compactSync().after, report.after / 4);
  finish(it);
});

rule("compact() leaves the end of the file to a snapshot that alone reaches it", () => {
  const it = watch();
  fill(it.store, 2000, 150);
  // What is free lies at the front, where compact() moves what stays.
  it.store.clearSync({ lt: "key 01000" });
  it.store.checkpointSync();
  it.store.checkpointSync();
  const snapshot = it.store.snapshot();
  const shown = entriesOf(snapshot);
  const highest = Math.max(...it.engine.pages.holds.states.map((state) => state.highestPage));
  it.store.clearSync({ gte: "key 01010" });
  const report = it.store.compactSync();
  const data = it.io.live(PATH);
  assertLessOrEqual(reachedBytes(data), highest * PAGE);
  assertEquals(report.after, (highest + 1) * PAGE);
  assertEquals(entriesOf(snapshot), shown);
  snapshot.close();
  assertLessOrEqual(it.store.compactSync().after, report.after / 4);
  finish(it);
});

rule("compact() moves the map of places that the file no longer has", () => {
  const it = watch();
  fill(it.store, 6000, 200);
  assertGreaterOrEqual(it.store.stats().pages.total, it.engine.free.places);
  it.store.clearSync({ gte: "key 00010" });
  finish(it);
  const again = reopen(it);
  const report = again.store.compactSync();
  assertLessOrEqual(report.after, 64 * PAGE);
  assertEquals(again.store.countSync(), 10);
  finish(again);
});
