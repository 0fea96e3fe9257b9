/**
 * Files that are no store, or not this program's, or not whole: each is refused with an error that
 * says so, and stays byte for byte as it was.
 *
 * @module
 */

import fs from "node:fs";
import { test } from "node:test";

import { open, openSync } from "../support/runtime.ts";
import { checksum } from "../../core/checksum.ts";
import { isKvigError } from "../../core/errors.ts";
import type { KvigErrorCode } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import {
  assertRefused,
  assertUntouched,
  closeSound,
  type Files,
  filesAt,
  LIMIT_MS,
  putFiles,
  QUICK,
  tryOpen,
} from "../support/environment.ts";
import { Random, runSeed } from "../support/random.ts";
import { assertCodeSync, textOf } from "../support/store.ts";
import { tempDir } from "../support/tmp.ts";

const KEYS = 1500;
const REFUSED: KvigErrorCode[] = ["KVIG_FORMAT", "KVIG_CORRUPT"];
const key = (number: number): string => `key ${number.toString().padStart(6, "0")}`;
const value = (number: number): string => `${number} `.padEnd(300, "value ");
const latin = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** The files of a closed store with {@link KEYS} keys. */
async function madeStore(path: string): Promise<Files> {
  const store = await open(path, QUICK);
  for (let i = 0; i < KEYS; i++) store.putSync(key(i), value(i), { durability: "deferred" });
  await store.checkpoint();
  await store.put(key(0), value(0));
  await closeSound(store);
  return filesAt(path);
}

/** The same file with other bytes in both meta pages, whose checksums fit again. */
function patched(data: Uint8Array, at: number, bytes: number[]): Uint8Array {
  const copy = data.slice();
  for (const start of [0, 4096]) {
    const page = copy.subarray(start, start + 512);
    page.set(bytes, at);
    new DataView(page.buffer, page.byteOffset).setUint32(0, checksum(page, 4, 508, 0), true);
  }
  return copy;
}

function testFiles(
  sentence: string,
  work: (path: string, files: { data: Uint8Array; log: Uint8Array }) => Promise<void>,
): void {
  test(sentence, { timeout: LIMIT_MS }, async () => {
    using dir = tempDir();
    const { data, log } = await madeStore(dir.file("made"));
    assert(data !== undefined && log !== undefined, "both files are there");
    await work(dir.file("store"), { data, log });
  });
}

// Not a store

test("files of other programs are KVIG_FORMAT", { timeout: LIMIT_MS }, async () => {
  using dir = tempDir();
  const path = dir.file("store");
  const random = new Random(runSeed("files of other programs"));
  const text = latin("Nothing in here is a store.\n".repeat(2000));
  await assertRefused(path, { data: text, log: undefined }, ["KVIG_FORMAT"], "text");
  await assertRefused(
    path,
    { data: text.subarray(0, 20), log: undefined },
    ["KVIG_FORMAT"],
    "note",
  );
  const lengths = [1, 3, 4, 12, 511, 512, 513, 4095, 4096, 4097, 8191, 8192, 8193, 65_536, 131_072];
  for (const length of [...lengths, 131_073, 1 << 20, random.below(300_000) + 1]) {
    const bytes = Uint8Array.from({ length }, () => random.below(256));
    for (const log of [undefined, bytes.slice(0, 5000)]) {
      await assertRefused(path, { data: bytes, log }, REFUSED, `${length} random bytes`);
    }
    const files = { data: bytes, log: undefined };
    await assertRefused(path, files, ["KVIG_FORMAT"], `${length} bytes`, { cacheSize: 1 << 20 });
    assertCodeSync(() => openSync(path, QUICK), "KVIG_FORMAT");
    assertUntouched(path, files, `${length} random bytes, openSync`);
  }
  const zeros = new Uint8Array(300_000);
  await assertRefused(path, { data: zeros, log: undefined }, ["KVIG_FORMAT"], "zeros");
});

