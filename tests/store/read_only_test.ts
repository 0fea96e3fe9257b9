/**
 * Stores opened read-only: they show what the log holds beyond the pages, and write nothing.
 *
 * @module
 */

import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import { SimDisk } from "../sim/disk.ts";
import type { OperationKind } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { assertEquals } from "../support/assert.ts";
import { assertSameEntries } from "../support/model.ts";
import { open, openSync } from "../support/runtime.ts";
import { assertCode, assertCodeSync, copyOf, PATH, readFileOf, SMALL } from "../support/store.ts";

test("a reader shows what only the log holds, large values too, and writes nothing", async () => {
  const io = memoryIo();
  const store = openSync(PATH, { ...SMALL, io });
  for (let i = 0; i < 500; i++) store.putSync(`old${i}`, "v".repeat(i));
  store.checkpointSync();
  for (let i = 0; i < 200; i++) store.putSync(`new${i}`, "w".repeat(i * 7));
  store.clearSync({ prefix: "old1" });
  store.deleteSync("old2");
  store.putSync("old3", "x".repeat(20_000));
  const entries = store.range().toArraySync();
  const killed = copyOf(io, PATH);
  const disk = new SimDisk({
    [PATH]: readFileOf(killed, PATH),
    [`${PATH}-wal`]: readFileOf(killed, `${PATH}-wal`),
  });
  const before = disk.image();
  const readIo = new SimIo({ disk });
  const kinds = new Set<OperationKind>();
  readIo.onOperation = ({ kind }) => kinds.add(kind);
  for (const make of [open, openSync]) {
    const reader = await make(PATH, { ...SMALL, io: readIo, readOnly: true });
    assertSameEntries(await reader.range().toArray(), entries);
    assertSameEntries(reader.range({ reverse: true }).toArraySync().reverse(), entries);
    assertEquals((await reader.get("old3"))?.length, 20_000);
    assertEquals((await reader.verify()).ok, true);
    await reader.close();
  }
  assertEquals([...kinds].sort(), ["allocate", "close", "lock", "open", "read"]);
  assertEquals(disk.image(), before);
  store.closeSync();
});

test("every write to a reader is refused with KVIG_READ_ONLY", async () => {
  const io = memoryIo();
  openSync(PATH, { ...SMALL, io }).closeSync();
  const reader = await open(PATH, { ...SMALL, io, readOnly: true });
  await assertCode(() => reader.put("a", "b"), "KVIG_READ_ONLY");
  await assertCode(() => reader.delete("a"), "KVIG_READ_ONLY");
  await assertCode(() => reader.batch([]), "KVIG_READ_ONLY");
  await assertCode(() => reader.clear(), "KVIG_READ_ONLY");
  await assertCode(() => reader.transaction(() => {}), "KVIG_READ_ONLY");
  await assertCode(() => reader.flush(), "KVIG_READ_ONLY");
  await assertCode(() => reader.checkpoint(), "KVIG_READ_ONLY");
  await assertCode(() => reader.compact(), "KVIG_READ_ONLY");
  assertCodeSync(() => reader.putSync("a", "b"), "KVIG_READ_ONLY");
  assertCodeSync(() => reader.deleteSync("a"), "KVIG_READ_ONLY");
  assertCodeSync(() => reader.batchSync([]), "KVIG_READ_ONLY");
  assertCodeSync(() => reader.clearSync(), "KVIG_READ_ONLY");
  assertCodeSync(() => reader.transactionSync(() => {}), "KVIG_READ_ONLY");
  assertCodeSync(() => reader.flushSync(), "KVIG_READ_ONLY");
  assertCodeSync(() => reader.checkpointSync(), "KVIG_READ_ONLY");
  assertCodeSync(() => reader.compactSync(), "KVIG_READ_ONLY");
  assertEquals(await reader.count(), 0);
  assertEquals((await reader.verify()).ok, true);
  await reader.close();
});

test("a log that does not fit the cache is refused, with words that help", async () => {
  const io = memoryIo();
  const options = { ...SMALL, io, logSize: 8 * 1024 * 1024 };
  const store = openSync(PATH, { ...options, cacheSize: 16 * 1024 * 1024 });
  for (let i = 0; i < 30_000; i++) {
    store.putSync(`${(i * 7919) % 30_000}`, "v".repeat(80), { durability: "deferred" });
  }
  store.flushSync();
  const killed = copyOf(io, PATH);
  store.closeSync();
  const small = { ...options, io: killed, readOnly: true };
  await assertCode(() => open(PATH, small), "KVIG_UNSUPPORTED", "cacheSize");
  const reader = await open(PATH, { ...small, cacheSize: 32 * 1024 * 1024 });
  assertEquals(await reader.count(), 30_000);
  assertEquals((await reader.verify()).ok, true);
  await reader.close();
});
