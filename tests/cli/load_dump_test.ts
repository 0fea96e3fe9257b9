/**
 * `load` and `dump`: what goes out comes back in, and what cannot come in is named.
 */

import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { openSync } from "../support/runtime.ts";
import { assert, assertEquals, assertMatch } from "../support/assert.ts";
import { type Random, withSeeds } from "../support/random.ts";
import { tempDir } from "../support/tmp.ts";
import { assertSound, fails, kvig, makeStore, ok } from "./kvig.ts";

const SMALL = ["--log-size", "1MiB", "--cache-size", "1MiB"];

/** Keys and values of all sorts: empty, text, NUL, halves of surrogates, plain noise, large. */
function randomEntries(random: Random): Map<string, Uint8Array> {
  const sorts = [
    (): Uint8Array => new Uint8Array(random.below(3)),
    (): Uint8Array => Uint8Array.from(Buffer.from('Zürich \u{1F600} \u2028 \\ " \uFEFF\uFFFD')),
    (): Uint8Array => Uint8Array.from([0xED, 0xA0 + random.below(32), 0x80]),
    (): Uint8Array => random.bytes(random.below(60)),
    (): Uint8Array => random.bytes(random.below(200)),
  ];
  const entries = new Map<string, Uint8Array>();
  for (let i = 0; i < 400; i++) {
    const key = Buffer.concat([random.pick(sorts)(), random.bytes(random.below(3))]);
    const value = random.oneIn(50) ? random.bytes(random.below(100_000)) : random.pick(sorts)();
    entries.set(key.toString("hex"), value);
  }
  return entries;
}

function contents(path: string): Map<string, Uint8Array> {
  using store = openSync(path, { readOnly: true });
  return new Map(
    [...store.range()].map(([key, value]) => [Buffer.from(key).toString("hex"), value]),
  );
}

function assertSameContents(path: string, expected: ReadonlyMap<string, Uint8Array>): void {
  const found = contents(path);
  assertEquals([...found.keys()], [...expected.keys()].sort());
  for (const [key, value] of expected) {
    assertEquals(Buffer.compare(found.get(key) ?? new Uint8Array(1), value), 0, `value of ${key}`);
  }
}

test("a dump that is loaded is the same store, byte for byte", async () => {
  await withSeeds("dump and load", 3, (random) => {
    using dir = tempDir();
    const [one, other] = [dir.file("one"), dir.file("other")];
    const entries = randomEntries(random);
    using store = openSync(one, { logSize: 1024 * 1024 });
    store.batchSync([...entries].map(([key, value]) => (
      { type: "put" as const, key: Buffer.from(key, "hex"), value }
    )));
    store.closeSync();
    const dump = kvig(["dump", one]);
    assertEquals(dump.code, 0, dump.err);
    assertMatch(dump.err, new RegExp(`^dumped ${entries.size} entries in [\\d.]+ s\n$`));
    ok(["load", other, "--page-size", "8KiB", ...SMALL], dump.bytes);
    assertSameContents(other, entries);
    assertEquals(Buffer.compare(kvig(["dump", other]).bytes, dump.bytes), 0);
    assertSound(one);
    assertSound(other);
  });
});

test("load reads a file, in transactions of the size it is told", () => {
  using dir = tempDir();
  const [store, input] = [dir.file("store"), dir.file("input.jsonl")];
  const lines = Array.from({ length: 25 }, (_, i) => `{"key":"${i}","value":"v"}`);
  writeFileSync(input, `\uFEFF${lines.join("\r\n")}\r\n\r\n`);
  const { code, err } = kvig(["load", store, input, "--batch", "10", ...SMALL]);
  assertMatch(err, /^loaded 25 entries in [\d.]+ s\n$/);
  assertEquals(code, 0);
  const stats = JSON.parse(ok(["stat", store, "--json"])) as Record<string, unknown>;
  assertEquals([stats["entries"], stats["sequence"]], [25, 3]);
  ok(["load", store, "-", "--no-sync"], '{"key":"0","value":"new"}');
  assertEquals(ok(["get", store, "0"]), "new");
  assertEquals(ok(["get", store, "1"]), "v");
  assertSound(store);
});

test("load makes a store with the sizes it is told, and refuses another page size later", () => {
  using dir = tempDir();
  const store = dir.file("store");
  ok(["load", store, "--page-size", "1KiB", "--log-size", "2MiB"]);
  assertEquals(statSync(store).size % 1024, 0);
  assertEquals(statSync(`${store}-wal`).size, 2 * 1024 * 1024);
  ok(["load", store, "--page-size", "1024"]);
  fails(["load", store, "--page-size", "4096"], 1, /KVIG_FORMAT: .*page size is 1024 .* 4096/);
  assertSound(store);
});

test("an empty store dumps nothing, scans nothing and is sound", () => {
  using dir = tempDir();
  const store = makeStore(dir, {});
  const { code, out, err } = kvig(["dump", store]);
  assertEquals([code, out], [0, ""]);
  assertMatch(err, /^dumped 0 entries/);
  assertEquals(ok(["scan", store]), "");
  assertMatch(ok(["stat", store]), /^entries +0\n/);
  assertSound(store);
});

test("load names the line that it cannot read, and what is stored by then", () => {
  using dir = tempDir();
  const store = makeStore(dir, {});
  const good = (n: number): string =>
    Array.from({ length: n }, (_, i) => `{"key":"${i}","value":""}\n`).join("");
  const cases: [string, string[], RegExp][] = [
    [
      "hello\n",
      [],
      /^kvig: standard input, line 1: not JSON.*; a line is \{"key".*nothing was stored/,
    ],
    [`${good(2)}\n{"key":"a"}\n`, [], /line 4: neither value nor value64.*\(nothing was stored\)/],
    [
      `${good(2)}{"key":"a","value":7}`,
      ["--batch", "1"],
      /line 3: .*got a number \(lines 1 to 2 are/,
    ],
    [
      `${good(1)}{"key":"a","ttl":7}`,
      ["--batch", "1"],
      /line 2: unknown field "ttl".*\(line 1 is st/,
    ],
    [
      `${good(3)}{"key":"${"x".repeat(1025)}","value":""}\n${good(1)}`,
      ["--batch", "2"],
      /line 4: KVIG_KEY_TOO_LARGE: .* over the limit of 1024 bytes \(lines 1 to 2 are stored\)/,
    ],
  ];
  for (const [input, options, message] of cases) {
    fails(["load", store, ...options], 1, message, input);
  }
  fails(
    ["load", store],
    1,
    /line 2: not UTF-8; .* key64 and value64/,
    Buffer.concat([Buffer.from(good(1)), Uint8Array.from([0xFF, 10])]),
  );
  // What was stored is what the messages said: up to two entries.
  assertEquals(ok(["scan", store, "--keys", "--text"]), "0\n1\n");
  assertSound(store);
});

test("load of a file that cannot be read makes no store", () => {
  using dir = tempDir();
  const store = dir.file("store");
  mkdirSync(dir.file("folder"));
  fails(
    ["load", store, dir.file("absent")],
    1,
    /absent cannot be read: there is no such file \(ENOENT/,
  );
  fails(["load", store, dir.file("folder")], 1, /folder cannot be read: it is a directory/);
  assert(!existsSync(store));
  fails(["load", dir.file("no/such/store")], 1, /KVIG_NOT_FOUND: .*directory it should go into/);
});
