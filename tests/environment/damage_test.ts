/**
 * Damage to the files of a store: what is read is right or `KVIG_CORRUPT`, never anything else, and
 * what lies beside the damage stays readable.
 *
 * @module
 */

import { test } from "node:test";

import { open } from "../support/runtime.ts";
import { isKvigError } from "../../core/errors.ts";
import type { Kvig } from "../../mod.ts";
import { assert, assertEquals, fail } from "../support/assert.ts";
import {
  closeSound,
  type Files,
  filesAt,
  LIMIT_MS,
  putFiles,
  QUICK,
  tryOpen,
} from "../support/environment.ts";
import { Random, runSeed } from "../support/random.ts";
import { assertCode, assertSound, textOf } from "../support/store.ts";
import { tempDir } from "../support/tmp.ts";

const PAGE = 4096;
const KEYS = 2400;
const ROUNDS = 3;
const key = (number: number): string => `key ${number.toString().padStart(6, "0")}`;
const value = (number: number, age = "new"): string => {
  const length = number % 300 === 0 ? 9000 : 400;
  return `${number} ${age} `.padEnd(length, "value ");
};

interface Made {
  data: Uint8Array;
  log: Uint8Array;
  /** The data file as it was before every other key was written anew. */
  old: Uint8Array;
}

/** Files of a closed store of about 300 pages. */
async function makeStore(path: string): Promise<Made> {
  const store = await open(path, QUICK);
  const write = async (step: number, age: string): Promise<void> => {
    for (let i = 0; i < KEYS; i += step) {
      await store.put(key(i), value(i, age), { durability: "deferred" });
    }
    await store.checkpoint();
  };
  await write(1, "old");
  const { data: old } = filesAt(path);
  await write(2, "between");
  await write(1, "new");
  await closeSound(store);
  const { data, log } = filesAt(path);
  assert(data !== undefined && log !== undefined && old !== undefined, "the files are there");
  return { data, log, old };
}

let made: Made | undefined = undefined;

/** The same files for all tests. */
async function madeStore(path: string): Promise<Made> {
  made ??= await makeStore(path);
  return made;
}

/** Damages a copy of a file; says how. */
type Damage = (bytes: Uint8Array, random: Random, made: Made) => string;

const DAMAGES: Readonly<Record<string, Damage>> = {
  "a flipped bit"(bytes, random) {
    const at = random.between(2 * PAGE, bytes.length - 1);
    bytes[at] ^= 1 << random.below(8);
    return `bit at ${at}`;
  },
  "many flipped bits"(bytes, random) {
    for (let i = 0; i < 20; i++) {
      bytes[random.between(2 * PAGE, bytes.length - 1)] ^= 1 << random.below(8);
    }
    return "20 bits";
  },
  "a sector of zeros"(bytes, random) {
    const at = random.between(16, bytes.length / 512 - 1) * 512;
    bytes.fill(0, at, at + 512);
    return `sector at ${at}`;
  },
  "two swapped pages"(bytes, random) {
    const [a, b] = [0, 0].map(() => random.between(2, bytes.length / PAGE - 1) * PAGE);
    const page = bytes.slice(a, a + PAGE);
    bytes.copyWithin(a, b, b + PAGE);
    bytes.set(page, b);
    return `pages ${a / PAGE} and ${b / PAGE}`;
  },
  "older pages"(bytes, random, { old }) {
    const pages = Array.from({ length: 8 }, () => random.between(2, old.length / PAGE - 1));
    for (const page of pages) bytes.set(old.subarray(page * PAGE, (page + 1) * PAGE), page * PAGE);
    return `pages ${pages}`;
  },
  "a meta page"(bytes, random) {
    const at = random.below(2) * PAGE + random.below(512);
    bytes[at] ^= 1 << random.below(8);
    return `meta byte ${at}`;
  },
  "an older meta page"(bytes, random, { old }) {
    const at = random.below(2) * PAGE;
    bytes.set(old.subarray(at, at + PAGE), at);
    return `older meta page at ${at}`;
  },
};

