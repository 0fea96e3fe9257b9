/**
 * `stat`, `verify`, `compact` and `backup`, also on damaged stores.
 */

import {
  closeSync,
  existsSync,
  openSync as openFile,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { test } from "node:test";

import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { type TempDir, tempDir } from "../support/tmp.ts";
import { assertSound, fails, kvig, makeStore, ok } from "./kvig.ts";

/** A store of a few hundred pages. */
function largeStore(dir: TempDir): string {
  const entries: Record<string, string> = {};
  for (let i = 0; i < 5000; i++) entries[`key ${i}`] = "v".repeat(150);
  return makeStore(dir, entries);
}

/** Spoils a page of the data file. */
function spoil(path: string, page: number): void {
  const file = openFile(path, "r+");
  writeSync(file, Buffer.from("spoiled"), 0, 7, page * 4096 + 2000);
  closeSync(file);
}

test("stat prints a table for people and JSON for programs", () => {
  using dir = tempDir();
  const store = makeStore(dir, { a: "1", b: "2" });
  const table = ok(["stat", store]);
  assertMatch(table, /^entries +2\n/);
  assertMatch(table, /\nlog file +1\.0 MiB\n/);
  const stats = JSON.parse(ok(["stat", store, "--json"])) as {
    entries: number;
    pages: { size: number; total: number };
    bytes: { data: number; log: number };
  };
  assertEquals([stats.entries, stats.pages.size, stats.bytes.log], [2, 4096, 1024 * 1024]);
  assertEquals(stats.bytes.data, statSync(store).size);
  assertSound(store);
});

test("verify prints nothing about a sound store but its closing line", () => {
  using dir = tempDir();
  const store = makeStore(dir, { a: "1" });
  const { code, out, err } = kvig(["verify", store]);
  assertEquals([code, out], [0, ""]);
  assertMatch(err, /^verified \d+ pages with 1 entry in [\d.]+ s: no problem\n$/);
  const report = JSON.parse(ok(["verify", store, "--json"])) as { ok: boolean; entries: number };
  assertEquals([report.ok, report.entries], [true, 1]);
});

test("verify prints each problem of a damaged store on a line, and ends with 1", () => {
  using dir = tempDir();
  const store = largeStore(dir);
  spoil(store, 40);
  spoil(store, 60);
  const { code, out, err } = kvig(["verify", store]);
  assertEquals(code, 1);
  const lines = out.trimEnd().split("\n");
  assert(lines.length >= 1 && lines.length <= 2, out);
  for (const line of lines) assertMatch(line, /^.*store\.kvig: page (40|60): \w+/);
  assertMatch(err, /: \d problems?\n$/);
  const json = kvig(["verify", store, "--json", "--quiet"]);
  assertEquals([json.code, json.err], [1, ""]);
  const report = JSON.parse(json.out) as { ok: boolean; problems: { page: number }[] };
  assertEquals([report.ok, report.problems.length], [false, lines.length]);
});

test("a damaged page is named by whoever meets it, and what stood before it is printed", () => {
  using dir = tempDir();
  const store = largeStore(dir);
  spoil(store, 60);
  const { code, out, err } = kvig(["dump", store]);
  assertEquals(code, 1);
  assertMatch(err, /^kvig: KVIG_CORRUPT: page 60 of .*store\.kvig is damaged: [^\n]*\n$/);
  for (const line of out.trimEnd().split("\n")) if (line !== "") JSON.parse(line);
  const copy = dir.file("copy");
  fails(["backup", store, copy], 1, /KVIG_CORRUPT: page 60/);
  assert(!existsSync(copy), "an unfinished backup is left behind");
});

test("a store whose log is gone is refused, and left as it is", () => {
  using dir = tempDir();
  const store = makeStore(dir, { a: "1" });
  writeFileSync(`${store}-wal`, "");
  fails(["get", store, "a"], 1, /KVIG_CORRUPT: .*log/);
  fails(["verify", store], 1, /KVIG_CORRUPT: .*log/);
  assertEquals(statSync(`${store}-wal`).size, 0);
});

test("compact gives room back and keeps the entries", () => {
  using dir = tempDir();
  const store = largeStore(dir);
  const keys = ok(["scan", store, "--keys", "--text"]).trimEnd().split("\n");
  for (let i = 0; i < 4900; i += 700) ok(["delete", store, "-q", ...keys.slice(i, i + 700)]);
  const before = statSync(store).size;
  const { code, err } = kvig(["compact", store]);
  assertEquals(code, 0, err);
  assertMatch(err, /^compacted .* to .*, [\d,]+ pages? moved, in [\d.]+ s\n$/);
  const after = statSync(store).size;
  assert(after < before / 2, `${before} bytes became ${after}`);
  assertEquals(ok(["scan", store, "--keys", "--text"]).trimEnd().split("\n"), keys.slice(4900));
  assertSound(store);
});

test("backup writes one new file that opens as a store, and never over another", () => {
  using dir = tempDir();
  const store = makeStore(dir, { a: "1", b: "2" });
  const copy = dir.file("copy.kvig");
  const { code, out, err } = kvig(["backup", store, copy]);
  assertEquals([code, out], [0, ""]);
  assertStringIncludes(err, `to ${copy} in `);
  assert(!existsSync(`${copy}-wal`));
  assertEquals(ok(["dump", copy]), ok(["dump", store]));
  assertSound(copy);
  fails(["backup", store, copy], 1, /KVIG_EXISTS: .*copy\.kvig/);
  fails(["backup", store, dir.file("no/such")], 1, /KVIG_NOT_FOUND: .*no\/such/);
  ok(["put", copy, "c", "3"]);
  assertEquals(ok(["scan", copy, "--keys", "--text"]), "a\nb\nc\n");
  assertEquals(ok(["scan", store, "--keys", "--text"]), "a\nb\n");
  assertSound(copy);
  assertSound(store);
});
