/**
 * How runs end that do not end by themselves: locks, signals, readers that leave, full outputs.
 */

import { spawnSync } from "node:child_process";
import { existsSync, openSync as openFile, readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";

import { openSync } from "../support/runtime.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { RUN_ARGUMENTS, shellCommand } from "../support/subprocess.ts";
import { tempDir } from "../support/tmp.ts";
import { assertSound, ENTRY, ENVIRONMENT, fails, kvig, makeStore, ok, start } from "./kvig.ts";

const lines = (count: number, from = 0): string =>
  Array.from({ length: count }, (_, i) => `{"key":"${from + i}","value":"${"v".repeat(50)}"}\n`)
    .join("");

test("a store that a writer has open is locked, one that readers have open is shared", () => {
  using dir = tempDir();
  const store = makeStore(dir, { a: "1" });
  const locked = /^kvig: KVIG_LOCKED: .*store\.kvig.*\n$/;
  {
    using _writer = openSync(store);
    fails(["get", store, "a"], 1, locked);
    fails(["put", store, "a", "2"], 1, locked);
    fails(["load", store], 1, locked);
    fails(["verify", store], 1, locked);
  }
  {
    using _reader = openSync(store, { readOnly: true });
    assertEquals(ok(["get", store, "a"]), "1");
    ok(["backup", store, dir.file("copy")]);
    fails(["put", store, "a", "2"], 1, locked);
  }
  assertSound(store);
});

/** How many blocks of the log at `path` are not what they were in `before`. */
function changedBlocks(before: Uint8Array, path: string): number {
  const now = existsSync(path) ? readFileSync(path) : new Uint8Array(0);
  let changed = 0;
  for (let at = 0; at < now.length; at += 4096) {
    if (Buffer.compare(now.subarray(at, at + 4096), before.subarray(at, at + 4096)) !== 0) {
      changed++;
    }
  }
  return changed;
}

test("an interrupted load keeps whole transactions, says which lines, and its code", async () => {
  using dir = tempDir();
  const store = makeStore(dir, {});
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const before = readFileSync(`${store}-wal`);
    const load = start(["load", store, "--batch", "10"]);
    load.write(lines(25));
    // Two transactions have been written, and the other five lines wait for more to come.
    await waitUntil(() => changedBlocks(before, `${store}-wal`) >= 2);
    load.kill(signal);
    const { code: ended, err } = await load.ended;
    assertEquals(ended, code, err);
    assertEquals(err, "kvig: interrupted: lines 1 to 20 are stored\n");
    assertEquals(ok(["scan", store, "--keys"]).split("\n").length - 1, 20);
    assertSound(store);
  }
});

test("exit codes hold where nobody reads the messages", () => {
  using dir = tempDir();
  const store = makeStore(dir, { a: "1" });
  const run = (words: string): string =>
    `{ sleep 0.1; ${shellCommand(ENTRY)} ${words} '${store}'; echo $? >&3; } ` +
    "2>&1 >&2 | true";
  const { stdout } = spawnSync("sh", ["-c", `{ ${run("verify")}; ${run("delete")}; } 3>&1`], {
    encoding: "utf8",
    env: ENVIRONMENT,
  });
  assertEquals(stdout, "0\n2\n");
});

test("an interrupted backup removes its file, and an interrupted dump ends with 130", async () => {
  using dir = tempDir();
  const store = dir.file("store");
  ok(["load", store, "--no-sync"], lines(150_000));
  const copy = dir.file("copy");
  const backup = start(["backup", store, copy]);
  await waitUntil(() => existsSync(copy));
  backup.kill("SIGINT");
  const { code, err } = await backup.ended;
  if (code === 0) assertSound(copy); // It was done before the signal came.
  else {
    assertEquals([code, err], [130, "kvig: interrupted\n"]);
    assert(!existsSync(copy), "an unfinished backup is left behind");
  }
  const dump = start(["dump", store]);
  await dump.until('"value"');
  dump.kill("SIGINT");
  const ended = await dump.ended;
  if (ended.code !== 0) assertEquals([ended.code, ended.err], [130, "kvig: interrupted\n"]);
  assertSound(store);
});

test("a reader that leaves ends a dump quietly", () => {
  using dir = tempDir();
  const store = dir.file("store");
  ok(["load", store, "--log-size", "1MiB"], lines(20_000));
  const dump = `${shellCommand(ENTRY)} dump '${store}'; echo "code $?" >&2`;
  const { stdout, stderr } = spawnSync("sh", ["-c", `{ ${dump}; } | head -n 1`], {
    encoding: "utf8",
    env: ENVIRONMENT,
  });
  assertEquals(stdout.split("\n").length, 2);
  assertEquals(stderr, "code 0\n");
  assertSound(store);
});

const noFullDevice = existsSync("/dev/full") ? false : "/dev/full is not there";

test("output that cannot be written is an error", { skip: noFullDevice }, () => {
  using dir = tempDir();
  const store = makeStore(dir, { a: "1" });
  for (const args of [["dump", store], ["get", store, "a"], ["--help"], ["stat", store]]) {
    const { status, stderr } = spawnSync(process.execPath, [...RUN_ARGUMENTS, ENTRY, ...args], {
      stdio: ["ignore", openFile("/dev/full", "w"), "pipe"],
      encoding: "utf8",
      env: ENVIRONMENT,
    });
    assertEquals(stderr, "kvig: standard output cannot be written: ENOSPC\n");
    assertEquals(status, 1);
  }
  assertSound(store);
});

test("a load that is killed leaves whole transactions for the next command", async () => {
  using dir = tempDir();
  const store = dir.file("store");
  const load = start(["load", store, "--batch", "100", "--log-size", "4MiB"]);
  load.write(lines(30_000));
  await waitUntil(() => existsSync(store));
  await new Promise((resolve) => setTimeout(resolve, 300));
  load.kill("SIGKILL");
  assertEquals((await load.ended).code, 137);
  const opened = kvig(["load", store]);
  assertEquals(opened.code, 0, opened.err);
  const entries = Number(/^entries +([\d,]+)/.exec(ok(["stat", store]))?.[1].replace(",", ""));
  assertEquals(entries % 100, 0);
  assertMatch(ok(["scan", store, "-n", "1"]), entries === 0 ? /^$/ : /^\{"key":"0",/);
  assertSound(store);
});

async function waitUntil(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    assert(tries < 3000, "it did not happen within 30 seconds");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
