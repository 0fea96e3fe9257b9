/**
 * The order of eviction and the table of the cache.
 *
 * @module
 */

import { FRAME_VISITED } from "../../core/frames.ts";
import { test } from "node:test";

import { BUSY, DIRTY, PageCache } from "../../core/page_cache.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { Random } from "../support/random.ts";

const PAGE = 512;

function newCache(capacity: number): PageCache {
  return new PageCache(new Uint8Array((capacity + 2) * PAGE), PAGE, capacity);
}

test("lookup() finds exactly the pages that are there, whatever came and went", () => {
  const random = new Random(5);
  const cache = newCache(200);
  const model = new Map<number, number>();
  for (let step = 0; step < 30_000; step++) {
    const page = random.below(2) === 0 ? random.below(400) : random.below(200) * 0x10001;
    const frame = cache.lookup(page);
    assertEquals(frame, model.get(page) ?? -1);
    if (frame >= 0) {
      if (random.oneIn(3)) {
        cache.drop(frame);
        model.delete(page);
      }
    } else if (cache.freeCount > 0) model.set(page, cache.take(page, 1, 0, 0));
  }
  for (const [page, frame] of model) assertEquals(cache.lookup(page), frame);
  assertEquals(cache.freeCount, 200 - model.size);
});

test("reserve() evicts no page that is dirty or busy", () => {
  const cache = newCache(64);
  for (let page = 2; page < 66; page++) {
    cache.take(page, 1, 0, page % 4 === 0 ? DIRTY : page % 4 === 1 ? BUSY : 0);
  }
  assertEquals([cache.dirtyCount, cache.busyCount, cache.inFlight], [16, 16, 16]);
  assertEquals(cache.available, 32);
  assert(!cache.reserve(33), "more than may go");
  assertEquals(cache.freeCount, 0, "and nothing went");
  assert(cache.reserve(32), "as many as may go");
  for (let page = 2; page < 66; page++) {
    assertEquals(cache.lookup(page) >= 0, page % 4 < 2);
  }
});

test("a page that was visited outlives those that were not", () => {
  const cache = newCache(100);
  for (let page = 2; page < 102; page++) cache.take(page, 1, 0, 0);
  for (let page = 2; page < 12; page++) cache.frames.set(cache.lookup(page), FRAME_VISITED, 1);
  for (let page = 1000; page < 1080; page++) {
    assert(cache.reserve(1), "there is room");
    cache.take(page, 1, 0, 0);
  }
  for (let page = 2; page < 12; page++) assert(cache.lookup(page) >= 0, `page ${page} stayed`);
});

test("flags keep the counts right through any changes", () => {
  const random = new Random(6);
  const cache = newCache(50);
  for (let page = 2; page < 52; page++) cache.take(page, 1, 0, 0);
  for (let step = 0; step < 5000; step++) {
    const frame = cache.lookup(2 + random.below(50));
    const flag = random.pick([DIRTY, BUSY, DIRTY | BUSY]);
    if (random.oneIn(2)) cache.setFlags(frame, flag, 0);
    else cache.setFlags(frame, 0, flag);
    let [dirty, busy, inFlight] = [0, 0, 0];
    for (const flags of cache.flags.subarray(0, 50)) {
      if ((flags & DIRTY) !== 0) dirty++;
      if ((flags & (DIRTY | BUSY)) === BUSY) busy++;
      if ((flags & BUSY) !== 0) inFlight++;
    }
    assertEquals([cache.dirtyCount, cache.busyCount, cache.inFlight], [dirty, busy, inFlight]);
  }
});
