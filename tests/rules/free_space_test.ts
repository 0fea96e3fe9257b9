/**
 * The rules of free space: bitmaps that are exact, and places that are free in every state, and
 * used by no operation, before they are handed out.
 *
 * @module
 */

import { entryPage } from "../../core/bitmap.ts";
import { runAsync } from "../../core/future.ts";
import { fileSeed } from "../../core/meta.ts";
import { BUSY, DIRTY, USED } from "../../core/page_cache.ts";
import { checksum } from "../../core/checksum.ts";
import type { KvigError } from "../../core/errors.ts";
import { assert, assertEquals, assertGreaterOrEqual } from "../support/assert.ts";
import { KINDS, newestMeta, reachOf } from "../support/image.ts";
import { Random, withSeeds } from "../support/random.ts";
import { type Contents, drained, Unrest } from "../support/unrest.ts";
import {
  changed,
  entriesOf,
  fill,
  finish,
  finishAsync,
  PATH,
  rule,
  shownBy,
  SMALL,
  watch,
  watchAsync,
  type Watched,
} from "../support/watched.ts";

const PAGE = 512;
const MIB = 1024 * 1024;

/** Makes all that is in the cache of pages below `page` something that is read anew. */
function evictMaps({ engine }: Watched): number {
  let dropped = 0;
  const { cache, pager } = engine;
  for (const state of [...pager.metaStates, ...engine.pages.holds.states]) {
    if (state === undefined) continue;
    const index = cache.lookup(state.freePage);
    const bitmap = index < 0 ? -1 : cache.lookup(entryPage(cache.frames, index, 0));
    for (const frame of [bitmap, index]) {
      if (frame < 0 || (cache.flags[frame] & (DIRTY | BUSY)) !== 0) continue;
      cache.drop(frame);
      dropped++;
    }
  }
  return dropped;
}

/** A store of several segments, larger than the cache, and what it holds. */
function largeStart(): { image: ReadonlyMap<string, Uint8Array>; contents: Contents } {
  const it = watch();
  const random = new Random(7);
  const contents: Contents = new Map();
  for (let i = 0; i < 2000; i += 250) {
    it.store.transactionSync((tx) => {
      for (let j = i; j < i + 250; j++) {
        const key = `key ${`${j}`.padStart(6, "0")}`;
        const value = `${j}`.padEnd(random.below(400), "xyz");
        contents.set(key, value);
        tx.putSync(key, value);
      }
    });
  }
  finish(it);
  return { image: it.io.killed(), contents };
}

rule("each state's bitmap marks exactly what it reaches, its own pages included", () => {
  const it = watch();
  const { store, audit } = it;
  const snapshots = [];
  const random = new Random(3);
  for (let step = 0; step < 100; step++) {
    const key = `key ${random.below(400)}`;
    if (random.oneIn(5)) store.deleteSync(key, { durability: "deferred" });
    else store.putSync(key, "v".repeat(random.below(300)), { durability: "deferred" });
    if (random.oneIn(9)) store.putSync(`large ${random.below(5)}`, "l".repeat(random.below(9000)));
    if (random.oneIn(12)) store.clearSync({ gte: key, lt: `${key}~` });
    if (random.oneIn(10)) store.checkpointSync();
    snapshots.push(store.snapshot());
    if (snapshots.length > 6) snapshots.splice(random.below(6), 1)[0].close();
    audit.checkHeldStates();
  }
  store.transactionSync((tx) => {
    for (let i = 0; i < 40; i++) {
      tx.putSync(`in a transaction ${i}`, "t".repeat(200));
      audit.checkHeldStates();
    }
  });
  audit.check();
  for (const snapshot of snapshots) snapshot.close();
  finish(it);
});