/** Reads every key; each is right or KVIG_CORRUPT with its page. Returns how many are damaged. */
async function readAll(store: Kvig, path: string, ages: string[]): Promise<number> {
  let damaged = 0;
  for (let number = 0; number < KEYS; number++) {
    try {
      const found = textOf(await store.get(key(number)));
      const right = ages.some((age) => found === value(number, age));
      if (!right) fail(`a wrong value of ${number}: ${found?.slice(0, 40)}`);
    } catch (error) {
      if (!isKvigError(error, "KVIG_CORRUPT")) throw error;
      assertEquals(error.file, path);
      assert(error.page !== undefined && error.page >= 2, "the page is named");
      damaged++;
    }
  }
  return damaged;
}

/** Iterates from both ends: the entries are right up to the damage, which comes again and again. */
async function iterateAll(store: Kvig, reverse: boolean): Promise<boolean> {
  const iterator = store.range({ reverse })[Symbol.asyncIterator]();
  for (let count = 0;; count++) {
    try {
      const result = await iterator.next();
      if (result.done === true) {
        assertEquals(count, KEYS);
        return true;
      }
      const number = reverse ? KEYS - 1 - count : count;
      assertEquals(textOf(result.value[0]), key(number));
      assertEquals(textOf(result.value[1]), value(number));
    } catch (error) {
      if (!isKvigError(error, "KVIG_CORRUPT")) throw error;
      await assertCode(() => iterator.next(), "KVIG_CORRUPT");
      await assertCode(() => iterator.next(), "KVIG_CORRUPT");
      await iterator.return?.();
      return false;
    }
  }
}

/** Opens damaged files and reads all of them; true where there was damage to be met. */
async function examine(path: string, files: Files, random: Random): Promise<boolean> {
  putFiles(path, files);
  const readOnly = random.oneIn(3);
  const store = await tryOpen(path, { ...QUICK, readOnly });
  if (isKvigError(store)) {
    assertEquals(store.code, "KVIG_CORRUPT", store.message);
    return true;
  }
  const damaged = await readAll(store, path, ["new"]);
  const wholes = [await iterateAll(store, false), await iterateAll(store, true)];
  const report = await store.verify();
  assertEquals(report.ok, report.problems.length === 0);
  for (const problem of report.problems) assert(problem.page >= 0 && problem.what !== "", "said");
  if (damaged > 0 || wholes.includes(false)) assert(!report.ok, "verify() reports the damage");
  if (report.ok) assertEquals([damaged, ...wholes], [0, true, true]);
  await store.close().catch((error: unknown) => {
    if (!isKvigError(error)) throw error;
  });
  return !report.ok;
}

for (const [name, damage] of Object.entries(DAMAGES)) {
  const sentence = `${name}: every key is right or KVIG_CORRUPT`;
  test(sentence, { timeout: LIMIT_MS }, async () => {
    const random = new Random(runSeed(sentence));
    using dir = tempDir();
    const made = await madeStore(dir.file("made"));
    let met = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const data = made.data.slice();
      const words = damage(data, random, made);
      const path = dir.file(`store${round}`);
      try {
        if (await examine(path, { data, log: made.log }, random)) met++;
      } catch (error) {
        console.log(`round ${round}: ${words}`);
        throw error;
      }
    }
    console.log(`${name}: damage was met in ${met} of ${ROUNDS} rounds`);
  });
}

test("keys on other pages than the damaged one are readable", { timeout: LIMIT_MS }, async () => {
  const random = new Random(runSeed("keys on other pages"));
  using dir = tempDir();
  const made = await madeStore(dir.file("made"));
  const path = dir.file("store");
  let leaves = 0;
  for (let tries = 0; leaves < 3 && tries < 100; tries++) {
    const number = random.between(2, made.data.length / PAGE - 1);
    // A leaf is page kind 1 (docs/format.md).
    if (made.data[number * PAGE + 12] !== 1) continue;
    const data = made.data.slice();
    data[number * PAGE + random.below(PAGE)] ^= 0x10;
    putFiles(path, { data, log: made.log });
    const store = await tryOpen(path);
    if (isKvigError(store)) {
      assertEquals(store.code, "KVIG_CORRUPT", "the leaf of the catalogue");
      continue;
    }
    const damaged = await readAll(store, path, ["new"]);
    const { problems } = await store.verify();
    assert(damaged < 30, `${damaged} keys are lost with one leaf`);
    if (damaged > 0) {
      leaves++;
      assert(problems.some(({ page, file }) => page === number && file === path), "it is named");
      const [first] = await store.range({ lt: key(1) }).toArray().catch(() => []);
      if (first !== undefined) assertEquals(textOf(first[0]), key(0));
    }
    await store.close();
  }
  assertEquals(leaves, 3);
});