test("a database of another program keeps its log too", { timeout: LIMIT_MS }, async () => {
  using dir = tempDir();
  const data = new Uint8Array(16_384);
  data.set(latin("SQLite format 3\0"));
  data.set([0x10, 0x00, 0x02, 0x02, 0x00, 0x40, 0x20, 0x20], 16);
  const log = new Uint8Array(32 + 3 * 4120).fill(7);
  log.set([0x37, 0x7F, 0x06, 0x82, 0x00, 0x2D, 0xE2, 0x18]);
  await assertRefused(dir.file("store"), { data, log }, REFUSED, "with its log");
  await assertRefused(dir.file("store"), { data, log: undefined }, ["KVIG_FORMAT"], "alone");
});

test("empty files are made into a store", { timeout: LIMIT_MS }, async () => {
  using dir = tempDir();
  const none = new Uint8Array(0);
  let number = 0;
  for (const data of [undefined, none]) {
    for (const log of [undefined, none, new Uint8Array(1 << 20)]) {
      const path = dir.file(`store${number++}`);
      putFiles(path, { data, log });
      const store = await open(path, QUICK);
      assertEquals(await store.count(), 0);
      await store.put("key", "value");
      await closeSound(store);
      const again = await open(path, { ...QUICK, createIfMissing: false });
      assertEquals(textOf(await again.get("key")), "value");
      await closeSound(again);
    }
  }
});

// Not this program's

testFiles("a newer format, unknown features, other sizes are KVIG_FORMAT", async (path, files) => {
  const { data, log } = files;
  const format: KvigErrorCode[] = ["KVIG_FORMAT"];
  for (const version of [0, 2, 255]) {
    const newer = { data: patched(data, 12, [version]), log };
    await assertRefused(path, newer, format, `version ${version}`);
  }
  for (const flag of [1, 0x80]) {
    const featured = { data: patched(data, 24, [flag]), log };
    await assertRefused(path, featured, format, `incompatible feature ${flag}`);
    const readable = { data: patched(data, 20, [flag]), log };
    await assertRefused(path, readable, format, `feature ${flag} that forbids writing`);
    const reader = await open(path, { ...QUICK, readOnly: true });
    assertEquals(await reader.count(), KEYS);
    await closeSound(reader);
    assertUntouched(path, readable, "read-only");
  }
  for (const pageSize of [512, 8192, 65_536]) {
    const wrong = { ...QUICK, pageSize, cacheSize: 16 << 20 };
    await assertRefused(path, { data, log }, format, `pages of ${pageSize}`, wrong);
  }
  putFiles(path, { data: patched(data, 16, [0x55]), log });
  const store = await open(path, QUICK);
  assertEquals(await store.count(), KEYS, "a feature that may be ignored");
  await closeSound(store);
});

testFiles("meta pages that say what cannot be are refused", async (path, { data, log }) => {
  const odd: [number, number[], string][] = [
    [28, [0, 0, 0, 0], "no page size"],
    [48, [1, 0, 0], "an odd size of the log"],
    [56, [7, 0], "an odd size of blocks"],
    [104, [0, 0, 0, 0, 0, 0, 0, 0xFF], "a sequence out of range"],
    [136, [99], "a free-space index of an odd height"],
    [140, [0xFF, 0xFF, 0xFF, 0xFF], "more pages than there are"],
  ];
  for (const [at, bytes, what] of odd) {
    await assertRefused(path, { data: patched(data, at, bytes), log }, REFUSED, what);
  }
});

// Not whole

testFiles("a log that is missing, cut or another's is KVIG_CORRUPT", async (path, files) => {
  const { data, log } = files;
  const corrupt: KvigErrorCode[] = ["KVIG_CORRUPT"];
  await assertRefused(path, { data, log: undefined }, corrupt, "no log");
  for (const length of [0, 1, 512, 4096, log.length / 2, log.length - 4096, log.length - 1]) {
    await assertRefused(path, { data, log: log.slice(0, length) }, corrupt, `log of ${length}`);
  }
  const longer = new Uint8Array(log.length + 4096);
  longer.set(log);
  await assertRefused(path, { data, log: longer }, corrupt, "a longer log");
  await assertRefused(path, { data: undefined, log }, corrupt, "no data file");
  await assertRefused(path, { data: new Uint8Array(0), log }, corrupt, "an empty data file");
  const reader = { ...QUICK, readOnly: true };
  await assertRefused(path, { data, log: undefined }, corrupt, "no log, read-only", reader);
});