rule("a small index holds number, epoch and used count of each bitmap page", () => {
  const it = watch();
  it.store.putSync("large", "l".repeat(2 * MIB));
  fill(it.store, 50);
  finish(it);
  const data = it.io.live(PATH);
  const meta = newestMeta(data);
  const segments = Math.ceil(meta.state.pageCount / ((PAGE - 32) * 8));
  assertGreaterOrEqual(segments, 2);
  // reachOf() compares each entry with the page that it names and with the bits in it.
  assertEquals(reachOf(data, meta).problems, []);
  const index = new DataView(data.buffer, data.byteOffset + meta.state.freePage * PAGE, PAGE);
  const used = Array.from({ length: segments }, (_, i) => index.getUint32(32 + 12 * i + 8, true));
  assertEquals(used.reduce((sum, count) => sum + count, 0), meta.state.usedPages);
});

rule("a place is handed out only when it is free in every state, whatever goes on", async () => {
  await withSeeds("a place is handed out", 1, async (random) => {
    const unrest = new Unrest(random, {
      ...SMALL,
      keys: 200,
      valueBytes: 220,
      largeBytes: 3000,
      weights: { snapshot: 30, iterate: 20, checkpoint: 20, huge: 1, compact: 4 },
    });
    await unrest.run(350);
  });
});

rule("the same in a store of several segments, larger than its cache", async () => {
  const start = largeStart();
  await withSeeds("a large store", 1, async (random) => {
    const unrest = new Unrest(random, {
      ...SMALL,
      start,
      keys: start.contents.size,
      valueBytes: 400,
      largeBytes: 8000,
      weights: { batch: 30, get: 80, snapshot: 20, verify: 0, clear: 0, crash: 1, kill: 1 },
    });
    await unrest.run(120);
  });
});

/** How many places were written more than once. */
function reused({ io }: Watched): number {
  const places = new Set<number>();
  let again = 0;
  for (const { pieces } of io.recorded(PATH, "batch")) {
    for (const { at } of pieces) {
      if (places.has(at)) again++;
      places.add(at);
    }
  }
  return again;
}

rule("no place is reused that a snapshot reaches", () => {
  const it = watch();
  fill(it.store, 200);
  it.store.checkpointSync();
  const snapshot = it.store.snapshot();
  const before = entriesOf(snapshot);
  for (let round = 0; round < 25; round++) {
    fill(it.store, 200, 201 + round);
    it.store.checkpointSync();
  }
  assertGreaterOrEqual(reused(it), 100);
  it.audit.check();
  assertEquals(entriesOf(snapshot), before);
  snapshot.close();
  finish(it);
});

rule("no place is reused that either durable meta page reaches", () => {
  const it = watch();
  for (let round = 0; round < 20; round++) {
    // Places are sought anew, from the first one on.
    it.engine.free.setCeiling(Infinity);
    fill(it.store, 150, 80 + round);
    it.store.checkpointSync();
    const data = it.io.durable(PATH);
    for (const meta of [0, 1]) {
      const shown = shownBy(data, newestOr(data, meta));
      assert(round < 2 || Object.keys(shown).length === 150);
    }
  }
  assertGreaterOrEqual(reused(it), 100);
  finish(it);
});

function newestOr(data: Uint8Array, slot: number): ReturnType<typeof newestMeta> {
  const copy = data.slice();
  copy.fill(0, (1 - slot) * PAGE, (2 - slot) * PAGE);
  return newestMeta(copy);
}

rule("a mask covers a state that becomes durable while map pages are loaded for it", async () => {
  for (const slot of [0, 1]) await maskBesideCheckpoint(slot);
});

/** Makes a mask while a checkpoint writes the meta page in `slot`. */
async function maskBesideCheckpoint(slot: number): Promise<void> {
  const it = await watchAsync();
  for (let i = 0; i < 60; i++) await it.store.put(`key ${i}`, "x".repeat(200));
  await it.store.checkpoint();
  if (slot === 1) {
    await it.store.put("other slot", "");
    await it.store.checkpoint();
  }
  for (let i = 0; i < 60; i++) await it.store.put(`key ${i}`, "y".repeat(200));
  it.io.hold = ({ kind, path, pieces }) =>
    path === PATH && (kind === "read" || (kind === "write" && pieces[0].at <= PAGE));
  const checkpoint = it.store.checkpoint();
  for (let i = 0; i < 50; i++) await drained();
  const [meta] = it.io.inFlight;
  assertEquals([it.io.inFlight.length, meta?.kind], [1, "write"]);
  assertEquals(meta.pieces[0].at, slot * PAGE);
  // The working state goes on to pages of its own.
  for (let i = 0; i < 60; i++) await it.store.put(`key ${i}`, "z", { durability: "deferred" });
  assertGreaterOrEqual(evictMaps(it), 1);
  const masked = runAsync(it.engine.pager.makeMask(0));
  await drained();
  assert(it.io.inFlight.some(({ kind }) => kind === "read"), "the mask waits for a map page");
  it.io.settle(meta);
  await checkpoint;
  it.io.hold = () => false;
  it.io.settleAll();
  await masked;
  assertMasked(it);
  await finishAsync(it);
}

