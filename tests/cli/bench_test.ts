/**
 * `kvig bench`: what it prints, what it leaves behind, what it refuses.
 */

import { readdirSync } from "node:fs";
import { test } from "node:test";

import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { tempDir } from "../support/tmp.ts";
import { fails, kvig, ok, start } from "./kvig.ts";

/** As little as it takes. */
const SMALL = ["--entries", "1000", "--cache-size", "1MiB", "--log-size", "1MiB"];

test("bench prints a line for each work and leaves nothing behind", () => {
  using dir = tempDir();
  const { code, out, err } = kvig(["bench", dir.path, ...SMALL]);
  assertEquals(code, 0, err);
  const lines = out.trimEnd().split("\n");
  for (const work of ["bare loop", "fill", "get", "scan", "durable put, 64 tasks", "checkpoint"]) {
    assert(lines.some((line) => line.startsWith(work)), `${work} is missing: ${out}`);
  }
  for (const line of lines) assertMatch(line, / [\d.]+ (ns|µs|ms) +[\d,]+ \/s$/);
  assertMatch(err, /^data file [\d.]+ \w+, log [\d.]+ MiB, all removed\n$/);
  assertEquals(readdirSync(dir.path), []);
});

test("bench prints JSON for programs", () => {
  using dir = tempDir();
  const out = ok(["bench", dir.path, ...SMALL, "--value-size", "0", "--json", "--quiet"]);
  const { works, files } = JSON.parse(out) as {
    works: Record<string, number>;
    files: { dataBytes: number; logBytes: number };
  };
  for (const [work, nanoseconds] of Object.entries(works)) assert(nanoseconds > 0, work);
  assert(files.dataBytes > 0 && files.logBytes > 0);
});

test("bench refuses sizes and directories that make no sense", () => {
  using dir = tempDir();
  fails(["bench"], 2, /DIRECTORY/);
  fails(["bench", dir.path, "--entries", "10"], 2, /--entries takes a whole number from 1000 on/);
  fails(["bench", dir.path, "--entries", "99999999"], 2, /at most 50000000, got 99999999/);
  fails(["bench", dir.path, "--value-size", "1GiB"], 2, /at most 16MiB, got 1\.0 GiB/);
  fails(["bench", dir.file("nowhere")], 1, /no directory can be made in .*nowhere: ENOENT/);
  assertEquals(readdirSync(dir.path), []);
});

test("bench that is interrupted removes what it made", async () => {
  using dir = tempDir();
  const running = start(["bench", dir.path, "--entries", "5000000"]);
  const begun = performance.now();
  // The directory is there as soon as the work has begun.
  while (readdirSync(dir.path).length === 0 && performance.now() - begun < 30_000) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  running.kill("SIGINT");
  const { code, out } = await running.ended;
  assertEquals([code, out], [130, ""]);
  assertEquals(readdirSync(dir.path), []);
});
