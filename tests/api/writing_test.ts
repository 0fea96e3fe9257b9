/**
 * Writing as users of the surface see it: every verb in both forms, limits of size, durability.
 *
 * @module
 */

import { memoryIo } from "../../adapters/memory/mod.ts";
import { open } from "../support/runtime.ts";
import type { Kvig } from "../../mod.ts";
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertRejects,
} from "../support/assert.ts";
import { TEXT, textTest, textTestSync } from "../support/api_store.ts";
import { assertCode, assertCodeSync, storeTest, textOf } from "../support/store.ts";

textTest(
  "put(), delete(), batch() and clear() do and tell what they did",
  async (store) => {
    assertEquals(await store.put("a", "1"), undefined);
    await store.put("a", "2");
    assertEquals(await store.get("a"), "2");
    assertEquals(await store.delete("a"), true);
    assertEquals(await store.delete("a"), false);
    await store.batch([
      { type: "put", key: "x", value: "1" },
      { type: "put", key: "x", value: "2" },
      { type: "put", key: "y", value: "1" },
      { type: "delete", key: "y" },
      { type: "delete", key: "never" },
      { type: "put", key: "z", value: "1" },
    ]);
    assertEquals(await store.range().toArray(), [["x", "2"], ["z", "1"]]);
    await store.batch([]);
    assertEquals(await store.clear({ gt: "x" }), 1);
    assertEquals(await store.clear({ gt: "x" }), 0);
    assertEquals(await store.clear({ gt: "z", lt: "a" }), 0);
    assertEquals(await store.clear(), 1);
    assertEquals(await store.count(), 0);
  },
);

textTestSync("the synchronous forms do the same", (store) => {
  store.putSync("a", "1");
  store.batchSync(new Set([{ type: "put", key: "b", value: "2" } as const]));
  assertEquals(store.deleteSync("a"), true);
  assertEquals(store.deleteSync("a"), false);
  store.putSync("c", "3", { durability: "deferred" });
  store.flushSync();
  assertEquals(store.range().toArraySync(), [["b", "2"], ["c", "3"]]);
  assertEquals(store.clearSync({ prefix: "b" }), 1);
  assertEquals(store.clearSync(), 1);
});

textTest("clear() of ranges leaves exactly the rest", async (store) => {
  const keys = Array.from({ length: 3000 }, (_, i) => String(i).padStart(4, "0"));
  const fill = (): Promise<void> =>
    store.batch(keys.map((key) => ({ type: "put", key, value: key.repeat(Number(key) % 9) })));
  for (const [low, high] of [["0000", "0001"], ["0010", "2990"], ["1500", "9"], ["", "2000"]]) {
    await fill();
    const gone = keys.filter((key) => key >= low! && key < high!);
    assertEquals(await store.clear({ gte: low!, lt: high! }), gone.length);
    assertEquals(await store.keys().toArray(), keys.filter((key) => !gone.includes(key)));
  }
});

for (const pageSize of [512, 4096, 16_384]) {
  storeTest(
    `keys of up to ${pageSize / 4} bytes are taken, longer ones not`,
    async ({ store }) => {
      const limit = pageSize / 4;
      for (const length of [0, 1, limit - 1, limit]) {
        const key = new Uint8Array(length).fill(7);
        await store.put(key, `${length}`);
        assertEquals(textOf(await store.get(key)), `${length}`);
      }
      const long = new Uint8Array(limit + 1);
      const words = `${limit + 1} bytes, over the limit of ${limit} bytes`;
      await assertCode(() => store.put(long, ""), "KVIG_KEY_TOO_LARGE", words);
      await assertCode(() => store.delete(long), "KVIG_KEY_TOO_LARGE", words);
      assertCodeSync(() => store.putSync(long, ""), "KVIG_KEY_TOO_LARGE", words);
      await assertCode(
        () => store.batch([{ type: "put", key: "a", value: "1" }, { type: "delete", key: long }]),
        "KVIG_KEY_TOO_LARGE",
        "operation 1 of the batch",
      );
      assertEquals(await store.count(), 4, "a refused batch changes nothing");
      assertEquals(await store.has(long), false);
    },
    { pageSize, cacheSize: 4 * 1024 * 1024 },
  );
}