rule("a mask covers every held state though snapshots are closed meanwhile", async () => {
  const it = await watchAsync();
  const snapshots = [];
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 60; i++) await it.store.put(`key ${i}`, `${round}`.padEnd(200, "x"));
    await it.store.checkpoint();
    snapshots.push(it.store.snapshot());
  }
  await it.store.clear();
  await it.store.checkpoint();
  await it.store.checkpoint();
  evictMaps(it);
  it.io.hold = ({ kind, path }) => path === PATH && kind === "read";
  const masked = runAsync(it.engine.pager.makeMask(0));
  for (let round = 0; round < 100 && snapshots.length > 1; round++) {
    await drained();
    const [first] = it.io.inFlight;
    if (first === undefined) break;
    snapshots.shift()?.close();
    it.io.settle(first);
  }
  it.io.hold = () => false;
  it.io.settleAll();
  await masked;
  assertMasked(it);
  for (const snapshot of snapshots) snapshot.close();
  await finishAsync(it);
});

/** The mask of segment 0 covers what the held, the durable and the working states reach. */
function assertMasked({ engine, io }: Watched): void {
  const { mask } = engine.free;
  assertEquals(engine.free.segment, 0);
  const data = io.durable(PATH);
  const states = [0, 1].map((slot) => reachOf(data, newestOr(data, slot)).pages.keys());
  for (const page of states.flatMap((pages) => [...pages])) {
    assert(
      ((mask[page >>> 5] >>> (page & 31)) & 1) === 1,
      `page ${page} is durable and not masked`,
    );
  }
  for (const state of engine.pages.holds.states) {
    const frame = [...pagesMarked(engine, state.freePage)];
    for (const page of frame) {
      assert(((mask[page >>> 5] >>> (page & 31)) & 1) === 1, `page ${page} is held, not masked`);
    }
  }
}

/** Places that the first bitmap page below `index` marks; it is in the cache. */
function* pagesMarked({ cache }: Watched["engine"], index: number): Generator<number> {
  const root = cache.lookup(index);
  const bitmap = root < 0 ? -1 : cache.lookup(entryPage(cache.frames, root, 0));
  assert(bitmap >= 0, "the map of a held state was just read");
  const base = cache.frames.base(bitmap) + 32;
  for (let bit = 0; bit < (PAGE - 32) * 8; bit++) {
    if (((cache.frames.u8[base + (bit >>> 3)] >>> (bit & 7)) & 1) === 1) yield bit;
  }
}

