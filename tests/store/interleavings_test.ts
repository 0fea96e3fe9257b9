/**
 * Many tasks at once over an Io that carries out operations late and in any order: puts, deletes,
 * transactions, iterations, snapshots, checkpoints and compactions beside each other.
 *
 * Each task owns the keys of its own, so that it knows what they hold; a transaction of all tasks
 * moves an amount between shared keys, whose sum every state shows unchanged.
 *
 * @module
 */

import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import { open } from "../../adapters/node/mod.ts";
import type { Kvig, Snapshot, Transaction } from "../../mod.ts";
import { assertEquals } from "../support/assert.ts";
import { randomValue } from "../support/keys.ts";
import { assertSameEntries, type Entry, Model } from "../support/model.ts";
import { Random, withSeeds } from "../support/random.ts";
import { SlowIo } from "../support/slow_io.ts";
import { assertSound, copyOf, PATH, SMALL, textOf } from "../support/store.ts";

const ACCOUNTS = 8;
const TOTAL = ACCOUNTS * 100;
const ROLL_BACK = new Error("rolled back on purpose");

interface Arena {
  readonly store: Kvig;
  readonly random: Random;
  readonly maxValueBytes: number;
  readonly keys: number;
}

const accountKey = (account: number): string => `account/${account}`;

async function sumOf(reader: Kvig | Snapshot | Transaction): Promise<number> {
  let sum = 0;
  for await (const value of reader.values({ prefix: "account/" })) sum += Number(textOf(value));
  return sum;
}

/** One task: random operations on keys of its own, each awaited, each compared. */
async function worker(arena: Arena, name: string, steps: number): Promise<Model> {
  const { store, random } = arena;
  const model = new Model();
  const key = (): Uint8Array =>
    new TextEncoder().encode(`${name}/${random.below(arena.keys).toString().padStart(7, "0")}`);
  const prefix = new TextEncoder().encode(`${name}/`);
  const value = (): Uint8Array => randomValue(random, 512, arena.maxValueBytes);
  for (let step = 0; step < steps; step++) {
    switch (random.below(12)) {
      case 0:
      case 1: {
        const many = Array.from({ length: random.below(40) }, (): Entry => [key(), value()]);
        for (const [k, v] of many) model.put(k, v);
        const durability = random.pick(["sync", "deferred"] as const);
        await Promise.all(many.map(([k, v]) => store.put(k, v, { durability })));
        break;
      }
      case 2: {
        const k = key();
        assertEquals(await store.delete(k), model.delete(k));
        break;
      }
      case 3: {
        const operations = Array.from({ length: random.below(30) }, () => {
          return { type: "put" as const, key: key(), value: value() };
        });
        for (const operation of operations) model.put(operation.key, operation.value);
        await store.batch(operations);
        break;
      }
      case 4: {
        const range = { gte: key(), lt: key() };
        const expected = model.clear(range);
        assertEquals(await store.clear(range), expected);
        break;
      }
      case 5:
      case 6: {
        const keys = Array.from({ length: 10 }, key);
        const expected = keys.map((k) => model.get(k));
        assertEquals(await store.getMany(keys), expected);
        break;
      }
      case 7:
        await iterate(store, model, prefix, random);
        break;
      case 8: {
        const held = new Model(model);
        using snapshot = store.snapshot();
        for (let i = random.below(5); i > 0; i--) {
          const [k, v] = [key(), value()];
          model.put(k, v);
          await store.put(k, v);
        }
        assertSameEntries(await snapshot.range({ prefix }).toArray(), held.entries());
        assertEquals(await sumOf(snapshot), TOTAL);
        break;
      }
      case 9:
        await transact(arena, model, key, value, prefix);
        break;
      case 10:
        await move(arena);
        break;
      default:
        assertEquals(await store.count({ prefix }), model.size);
    }
  }
  assertSameEntries(await store.range({ prefix }).toArray(), model.entries());
  return model;
}

async function iterate(
  store: Kvig,
  model: Model,
  prefix: Uint8Array,
  random: Random,
): Promise<void> {
  const options = { prefix, reverse: random.oneIn(2), limit: random.below(300) };
  const expected = model.entries(options);
  const stop = random.oneIn(2) ? random.below(50) : Infinity;
  const seen: Entry[] = [];
  for await (const entry of store.range(options)) {
    seen.push(entry);
    if (seen.length > stop) break;
  }
  assertSameEntries(seen, expected.slice(0, seen.length));
  if (stop === Infinity) assertEquals(seen.length, expected.length);
}

