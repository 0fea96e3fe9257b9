/**
 * Files that are not what they should be: each is refused with its code, and left byte for byte as
 * it was.
 *
 * @module
 */

import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import { open, openSync } from "../support/runtime.ts";
import { checksum } from "../../core/checksum.ts";
import type { Io } from "../../core/io.ts";
import type { KvigErrorCode, OpenOptions } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { Random } from "../support/random.ts";
import {
  assertCode,
  assertCodeSync,
  assertSound,
  copyOf,
  PATH,
  readFileOf,
  SMALL,
  writeFileOf,
} from "../support/store.ts";

const LOG = `${PATH}-wal`;
const PAGE = 512;

/** A store that was killed: data in the pages, and some in the log alone. */
function makeFiles(): { io: Io; data: Uint8Array; log: Uint8Array } {
  const io = memoryIo();
  const store = openSync(PATH, { ...SMALL, io });
  for (let i = 0; i < 300; i++) store.putSync(`key${i}`, "v".repeat(i));
  store.checkpointSync();
  for (let i = 0; i < 50; i++) store.putSync(`late${i}`, "v".repeat(i));
  const copy = copyOf(io, PATH);
  store.closeSync();
  return { io: copy, data: readFileOf(copy, PATH), log: readFileOf(copy, LOG) };
}

interface Files {
  data?: Uint8Array;
  log?: Uint8Array;
}

/** Fails unless opening is refused with `code`, in both forms, and changes nothing. */
async function assertRefused(
  files: Files,
  code: KvigErrorCode,
  part?: string,
  options: OpenOptions = {},
): Promise<void> {
  for (const readOnly of [false, true]) {
    const io = memoryIo();
    if (files.data !== undefined) writeFileOf(io, PATH, files.data);
    if (files.log !== undefined) writeFileOf(io, LOG, files.log);
    const all = { ...SMALL, readOnly, ...options, io };
    const wanted = readOnly && files.data === undefined ? "KVIG_NOT_FOUND" : code;
    const expected = wanted === code ? part : undefined;
    await assertCode(() => open(PATH, all), wanted, expected);
    assertCodeSync(() => openSync(PATH, all), wanted, expected);
    if (files.data !== undefined) assertEquals(readFileOf(io, PATH), files.data);
    if (files.log !== undefined) assertEquals(readFileOf(io, LOG), files.log);
  }
}

function refusal(name: string, work: (files: Required<Files>) => Promise<void>): void {
  test(`refused and untouched: ${name}`, { timeout: 60_000 }, () => work(makeFiles()));
}

