/**
 * Damaged pages: a flipped bit, a page of zeros, two pages exchanged, a page from before. Each is
 * named with file and page, and the rest of the store stays readable.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import { open, openSync } from "../support/runtime.ts";
import { isKvigError } from "../../core/errors.ts";
import type { Io } from "../../core/io.ts";
import { assert, assertEquals, assertGreaterOrEqual, fail } from "../support/assert.ts";
import { assertCodeSync, PATH, readFileOf, SMALL, writeFileOf } from "../support/store.ts";

const PAGE = 512;
const COUNT = 2000;
const key = (i: number): string => `key${i.toString().padStart(5, "0")}`;
const valueOf = (i: number, what: string): string => `${i} ${what} `.repeat(i % 8);

/** A closed store, and its data file before and after every value was changed. */
function makeStore(): { io: Io; before: Uint8Array; after: Uint8Array } {
  const io = memoryIo();
  const store = openSync(PATH, { ...SMALL, io });
  // Many generations, each checkpointed: the last one stands where earlier ones stood.
  for (const what of ["old", "second", "third", "fourth", "fifth", "sixth"]) {
    for (let i = 0; i < COUNT; i++) store.putSync(key(i), valueOf(i, what));
    store.putSync("large", "L".repeat(5000));
    store.checkpointSync();
  }
  const before = readFileOf(io, PATH);
  for (let i = 0; i < COUNT; i++) store.putSync(key(i), valueOf(i, "new"));
  store.closeSync();
  return { io, before, after: readFileOf(io, PATH) };
}

/** Reads everything; returns how many keys could be read and the pages named by errors. */
async function readAll(io: Io): Promise<{ readable: number; pages: Set<number> }> {
  const store = await open(PATH, { ...SMALL, io, readOnly: true });
  let readable = 0;
  const pages = new Set<number>();
  const note = (error: unknown): void => {
    if (!isKvigError(error, "KVIG_CORRUPT")) throw error;
    assertEquals(error.file, PATH);
    assert(error.page !== undefined && error.page >= 2, "the page is named");
    assert(error.message.includes(`page ${error.page}`), error.message);
    pages.add(error.page);
  };
  for (let i = 0; i < COUNT; i++) {
    try {
      const value = await store.get(key(i));
      assertEquals(new TextDecoder().decode(value), valueOf(i, "new"));
      readable++;
    } catch (error) {
      note(error);
    }
  }
  try {
    assertEquals((await store.get("large"))?.length, 5000);
  } catch (error) {
    note(error);
  }
  const report = await store.verify();
  assertEquals(report.ok, report.problems.length === 0);
  for (const page of pages) {
    const named = report.problems.some((problem) => problem.page === page);
    assert(named, `verify() names page ${page} as well`);
  }
  await store.close();
  return { readable, pages };
}

function damageTest(
  name: string,
  damage: (data: Uint8Array, leaves: number[], before: Uint8Array) => number,
): void {
  test(`${name} is named, the rest stays readable`, { timeout: 60_000 }, async () => {
    const { io, before, after } = makeStore();
    const data = after.slice();
    const expected = damage(data, leavesOf(after), before);
    writeFileOf(io, PATH, data);
    const { readable, pages } = await readAll(io);
    assertGreaterOrEqual(readable, COUNT - 300);
    assert(readable < COUNT, "something was damaged that is read");
    assert(pages.has(expected), `page ${expected} is among ${[...pages]}`);
  });
}

/** Numbers of pages that hold values as they are now. */
function leavesOf(data: Uint8Array): number[] {
  const leaves: number[] = [];
  const text = new TextEncoder().encode(" new ");
  for (let page = 2; (page + 1) * PAGE <= data.length; page++) {
    const bytes = data.subarray(page * PAGE, (page + 1) * PAGE);
    for (let at = 32; at + text.length < PAGE; at++) {
      if (!text.every((byte, i) => bytes[at + i] === byte)) continue;
      leaves.push(page);
      break;
    }
  }
  if (leaves.length < 20) fail("there are leaves");
  return leaves;
}

