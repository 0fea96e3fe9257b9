/**
 * Who may open what: locks between processes and within one, directories that cannot be written,
 * links and things that are no files.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import { open, openSync } from "../support/runtime.ts";
import { assertEquals, assertThrows } from "../support/assert.ts";
import { smallDisk } from "../support/small_disk.ts";
import { assertCode, assertCodeSync, assertSound, SMALL, textOf } from "../support/store.ts";
import { RUNTIME_URL, scriptArguments } from "../support/subprocess.ts";
import { tempDir } from "../support/tmp.ts";

/** A process that opens the store at `path`, says how that went, and stays until it is killed. */
async function openingChild(path: string, readOnly: boolean) {
  const options = JSON.stringify({ ...SMALL, readOnly });
  const script = `
    const { openSync } = await import(${JSON.stringify(RUNTIME_URL)});
    try {
      globalThis.store = openSync(${JSON.stringify(path)}, ${options});
      console.log("open");
    } catch (error) {
      console.log(error.code);
    }
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, scriptArguments(script), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data") as [Uint8Array];
  return {
    said: String(line).trim(),
    async [Symbol.asyncDispose](): Promise<void> {
      const closed = once(child, "close");
      child.kill("SIGKILL");
      await closed;
    },
  };
}

test("a store has one writer, in this process and in others", { timeout: 60_000 }, async () => {
  using dir = tempDir();
  const path = dir.file("store");
  const store = await open(path, SMALL);
  await store.put("a", "b");
  await assertCode(() => open(path, SMALL), "KVIG_LOCKED", path);
  assertCodeSync(() => openSync(path, { ...SMALL, readOnly: true }), "KVIG_LOCKED");
  {
    await using child = await openingChild(path, false);
    assertEquals(child.said, "KVIG_LOCKED");
  }
  assertEquals(textOf(await store.get("a")), "b");
  await store.close();
  {
    await using child = await openingChild(path, false);
    assertEquals(child.said, "open");
    await assertCode(() => open(path, SMALL), "KVIG_LOCKED");
  }
  const again = await open(path, SMALL);
  assertSound(await again.verify());
  await again.close();
});

test("a store has many readers", { timeout: 60_000 }, async () => {
  using dir = tempDir();
  const path = dir.file("store");
  const store = await open(path, SMALL);
  await store.put("a", "b");
  await store.close();
  const one = await open(path, { ...SMALL, readOnly: true });
  const other = openSync(path, { ...SMALL, readOnly: true });
  await using child = await openingChild(path, true);
  assertEquals(child.said, "open");
  assertEquals(textOf(other.getSync("a")), "b");
  await assertCode(() => open(path, SMALL), "KVIG_LOCKED");
  assertSound(await one.verify());
  await one.close();
  other.closeSync();
});

test("a file that cannot be locked twice is opened with lock: false", async () => {
  using dir = tempDir();
  const path = dir.file("store");
  const store = await open(path, SMALL);
  await store.put("a", "b");
  const reader = await open(path, { ...SMALL, readOnly: true, lock: false });
  assertEquals(textOf(await reader.get("a")), "b");
  await reader.close();
  assertSound(await store.verify());
  await store.close();
});

test("links, directories and paths that lead nowhere are refused", async () => {
  using dir = tempDir();
  const path = dir.file("store");
  const store = await open(path, SMALL);
  await store.close();
  fs.symlinkSync(path, dir.file("link"));
  await assertCode(() => open(dir.file("link"), SMALL), "KVIG_ACCESS");
  await assertCode(() => open(dir.path, SMALL), "KVIG_ACCESS");
  await assertCode(() => open(dir.file("no/such/directory"), SMALL), "KVIG_NOT_FOUND");
  await assertCode(() => open(dir.file("store/below"), SMALL), "KVIG_NOT_FOUND");
  await assertCode(() => open(dir.file("n".repeat(300)), SMALL), "KVIG_IO");
  assertEquals(fs.readdirSync(dir.path).sort(), ["link", "store", "store-wal"]);
  fs.rmSync(`${path}-wal`);
  fs.symlinkSync("elsewhere", `${path}-wal`);
  await assertCode(() => open(path, SMALL), "KVIG_ACCESS");
});

test("a directory that cannot be written refuses creation, and is read", async (context) => {
  using disk = smallDisk(context, 16 * 1024 * 1024);
  if (disk === undefined) return;
  const path = disk.file("store");
  const store = await open(path, SMALL);
  await store.put("a", "b");
  await store.close();
  disk.setReadOnly(true);
  await assertCode(() => open(path, SMALL), "KVIG_ACCESS");
  await assertCode(() => open(disk.file("other"), SMALL), "KVIG_ACCESS");
  const reader = await open(path, { ...SMALL, readOnly: true });
  assertEquals(textOf(await reader.get("a")), "b");
  assertSound(await reader.verify());
  await assertCode(() => reader.backup(disk.file("copy")), "KVIG_ACCESS");
  await reader.close();
});

test("a file URL names a path, whatever is in it", async () => {
  using dir = tempDir();
  const path = dir.file("a store, 100 % größer");
  const store = await open(pathToFileURL(path), SMALL);
  await store.put("a", "b");
  await store.close();
  assertEquals(fs.existsSync(path), true);
  const again = openSync(new URL(pathToFileURL(path)), SMALL);
  assertEquals(textOf(again.getSync("a")), "b");
  assertSound(again.verifySync());
  again.closeSync();
  assertThrows(() => openSync(new URL("https://example.org/store")), TypeError, "path");
  assertEquals(fileURLToPath(pathToFileURL(path)), path);
});

test("files belong to their owner alone", async () => {
  using dir = tempDir();
  const path = dir.file("store");
  const store = await open(path, SMALL);
  await store.backup(dir.file("copy"));
  for (const name of ["store", "store-wal", "copy"]) {
    assertEquals(fs.statSync(dir.file(name)).mode & 0o777, 0o600, name);
  }
  assertSound(await store.verify());
  await store.close();
});