rule("no place is handed out while a read of it is in flight", async () => {
  const it = await watchAsync();
  const put = (round: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        it.store.put(`key ${i}`, `${round}`.padEnd(200, "w"), { durability: "deferred" })),
    );
  await put(0);
  await it.store.checkpoint();
  const snapshot = it.store.snapshot();
  await put(1);
  await it.store.checkpoint();
  await it.store.checkpoint();
  const { cache } = it.engine;
  for (let frame = 0; frame < cache.capacity; frame++) {
    if ((cache.flags[frame] & (USED | DIRTY | BUSY)) === USED) cache.drop(frame);
  }
  it.io.hold = ({ kind, path }) => path === PATH && kind === "read";
  const read = snapshot.get("key 0").then(() => "read", (error: KvigError) => error.code);
  await drained();
  let [slow] = it.io.inFlight;
  while (it.io.live(PATH)[slow.pieces[0].at + 12] === KINDS.branch) {
    it.io.settle(slow);
    await drained();
    [slow] = it.io.inFlight;
  }
  assertEquals(slow.kind, "read", "a leaf that only the snapshot reaches is being read");
  it.io.hold = () => false;
  snapshot.close();
  const writings = (): number =>
    it.io.recorded(PATH, "batch").filter(({ pieces }) =>
      pieces.some(({ at }) => at === slow.pieces[0].at)
    ).length;
  const before = writings();
  for (let round = 2; round < 40; round++) {
    await put(round);
    await it.store.checkpoint();
  }
  assertEquals(writings(), before, "its place was left alone");
  it.io.settle(slow);
  assert(["read", "KVIG_CLOSED"].includes(await read), "nothing else may come of it");
  for (let round = 0; round < 400 && writings() === before; round++) {
    await put(round);
    await it.store.checkpoint();
  }
  assert(writings() > before, "then it is handed out");
  await finishAsync(it);
});

rule("no place of a large value is handed out while get() reads it", async () => {
  const it = await watchAsync({ maxSize: 2 * MIB });
  const large = "x".repeat(200_000);
  await it.store.put("large", large);
  it.io.hold = ({ kind, path, pieces }) =>
    path === PATH && kind === "read" && pieces[0].length === large.length;
  const read = it.store.get("large");
  await drained();
  const [slow] = it.io.inFlight;
  assertEquals(slow.kind, "read", "the value is being read");
  it.io.hold = () => false;
  await it.store.delete("large");
  for (let round = 0; round < 20; round++) {
    await it.store.put(`other ${round % 2}`, `${round % 10}`.repeat(150_000));
    await it.store.checkpoint();
    assertEquals(it.io.violations, []);
  }
  it.io.settle(slow);
  assertEquals(new TextDecoder().decode(await read), large);
  await finishAsync(it);
});

rule("no place is handed out while a write of it is in flight", async () => {
  const it = await watchAsync();
  const put = (round: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        it.store.put(`key ${i}`, `${round}`.padEnd(200, "w"), { durability: "deferred" })),
    );
  await put(0);
  const snapshot = it.store.snapshot();
  await put(1);
  it.io.hold = ({ kind }) => kind === "batch";
  const spill = runAsync(it.engine.pager.spill());
  const [slow] = it.io.inFlight;
  assertEquals(slow.kind, "batch", "pages that only the snapshot reaches are being spilled");
  it.io.hold = () => false;
  snapshot.close();
  const places = new Set(slow.pieces.map(({ at }) => at));
  const writings = (): number =>
    it.io.recorded(PATH, "batch").filter(({ pieces }) => pieces.some(({ at }) => places.has(at)))
      .length;
  for (let round = 2; round < 40; round++) {
    await put(round);
    await it.store.checkpoint();
  }
  assertEquals(writings(), 1, "their places were left alone");
  it.io.settle(slow);
  await spill;
  for (let round = 0; round < 400 && writings() === 1; round++) {
    await put(round);
    await it.store.checkpoint();
  }
  assert(writings() > 1, "then they are handed out");
  await finishAsync(it);
});

rule("handing a place out drops its clean frame", () => {
  const it = watch();
  const { cache } = it.engine;
  let again = 0;
  const seen = new Map<number, number>();
  for (let round = 0; round < 35; round++) {
    fill(it.store, 150, 190 + round);
    it.store.checkpointSync();
    for (let frame = 0; frame < cache.capacity; frame++) {
      if (cache.flags[frame] === 0) continue;
      const before = seen.get(cache.page[frame]);
      if (before !== undefined && before !== cache.epoch[frame]) again++;
      seen.set(cache.page[frame], cache.epoch[frame]);
    }
    // The key of the page table is the place alone, so two frames of one place would be found.
    const used = [...cache.page].filter((_, frame) => cache.flags[frame] !== 0);
    assertEquals(new Set(used).size, used.length);
    assertEquals(Object.keys(entriesOf(it.store)).length, 150);
  }
  assertGreaterOrEqual(again, 100);
  finish(it);
});