function changed(bytes: Uint8Array, change: (bytes: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  change(copy);
  return copy;
}

/** Changes a meta page and makes its checksum fit again. */
function metaChanged(data: Uint8Array, change: (view: DataView) => void): Uint8Array {
  return changed(data, (bytes) => {
    for (const at of [0, PAGE]) {
      const view = new DataView(bytes.buffer, at, PAGE);
      change(view);
      view.setUint32(0, checksum(bytes, at + 4, PAGE - 4, 0), true);
    }
  });
}

refusal("text of any length", async () => {
  for (const length of [1, 100, 511, 512, 1024, 5000, 200_000]) {
    const text = new Uint8Array(length).fill(0x61);
    await assertRefused({ data: text }, "KVIG_FORMAT", PATH);
  }
});

refusal("text beside the log of something else", async () => {
  const data = new Uint8Array(700).fill(0x61);
  const log = new Random(1).bytes(2 * 1024 * 1024);
  await assertRefused({ data, log }, "KVIG_CORRUPT");
});

refusal("a data file that is gone while its log is there", async ({ log }) => {
  await assertRefused({ log }, "KVIG_CORRUPT", PATH);
});

refusal("an empty data file beside a log with blocks", async ({ log }) => {
  await assertRefused({ data: new Uint8Array(0), log }, "KVIG_CORRUPT");
});

refusal("a store whose log is missing", async ({ data }) => {
  await assertRefused({ data }, "KVIG_CORRUPT", "log");
});

refusal("a log that is shorter or longer", async ({ data, log }) => {
  await assertRefused({ data, log: log.subarray(0, log.length - 4096) }, "KVIG_CORRUPT", "log");
  await assertRefused({ data, log: new Uint8Array([...log, 0]) }, "KVIG_CORRUPT", "log");
  await assertRefused({ data, log: new Uint8Array(0) }, "KVIG_CORRUPT", "log");
});

refusal("another page size than asked for", async ({ data, log }) => {
  await assertRefused({ data, log }, "KVIG_FORMAT", "4096", { pageSize: 4096 });
});

refusal("a newer format", async ({ data, log }) => {
  const newer = metaChanged(data, (view) => view.setUint32(12, 2, true));
  await assertRefused({ data: newer, log }, "KVIG_FORMAT", "version 2");
});

refusal("features that this program does not know", async ({ data, log }) => {
  const odd = metaChanged(data, (view) => view.setUint32(24, 1, true));
  await assertRefused({ data: odd, log }, "KVIG_FORMAT");
});

refusal("two damaged meta pages", async ({ data, log }) => {
  const damaged = changed(data, (bytes) => {
    bytes[100] ^= 1;
    bytes[PAGE + 100] ^= 1;
  });
  await assertRefused({ data: damaged, log }, "KVIG_CORRUPT", PATH);
  await assertRefused({ data: damaged }, "KVIG_FORMAT");
});

refusal("meta pages of two stores", async ({ data, log }) => {
  const other = makeFiles().data;
  await assertRefused(
    { data: changed(data, (bytes) => bytes.set(other.subarray(PAGE, 2 * PAGE), PAGE)), log },
    "KVIG_CORRUPT",
  );
});

refusal("a data file cut short at any place", async ({ data, log }) => {
  for (const pages of [2, 3, 10, 100]) {
    await assertRefused({ data: data.subarray(0, pages * PAGE), log }, "KVIG_CORRUPT");
  }
});

refusal("a log with a bad block that was durable", async ({ data, log }) => {
  // The log of the killed store holds durable groups behind the checkpoint: damage one in front.
  for (const at of [70, 30]) {
    const found = log.findIndex((byte, i) => i % 4096 === 4 && byte !== 0);
    assertEquals(found >= 0, true);
    const late = new TextEncoder().encode("late3");
    const where = indexOf(log, late);
    await assertRefused(
      { data, log: changed(log, (bytes) => (bytes[where + (at % 5)] ^= 0x40)) },
      "KVIG_CORRUPT",
      "position",
    );
  }
});

refusal("a log of garbage in front of durable groups", async ({ data, log }) => {
  const where = Math.floor(indexOf(log, new TextEncoder().encode("late0")) / 4096) * 4096;
  const damaged = changed(log, (bytes) => bytes.set(new Random(2).bytes(8192), where));
  await assertRefused({ data, log: damaged }, "KVIG_CORRUPT");
});

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  for (let at = 0; at + part.length <= bytes.length; at++) {
    if (part.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  throw new Error("the part is not there");
}

test("one damaged meta page costs nothing", async () => {
  for (const page of [0, 1]) {
    const { data, log } = makeFiles();
    const io = memoryIo();
    writeFileOf(io, PATH, changed(data, (bytes) => (bytes[page * PAGE + 50] ^= 0x10)));
    writeFileOf(io, LOG, log);
    const store = await open(PATH, { ...SMALL, io });
    assertEquals(await store.count(), 350);
    assertSound(await store.verify());
    await store.close();
    const again = await open(PATH, { ...SMALL, io });
    assertEquals(await again.count(), 350);
    assertSound(await again.verify());
    await again.close();
  }
});

test("a torn last group is cut, and what came before it is there", async () => {
  const { data, log } = makeFiles();
  const where = indexOf(log, new TextEncoder().encode("late49"));
  const io = memoryIo();
  writeFileOf(io, PATH, data);
  writeFileOf(io, LOG, changed(log, (bytes) => (bytes[where] ^= 1)));
  const store = await open(PATH, { ...SMALL, io });
  assertEquals(await store.count(), 349);
  assertSound(await store.verify());
  await store.close();
});

test("random damage to both files never hangs, and never opens to a wrong answer", async () => {
  const { data, log } = makeFiles();
  const random = new Random(7);
  for (let round = 0; round < 150; round++) {
    const io = memoryIo();
    const spoil = (bytes: Uint8Array): Uint8Array =>
      changed(bytes, (copy) => {
        for (let i = random.below(4); i >= 0; i--) {
          const at = random.below(Math.min(copy.length, 80_000));
          const piece = random.bytes(random.pick([1, 1, 16, 512, 4096]));
          copy.set(piece.subarray(0, copy.length - at), at);
        }
      });
    writeFileOf(io, PATH, random.oneIn(4) ? data : spoil(data));
    writeFileOf(io, LOG, random.oneIn(2) ? log : spoil(log));
    await examineDamaged(io);
  }
});

/** Every value that is shown must be right; every error must have a code of ours. */
async function examineDamaged(io: Io): Promise<void> {
  const store = await open(PATH, { ...SMALL, io }).catch((error: { code?: string }) => {
    assertEquals(/^KVIG_(CORRUPT|FORMAT)$/.test(error.code ?? String(error)), true, String(error));
  });
  if (store === undefined) return;
  for (const prefix of ["key", "late"]) {
    for (let i = 0; i < (prefix === "key" ? 300 : 50); i += 7) {
      try {
        const value = await store.get(`${prefix}${i}`);
        if (value !== undefined) assertEquals(value, new Uint8Array(i).fill("v".charCodeAt(0)));
      } catch (error) {
        assertEquals((error as { code?: string }).code, "KVIG_CORRUPT", String(error));
      }
    }
  }
  await store.verify();
  await store.close().catch((error: { code?: string }) => {
    assertEquals(error.code, "KVIG_CORRUPT", String(error));
  });
}
