/**
 * Paths at which a store cannot be, and the options that say whether it may be made.
 *
 * @module
 */

import fs from "node:fs";
import { test } from "node:test";

import { open, openSync } from "../support/runtime.ts";
import type { KvigErrorCode, OpenOptions } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { closeSound, LIMIT_MS, mountMemory, NEEDS_ROOT, QUICK } from "../support/environment.ts";
import { skipTest } from "../support/skip.ts";
import { assertCode, assertCodeSync, textOf } from "../support/store.ts";
import { type TempDir, tempDir } from "../support/tmp.ts";

/** Fails unless both ways of opening are refused with `code`. */
async function assertNotOpened(
  path: string,
  code: KvigErrorCode,
  options: OpenOptions = QUICK,
): Promise<void> {
  await assertCode(() => open(path, options), code);
  assertCodeSync(() => openSync(path, options), code);
}

function testPath(sentence: string, work: (dir: TempDir) => Promise<void>): void {
  test(sentence, { timeout: LIMIT_MS }, async () => {
    using dir = tempDir();
    await work(dir);
  });
}

test("a read-only file system gives KVIG_ACCESS to all but readers", {
  timeout: LIMIT_MS,
}, async (context) => {
  using dir = tempDir();
  using disk = mountMemory(dir.file("disk"), "8m");
  if (disk === undefined) return skipTest(context, NEEDS_ROOT);
  const path = `${disk.path}/store`;
  const store = await open(path, QUICK);
  await store.put("key", "value");
  await closeSound(store);
  if (!disk.remount("ro")) return skipTest(context, "the file system cannot be mounted read-only");
  await assertNotOpened(path, "KVIG_ACCESS");
  await assertNotOpened(`${disk.path}/new`, "KVIG_ACCESS");
  assertEquals(fs.readdirSync(disk.path).toSorted(), ["store", "store-wal"]);
  const reader = await open(path, { ...QUICK, readOnly: true });
  assertEquals(textOf(await reader.get("key")), "value");
  await closeSound(reader);
  assert(disk.remount("rw"), "it can be mounted for writing again");
  await closeSound(await open(path, QUICK));
});

testPath("a missing directory is KVIG_NOT_FOUND and is not made", async (dir) => {
  await assertNotOpened(dir.file("missing/store"), "KVIG_NOT_FOUND");
  assertEquals(fs.readdirSync(dir.path), []);
});

testPath("a symbolic link is KVIG_ACCESS, whatever it leads to", async (dir) => {
  const path = dir.file("store");
  await closeSound(await open(path, QUICK));
  const target = fs.readFileSync(path);
  fs.symlinkSync(path, dir.file("link"));
  await assertNotOpened(dir.file("link"), "KVIG_ACCESS");
  fs.symlinkSync(dir.file("nowhere"), dir.file("dangling"));
  await assertNotOpened(dir.file("dangling"), "KVIG_ACCESS");
  assertEquals(fs.existsSync(dir.file("nowhere")), false);
  assert(fs.readFileSync(path).equals(target), "the target is untouched");
  fs.renameSync(`${path}-wal`, dir.file("log"));
  fs.symlinkSync(dir.file("log"), `${path}-wal`);
  await assertNotOpened(path, "KVIG_ACCESS");
});

testPath("a directory is KVIG_ACCESS, in the place of either file", async (dir) => {
  fs.mkdirSync(dir.file("store"));
  await assertNotOpened(dir.file("store"), "KVIG_ACCESS");
  fs.mkdirSync(dir.file("other-wal"));
  await assertNotOpened(dir.file("other"), "KVIG_ACCESS");
  assertEquals(fs.readdirSync(dir.path).toSorted(), ["other-wal", "store"]);
});

testPath("createIfMissing: false makes nothing", async (dir) => {
  const path = dir.file("store");
  const options = { ...QUICK, createIfMissing: false };
  await assertNotOpened(path, "KVIG_NOT_FOUND", options);
  await assertNotOpened(path, "KVIG_NOT_FOUND", { ...QUICK, readOnly: true });
  assertEquals(fs.readdirSync(dir.path), []);
  fs.writeFileSync(path, "");
  await assertNotOpened(path, "KVIG_NOT_FOUND", options);
  assertEquals(fs.readdirSync(dir.path), ["store"]);
  assertEquals(fs.statSync(path).size, 0);
  await closeSound(await open(path, QUICK));
  await closeSound(await open(path, options));
});

testPath("errorIfExists refuses what is there and makes what is not", async (dir) => {
  const path = dir.file("store");
  const options = { ...QUICK, errorIfExists: true };
  await closeSound(await open(path, options));
  const before = fs.readFileSync(path);
  await assertNotOpened(path, "KVIG_EXISTS", options);
  assert(fs.readFileSync(path).equals(before), "it is untouched");
  await closeSound(await open(path, QUICK));
});

testPath("both files are for their owner alone", async (dir) => {
  const path = dir.file("store");
  const store = await open(path, QUICK);
  for (const name of [path, `${path}-wal`]) assertEquals(fs.statSync(name).mode & 0o777, 0o600);
  await store.backup(dir.file("backup"));
  assertEquals(fs.statSync(dir.file("backup")).mode & 0o777, 0o600);
  await closeSound(store);
});
