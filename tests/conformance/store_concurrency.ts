/**
 * Cases of the store: many tasks at once, and synchronous calls that meet something under way.
 *
 * @module
 */

import { check, checkEqual, pause, randomNumbers } from "./check.ts";
import type { Case } from "./harness.ts";
import { checkSame, storeCase, type StorePlace, type TextStore } from "./store_place.ts";
import { text } from "./store_writing.ts";

const GROUP = "many at once";
const TASKS = 64;

/** Cases of concurrent work. */
export const concurrencyCases: readonly Case[] = [
  storeCase(GROUP, `${TASKS} tasks put at once and share their syncs`, async (at) => {
    await at.open();
    await at.store.put("first", "1");
    const { syncs } = at.store.stats().log;
    const tasks = Array.from({ length: TASKS }, async (_, task) => {
      for (let i = 0; i < 20; i++) await at.store.put(`${task} ${i}`, text(100 + task, i));
    });
    await Promise.all(tasks);
    const taken = at.store.stats().log.syncs - syncs;
    check(taken <= TASKS * 20 / 8, `expected few syncs for ${TASKS * 20} puts, got ${taken}`);
    checkEqual(await at.store.count(), TASKS * 20 + 1, "count() after it");
    await at.leave();
    await at.open();
    for (let task = 0; task < TASKS; task++) {
      checkEqual(await at.store.get(`${task} 19`), text(100 + task, 19), `get() of task ${task}`);
    }
  }),

  storeCase(GROUP, "reads and writes at once see whole entries", readsAndWrites),
  storeCase(GROUP, "iterations see whole batches", wholeBatches),

  storeCase(GROUP, "large values are put and read at once", async (at) => {
    await at.open({ cacheSize: 2 * 1024 * 1024 });
    const put = (i: number) => at.store.put(`key ${i}`, text(60_000 + i, i));
    await Promise.all(Array.from({ length: 12 }, (_, i) => put(i)));
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < 12; i++) {
      work.push(at.store.get(`key ${i}`), put(i + 12), at.store.delete(`key ${i}`));
    }
    const values = (await Promise.all(work)).filter((value) => typeof value === "string");
    checkSame(values, Array.from({ length: 12 }, (_, i) => text(60_000 + i, i)), "what was read");
    checkEqual(await at.store.count(), 12, "count() after it");
  }),

  storeCase(GROUP, "upkeep goes on beside reads and writes", async (at) => {
    await at.open({ pageSize: 1024 });
    let stop = false;
    const writer = async (name: string): Promise<void> => {
      for (let i = 0; i < 5000 && !stop; i++) {
        await at.store.put(`${name} ${i % 150}`, text(200, i));
      }
    };
    const work = [writer("a"), writer("b"), writer("c")];
    for (let round = 0; round < 4; round++) {
      await at.store.checkpoint();
      await at.store.backup(at.path(`copy ${round}`));
      await at.store.clear({ prefix: "b" });
      await at.store.compact();
      checkEqual((await at.store.verify()).ok, true, "verify() beside writes");
    }
    stop = true;
    await Promise.all(work);
  }),
];

async function readsAndWrites(at: StorePlace): Promise<void> {
  await at.open({ pageSize: 512 });
  const value = (key: string, round: number): string => `${key}#${text(round % 90, round)}`;
  const writer = async (task: number): Promise<void> => {
    for (let round = 0; round < 40; round++) {
      const key = `key ${task * 100 + round % 25}`;
      if (round % 7 === 6) await at.store.delete(key);
      else await at.store.put(key, value(key, round), { durability: "deferred" });
    }
  };
  const reader = async (task: number): Promise<void> => {
    const random = randomNumbers(task + 1);
    for (let round = 0; round < 60; round++) {
      const key = `key ${random(16) * 100 + random(25)}`;
      const found = await at.store.get(key);
      check(found === undefined || found.startsWith(`${key}#`), "expected the value of its key");
      if (round % 20 > 0) continue;
      for await (const [k, v] of at.store.range({ gte: key, limit: 50 })) {
        check(v.startsWith(`${k}#`), "expected every value beside its key");
      }
    }
  };
  const tasks = Array.from({ length: 16 }, (_, task) => task);
  await Promise.all([...tasks.map(writer), ...tasks.map(reader)]);
  await at.store.flush();
}

async function wholeBatches(at: StorePlace): Promise<void> {
  await at.open({ pageSize: 512 });
  const keys = Array.from({ length: 120 }, (_, i) => `key ${i}`);
  const put = (round: number): Promise<void> =>
    at.store.batch(keys.map((key) => ({ type: "put", key, value: text(40, round) })));
  await put(0);
  const reader = async (store: TextStore): Promise<void> => {
    for (let round = 0; round < 15; round++) {
      const values = new Set(await store.values().toArray());
      checkEqual(values.size, 1, "number of batches that an iteration sees");
      // Reading what is cached never waits, and would keep everybody else from being served.
      await pause(0);
    }
  };
  const readers = [reader(at.store), reader(at.store), reader(at.store)];
  for (let round = 1; round < 25; round++) await put(round);
  await Promise.all(readers);
}
