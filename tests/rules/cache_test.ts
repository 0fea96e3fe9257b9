/**
 * The rules of the page cache: a budget that is never exceeded, which frames are given up, and how
 * a page is read.
 *
 * @module
 */

import { DIRTY, PageCache } from "../../core/page_cache.ts";
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLessOrEqual,
} from "../support/assert.ts";
import { SimDisk } from "../sim/disk.ts";
import { PlannedFaults } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { openTinySync } from "../sim/tiny_store.ts";
import type { Operation } from "../support/recording_io.ts";
import { inFlight, isPages, PAGE } from "../support/stages.ts";
import { Random } from "../support/random.ts";
import { assertCode } from "../support/store.ts";
import { drained } from "../support/unrest.ts";
import {
  entriesOf,
  fill,
  finish,
  finishAsync,
  LOG,
  PATH,
  rule,
  watch,
  watchAsync,
  type Watched,
} from "../support/watched.ts";

const isRead = ({ kind, path }: Operation): boolean => kind === "read" && path === PATH;
const keyOf = (i: number): string => `key ${`${i}`.padStart(5, "0")}`;

/** A store on an Io of its own with nothing in its cache, and twice as much in its file. */
async function cold(count = 5000): Promise<Watched> {
  const it = watch();
  fill(it.store, count, 150);
  finish(it);
  return await watchAsync({ image: it.io.killed() });
}

rule("memory is what opening reserved: nothing is allocated afterwards", () => {
  const it = watch();
  const { memoryReserved } = it.store.stats();
  assertGreaterOrEqual(memoryReserved, 1024 * 1024);
  assertLessOrEqual(memoryReserved, 3 * 1024 * 1024);
  let allocated = 0;
  const allocate = it.io.allocate.bind(it.io);
  it.io.allocate = (bytes) => {
    allocated += bytes;
    return allocate(bytes);
  };
  fill(it.store, 4000, 150);
  entriesOf(it.store);
  it.store.transactionSync((tx) => {
    for (let i = 0; i < 4000; i++) tx.putSync(`tx ${i}`, "t".repeat(150));
  });
  it.store.checkpointSync();
  it.store.clearSync({ gte: "key 00100", lt: "key 03000" });
  it.store.compactSync();
  assertEquals(allocated, 0);
  assertEquals(it.store.stats().memoryReserved, memoryReserved);
  finish(it);
});

rule("the cache is a hard budget, whatever is read, written or held", () => {
  const it = watch();
  const { frames } = it.store.stats().cache;
  assertLessOrEqual(frames * PAGE, 1024 * 1024);
  const check = (): void => {
    const { cache } = it.store.stats();
    assertEquals(cache.frames, frames);
    assertGreaterOrEqual(cache.available, 0);
    assertLessOrEqual(cache.dirty + it.engine.cache.freeCount, frames);
  };
  const snapshots = [it.store.snapshot()];
  for (let round = 0; round < 4; round++) {
    fill(it.store, 2500, 100 + round);
    check();
    snapshots.push(it.store.snapshot());
    it.store.transactionSync((tx) => {
      for (let i = 0; i < 2500; i++) {
        tx.putSync(`tx ${i}`, `${round}`.padEnd(120));
        if (i % 500 === 0) check();
      }
    });
    check();
  }
  for (const snapshot of snapshots) snapshot.close();
  finish(it);
});

rule("several reads of one missing page share one read of the file", async () => {
  const it = await cold();
  it.io.hold = isRead;
  const gets: Promise<Uint8Array | undefined>[] = [];
  for (let i = 0; i < 25; i++) gets.push(it.store.get(keyOf(1234)));
  const before = it.io.operations.filter(isRead).length;
  for (let level = 0;; level++) {
    await drained();
    if (it.io.inFlight.length === 0) break;
    assertEquals(it.io.inFlight.length, 1, `one read at level ${level}`);
    it.io.settleAll();
    await drained();
  }
  const reads = it.io.operations.filter(isRead);
  const places = reads.slice(before - 1).map(({ pieces: [{ at }] }) => at);
  assertEquals(new Set(places).size, places.length, "no page is read twice");
  for (const value of await Promise.all(gets)) assertEquals(value?.length, 150);
  await finishAsync(it);
});

