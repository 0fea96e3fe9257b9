/**
 * Cases of the store: opening, with every option.
 *
 * @module
 */

import { openStore, openStoreSync } from "../../core/open_store.ts";
import {
  check,
  checkBytes,
  checkEqual,
  checkThrows,
  notProven,
  pattern,
  writeAll,
} from "./check.ts";
import type { Case } from "./harness.ts";
import {
  Aborter,
  checkRejects,
  checkSame,
  inBothForms,
  MEBIBYTE,
  storeCase,
  type StorePlace,
} from "./store_place.ts";
import { text } from "./store_writing.ts";

const GROUP = "opening a store";

/** Cases of opening. */
export const openingCases: readonly Case[] = [
  ...inBothForms(GROUP, "a store is made where there is none, and found again", async (at) => {
    await at.open();
    checkEqual(await at.verbs.count(), 0, "count() of a new store");
    await at.verbs.put("a", "1");
    await at.reopen();
    checkSame(await at.verbs.range(), [["a", "1"]], "all entries after opening again");
  }),

  ...inBothForms(GROUP, "createIfMissing: false makes nothing", async (at) => {
    const options = { createIfMissing: false };
    await checkRejects(() => at.openBeside("store", options), "KVIG_NOT_FOUND", "opening nothing");
    checkEqual(await at.exists("store"), false, "whether there is a data file");
    checkEqual(await at.exists("store-wal"), false, "whether there is a log");
    await at.open();
    await at.reopen(options);
  }),

  ...inBothForms(GROUP, "errorIfExists: true refuses a store that is there", async (at) => {
    const options = { errorIfExists: true };
    const first = await at.openBeside("store", options);
    await at.verbsOf(first).put("a", "1");
    await at.verbsOf(first).close();
    await checkRejects(() => at.openBeside("store", options), "KVIG_EXISTS", "opening it again");
    await at.open();
    checkSame(await at.verbs.range(), [["a", "1"]], "all entries after the refusal");
  }),

  ...inBothForms(GROUP, "readOnly: true makes nothing", async (at) => {
    const options = { readOnly: true };
    await checkRejects(() => at.openBeside("store", options), "KVIG_NOT_FOUND", "opening nothing");
    checkEqual(await at.exists("store"), false, "whether there is a data file");
    checkEqual(await at.exists("store-wal"), false, "whether there is a log");
  }),

  ...inBothForms(GROUP, "one opener writes, or many read", oneWriter),

  ...inBothForms(GROUP, "lock: false opens what is open", async (at) => {
    await at.open({ lock: false });
    await at.verbs.put("a", "1");
    const reader = await at.openBeside("store", { lock: false, readOnly: true });
    checkEqual(await at.verbsOf(reader).get("a"), "1", "get() of the second opener");
    await at.verbsOf(reader).close();
  }),

  ...inBothForms(GROUP, "every page size and both sizes of log blocks work", pageSizes),

  ...inBothForms(GROUP, "another page size than the file's is refused", async (at) => {
    await at.open({ pageSize: 1024 });
    await at.close();
    const other = { pageSize: 2048 };
    await checkRejects(() => at.openBeside("store", other), "KVIG_FORMAT", "opening as 2048");
  }),

  ...inBothForms(GROUP, "a larger cache and log work like small ones", async (at) => {
    await at.open({ cacheSize: 8 * MEBIBYTE, logSize: 4 * MEBIBYTE });
    checkEqual(at.store.stats().bytes.log >= 4 * MEBIBYTE, true, "whether the log is that long");
    for (let i = 0; i < 20; i++) await at.verbs.put(`key ${i}`, text(100_000, i));
    await at.reopen({ cacheSize: MEBIBYTE });
    check(await at.verbs.get("key 7") === text(100_000, 7), "a large value: expected what was put");
  }),

  ...inBothForms(GROUP, "both hints of direct work", async (at) => {
    await at.open({ direct: true });
    await at.verbs.put("a", text(5000));
    await at.reopen({ direct: false });
    checkEqual(await at.verbs.get("a"), text(5000), "get() of a value put with the other hint");
    await at.verbs.put("b", text(50_000));
    await at.reopen({ direct: true });
    checkEqual(await at.verbs.get("b"), text(50_000), "get() of a value put with the other hint");
  }),

  ...inBothForms(GROUP, "maxSize: a store that is full stays usable", fullStore),

  ...inBothForms(GROUP, "an aborted signal stops opening and leaves nothing", async (at) => {
    const signal = new Aborter(true);
    await checkRejects(() => at.openBeside("store", { signal }), "KVIG_ABORTED", "opening");
    checkEqual(await at.exists("store"), false, "whether there is a data file");
    await at.open();
    await at.verbs.put("a", "1");
    await at.close();
    await checkRejects(() => at.openBeside("store", { signal }), "KVIG_ABORTED", "opening again");
  }),

  ...inBothForms(GROUP, "a file that is no store is refused and left alone", async (at) => {
    const foreign = pattern(20_000);
    const file = await at.place.open(at.path("foreign"));
    await writeAll(file, 0, foreign);
    await at.place.closeFiles();
    await checkRejects(() => at.openBeside("foreign"), "KVIG_FORMAT", "opening a foreign file");
    checkBytes(await at.bytesOf("foreign"), foreign, "the foreign file");
  }),

  storeCase(
    GROUP,
    "the Sync form works where the Io can block, and else would block",
    async (at) => {
      const openAtOnce = () => openStoreSync(at.io, at.path("at once"), at.options());
      if (at.io.canBlock) openAtOnce().closeSync();
      else checkThrows(openAtOnce, "KVIG_WOULD_BLOCK", "opening at once");
      await at.open();
      await at.verbs.batch(["a", "b"].map((key) => ({ type: "put", key, value: text(50_000) })));
      await at.reopen();
      const readAtOnce = () => checkEqual(at.store.getSync("b"), text(50_000), "getSync()");
      if (at.io.canBlock) readAtOnce();
      else checkThrows(readAtOnce, "KVIG_WOULD_BLOCK", "getSync() of what is not cached");
      checkEqual(await at.verbs.get("b"), text(50_000), "get()");
    },
  ),

  storeCase(GROUP, "a path may be a file URL", async (at) => {
    await at.open();
    await at.verbs.put("a", "1");
    await at.close();
    const pathname = encodeURI(at.path());
    const url = { href: `file://${pathname}`, protocol: "file:", pathname };
    const store = await openStore(at.io, url, at.options({ createIfMissing: false }));
    checkEqual(await store.has("a"), true, "has() of what was put by path");
    await store.close();
  }),
];