rule("an abort leaks nothing", () => {
  const it = watch();
  fill(it.store, 300);
  const before = it.store.stats().pages.used;
  for (const count of [1, 50, 4000]) {
    const work = (tx: { putSync(key: string, value: string): void }): void => {
      for (let i = 0; i < count; i++) tx.putSync(`aborted ${i}`, "a".repeat(200));
      tx.putSync("large", "a".repeat(20_000));
      throw new RangeError("taken back");
    };
    let caught: unknown;
    try {
      it.store.transactionSync(work);
    } catch (error) {
      caught = error;
    }
    assert(caught instanceof RangeError);
    assertEquals(it.store.stats().pages.used, before);
    assertEquals(it.store.verifySync().problems, []);
  }
  finish(it);
});

rule("a crash leaks nothing", () => {
  const it = watch();
  fill(it.store, 300);
  it.store.checkpointSync();
  it.store.transactionSync((tx) => {
    for (let i = 0; i < 500; i++) tx.putSync(`key ${i}`, "b".repeat(200));
    tx.deleteSync("key 00001");
  });
  const { used } = it.store.stats().pages;
  const image = it.io.powerCut();
  finish(it);
  const again = watch({ image });
  again.audit.checkHeldStates();
  // Replaying takes another way to the same content: the pages are as many, or nearly so.
  assert(Math.abs(again.store.stats().pages.used - used) < 40);
  finish(again);
});

rule("a checkpoint allocates nothing", () => {
  const it = watch();
  fill(it.store, 500, 150);
  it.store.putSync("large", "l".repeat(30_000));
  const { free, pages, pager } = it.engine;
  // The state is closed: what the catalogue needs was readied by the writes before.
  const before = [
    free.left,
    free.spare,
    pages.work.usedPages,
    pages.work.pageCount,
    pager.file.size,
  ];
  it.store.checkpointSync();
  const after = [
    free.left,
    free.spare,
    pages.work.usedPages,
    pages.work.pageCount,
    pager.file.size,
  ];
  assertEquals(after, before);
  finish(it);
});

rule("a state is sound when what its map marks is what it reaches: one equality", () => {
  const it = watch();
  fill(it.store, 200);
  it.store.clearSync({ lt: "key 00050" });
  it.store.checkpointSync();
  const image = it.io.killed();
  finish(it);
  const meta = newestMeta(image.get(PATH)!);
  const { pages } = reachOf(image.get(PATH)!, meta);
  const free = [...Array(meta.state.pageCount).keys()].find((page) => page > 1 && !pages.has(page));
  for (const page of [free!, [...pages.keys()][5], meta.state.highestPage]) {
    const { io, store } = watch({ image: changed(image, PATH, (data) => turnBit(data, page)) });
    const { ok, problems } = store.verifySync();
    assertEquals(ok, false);
    assert(problems.some((problem) => problem.page === page), `page ${page} is named`);
    store.closeSync();
    io.check();
  }
});

/** Marks or unmarks a place in the map of the newest state, with checksums that fit. */
function turnBit(data: Uint8Array, page: number): void {
  const { state, fileId } = newestMeta(data);
  const bitmap = new DataView(data.buffer).getUint32(state.freePage * PAGE + 32, true) * PAGE;
  data[bitmap + 32 + (page >>> 3)] ^= 1 << (page & 7);
  const sum = checksum(data, bitmap + 4, PAGE - 4, fileSeed(fileId));
  new DataView(data.buffer).setUint32(bitmap, sum, true);
}

rule("opening reads a few pages, never all", () => {
  const it = watch();
  fill(it.store, 1000, 220);
  it.store.putSync("large", "l".repeat(MIB));
  finish(it);
  const image = it.io.killed();
  assertGreaterOrEqual(newestMeta(image.get(PATH)!).state.usedPages, 2500);
  const again = watch({ image });
  const reads = again.io.recorded(PATH, "read");
  const bytes = reads.reduce((sum, { pieces }) => sum + pieces[0].length, 0);
  assert(bytes <= 10 * PAGE, `${bytes} bytes were read`);
  finish(again);
});