test("damage in the log of a closed store harms nothing", { timeout: LIMIT_MS }, async () => {
  const random = new Random(runSeed("damage in the log of a closed store"));
  using dir = tempDir();
  const made = await madeStore(dir.file("made"));
  for (let round = 0; round < ROUNDS; round++) {
    const log = made.log.slice();
    for (let i = 0; i < 200; i++) log[random.below(log.length)] ^= 1 << random.below(8);
    const path = dir.file(`store${round}`);
    putFiles(path, { data: made.data, log });
    const store = await tryOpen(path);
    if (isKvigError(store)) {
      assertEquals(store.code, "KVIG_CORRUPT", store.message);
      continue;
    }
    assertEquals(await readAll(store, path, ["new"]), 0);
    await closeSound(store);
  }
});

/** Files of a store as they were in the middle of its life, with how many commits were made. */
async function killedStore(path: string, commits: number): Promise<Files> {
  const store = await open(path, QUICK);
  for (let i = 0; i < commits; i++) {
    if (i === commits >> 1) await store.checkpoint();
    await store.batch([
      { type: "put", key: key(i), value: value(i) },
      { type: "put", key: "last", value: `${i}` },
      { type: "delete", key: key(i - 10) },
    ]);
  }
  const files = filesAt(path);
  await closeSound(store);
  return files;
}

/** Fails unless the store is as it was after some commit; returns which. */
async function assertSomeCommit(store: Kvig): Promise<number> {
  const last = textOf(await store.get("last"));
  const commit = last === undefined ? -1 : Number(last);
  assertEquals(store.stats().sequence, commit + 1);
  const expected: [string, string][] = [];
  for (let i = Math.max(0, commit - 9); i <= commit; i++) expected.push([key(i), value(i)]);
  if (commit >= 0) expected.push(["last", `${commit}`]);
  const found = await store.range().toArray();
  assertEquals(found.map(([k, v]) => [textOf(k), textOf(v)] as [string, string]), expected);
  return commit;
}

test("damage to a killed store gives some commit or KVIG_CORRUPT", {
  timeout: LIMIT_MS,
}, async () => {
  const random = new Random(runSeed("damage to a killed store"));
  using dir = tempDir();
  const commits = 100;
  const files = await killedStore(dir.file("made"), commits);
  putFiles(dir.file("whole"), files);
  const whole = await open(dir.file("whole"), QUICK);
  assertEquals(await assertSomeCommit(whole), commits - 1, "without damage");
  await closeSound(whole);
  const outcomes: Record<string, number> = {};
  const used = Math.ceil(files.log!.findLastIndex((byte) => byte !== 0) / 512) * 512;
  for (let round = 0; round < 16; round++) {
    const path = dir.file(`store${round}`);
    const log = files.log!.slice();
    const at = random.below(used);
    if (round % 2 === 0) log[at] ^= 1 << random.below(8);
    else log.fill(0, at - at % 512, at - at % 512 + 512);
    putFiles(path, { data: files.data, log });
    const store = await tryOpen(path);
    let outcome = "all";
    if (isKvigError(store)) {
      assertEquals(store.code, "KVIG_CORRUPT", store.message);
      outcome = "KVIG_CORRUPT";
    } else {
      const commit = await assertSomeCommit(store);
      if (commit < commits - 1) outcome = commit < (commits >> 1) - 1 ? "too few" : "fewer";
      assertSound(await store.verify());
      await store.close();
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  console.log(`a killed store: ${JSON.stringify(outcomes)}`);
  assertEquals(outcomes["too few"], undefined, "what a checkpoint holds is not lost");
});
