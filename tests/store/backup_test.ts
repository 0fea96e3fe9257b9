/**
 * Backups: hot copies that open as stores of their own and show the moment they were begun.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import type { Io } from "../../core/io.ts";
import { SimDisk } from "../sim/disk.ts";
import type { OperationKind } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "../support/assert.ts";
import { assertSameEntries } from "../support/model.ts";
import { Random, withSeeds } from "../support/random.ts";
import { open, openSync } from "../support/runtime.ts";
import {
  assertCode,
  assertCodeSync,
  assertSound,
  copyOf,
  PATH,
  readFileOf,
  SMALL,
  storeTest,
  writeFileOf,
} from "../support/store.ts";

const key = (i: number): string => `key${i.toString().padStart(5, "0")}`;
const FILE_ID = [32, 48] as const;
/** Operations that change nothing. */
const IDLE: readonly OperationKind[] = ["allocate", "close", "lock", "read"];

function fileId(io: Io, path: string): Uint8Array {
  return readFileOf(io, path).slice(...FILE_ID);
}

storeTest("a backup equals the store, and has an id of its own", async ({ store, io }) => {
  for (let i = 0; i < 3000; i++) await store.put(key(i), "v".repeat(i % 300));
  await store.put("large", Buffer.alloc(300_000, "x"));
  const entries = await store.range().toArray();
  await store.backup("copy");
  await store.put("later", "1");
  const copy = await open("copy", { io, cacheSize: SMALL.cacheSize! });
  assertSameEntries(await copy.range().toArray(), entries);
  assertSound(await copy.verify());
  assertEquals(copy.stats().pages.size, 512);
  assertNotEquals(fileId(io, "copy"), fileId(io, PATH));
  await copy.put("own", "2");
  await copy.close();
  const again = await open("copy", { io });
  assertEquals(await again.has("own"), true);
  assertEquals(await again.count(), entries.length + 1);
  assertSound(await again.verify());
  await again.close();
  assertEquals(await store.has("own"), false);
});

storeTest("a backup of an empty store is an empty store", async ({ store, io }) => {
  await store.backup("copy");
  const copy = await open("copy", { io });
  assertEquals(await copy.count(), 0);
  assertSound(await copy.verify());
  await copy.put("a", "b");
  await copy.close();
});

storeTest("a backup goes to a path or to a file URL", async ({ store }) => {
  await store.backup(new URL("file:///a%20copy"));
  await assertCode(() => store.backup("/a copy"), "KVIG_EXISTS");
  for (const path of ["", "nul\0", 5, new URL("https://example.org/")]) {
    await assertRejects(() => store.backup(path as string), TypeError, "path must");
  }
});

storeTest("backupSync() does the same", ({ store, io }) => {
  for (let i = 0; i < 500; i++) store.putSync(key(i), "v");
  store.backupSync("copy");
  const copy = openSync("copy", { io });
  assertEquals(copy.countSync(), 500);
  assertSound(copy.verifySync());
  copy.closeSync();
}, { blocking: true });

storeTest("a backup overwrites nothing", async ({ store, io }) => {
  writeFileOf(io, "there", new Uint8Array(10));
  await assertCode(() => store.backup("there"), "KVIG_EXISTS");
  await assertCode(() => store.backup(PATH), "KVIG_EXISTS");
  assertEquals(readFileOf(io, "there"), new Uint8Array(10));
  await assertCode(async () => await store.backup("there"), "KVIG_EXISTS", "there");
  assertThrows(() => store.backupSync("" as never), TypeError, "path");
});

storeTest("a backup is read before it has a log, and leaves none", async ({ store, io }) => {
  await store.put("a", "b");
  await store.backup("copy");
  const copy = await open("copy", { io, readOnly: true });
  assertEquals(await copy.count(), 1);
  assertSound(await copy.verify());
  await copy.close();
  await assertCode(() => open("copy-wal", { io, readOnly: true }), "KVIG_NOT_FOUND");
});

storeTest("a backup in the place of another store's files opens", async ({ store, io }) => {
  await store.put("a", "b");
  await store.backup("copy");
  const other = await open("other", { ...SMALL, io });
  await other.put("c", "d");
  await other.close();
  writeFileOf(io, "other", readFileOf(io, "copy"));
  const restored = await open("other", { io });
  assertEquals(await restored.has("a"), true);
  assertSound(await restored.verify());
  await restored.close();
});

storeTest("a signal ends a backup and removes its file", async ({ store, io }) => {
  for (let i = 0; i < 5000; i++) {
    await store.put(key(i), "v".repeat(100), { durability: "deferred" });
  }
  const controller = new AbortController();
  const seen: number[] = [];
  await assertCode(() =>
    store.backup("copy", {
      signal: controller.signal,
      onProgress: (done, total) => {
        seen.push(done);
        assert(done <= total, "not more than all");
        controller.abort();
      },
    }), "KVIG_ABORTED");
  assert(seen.length > 0, "progress was told");
  await assertCode(() => open("copy", { io, createIfMissing: false }), "KVIG_NOT_FOUND");
  await store.backup("copy");
});

