/**
 * Cases of the store: what is there when a store is opened that nobody closed.
 *
 * A store is left by closing its files under it, which is all that the end of a process does to
 * them. What the end of the power does is only proved where the harness offers `powerCut`.
 *
 * @module
 */

import { check, checkBytes, checkEqual } from "./check.ts";
import type { Case } from "./harness.ts";
import { checkRejects, checkSame, inBothForms, storeCase, type StorePlace } from "./store_place.ts";
import type { Entry } from "./store_verbs.ts";
import { text } from "./store_writing.ts";

const GROUP = "a store that nobody closed";

/** Cases of leaving a store and opening it again. */
export const recoveryCases: readonly Case[] = [
  ...inBothForms(GROUP, "every write that settled is there", async (at) => {
    const wanted = await writeOfEveryKind(at);
    await at.leave();
    await at.open();
    checkSame(await at.verbs.range(), wanted, "all entries after leaving and opening");
  }),

  ...inBothForms(GROUP, "the log is replayed again and again", async (at) => {
    await at.open();
    for (let round = 0; round < 5; round++) {
      await at.verbs.put(`key ${round}`, text(1000, round));
      await at.verbs.delete(`key ${round - 2}`);
      await at.leave();
      await at.open();
      const left = [round - 1, round].filter((i) => i >= 0).map((i) => `key ${i}`);
      checkSame(await at.verbs.keys(), left, `the keys after round ${round}`);
    }
  }),

  ...inBothForms(GROUP, "a log that went round several times is replayed", async (at) => {
    await at.open();
    const value = (i: number): string => text(900, i);
    let batches = 0;
    const batch = async (): Promise<void> => {
      const keys = Array.from({ length: 50 }, (_, i) => i);
      await at.verbs.batch(keys.map((i) => {
        return { type: "put", key: `key ${i}`, value: value(batches * 50 + i) };
      }));
      batches++;
    };
    while (batches < 90) await batch();
    const { recordBytes } = at.store.stats().log;
    check(recordBytes > 3 * 1024 * 1024, `expected 3 MiB of records, got ${recordBytes} bytes`);
    await at.leave();
    await at.open();
    checkEqual(await at.verbs.count(), 50, "count() after leaving and opening");
    for (let i = 0; i < 50; i++) {
      checkEqual(await at.verbs.get(`key ${i}`), value(89 * 50 + i), `get() of key ${i}`);
    }
    while (batches < 100) await batch();
    await at.leave();
    await at.open();
    checkEqual(await at.verbs.get("key 7"), value(99 * 50 + 7), "get() after leaving once more");
  }),

  ...inBothForms(GROUP, "what a checkpoint and what the log holds belong together", async (at) => {
    await at.open({ pageSize: 512 });
    for (let round = 0; round < 4; round++) {
      const keys = Array.from({ length: 200 }, (_, i) => `${round} ${i}`);
      await at.verbs.batch(keys.map((key) => ({ type: "put", key, value: text(60, round) })));
      await at.verbs.checkpoint();
      await at.verbs.clear({ gte: `${round} 1`, lt: `${round} 2` });
      await at.verbs.put("large", text(40_000, round));
    }
    const wanted = await at.verbs.range();
    await at.leave();
    await at.open();
    checkSame(await at.verbs.range(), wanted, "all entries after leaving and opening");
  }),

  storeCase(GROUP, "nothing of an open transaction is there", async (at) => {
    await at.open();
    await at.store.put("a", "1");
    let begun = (): void => {};
    const ready = new Promise<void>((resolve) => {
      begun = resolve;
    });
    // It never ends, and neither does the store that it belongs to.
    void at.store.transaction(async (tx) => {
      for (let i = 0; i < 3000; i++) await tx.put(`key ${i}`, text(300, i));
      await tx.put("a", "2");
      begun();
      await new Promise<void>(() => {});
    });
    await ready;
    await at.leave();
    await at.open();
    checkSame(await at.verbs.range(), [["a", "1"]], "all entries after leaving and opening");
  }),

  ...inBothForms(GROUP, "reading alone replays the log and leaves it as it is", async (at) => {
    const wanted = await writeOfEveryKind(at);
    await at.leave();
    const before = await at.files();
    await at.open({ readOnly: true });
    checkSame(await at.verbs.range(), wanted, "all entries of a store opened for reading alone");
    await at.close();
    const after = await at.files();
    checkBytes(after[0], before[0], "the data file");
    checkBytes(after[1], before[1], "the log");
  }),

  ...inBothForms(GROUP, "a backup of it is whole", async (at) => {
    const wanted = await writeOfEveryKind(at);
    await at.leave();
    await at.open();
    await at.verbs.backup(at.path("copy"));
    await at.leave();
    const copy = at.verbsOf(await at.openBeside("copy"));
    checkSame(await copy.range(), wanted, "all entries of the backup");
    await copy.close();
  }),

  ...inBothForms(GROUP, "every write that settled survives the end of the power", async (at) => {
    const cut = at.place.need("powerCut");
    const wanted = await writeOfEveryKind(at);
    at.moveTo(await cut(at.place.io));
    await at.open();
    checkSame(await at.verbs.range(), wanted, "all entries after the end of the power");
  }),

  ...inBothForms(GROUP, "a disk that is full refuses writes and nothing else", async (at) => {
    const full = at.place.need("full");
    at.moveTo(await full(3 * 1024 * 1024));
    const verbs = at.verbsOf(await at.open());
    await verbs.put("first", "1");
    let count = 0;
    const fill = async (): Promise<void> => {
      for (; count < 500; count++) await verbs.put(`key ${count}`, text(20_000, count));
    };
    await checkRejects(fill, "KVIG_FULL", "putting 10 MB onto a disk of 3 MiB");
    checkEqual(await verbs.count(), count + 1, "count() on a full disk");
    checkEqual(await verbs.clear({ prefix: "key" }), count, "clear() on a full disk");
    checkEqual(await verbs.get("first"), "1", "get() on a full disk");
    await verbs.put("after", "1");
  }),
];

/** A store with writes of every kind, all settled; what is in it then. */
async function writeOfEveryKind(at: StorePlace): Promise<Entry[]> {
  await at.open();
  const { verbs } = at;
  const keys = Array.from({ length: 600 }, (_, i) => `key ${String(i).padStart(3, "0")}`);
  await verbs.batch(keys.map((key, i) => ({ type: "put", key, value: text(100, i) })));
  await verbs.checkpoint();
  await verbs.put("", "");
  await verbs.put("large", text(700_000, 1));
  await verbs.put("large", text(400_000, 2));
  await verbs.delete("key 005");
  await verbs.clear({ gte: "key 100", lt: "key 200" });
  if (at.form === "Sync") {
    at.store.transactionSync((tx) => tx.putSync("tx", text(90_000, 3)));
    // In one tick: at its end the deferred put would be on its way, and the next one have to wait.
    at.store.putSync("deferred", "1", { durability: "deferred" });
    at.store.putSync("last", "1");
  } else {
    await at.store.transaction((tx) => tx.put("tx", text(90_000, 3)));
    await at.store.put("deferred", "1", { durability: "deferred" });
    await at.store.put("last", "1");
  }
  const count = await verbs.count();
  checkEqual(count, 600 - 1 - 100 + 5, "count() before leaving");
  return await verbs.range();
}
