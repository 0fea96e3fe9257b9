/**
 * Cases of the store: transactions are whole or absent, snapshots stand still.
 *
 * @module
 */

import { check, checkEqual, ConformanceError, show } from "./check.ts";
import type { Case } from "./harness.ts";
import {
  checkRejects,
  checkSame,
  inBothForms,
  promiseOf,
  storeCase,
  storeCaseSync,
  type StorePlace,
} from "./store_place.ts";
import type { Entry } from "./store_verbs.ts";
import { text } from "./store_writing.ts";

const GROUP = "transactions and snapshots";

/** Cases of transactions and snapshots. */
export const transactionCases: readonly Case[] = [
  storeCase(GROUP, "a transaction commits all that it did, and reads its own writes", commit),
  storeCaseSync(
    GROUP,
    "a transaction commits all that it did, and reads its own writes",
    commitSync,
  ),

  storeCase(GROUP, "a throw or a rejection takes everything back", async (at) => {
    const before = await fill(at);
    for (const fail of [throwAtOnce, throwLater]) {
      const failing = at.store.transaction(async (tx) => {
        await tx.clear({ lt: "key 3" });
        await tx.put("new", text(50_000));
        await tx.put("key 5", "another value");
        await tx.delete("key 6");
        return await fail();
      });
      await checkRejectsWith(failing, OWN);
      checkSame(await at.store.range().toArray(), before, "all entries after it");
    }
    const ended = at.store.transaction(() => throwAtOnce());
    await checkRejectsWith(ended, OWN);
  }),

  storeCaseSync(GROUP, "a throw takes everything back", async (at) => {
    const before = await fill(at);
    const failing = (): void =>
      at.store.transactionSync((tx) => {
        tx.clearSync({ lt: "key 3" });
        tx.putSync("new", text(50_000));
        tx.deleteSync("key 6");
        throw OWN;
      });
    await checkRejectsWith(new Promise<void>((resolve) => resolve(failing())), OWN);
    checkSame([...at.store.range()], before, "all entries after it");
    at.store.putSync("after", "it");
  }),

  storeCase(GROUP, "transactions take turns: no count is lost", async (at) => {
    await at.open();
    await at.store.put("count", "0");
    const work = Array.from({ length: 30 }, () =>
      at.store.transaction(async (tx) => {
        const count = Number(await tx.get("count"));
        await Promise.resolve();
        await tx.put("count", String(count + 1));
      }));
    await Promise.all(work);
    checkEqual(await at.store.get("count"), "30", "the count of 30 transactions");
  }),

  storeCase(GROUP, "writes wait for a transaction, readers see what was before", async (at) => {
    await at.open();
    await at.store.put("a", "1");
    const after: Promise<void>[] = [];
    await at.store.transaction(async (tx) => {
      await tx.put("a", "2");
      after.push(at.store.put("a", "3"), at.store.put("b", "1"));
      await Promise.resolve();
      checkEqual(await at.store.get("a"), "1", "get() of the store within the transaction");
      checkEqual(await tx.get("a"), "2", "get() of the transaction");
    });
    await Promise.all(after);
    checkSame(await at.store.range().toArray(), [["a", "3"], ["b", "1"]], "all entries");
  }),

  ...inBothForms(GROUP, "a transaction may be larger than the log and the cache", largeTransaction),

  storeCase(GROUP, "a transaction of large values is whole or absent", async (at) => {
    await at.open();
    await at.store.put("a", text(100_000, 1));
    const work = at.store.transaction(async (tx) => {
      await tx.put("a", text(200_000, 2));
      await tx.put("b", text(300_000, 3));
      throw OWN;
    });
    await checkRejectsWith(work, OWN);
    check(await at.store.get("a") === text(100_000, 1), "a large value: expected what it was");
    await at.store.transaction((tx) => tx.put("b", text(300_000, 4)));
    check(await at.store.get("b") === text(300_000, 4), "a large value: expected what was put");
  }),

  storeCase(GROUP, "an error of one operation leaves the transaction as it was", async (at) => {
    await at.open();
    await at.store.transaction(async (tx) => {
      await tx.put("a", "1");
      await checkRejects(() => tx.put("k".repeat(2000), ""), "KVIG_KEY_TOO_LARGE", "tx.put()");
      await tx.put("b", "2");
    });
    checkSame(await at.store.keys().toArray(), ["a", "b"], "the keys");
  }),

  ...inBothForms(GROUP, "snapshots stand still whatever is done", snapshotsStandStill),
];

const OWN = new Error("the case's own");

function throwAtOnce(): never {
  throw OWN;
}

function throwLater(): Promise<never> {
  return Promise.reject(OWN);
}

