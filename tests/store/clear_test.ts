/**
 * Clearing ranges: what is removed is what a model says, and nothing beside it.
 *
 * @module
 */

import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import { openSync } from "../support/runtime.ts";
import type { KeyRange } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { KEY_SHAPES } from "../support/keys.ts";
import { assertSameEntries, Model } from "../support/model.ts";
import { Random, withSeeds } from "../support/random.ts";
import { assertSound, copyOf, PATH, SMALL, storeTest } from "../support/store.ts";

/*
 * clear() of a range without keys went on to the next leaf, whose separator lay above the range,
 * and searched it for the range's end. A search does not look at the bytes that separators
 * guarantee, the end did not have them, and keys above the range were removed.
 */
test("clear() of a gap behind any key removes nothing", () => {
  for (const [shape, make] of Object.entries(KEY_SHAPES)) {
    const random = new Random(shape.length);
    const store = openSync(PATH, { ...SMALL, io: memoryIo() });
    const model = new Model();
    for (let i = 0; i < 600; i++) {
      const key = make(random, 126, 100_000);
      store.putSync(key, "v".repeat(random.below(90)), { durability: "deferred" });
      model.put(key, new Uint8Array(0));
    }
    for (const key of model.keys()) {
      const end = new Uint8Array([...key, 0, 1]);
      assertEquals(store.clearSync({ gt: key, lt: end }), model.keys({ gt: key, lt: end }).length);
      for (const gone of model.keys({ gt: key, lt: end })) model.delete(gone);
    }
    assertEquals(store.keys().toArraySync(), model.keys());
    assertSound(store.verifySync());
    store.closeSync();
  }
});

test("clear() of random ranges removes what the model says, replayed as well", async () => {
  await withSeeds("clear", 6, (random) => {
    const io = memoryIo();
    const store = openSync(PATH, { ...SMALL, io });
    const model = new Model();
    const make = KEY_SHAPES[random.pick(Object.keys(KEY_SHAPES))];
    const key = (): Uint8Array => make(random, 128, 3000);
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 80; i++) {
        const [k, v] = [key(), random.bytes(random.oneIn(30) ? 2000 : random.below(60))];
        store.putSync(k, v, { durability: "deferred" });
        model.put(k, v);
      }
      const range: KeyRange<Uint8Array> = random.pick([
        { gte: key(), lt: key() },
        { gt: key(), lte: key() },
        { prefix: key().subarray(0, random.below(4)) },
        { gte: key() },
        { lt: key() },
        { gte: random.bytes(3000), lt: random.bytes(3000) },
      ]);
      if (random.oneIn(4)) range.prefix = key().subarray(0, 1);
      assertEquals(store.clearSync(range), model.clear(range));
      assertEquals(store.countSync(), model.size);
    }
    assertSameEntries(store.range().toArraySync(), model.entries());
    // A clear() that removes nothing commits nothing, and the puts before it are deferred ones.
    store.flushSync();
    const again = openSync(PATH, { ...SMALL, io: copyOf(io, PATH) });
    assertSameEntries(again.range().toArraySync(), model.entries());
    assertSound(again.verifySync());
    again.closeSync();
    store.closeSync();
  });
});

storeTest("clear() of everything, of nothing and of an empty store", async ({ store }) => {
  assertEquals(await store.clear(), 0);
  for (let i = 0; i < 5000; i++) {
    await store.put(`${i}`, "v".repeat(i % 400), { durability: "deferred" });
  }
  assertEquals(await store.clear({ gt: "5", lt: "4" }), 0);
  assertEquals(await store.clear({ prefix: "none" }), 0);
  assertEquals(await store.clear({}), 5000);
  assertEquals(await store.count(), 0);
  assertEquals(await store.range().toArray(), []);
});