for (const at of [0, 5, 9, 20, 31, 40, 200, 511]) {
  damageTest(`a flipped bit in byte ${at} of a leaf`, (data, leaves) => {
    data[leaves[10] * PAGE + at] ^= 4;
    return leaves[10];
  });
}

damageTest("a leaf of zeros", (data, leaves) => {
  data.fill(0, leaves[5] * PAGE, (leaves[5] + 1) * PAGE);
  return leaves[5];
});

damageTest("a leaf that stands in the place of another", (data, leaves) => {
  data.copyWithin(leaves[3] * PAGE, leaves[4] * PAGE, (leaves[4] + 1) * PAGE);
  return leaves[3];
});

damageTest("a leaf as it was before", (data, leaves, before) => {
  // A lost write: the place still holds what an earlier checkpoint left there.
  const stale = leaves.find((page) => {
    const old = before.subarray(page * PAGE, (page + 1) * PAGE);
    return old.length === PAGE && old.some((byte) => byte !== 0);
  });
  if (stale === undefined) fail("a place was written twice");
  data.set(before.subarray(stale * PAGE, (stale + 1) * PAGE), stale * PAGE);
  return stale;
});

test("a flipped bit in a large value is named by its first page", async () => {
  const { io, after } = makeStore();
  const at = Buffer.from(after).indexOf("L".repeat(1000));
  const data = after.slice();
  for (let from = at; from >= 0; from = Buffer.from(after).indexOf("L".repeat(1000), from + 5000)) {
    data[from + 3000] ^= 1;
  }
  writeFileOf(io, PATH, data);
  const store = await open(PATH, { ...SMALL, io });
  const error = assertCodeSync(() => store.getSync("large"), "KVIG_CORRUPT", "large value");
  assertEquals(error.file, PATH);
  assertEquals(await store.has("large"), true);
  assertEquals((await store.range({ prefix: "key" }).toArray()).length, COUNT);
  const report = await store.verify();
  assertEquals(report.problems.map(({ page }) => page), [error.page!]);
  await store.close();
});

test("an iteration that meets damage fails, keeps failing and lets its snapshot go", () => {
  const { io, after } = makeStore();
  const data = after.slice();
  data[leavesOf(after)[30] * PAGE + 100] ^= 1;
  writeFileOf(io, PATH, data);
  const store = openSync(PATH, { ...SMALL, io });
  for (const reverse of [false, true]) {
    const iterator = store.range({ reverse })[Symbol.iterator]();
    const error = assertCodeSync(() => {
      while (iterator.next().done !== true);
    }, "KVIG_CORRUPT");
    assertCodeSync(() => iterator.next(), "KVIG_CORRUPT", error.message);
  }
  // Writes elsewhere go on.
  store.putSync("zebra", "1");
  assertEquals(store.getSync("zebra"), new TextEncoder().encode("1"));
  assertEquals(store.verifySync().ok, false);
  store.closeSync();
});

test("every page damaged in turn is found by verify()", { timeout: 120_000 }, () => {
  const { io } = makeStore();
  const store = openSync(PATH, { ...SMALL, io });
  const { pages } = store.verifySync();
  store.closeSync();
  const clean = readFileOf(io, PATH);
  let found = 0;
  for (let page = 2; (page + 1) * PAGE <= clean.length; page += 3) {
    const data = clean.slice();
    data[page * PAGE + 77] ^= 8;
    const copy = memoryIo();
    writeFileOf(copy, PATH, data);
    writeFileOf(copy, `${PATH}-wal`, readFileOf(io, `${PATH}-wal`));
    let problems: number[];
    try {
      const damaged = openSync(PATH, { ...SMALL, io: copy, readOnly: true });
      problems = damaged.verifySync().problems.map((problem) => problem.page);
      damaged.closeSync();
    } catch (error) {
      // The catalogue is read on opening.
      if (!isKvigError(error, "KVIG_CORRUPT") || error.page !== page) throw error;
      problems = [page];
    }
    found += problems.length > 0 ? 1 : 0;
  }
  // All but the free places and the tails of large values, where a flip changes nothing.
  assertGreaterOrEqual(found, Math.floor(pages / 3) - 2);
});
