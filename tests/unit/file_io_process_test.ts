/**
 * The Io for this runtime beside other processes: locks, full disks, limits of the file size.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import process from "node:process";
import { test } from "node:test";

import { type Future, type IoFile, WriteBatch } from "../../core/io.ts";
import { assertEquals } from "../support/assert.ts";
import { testBoth } from "../support/both_ways.ts";
import { openElsewhere } from "../support/conformance.ts";
import { assertFails, pattern, result } from "../support/io_helpers.ts";
import { runtimeIo, runtimeName } from "../support/runtime.ts";
import { skipTest } from "../support/skip.ts";
import { RUNTIME_URL, scriptArguments } from "../support/subprocess.ts";
import { tempDir } from "../support/tmp.ts";

// Locks across processes

testBoth("a lock ends when its holder is killed", async (io, path) => {
  const file = await result(io.open(path, { create: true }));
  const holder = await openElsewhere(path, "exclusive");
  try {
    assertEquals(holder.held, true);
    await assertFails(file.lock("exclusive"), "KVIG_LOCKED", "another opener");
    await assertFails(file.lock("shared"), "KVIG_LOCKED", "another opener");
  } finally {
    await holder.close();
  }
  await result(file.lock("exclusive"));
  await result(file.close());
});

testBoth("lock() without the program flock says what to do", async (io, path, context) => {
  if (runtimeName !== "node") return skipTest(context, "Node.js alone locks with a program");
  const file = await result(io.open(path, { create: true }));
  const { PATH } = process.env;
  process.env["PATH"] = "/nowhere";
  try {
    await assertFails(file.lock("exclusive"), "KVIG_UNSUPPORTED", "install util-linux");
  } finally {
    process.env["PATH"] = PATH;
  }
  await result(file.lock("exclusive"));
  await result(file.close());
});

test("close() while a lock is being taken waits for it", async () => {
  using dir = tempDir();
  const io = runtimeIo();
  const file = await result(io.open(dir.file("data"), { create: true }));
  const locked = file.lock("exclusive");
  await result(file.close());
  await result(locked);
  const again = await result(io.open(dir.file("data")));
  await result(again.lock("exclusive"));
  await result(again.close());
});

// Full disks and limits

testBoth(
  "a full disk is KVIG_FULL, and has room again after a truncate",
  async (io, path, context) => {
    fs.mkdirSync(path);
    const options = ["-t", "tmpfs", "-o", "size=256k", "tmpfs", path];
    if (spawnSync("mount", options).status !== 0) return skipTest(context, "mounting needs root");
    let file: IoFile | undefined;
    try {
      file = await result(io.open(`${path}/data`, { create: true }));
      const memory = pattern(1_000_000);
      await assertFails((await fill(file, memory)).failed, "KVIG_FULL", "ENOSPC");
      // Deno's blocking write says nothing of the part that it wrote before it failed.
      assertEquals(fs.statSync(`${path}/data`).size, 262_144);
      const batch = new WriteBatch(memory, 2);
      batch.add(500_000, 0, 4096);
      batch.add(504_096, 8192, 4096);
      await assertFails(file.writeBatch(batch), "KVIG_FULL", "ENOSPC");
      await result(file.truncate(0));
      await result(file.writeBatch(batch));
      await result(file.sync("full"));
    } finally {
      if (file !== undefined) await result(file.close());
      assertEquals(spawnSync("umount", [path]).status, 0);
    }
  },
);

/** Writes `memory` until that fails, and returns the future that did, settled. */
async function fill(file: IoFile, memory: Uint8Array): Promise<{ failed: Future<number> }> {
  for (let done = 0;;) {
    const failed = file.write(done, memory, done, memory.length - done);
    await failed.promise();
    if (file.size === done) return { failed };
    done = file.size;
  }
}

test("a limit of the file size is a short write and then KVIG_FULL", (context) => {
  if (runtimeName === "deno") {
    return skipTest(context, "Deno is killed by the signal of such a limit");
  }
  using dir = tempDir();
  const script = `
    const { runtimeIo } = await import(${JSON.stringify(RUNTIME_URL)});
    const path = ${JSON.stringify(dir.file("data"))};
    const file = runtimeIo({ blocking: true }).open(path, { create: true }).take();
    const memory = new Uint8Array(100000);
    const count = file.write(0, memory, 0, 100000).take();
    try {
      file.write(count, memory, 0, 10).take();
    } catch (error) {
      console.log(count < 100000, count === file.size, error.code);
    }`;
  const shell = 'ulimit -f 16; exec "$0" "$@"';
  const words = ["-c", shell, process.execPath, ...scriptArguments(script)];
  const child = spawnSync("sh", words, { encoding: "utf8" });
  assertEquals(child.stdout.trim(), "true true KVIG_FULL", child.stderr);
});
