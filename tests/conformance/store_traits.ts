/**
 * Cases of the store: the rules that hold for every operation, applied to each row of the table in
 * operations.ts.
 *
 * @module
 */

import { Kvig } from "../../core/database.ts";
import { isKvigError } from "../../core/errors.ts";
import { Snapshot } from "../../core/snapshot.ts";
import { Transaction } from "../../core/transaction.ts";
import { check, checkBytes, checkEqual, checkThrows } from "./check.ts";
import type { Case } from "./harness.ts";
import {
  ENDINGS,
  type Given,
  INTERNALS,
  type Operation,
  OPERATIONS,
  READS,
  SNAPSHOT_FIGURES,
  TRANSACTION_WRITES,
  WRITES,
} from "./operations.ts";
import {
  Aborter,
  checkRejects,
  checkSame,
  promiseOf,
  storeCase,
  type StorePlace,
} from "./store_place.ts";
import { text } from "./store_writing.ts";

const GROUP = "every operation of a store";

/** Cases of the rules that hold for every operation. */
export const traitCases: readonly Case[] = [
  storeCase(GROUP, "stands in the table of the suite", async (at) => {
    const verbs = OPERATIONS.flatMap(({ methods }) => methods);
    const reads = READS.flatMap(({ methods }) => methods);
    const writes = TRANSACTION_WRITES.flatMap(({ methods }) => methods);
    compareMethods("Kvig", Kvig.prototype, [...verbs, ...ENDINGS]);
    const ends = ["close", Symbol.dispose];
    compareMethods("Snapshot", Snapshot.prototype, [...reads, ...ends, ...SNAPSHOT_FIGURES]);
    compareMethods("Transaction", Transaction.prototype, [...reads, ...writes]);
    await at.open();
  }),

  storeCase(GROUP, "works on an open store, in every form that the Io allows", async (at) => {
    await fill(at);
    for (const operation of OPERATIONS) {
      await operation.promise?.(at.store, given(at));
      if (at.io.canBlock) operation.sync?.(at.store, given(at));
      checkEqual((await at.store.verify()).ok, true, `verify() after ${operation.name}()`);
    }
  }),

  storeCase(GROUP, "is KVIG_CLOSED on a closed store", async (at) => {
    const store = await fill(at);
    await at.close();
    await checkRefused(at, OPERATIONS, store, "KVIG_CLOSED", "a closed store");
    await store.close();
    store.closeSync();
    await store[Symbol.asyncDispose]();
    store[Symbol.dispose]();
  }),

  storeCase(GROUP, "is KVIG_CLOSED on a closed snapshot", async (at) => {
    const snapshot = (await fill(at)).snapshot();
    const inHand = snapshot.range();
    snapshot.close();
    await checkRefused(at, READS, snapshot, "KVIG_CLOSED", "a closed snapshot");
    await checkRejects(() => inHand.toArray(), "KVIG_CLOSED", "a range made before");
  }),

  storeCase(GROUP, "is KVIG_CLOSED on a transaction that is over", async (at) => {
    await fill(at);
    const over = await at.store.transaction((tx) => tx);
    const before = await at.store.range().toArray();
    await checkRefused(at, READS, over, "KVIG_CLOSED", "a transaction that is over");
    await checkRefused(at, TRANSACTION_WRITES, over, "KVIG_CLOSED", "a transaction that is over");
    checkSame(await at.store.range().toArray(), before, "all entries after it");
  }),

  storeCase(GROUP, "is KVIG_ABORTED where its signal was aborted before", abortedBefore),
  storeCase(GROUP, "is KVIG_ABORTED where its signal is aborted while it waits", abortedMeanwhile),

  storeCase(GROUP, "reads a store that was opened for reading alone, or is refused", async (at) => {
    await fill(at);
    await at.close();
    await checkReadOnly(at);
  }),

  storeCase(GROUP, "reads a log for reading alone, or is refused", async (at) => {
    await fill(at);
    await at.store.put("in the log", text(20_000));
    await at.leave();
    await checkReadOnly(at);
  }),

  storeCase(GROUP, "that returns a promise never throws, whatever it is given", async (at) => {
    const store = await fill(at);
    const snapshot = store.snapshot();
    for (const { promise, methods } of OPERATIONS) {
      // Iterations are made at once, and their options are checked at once.
      if (promise === undefined || methods.length < 2) continue;
      for (const target of [store, snapshot]) {
        const name = methods[0];
        const method = Reflect.get(target, name) as ((...args: unknown[]) => unknown) | undefined;
        for (const wrong of [undefined, 5, null, "\uD800"]) {
          if (method === undefined) continue;
          const what = `${String(name)}() of ${String(wrong)}`;
          await promiseOf(() => method.call(target, wrong), what).catch(() => undefined);
        }
      }
    }
    snapshot.close();
  }),

  storeCase(GROUP, "in Sync form works at once or would block and changes nothing", wouldBlock),
];

/** A store whose file compact() could make much shorter. */
async function fill(at: StorePlace): Promise<Kvig<string, string, string, string>> {
  const store = await at.open();
  const keys = Array.from({ length: 600 }, (_, i) => `key ${i}`);
  await store.batch(keys.map((key, i) => ({ type: "put", key, value: text(400, i) })));
  await store.checkpoint();
  await store.clear({ gte: "key 2" });
  await store.batch(["a", "b"].map((key) => ({ type: "put", key, value: `of ${key}` })));
  return store;
}