rule("a read that fails is not the end for others that wait for the page", async () => {
  const it = await cold();
  it.io.hold = isRead;
  const gets = [1, 2, 3].map(() => it.store.get(keyOf(77)));
  await inFlight(it.io, isRead);
  it.io.failWhen({ match: isRead, times: 3 });
  const settled = Promise.allSettled(gets);
  it.io.hold = () => false;
  it.io.settleAll();
  for (const result of await settled) {
    if (result.status === "fulfilled") assertEquals(result.value?.length, 150);
    else await assertCode(() => Promise.reject(result.reason), "KVIG_IO");
  }
  it.io.failNothing();
  assertEquals((await it.store.get(keyOf(77)))?.length, 150);
  await finishAsync(it);
});

rule("of those who wait for a page one is told what went wrong, the others read it", async () => {
  const it = await cold();
  await it.store.get(keyOf(4000));
  it.io.hold = isRead;
  const gets = [1, 2, 3].map(() => it.store.get(keyOf(77)));
  await inFlight(it.io, isRead);
  assertEquals(it.io.inFlight.length, 1);
  // The first read, and all that are tried again for it.
  it.io.failWhen({ match: isRead, times: 4 });
  const settled = Promise.allSettled(gets);
  it.io.hold = () => false;
  it.io.settleAll();
  const results = await settled;
  it.io.failNothing();
  assertEquals(results.map(({ status }) => status), ["rejected", "fulfilled", "fulfilled"]);
  await finishAsync(it);
});

rule("a page that comes from a wrong place once is read again", () => {
  const made = new SimIo();
  const store = openTinySync(made, PATH);
  fill(store, 60, 60);
  const entries = entriesOf(store);
  store.closeSync();
  const image = made.crash("kill").image();
  const readAll = (faults?: PlannedFaults): number => {
    const io = new SimIo({
      disk: new SimDisk(structuredClone(image)),
      ...(faults === undefined ? {} : { faults }),
    });
    let reads = 0;
    io.onOperation = ({ kind }) => reads += kind === "read" ? 1 : 0;
    const opened = openTinySync(io, PATH);
    assertEquals(entriesOf(opened), entries);
    opened.closeSync();
    return reads;
  };
  const reads = readAll();
  assertGreaterOrEqual(reads, 15);
  for (let nth = 0; nth < reads; nth++) {
    for (let part = 0.05; part < 1; part += 0.3) {
      readAll(new PlannedFaults([{ kind: "misdirected read", nth, part }]));
    }
  }
});

rule("a frame that the Io uses is not evicted", async () => {
  const first = await cold();
  await first.store.get(keyOf(4321));
  const [{ at }] = first.io.operations.findLast(isRead)!.pieces;
  await finishAsync(first);
  const it = await watchAsync({ image: first.io.killed() });
  it.io.hold = (operation) => isRead(operation) && operation.pieces[0].at === at;
  const get = it.store.get(keyOf(4321));
  const leaf = await inFlight(it.io, isRead);
  const held = at / PAGE;
  const { evictions } = it.store.stats().cache;
  for (let i = 0; i < 5000; i++) if (i < 4200 || i > 4450) await it.store.get(keyOf(i));
  assertGreaterOrEqual(it.store.stats().cache.evictions - evictions, 100);
  assertGreaterOrEqual(it.engine.cache.lookup(held), 0, "its frame is still there");
  it.io.settle(leaf);
  assertEquals((await get)?.length, 150);
  await finishAsync(it);
});

rule("a page that is looked at again stays, while others are read once and go", async () => {
  const it = await cold();
  await it.store.get(keyOf(10));
  let again = 0;
  for (let i = 50; i < 5000; i++) {
    await it.store.get(keyOf(i));
    const before = it.store.stats().cache.reads;
    await it.store.get(keyOf(10));
    again += it.store.stats().cache.reads - before;
  }
  assertGreaterOrEqual(it.store.stats().cache.evictions, 100);
  assertEquals(again, 0, "its page was never given up");
  await finishAsync(it);
});