testFiles("a log of another store is never replayed", async (path, files) => {
  const other = await open(`${path}2`, QUICK);
  for (let i = 0; i < KEYS; i++) other.putSync(key(i), "another", { durability: "deferred" });
  await other.flush();
  const { log } = filesAt(`${path}2`);
  await closeSound(other);
  putFiles(path, { data: files.data, log });
  const store = await tryOpen(path);
  assert(isKvigError(store, "KVIG_CORRUPT"), "a foreign log is damage");
  assertUntouched(path, { data: files.data, log }, "refused");
});

testFiles("a data file cut short is refused, or all of it is right", async (path, files) => {
  const { data, log } = files;
  const random = new Random(runSeed("a data file cut short"));
  const lengths = [1, 511, 512, 4095, 4096, 4097, 4608, 8191, 8192, 8193, 12_288, data.length >> 1];
  for (let i = 0; i < 8; i++) lengths.push(random.below(data.length));
  for (const length of lengths) {
    const cut = { data: data.slice(0, length), log };
    putFiles(path, cut);
    const store = await tryOpen(path);
    if (isKvigError(store)) {
      assert(REFUSED.includes(store.code), `cut to ${length}: ${store.message}`);
      assertUntouched(path, cut, `cut to ${length}`);
      continue;
    }
    assertEquals(await store.count(), KEYS, `cut to ${length}`);
    for (let k = 0; k < KEYS; k += 7) assertEquals(textOf(await store.get(key(k))), value(k));
    await closeSound(store);
  }
});

testFiles("both meta pages garbled are KVIG_CORRUPT", async (path, { data, log }) => {
  const random = new Random(runSeed("both meta pages garbled"));
  for (let i = 0; i < 8; i++) {
    const garbled = data.slice();
    for (const start of [0, 4096]) garbled[start + random.below(512)] ^= 1 << random.below(8);
    await assertRefused(path, { data: garbled, log }, ["KVIG_CORRUPT"], `garbled ${i}`);
  }
  const zeroed = data.slice().fill(0, 0, 8192);
  await assertRefused(path, { data: zeroed, log }, ["KVIG_CORRUPT"], "zeroed");
});

testFiles("one meta page garbled never gives wrong data", async (path, { data, log }) => {
  const random = new Random(runSeed("one meta page garbled"));
  const outcomes = { opened: 0, refused: 0 };
  for (let i = 0; i < 8; i++) {
    const garbled = data.slice();
    garbled[(i % 2) * 4096 + random.below(512)] ^= 1 << random.below(8);
    putFiles(path, { data: garbled, log });
    const store = await tryOpen(path);
    if (isKvigError(store)) {
      assertEquals(store.code, "KVIG_CORRUPT", store.message);
      assertUntouched(path, { data: garbled, log }, "refused");
      outcomes.refused++;
      continue;
    }
    assertEquals(await store.count(), KEYS);
    for (let k = 0; k < KEYS; k += 3) assertEquals(textOf(await store.get(key(k))), value(k));
    await closeSound(store);
    outcomes.opened++;
  }
  console.log(`one meta page garbled: ${JSON.stringify(outcomes)}`);
});

test("nothing is left beside files that are refused", { timeout: LIMIT_MS }, async () => {
  using dir = tempDir();
  const files = { data: latin("a note"), log: undefined };
  await assertRefused(dir.file("note"), files, ["KVIG_FORMAT"], "a note");
  assertEquals(fs.readdirSync(dir.path), ["note"]);
});