let pathCount = 0;

function given(at: StorePlace, options: Given["options"] = {}): Given {
  return { options, path: at.path(`copy ${++pathCount}`) };
}

function compareMethods(name: string, prototype: object, table: readonly PropertyKey[]): void {
  const found = new Set<PropertyKey>();
  for (
    let object = prototype;
    object !== Object.prototype;
    object = Object.getPrototypeOf(object)
  ) {
    for (const key of Reflect.ownKeys(object)) found.add(key);
  }
  for (const key of INTERNALS) found.delete(key);
  for (const key of table) check(found.delete(key), `${name} has no ${String(key)}`);
  const [missing] = found;
  check(found.size === 0, `the table lacks ${String(missing)}() of ${name}`);
}

/** Checks that both forms of every operation are refused with `code`. */
async function checkRefused<Target>(
  at: StorePlace,
  operations: readonly Operation<Target>[],
  target: Target,
  code: "KVIG_CLOSED" | "KVIG_READ_ONLY",
  where: string,
): Promise<void> {
  for (const { name, promise, sync } of operations) {
    const what = `${name}() on ${where}`;
    if (promise !== undefined) await checkRejects(() => promise(target, given(at)), code, what);
    if (sync !== undefined) checkThrows(() => sync(target, given(at)), code, `${what}, at once`);
  }
}

async function abortedBefore(at: StorePlace): Promise<void> {
  const store = await fill(at);
  const before = await store.range().toArray();
  for (const { name, promise, takesSignal } of OPERATIONS) {
    if (promise === undefined || takesSignal !== true) continue;
    const signal = new Aborter(true);
    const what = `${name}() with an aborted signal`;
    await checkRejects(() => promise(store, given(at, { signal })), "KVIG_ABORTED", what);
    checkEqual(signal.listenerCount, 0, `those who still listen to the signal of ${name}()`);
    checkSame(await store.range().toArray(), before, `all entries after ${what}`);
  }
  checkEqual(await at.exists(`copy ${pathCount}`), false, "whether a backup was left");
}

async function abortedMeanwhile(at: StorePlace): Promise<void> {
  const store = await fill(at);
  const before = await store.range().toArray();
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const holding = store.transaction(() => gate);
  const signal = new Aborter(false);
  const refused = WRITES.map(({ name, promise }) =>
    checkRejects(
      () => promise?.(store, given(at, { signal })) ?? Promise.resolve(),
      "KVIG_ABORTED",
      `${name}() whose signal is aborted while it waits`,
    )
  );
  await Promise.resolve();
  signal.abort();
  await Promise.all(refused);
  release();
  await holding;
  checkEqual(signal.listenerCount, 0, "those who still listen to the signal");
  checkSame(await store.range().toArray(), before, "all entries after it");
}

async function checkReadOnly(at: StorePlace): Promise<void> {
  const files = await at.files();
  const store = await at.open({ readOnly: true });
  const before = await store.range().toArray();
  check(before.length > 2, "expected entries in a store opened for reading alone");
  for (const operation of OPERATIONS) {
    if (operation.needsWriting === true) {
      await checkRefused(at, [operation], store, "KVIG_READ_ONLY", "a store to be read alone");
    } else {
      await operation.promise?.(store, given(at));
      if (at.io.canBlock) operation.sync?.(store, given(at));
    }
  }
  checkSame(await store.range().toArray(), before, "all entries after it");
  await at.close();
  for (const [i, bytes] of (await at.files()).entries()) {
    checkBytes(bytes, files[i], ["the data file", "the log"][i]);
  }
}

/** Calls every Sync form: alone, beside a write that is under way, beside a transaction. */
async function wouldBlock(at: StorePlace): Promise<void> {
  const store = await fill(at);
  for (const { name, kind, sync } of OPERATIONS) {
    if (sync === undefined) continue;
    for (const busy of [false, true]) {
      const what = `${name}() at once ${busy ? "beside a put" : "with nothing under way"}`;
      await store.batch(["a", "busy"].map((key) => ({ type: "put", key, value: "1" })));
      const before = await store.range().toArray();
      const put = busy ? store.put("busy", "1") : undefined;
      await Promise.resolve();
      const blocked = blocks(() => sync(store, given(at)), what);
      await put;
      if (blocked) {
        checkSame(await store.range().toArray(), before, `all entries after ${what}`);
        check(busy || !at.io.canBlock, `${what}: expected success, got KVIG_WOULD_BLOCK`);
      } else if (kind === "write") {
        check(at.io.canBlock, `${what}: expected KVIG_WOULD_BLOCK, as the Io cannot block`);
      }
    }
  }
  const before = await store.range().toArray();
  await store.transaction(() => {
    for (const { name, sync } of WRITES) {
      const what = `${name}() at once beside a transaction`;
      checkThrows(() => sync?.(store, given(at)), "KVIG_WOULD_BLOCK", what);
    }
  });
  checkSame(await store.range().toArray(), before, "all entries after the transaction");
  await store.put("at the end", "1");
}

/** Whether `work` would block; whatever else it throws is thrown. */
function blocks(work: () => unknown, what: string): boolean {
  try {
    work();
    return false;
  } catch (error) {
    check(isKvigError(error, "KVIG_WOULD_BLOCK"), `${what}: expected KVIG_WOULD_BLOCK or success`);
    return true;
  }
}