rule("dirty pages leave through a checkpoint or a spill, and through nothing else", async () => {
  const it = await watchAsync({ logSize: 16 * 1024 * 1024 });
  it.io.hold = isPages;
  for (let i = 0; i < 400; i++) {
    await it.store.put(keyOf(i), "v".repeat(150), { durability: "deferred" });
  }
  const { cache } = it.engine;
  const dirty = (): Set<number> => {
    const pages = new Set<number>();
    for (let frame = 0; frame < cache.capacity; frame++) {
      if ((cache.flags[frame] & DIRTY) !== 0) pages.add(cache.page[frame]);
    }
    return pages;
  };
  const before = dirty();
  assertGreaterOrEqual(before.size, 150);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 400; i++) assertEquals((await it.store.get(keyOf(i)))?.length, 150);
  }
  assert(cache.reserve(cache.available), "everything else may be given up");
  assertEquals(cache.reserve(cache.available + 1), false, "and nothing more");
  assertEquals(dirty(), before);
  assertEquals(it.io.operations.filter(isPages), []);
  it.io.hold = () => false;
  await it.store.checkpoint();
  assertEquals(dirty().size, 0);
  await finishAsync(it);
});

rule("a page that was dirty is read back as it was written", () => {
  const it = watch();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 6000; i++) {
      it.store.putSync(keyOf((i * 4099) % 6000), `${round}/${i}`.padEnd(100), {
        durability: "deferred",
      });
    }
  }
  assertGreaterOrEqual(it.store.stats().cache.evictions, 500);
  for (let i = 0; i < 6000; i += 7) {
    const value = it.store.getSync(keyOf((i * 4099) % 6000));
    assertEquals(new TextDecoder().decode(value).trimEnd(), `1/${i}`);
  }
  finish(it);
});

rule("the page table finds each cached page and no other", () => {
  const cache = new PageCache(new Uint8Array(64 * PAGE), PAGE, 60);
  const random = new Random(4711);
  const there = new Map<number, number>();
  for (let step = 0; step < 20_000; step++) {
    const page = 2 + random.below(200);
    const frame = there.get(page);
    assertEquals(cache.lookup(page), frame ?? -1);
    if (frame !== undefined) {
      cache.drop(frame);
      there.delete(page);
    } else if (cache.freeCount > 0) there.set(page, cache.take(page, 1, 0, 0));
  }
  assertEquals(cache.freeCount, 60 - there.size);
});

rule("stats() counts reads, evictions and spills, and what is dirty", async () => {
  const it = await cold();
  const start = it.store.stats().cache;
  const before = it.io.operations.filter(isRead).length;
  await it.store.get(keyOf(0));
  const first = it.store.stats().cache;
  assertEquals(first.reads - start.reads, it.io.operations.filter(isRead).length - before);
  await it.store.get(keyOf(0));
  assertEquals(it.store.stats().cache.reads, first.reads, "a hit reads nothing");
  for (let i = 0; i < 5000; i += 2) await it.store.get(keyOf(i));
  const { reads, evictions, frames } = it.store.stats().cache;
  assertGreaterOrEqual(evictions, 1);
  assertLessOrEqual(reads - evictions, frames);
  assertEquals(it.store.stats().cache.dirty, 0);
  await it.store.put(keyOf(1), "dirty");
  assertGreaterOrEqual(it.store.stats().cache.dirty, 1);
  it.io.forget();
  await it.store.transaction(async (tx) => {
    for (let i = 0; i < 6000; i++) await tx.put(`tx ${i}`, "t".repeat(150));
    const written = it.io.operations.filter(isPages).flatMap(({ pieces }) => pieces);
    assertEquals(it.store.stats().cache.spills, written.length);
  });
  assertGreaterOrEqual(it.store.stats().cache.spills, 100);
  assertEquals(it.io.recorded(LOG, "truncate"), []);
  await finishAsync(it);
});