async function oneWriter(at: StorePlace): Promise<void> {
  if (at.place.supports.locks === false) notProven("the harness says that there are no locks");
  const writer = at.verbsOf(await at.open());
  await writer.put("a", "1");
  const readOnly = { readOnly: true };
  await checkRejects(() => at.openBeside("store"), "KVIG_LOCKED", "a second opener that writes");
  await checkRejects(() => at.openBeside("store", readOnly), "KVIG_LOCKED", "one that reads");
  await writer.put("b", "2");
  await at.close();
  const readers = [await at.openBeside("store", readOnly), await at.openBeside("store", readOnly)];
  for (const reader of readers) {
    checkSame(await at.verbsOf(reader).keys(), ["a", "b"], "the keys that a reader sees");
  }
  await checkRejects(() => at.openBeside("store"), "KVIG_LOCKED", "an opener beside readers");
  for (const reader of readers) await at.verbsOf(reader).close();
}

async function pageSizes(at: StorePlace): Promise<void> {
  for (
    const [name, options] of [
      ["512", { pageSize: 512, logBlockSize: 512 }],
      ["4096", { pageSize: 4096, logBlockSize: 512 }],
      ["16384", { pageSize: 16_384, cacheSize: 2 * MEBIBYTE }],
      ["65536", { pageSize: 65_536, cacheSize: 8 * MEBIBYTE }],
    ] as const
  ) {
    const store = await at.openBeside(name, options);
    const verbs = at.verbsOf(store);
    checkEqual(store.stats().pages.size, options.pageSize, "page size of the store");
    const keys = Array.from({ length: 300 }, (_, i) => `key ${i}`);
    await verbs.batch(keys.map((key, i) => ({ type: "put", key, value: text(i * 7, i) })));
    await verbs.put("large", text(200_000));
    await verbs.close();
    const again = at.verbsOf(await at.openBeside(name, { cacheSize: 8 * MEBIBYTE }));
    checkEqual(await again.count(), 301, `entries of the store with pages of ${name} bytes`);
    checkSame(await again.getMany(keys), keys.map((_, i) => text(i * 7, i)), "all values");
    checkEqual((await again.verify()).ok, true, "verify()");
    await again.close();
  }
}

async function fullStore(at: StorePlace): Promise<void> {
  const verbs = at.verbsOf(await at.open({ maxSize: MEBIBYTE }));
  await verbs.put("first", "1");
  let count = 0;
  const fill = async (): Promise<void> => {
    for (; count < 1000; count++) await verbs.put(`key ${count}`, text(3000, count));
  };
  await checkRejects(fill, "KVIG_FULL", "putting 3 MB into a store of 1 MiB");
  check(count > 50, `expected more than 50 values to fit, got ${count}`);
  checkEqual(await verbs.count(), count + 1, "count() of a full store");
  checkEqual(await verbs.get("first"), "1", "get() in a full store");
  checkEqual(await verbs.clear({ prefix: "key " }), count, "clear() in a full store");
  await verbs.checkpoint();
  await verbs.put("after", text(3000));
}