storeTest("a backup of a damaged store names the page and leaves no file", async (subject) => {
  const { store, io } = subject;
  for (let i = 0; i < 2000; i++) store.putSync(key(i), "value ".repeat(10));
  await store.checkpoint();
  const damaged = copyOf(io, PATH);
  const data = readFileOf(damaged, PATH);
  const at = Buffer.from(data).indexOf("value value");
  const spoilt = data.slice();
  for (let from = at; from >= 0; from = Buffer.from(data).indexOf("value value", from + 512)) {
    spoilt[from] ^= 1;
  }
  writeFileOf(damaged, PATH, spoilt);
  const sick = await open(PATH, { ...SMALL, io: damaged, readOnly: true });
  const error = await assertCode(() => sick.backup("copy"), "KVIG_CORRUPT", "page");
  assert(error.page !== undefined && error.file === PATH, "file and page are named");
  await assertCode(() => open("copy", { io: damaged, readOnly: true }), "KVIG_NOT_FOUND");
  await sick.close();
});

test("a backup beside writers shows one moment", { timeout: 120_000 }, async () => {
  await withSeeds("backup beside writers", 4, async (random) => {
    const io = new SimIo({ seed: random.below(2 ** 32), blocking: "never" });
    const store = await open(PATH, { ...SMALL, io });
    for (let i = 0; i < 1500; i++) await store.put(key(i), "0", { durability: "deferred" });
    let going = true;
    // Every transaction sets all of a few keys to its number: any one state shows them equal.
    const writer = (async () => {
      for (let n = 1; going; n++) {
        await store.transaction(async (tx) => {
          for (let i = 0; i < 1500; i += 100) await tx.put(key(i), `${n}`);
        });
        for (let i = 0; i < 30; i++) await store.put(key(random.below(15) * 100 + 1), `${n} ${i}`);
      }
    })();
    for (let i = 0; i < 3; i++) {
      await store.backup(`copy${i}`);
      const copy = await open(`copy${i}`, { ...SMALL, io: new SimIo({ disk: io.disk.killed() }) });
      assertSound(await copy.verify());
      assertEquals(await copy.count(), 1500);
      const marks = await copy.getMany(Array.from({ length: 15 }, (_, j) => key(j * 100)));
      assertEquals(new Set(marks.map((mark) => new TextDecoder().decode(mark))).size, 1);
      await copy.close();
    }
    going = false;
    await writer;
    assertSound(await store.verify());
    assertEquals(io.breaches.slice(0, 3), []);
    await store.close();
  });
});

test("the first opening of a backup can be cut at every step", { timeout: 120_000 }, () => {
  const io = memoryIo();
  const store = openSync(PATH, { ...SMALL, io });
  for (let i = 0; i < 300; i++) store.putSync(key(i), "v".repeat(i));
  store.backupSync("copy");
  store.closeSync();
  const bytes = readFileOf(io, "copy");
  const random = new Random(11);
  let cuts = 0;
  for (let round = 0; round < 2; round++) {
    const disk = new SimDisk({ [PATH]: bytes.slice() });
    const cutIo = new SimIo({ seed: round, disk });
    const left: SimDisk[] = [];
    cutIo.onOperation = ({ kind }) => {
      if (!IDLE.includes(kind)) left.push(disk.cut(random));
    };
    openSync(PATH, { ...SMALL, io: cutIo }).closeSync();
    for (const image of left) {
      const again = openSync(PATH, { ...SMALL, io: new SimIo({ disk: image }) });
      assertEquals(again.countSync(), 300);
      assertSound(again.verifySync());
    }
    cuts += left.length;
  }
  assert(cuts > 20, "the steps were cut");
});

test("a backup cut at any step is whole or no store", { timeout: 120_000 }, () => {
  const io = new SimIo({ seed: 12, profile: "paranoid" });
  const store = openSync(PATH, { ...SMALL, io });
  for (let i = 0; i < 300; i++) store.putSync(key(i), "v".repeat(i));
  const random = new Random(12);
  const left: SimDisk[] = [];
  io.onOperation = ({ kind, at }) => {
    if (IDLE.includes(kind)) return;
    // Pages are written one by one; a few of those steps will do.
    if (kind === "write" && at >= 1024 && !random.oneIn(20)) return;
    left.push(io.disk.cut(random), io.disk.cut(random), io.disk.cut(random));
  };
  for (let i = 0; i < 2; i++) {
    store.backupSync("copy");
    left.push(io.disk.cut(random));
    io.disk.remove("copy");
    io.disk.syncNames();
  }
  io.onOperation = () => {};
  let whole = 0;
  let none = 0;
  for (const disk of left) {
    if ((disk.files.get("copy")?.size ?? 0) === 0) continue;
    try {
      const copy = openSync("copy", { ...SMALL, io: new SimIo({ disk }) });
      assertEquals(copy.countSync(), 300);
      assertSound(copy.verifySync());
      whole++;
    } catch (error) {
      assertEquals((error as { code?: string }).code, "KVIG_FORMAT", String(error));
      none++;
    }
  }
  assert(whole > 0 && none > 0, `${whole} were whole, ${none} were none`);
  assertSound(store.verifySync());
  store.closeSync();
  assertCodeSync(() => store.backupSync("late"), "KVIG_CLOSED");
});