async function transact(
  { store, random }: Arena,
  model: Model,
  key: () => Uint8Array,
  value: () => Uint8Array,
  prefix: Uint8Array,
): Promise<void> {
  const draft = new Model(model);
  const commit = !random.oneIn(3);
  try {
    await store.transaction(async (tx) => {
      for (let i = random.below(30); i > 0; i--) {
        const k = key();
        if (random.oneIn(3)) assertEquals(await tx.delete(k), draft.delete(k));
        else {
          const v = value();
          await tx.put(k, v);
          draft.put(k, v);
        }
      }
      assertSameEntries(await tx.range({ prefix }).toArray(), draft.entries());
      assertEquals(await sumOf(tx), TOTAL);
      if (!commit) throw ROLL_BACK;
    });
  } catch (error) {
    if (error !== ROLL_BACK) throw error;
  }
  if (!commit) return;
  for (const k of model.keys()) model.delete(k);
  for (const [k, v] of draft.entries()) model.put(k, v);
}

async function move({ store, random }: Arena): Promise<void> {
  const [from, to] = [accountKey(random.below(ACCOUNTS)), accountKey(random.below(ACCOUNTS))];
  const amount = random.below(50);
  await store.transaction(async (tx) => {
    await tx.put(from, `${Number(textOf(await tx.get(from))) - amount}`);
    await tx.put(to, `${Number(textOf(await tx.get(to))) + amount}`);
  });
}

/** Upkeep beside the workers, until they are done. */
async function upkeep(arena: Arena, done: () => boolean): Promise<void> {
  const { store, random } = arena;
  while (!done()) {
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
        await store.checkpoint();
        break;
      case 3:
        await Promise.all([store.checkpoint(), store.flush(), store.checkpoint()]);
        break;
      case 4:
        await store.compact();
        break;
      case 5:
        assertSound(await store.verify());
        break;
      case 6:
        await store.flush();
        break;
      default:
        assertEquals(await sumOf(store), TOTAL);
    }
    for (let i = random.below(30); i > 0; i--) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function play(
  random: Random,
  shape: { workers: number; steps: number; maxValueBytes: number; keys: number },
): Promise<void> {
  const inner = memoryIo();
  const io = new SlowIo(inner, random);
  const store = await open(PATH, { ...SMALL, io });
  const arena: Arena = { store, random, maxValueBytes: shape.maxValueBytes, keys: shape.keys };
  await store.batch(Array.from({ length: ACCOUNTS }, (_, account) => {
    return { type: "put", key: accountKey(account), value: "100" };
  }));
  let running = shape.workers;
  const work = Array.from({ length: shape.workers }, async (_, i) => {
    try {
      return await worker(arena, `worker${i}`, shape.steps);
    } finally {
      running--;
    }
  });
  const care = upkeep(arena, () => running === 0);
  const models = await Promise.all([...work, care.then(() => new Model())]);
  assertSound(await store.verify());
  assertEquals(io.faults.slice(0, 3), []);
  await store.flush();
  await checkCopy(copyOf(inner, PATH), models);
  await store.close();
  await checkCopy(copyOf(inner, PATH), models);
  assertEquals(io.faults.slice(0, 3), []);
}

/** Opens files as they are and compares them with the models of all workers. */
async function checkCopy(io: ReturnType<typeof memoryIo>, models: Model[]): Promise<void> {
  const store = await open(PATH, { ...SMALL, io });
  assertSound(await store.verify());
  assertEquals(await sumOf(store), TOTAL);
  for (const [i, model] of models.slice(0, -1).entries()) {
    const entries = await store.range({ prefix: `worker${i}/` }).toArray();
    assertSameEntries(entries, model.entries());
  }
  await store.close();
}

test("few keys, many tasks", { timeout: 300_000 }, async () => {
  await withSeeds("few keys, many tasks", 6, (random) =>
    play(random, { workers: 8, steps: 60, maxValueBytes: 2000, keys: 100 }));
});

test("more keys than the cache holds", { timeout: 300_000 }, async () => {
  await withSeeds("more keys than the cache holds", 2, (random) =>
    play(random, { workers: 6, steps: 120, maxValueBytes: 3000, keys: 20_000 }));
});

test("large values", { timeout: 300_000 }, async () => {
  await withSeeds("large values", 2, (random) =>
    play(random, { workers: 4, steps: 60, maxValueBytes: 50_000, keys: 100 }));
});
