/**
 * `get`, `put`, `delete` and `scan` on stores of their own.
 */

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { assertEquals, assertMatch } from "../support/assert.ts";
import { tempDir } from "../support/tmp.ts";
import { assertSound, fails, kvig, makeStore, ok } from "./kvig.ts";

test("put sets a key and get prints it", () => {
  using dir = tempDir();
  const store = makeStore(dir, {});
  for (
    const [key, value] of [["greeting", "hello"], ["", "empty key"], ["empty", ""], ["ä", "\n"]]
  ) {
    assertEquals(ok(["put", store, key, value]), "");
    assertEquals(ok(["get", store, key]), value);
  }
  assertEquals(ok(["put", store, "greeting", "again"]), "");
  assertEquals(ok(["get", store, "greeting"]), "again");
  assertSound(store);
});

test("get of an absent key prints nothing, says so and ends with 1", () => {
  using dir = tempDir();
  const store = makeStore(dir, { a: "1" });
  fails(["get", store, "b"], 1, /^kvig: not found\n$/);
});

test("keys and values may be hexadecimal, base64, or come from standard input", () => {
  using dir = tempDir();
  const store = makeStore(dir, {});
  ok(["put", store, "--hex", "00ff", "DEADBEEF"]);
  assertEquals(ok(["get", store, "--hex", "00ff"]), "deadbeef\n");
  assertEquals(ok(["get", store, "AP8=", "--base64"]), "3q2+7w==\n");
  const raw = kvig(["get", store, "--hex", "--raw", "00ff"]);
  assertEquals([...raw.bytes], [0xDE, 0xAD, 0xBE, 0xEF]);
  const odd = Uint8Array.from([10, 0, 255, 13, 10]);
  ok(["put", store, "piped", "-"], odd);
  assertEquals([...kvig(["get", store, "piped"]).bytes], [...odd]);
  assertEquals([...kvig(["get", store, "piped", "--raw"]).bytes], [...odd]);
  ok(["put", store, "--", "-k", "-5"]);
  assertEquals(ok(["get", store, "--", "-k"]), "-5");
  assertSound(store);
});

test("put --create makes a store, and nothing else of the kind does", () => {
  using dir = tempDir();
  const store = dir.file("new.kvig");
  const absent = /^kvig: KVIG_NOT_FOUND: there is no store at .*new\.kvig; kvig load makes one/;
  const commands = [["get", store, "a"], ["put", store, "a", "1"], ["delete", store, "a"]];
  for (const name of ["scan", "dump", "stat", "verify", "compact"]) commands.push([name, store]);
  for (const args of [...commands, ["backup", store, `${store}2`]]) fails(args, 1, absent);
  assertEquals(existsSync(store), false);
  ok(["put", store, "a", "1", "--create"]);
  assertEquals(ok(["get", store, "a"]), "1");
  fails(["put", dir.file("no/such"), "a", "1", "--create"], 1, /directory it should go into/);
  assertSound(store);
});

test("what is no store is refused and left alone", () => {
  using dir = tempDir();
  const file = dir.file("notes.txt");
  writeFileSync(file, "x".repeat(10_000));
  fails(["get", file, "a"], 1, /KVIG_FORMAT: .*notes\.txt cannot be opened: it is not a kvig file/);
  fails(["put", file, "a", "1", "--create"], 1, /KVIG_FORMAT/);
  mkdirSync(dir.file("folder"));
  fails(["get", dir.file("folder"), "a"], 1, /KVIG_ACCESS: .*it is a directory/);
});

test("a key over the limit is refused with both sizes", () => {
  using dir = tempDir();
  const store = makeStore(dir, {});
  fails(["put", store, "k".repeat(1025), "v"], 1, /KVIG_KEY_TOO_LARGE: .*1025.*1024/);
  assertSound(store);
});

test("delete removes keys, absent ones without an error", () => {
  using dir = tempDir();
  const store = makeStore(dir, { a: "1", b: "2", c: "3" });
  const { code, err } = kvig(["delete", store, "a", "c", "x"]);
  assertEquals([code, err], [0, "removed 2 of 3 keys\n"]);
  assertEquals(ok(["scan", store, "--keys", "--text"]), "b\n");
  assertEquals(kvig(["delete", store, "--hex", "62", "-q"]).err, "");
  assertEquals(ok(["scan", store]), "");
  assertSound(store);
});

test("scan prints the range it is asked for, in both directions", () => {
  using dir = tempDir();
  const store = makeStore(dir, { a: "1", ab: "2", b: "3", ba: "4", c: "5" });
  const keys = (...options: string[]): string =>
    ok(["scan", store, "--keys", "--text", ...options]).trimEnd().replaceAll("\n", " ");
  assertEquals(keys(), "a ab b ba c");
  assertEquals(keys("--prefix", "a"), "a ab");
  assertEquals(keys("--gt", "a", "--lt", "c"), "ab b ba");
  assertEquals(keys("--gte", "ab", "--lte", "ba", "--reverse"), "ba b ab");
  assertEquals(keys("--prefix", "b", "--reverse", "--limit", "1"), "ba");
  assertEquals(keys("--limit", "0"), "");
  assertEquals(keys("--gte", "62", "--lt", "63", "--hex"), "62 6261");
  assertSound(store);
});

test("scan prints lines of JSON, and with --text columns that hold every byte on one line", () => {
  using dir = tempDir();
  const store = makeStore(dir, { "tab\t": "line\nbreak" });
  ok(["put", store, "--hex", "ff", "00"]);
  const lines = ok(["scan", store]);
  assertEquals(
    lines,
    String.raw`{"key":"tab\t","value":"line\nbreak"}` + "\n" +
      String.raw`{"key64":"/w==","value":"\u0000"}` + "\n",
  );
  assertEquals(ok(["scan", store, "--keys", "-n", "1"]), '{"key":"tab\\t"}\n');
  assertEquals(ok(["scan", store, "--text"]), "tab\\t\tline\\nbreak\n\\xff\t\\x00\n");
  assertMatch(ok(["scan", store, "--text", "--base64"]), /^dGFiCQ==\t[\w=]+\n\/w==\tAA==\n$/);
  assertSound(store);
});