async function checkRejectsWith(work: Promise<unknown>, wanted: Error): Promise<void> {
  let outcome = "it succeeded";
  try {
    await promiseOf(() => work, "transaction()");
  } catch (error) {
    if (error === wanted) return;
    outcome = `got ${show(error)}`;
  }
  throw new ConformanceError(`transaction(): expected the error of its function, ${outcome}`);
}

async function fill(at: StorePlace): Promise<Entry[]> {
  await at.open();
  const entries = Array.from({ length: 10 }, (_, i): Entry => [`key ${i}`, text(i * 100, i)]);
  await at.verbs.batch(entries.map(([key, value]) => ({ type: "put", key, value })));
  return entries;
}

async function commit(at: StorePlace): Promise<void> {
  await fill(at);
  const result = await at.store.transaction(async (tx) => {
    checkEqual(await tx.clear({ gte: "key 1", lt: "key 8" }), 7, "tx.clear()");
    await tx.put("key 3", "three");
    checkEqual(await tx.delete("key 9"), true, "tx.delete()");
    checkEqual(await tx.delete("absent"), false, "tx.delete() of an absent key");
    await tx.batch([{ type: "put", key: "a", value: "1" }, { type: "delete", key: "key 0" }]);
    checkSame(await tx.keys().toArray(), ["a", "key 3", "key 8"], "the keys within");
    checkEqual(await tx.get("key 3"), "three", "tx.get()");
    checkEqual(await tx.count(), 3, "tx.count()");
    checkEqual(await at.store.count(), 10, "count() outside");
    return "its result";
  });
  checkEqual(result, "its result", "what transaction() returns");
  checkSame(await at.store.keys().toArray(), ["a", "key 3", "key 8"], "the keys after it");
}

async function commitSync(at: StorePlace): Promise<void> {
  await fill(at);
  const result = at.store.transactionSync((tx) => {
    checkEqual(tx.clearSync({ gte: "key 1", lt: "key 8" }), 7, "tx.clearSync()");
    tx.putSync("key 3", "three");
    checkEqual(tx.deleteSync("key 9"), true, "tx.deleteSync()");
    tx.batchSync([{ type: "put", key: "a", value: "1" }, { type: "delete", key: "key 0" }]);
    checkSame([...tx.keys()], ["a", "key 3", "key 8"], "the keys within");
    checkEqual(tx.getSync("key 3"), "three", "tx.getSync()");
    checkEqual(at.store.countSync(), 10, "countSync() outside");
    return "its result";
  });
  checkEqual(result, "its result", "what transactionSync() returns");
  checkSame([...at.store.keys()], ["a", "key 3", "key 8"], "the keys after it");
}

async function largeTransaction(at: StorePlace): Promise<void> {
  await fill(at);
  const key = (i: number): string => `large ${String(i).padStart(5, "0")}`;
  if (at.form === "Sync") {
    at.store.transactionSync((tx) => {
      for (let i = 0; i < 8000; i++) tx.putSync(key(i), text(300, i));
      checkEqual(tx.countSync(), 8010, "count() within");
    });
  } else {
    await at.store.transaction(async (tx) => {
      for (let i = 0; i < 8000; i++) await tx.put(key(i), text(300, i));
      checkEqual(await tx.count(), 8010, "count() within");
    });
  }
  await at.leave();
  await at.open();
  checkEqual(await at.verbs.count(), 8010, "count() after leaving and opening");
  for (let i = 0; i < 8000; i += 97) {
    checkEqual(await at.verbs.get(key(i)), text(300, i), `get() of entry ${i}`);
  }
}

async function snapshotsStandStill(at: StorePlace): Promise<void> {
  await at.open({ pageSize: 512 });
  const states: string[][] = [];
  const snapshots = [];
  for (let round = 0; round < 8; round++) {
    const keys = Array.from({ length: 100 }, (_, i) => `${round % 3} ${i}`);
    await at.verbs.batch(keys.map((key) => ({ type: "put", key, value: text(80, round) })));
    if (round % 2 === 1) await at.verbs.clear({ prefix: `${(round + 1) % 3}` });
    if (round % 3 === 2) await at.verbs.checkpoint();
    snapshots.push(at.store.snapshot());
    states.push((await at.verbs.range()).map(([key, value]) => `${key}=${value}`));
  }
  await at.verbs.clear();
  await at.verbs.compact();
  checkEqual(at.store.stats().snapshots.count, 8, "number of snapshots");
  for (const [round, snapshot] of snapshots.entries()) {
    const entries = at.form === "Sync"
      ? snapshot.range().toArraySync()
      : await snapshot.range().toArray();
    const found = entries.map(([key, value]) => `${key}=${value}`);
    checkSame(found, states[round], `all entries of snapshot ${round}`);
    snapshot.close();
    snapshot.close();
  }
  checkEqual(at.store.stats().snapshots.count, 0, "number of snapshots after closing them");
}
