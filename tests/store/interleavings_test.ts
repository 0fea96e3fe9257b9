/**
 * Many tasks at once over an Io that carries out operations late and in any order: puts, deletes,
 * transactions, iterations, snapshots, checkpoints and compactions beside each other.
 *
 * Each task owns the keys of its own, so that it knows what they hold; a transaction of all tasks
 * moves an amount between shared keys, whose sum every state shows unchanged: unlike the calls of
 * the simulated lives, those of these tasks depend on what they read before.
 *
 * @module
 */

import { test } from "node:test";

import type { Kvig, Snapshot, Transaction } from "../../mod.ts";
import { SimIo } from "../sim/io.ts";
import { assertEquals } from "../support/assert.ts";
import { randomValue } from "../support/keys.ts";
import { assertSameEntries, type Entry, Model } from "../support/model.ts";
import { type Random, withSeeds } from "../support/random.ts";
import { open, openSync } from "../support/runtime.ts";
import { assertSound, PATH, SMALL, textOf } from "../support/store.ts";

const ACCOUNTS = 8;
const TOTAL = ACCOUNTS * 100;
const ROLL_BACK = new Error("rolled back on purpose");
const turned = Promise.resolve();

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
class Worker {
  readonly model = new Model();
  readonly prefix: Uint8Array;
  readonly #arena: Arena;
  readonly #name: string;

  constructor(arena: Arena, name: string) {
    this.#arena = arena;
    this.#name = name;
    this.prefix = new TextEncoder().encode(`${name}/`);
  }

  async run(steps: number): Promise<Model> {
    const { store } = this.#arena;
    for (let step = 0; step < steps; step++) await this.#step();
    assertSameEntries(await store.range({ prefix: this.prefix }).toArray(), this.model.entries());
    return this.model;
  }

  key(): Uint8Array {
    const { random, keys } = this.#arena;
    const number = random.below(keys).toString().padStart(7, "0");
    return new TextEncoder().encode(`${this.#name}/${number}`);
  }

  value(): Uint8Array {
    return randomValue(this.#arena.random, 512, this.#arena.maxValueBytes);
  }

  async #step(): Promise<void> {
    const { store, random } = this.#arena;
    const { model, prefix } = this;
    const kind = random.below(12);
    if (kind < 2) await this.#puts();
    else if (kind === 2) {
      const key = this.key();
      assertEquals(await store.delete(key), model.delete(key));
    } else if (kind === 3) await this.#batch();
    else if (kind === 4) {
      const range = { gte: this.key(), lt: this.key() };
      const expected = model.clear(range);
      assertEquals(await store.clear(range), expected);
    } else if (kind < 7) {
      const keys = Array.from({ length: 10 }, () => this.key());
      const expected = keys.map((key) => model.get(key));
      assertEquals(await store.getMany(keys), expected);
    } else if (kind === 7) await iterate(store, model, prefix, random);
    else if (kind === 8) await this.#hold();
    else if (kind === 9) await transact(this.#arena, this);
    else if (kind === 10) await move(this.#arena);
    else assertEquals(await store.count({ prefix }), model.size);
  }

  async #puts(): Promise<void> {
    const { store, random } = this.#arena;
    const many = Array.from({ length: random.below(40) }, (): Entry => [this.key(), this.value()]);
    for (const [key, value] of many) this.model.put(key, value);
    const durability = random.pick(["sync", "deferred"] as const);
    await Promise.all(many.map(([key, value]) => store.put(key, value, { durability })));
  }

  async #batch(): Promise<void> {
    const operations = Array.from({ length: this.#arena.random.below(30) }, () => {
      return { type: "put" as const, key: this.key(), value: this.value() };
    });
    for (const { key, value } of operations) this.model.put(key, value);
    await this.#arena.store.batch(operations);
  }

  async #hold(): Promise<void> {
    const { store, random } = this.#arena;
    const held = new Model(this.model);
    using snapshot = store.snapshot();
    for (let i = random.below(5); i > 0; i--) {
      const [key, value] = [this.key(), this.value()];
      this.model.put(key, value);
      await store.put(key, value);
    }
    assertSameEntries(await snapshot.range({ prefix: this.prefix }).toArray(), held.entries());
    assertEquals(await sumOf(snapshot), TOTAL);
  }
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

async function transact({ store, random }: Arena, worker: Worker): Promise<void> {
  const { model, prefix } = worker;
  const draft = new Model(model);
  const commit = !random.oneIn(3);
  try {
    await store.transaction(async (tx) => {
      for (let i = random.below(30); i > 0; i--) {
        const key = worker.key();
        if (random.oneIn(3)) assertEquals(await tx.delete(key), draft.delete(key));
        else {
          const value = worker.value();
          await tx.put(key, value);
          draft.put(key, value);
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
  model.clear({});
  for (const [key, value] of draft.entries()) model.put(key, value);
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
        await Promise.all([store.compact(), store.checkpoint()]);
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
    // Turns of the queue of microtasks, in which operations go on: they are the simulated time.
    for (let i = random.below(2000); i > 0; i--) await turned;
  }
}

async function play(
  random: Random,
  shape: { workers: number; steps: number; maxValueBytes: number; keys: number },
): Promise<void> {
  const io = new SimIo({ seed: random.below(2 ** 32), blocking: "never" });
  const store = await open(PATH, { ...SMALL, io });
  const arena: Arena = { store, random, maxValueBytes: shape.maxValueBytes, keys: shape.keys };
  await store.batch(Array.from({ length: ACCOUNTS }, (_, account) => {
    return { type: "put", key: accountKey(account), value: "100" };
  }));
  let running = shape.workers;
  const work = Array.from({ length: shape.workers }, async (_, i) => {
    try {
      return await new Worker(arena, `worker${i}`).run(shape.steps);
    } finally {
      running--;
    }
  });
  const care = upkeep(arena, () => running === 0);
  const models = await Promise.all([...work, care.then(() => new Model())]);
  assertSound(await store.verify());
  await store.flush();
  await checkCopy(io, models);
  await store.close();
  await checkCopy(io, models);
  assertEquals(io.breaches.slice(0, 3), []);
}

/** Opens what a killed process would leave now and compares it with the models of all workers. */
async function checkCopy(io: SimIo, models: Model[]): Promise<void> {
  const store = openSync(PATH, { ...SMALL, io: new SimIo({ disk: io.disk.killed() }) });
  assertSound(store.verifySync());
  assertEquals(await sumOf(store), TOTAL);
  for (const [i, model] of models.slice(0, -1).entries()) {
    const entries = store.range({ prefix: `worker${i}/` }).toArraySync();
    assertSameEntries(entries, model.entries());
  }
  store.closeSync();
}

test("few keys, many tasks", { timeout: 300_000 }, async () => {
  await withSeeds(
    "few keys, many tasks",
    3,
    (random) => play(random, { workers: 8, steps: 40, maxValueBytes: 2000, keys: 100 }),
  );
});

test("large values, and more keys than the cache holds", { timeout: 300_000 }, async () => {
  await withSeeds(
    "large values, and more keys than the cache holds",
    3,
    (random) => play(random, { workers: 5, steps: 60, maxValueBytes: 50_000, keys: 20_000 }),
  );
});