storeTest("values of every size come back as they were", async ({ store, reopen }) => {
  const sizes = [0, 1, 2000, 4095, 4096, 4097, 8192, 65_536, 1_048_577, 3 * 1024 * 1024];
  // Where a value leaves its leaf: at pages of 4 KiB around 2021 bytes with a short key.
  for (let size = 2005; size <= 2045; size++) sizes.push(size);
  const make = (size: number): Uint8Array => {
    return Uint8Array.from({ length: size }, (_, i) => (i * 31 + size) & 0xFF);
  };
  for (const size of sizes) await store.put(`k${size}`, make(size));
  const check = async (opened: Kvig): Promise<void> => {
    for (const size of sizes) {
      const value = (await opened.get(`k${size}`))!;
      assertEquals(value.length, size);
      assert(value.every((byte, i) => byte === ((i * 31 + size) & 0xFF)), `value of ${size}`);
    }
  };
  await check(store);
  const reopened = await reopen();
  await check(reopened);
  for (const size of sizes) await reopened.put(`k${size}`, make(sizes.at(-1)! - 1));
  assertEquals((await reopened.get("k0"))!.length, sizes.at(-1)! - 1);
}, { pageSize: 4096 });

textTest("a batch is whole or absent where one of its operations is wrong", async (store) => {
  await store.put("a", "1");
  const put = { type: "put", key: "b", value: "1" } as const;
  const wrong: unknown[] = [{ type: "get", key: "c" }, undefined, { type: "put", key: "c" }];
  for (const operation of wrong) {
    await assertRejects(() => store.batch([put, operation as typeof put]), TypeError);
  }
  const iterable = function* (): Generator<typeof put> {
    yield put;
    throw new EvalError("of the caller");
  };
  await assertRejects(() => store.batch(iterable()), EvalError);
  assertEquals(await store.keys().toArray(), ["a"]);
});

textTest("64 awaited puts of one tick share a sync or two", async (store) => {
  await store.put("first", "");
  const { commits, syncs } = store.stats().log;
  await Promise.all(Array.from({ length: 64 }, (_, i) => store.put(`key${i}`, `${i}`)));
  const after = store.stats().log;
  assertEquals(after.commits - commits, 64);
  assertGreaterOrEqual(after.syncs - syncs, 1);
  assertLessOrEqual(after.syncs - syncs, 2);
});

textTest("deferred writes sync nothing until flush()", async (store) => {
  const deferred = { durability: "deferred" } as const;
  const { syncs } = store.stats().log;
  await store.put("a", "1", deferred);
  await store.batch([{ type: "put", key: "b", value: "2" }], deferred);
  await store.transaction((tx) => tx.put("c", "3"), deferred);
  await store.delete("a", deferred);
  assertEquals(await store.keys().toArray(), ["b", "c"]);
  assertEquals(store.stats().log.syncs, syncs);
  await store.flush();
  assertEquals(store.stats().log.syncs, syncs + 1);
  await assertRejects(() => store.put("d", "", { durability: "soon" as "sync" }), TypeError);
});

textTest("a store opened as deferred syncs only writes that ask for it", async (store) => {
  const { syncs } = store.stats().log;
  await store.put("a", "1");
  assertEquals(store.stats().log.syncs, syncs);
  await store.put("b", "1", { durability: "sync" });
  assertEquals(store.stats().log.syncs, syncs + 1);
}, { durability: "deferred" });

textTest("what a closed store took as deferred is there after opening again", async (other) => {
  const io = memoryIo();
  const store = await open("other", { ...TEXT, io });
  for (let i = 0; i < 500; i++) await store.put(`key${i}`, `${i}`, { durability: "deferred" });
  await store.close();
  const again = await open("other", { ...TEXT, io });
  assertEquals(await again.count(), 500);
  await again.close();
  assertEquals(await other.count(), 0);
});
