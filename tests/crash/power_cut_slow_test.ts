/**
 * Power cuts beside many tasks at once, over an Io that carries out operations late and in any
 * order: what a sync covers is only what had completed when it was asked for.
 *
 * @module
 */

import { test } from "node:test";

import { open, openSync } from "../support/runtime.ts";
import type { Kvig } from "../../mod.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { type Change, History } from "../support/history.ts";
import { KEY_SHAPES } from "../support/keys.ts";
import { PowerCutIo } from "../support/power_cut_io.ts";
import { type Random, withSeeds } from "../support/random.ts";
import { SlowIo } from "../support/slow_io.ts";
import { assertSound, PATH, SMALL } from "../support/store.ts";

const ROLL_BACK = new Error("rolled back on purpose");

interface SlowPlay {
  readonly steps: number;
  readonly spread: number;
  readonly maxValueBytes: number;
  readonly every: number;
}

/** One life of a store, with up to 12 operations under way. */
class SlowRun {
  readonly #random: Random;
  readonly #play: SlowPlay;
  readonly #disk = new PowerCutIo();
  readonly #history = new History();
  readonly #shape: string;
  readonly #under = new Set<Promise<void>>();
  /** The last commit that is applied. */
  #applied = 0;
  /** Images looked at. */
  looked = 0;

  constructor(random: Random, play: SlowPlay) {
    this.#random = random;
    this.#play = play;
    this.#shape = random.pick(Object.keys(KEY_SHAPES));
  }

  async run(): Promise<void> {
    const random = this.#random;
    const io = new SlowIo(this.#disk, random);
    this.#disk.onStep = () => {
      if (random.oneIn(this.#play.every)) this.#look();
    };
    const store = await open(PATH, { ...SMALL, io });
    for (let step = 0; step < this.#play.steps; step++) {
      this.#start(store);
      if (this.#under.size >= 12 || random.oneIn(10)) await Promise.race(this.#under);
    }
    await Promise.all(this.#under);
    await this.#history.checkLater(store);
    assertSound(await store.verify());
    assertEquals(io.faults.slice(0, 3), []);
    await store.close();
    assertEquals(io.faults.slice(0, 3), []);
    this.#history.acknowledge(this.#history.issued);
    this.#look();
  }

  #look(): void {
    this.looked++;
    const store = openSync(PATH, { ...SMALL, io: this.#disk.cut(this.#random) });
    this.#history.check(store);
    assertSound(store.verifySync());
  }

  #track(work: Promise<unknown>): void {
    const under: Promise<void> = work.then(() => {
      this.#under.delete(under);
    });
    this.#under.add(under);
  }

  #key(): Uint8Array {
    const { model } = this.#history;
    const random = this.#random;
    const there = random.oneIn(2) ? model.keyAt(random.below(model.size + 1)) : undefined;
    return there ?? KEY_SHAPES[this.#shape](random, 128, this.#play.spread);
  }

  #changes(count: number): Change[] {
    const random = this.#random;
    return Array.from({ length: count }, () => {
      const large = random.oneIn(20) ? random.below(this.#play.maxValueBytes) : 0;
      const value = random.bytes(large > 0 ? large : random.below(random.oneIn(3) ? 256 : 40));
      return { key: this.#key(), value: random.oneIn(4) ? undefined : value };
    });
  }

  /** Starts an operation. Commits happen in the order in which they were asked for. */
  #start(store: Kvig): void {
    const random = this.#random;
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const change = this.#changes(1)[0];
        const value = change.value ?? random.bytes(9);
        const durability = random.pick(["sync", "sync", "deferred"] as const);
        this.#commit(
          [{ key: change.key, value }],
          durability === "sync",
          () => store.put(change.key, value, { durability }),
        );
        return;
      }
      case 4:
      case 5: {
        const changes = this.#changes(random.below(25));
        this.#commit(
          changes,
          true,
          () =>
            store.batch(
              changes.map(({ key, value }) =>
                value === undefined ? { type: "delete", key } : { type: "put", key, value }
              ),
            ),
        );
        return;
      }
      case 6:
      case 7:
        this.#transact(store);
        return;
      case 8:
        this.#safe(() => store.flush());
        return;
      case 9:
        this.#safe(() => store.checkpoint());
        return;
      case 10:
        if (random.oneIn(4)) this.#track(store.compact());
        return;
      default:
        this.#track(this.#readAll(store));
    }
  }

  #commit(changes: Change[], sync: boolean, write: () => Promise<unknown>): void {
    const commit = this.#history.issue(changes);
    this.#track(
      write().then(() => {
        this.#applied = Math.max(this.#applied, commit);
        if (sync) this.#history.acknowledge(commit);
      }),
    );
  }

  /** What was applied before is safe once this settles. */
  #safe(work: () => Promise<void>): void {
    const applied = this.#applied;
    this.#track(work().then(() => this.#history.acknowledge(applied)));
  }

  #transact(store: Kvig): void {
    const random = this.#random;
    const changes = this.#changes(random.oneIn(6) ? random.below(1200) : random.below(40));
    const work = async (fail: boolean): Promise<void> => {
      await store.transaction(async (tx) => {
        const many: Promise<unknown>[] = [];
        for (const { key, value } of changes) {
          many.push(value === undefined ? tx.delete(key) : tx.put(key, value));
          if (random.oneIn(20)) await Promise.all(many);
        }
        await Promise.all(many);
        if (fail) throw ROLL_BACK;
      });
    };
    if (random.oneIn(3)) {
      this.#track(work(true).catch((error) => assert(error === ROLL_BACK, String(error))));
    } else if (changes.length > 0) this.#commit(changes, true, () => work(false));
  }

  /** A snapshot shows one of the states there were. */
  async #readAll(store: Kvig): Promise<void> {
    using snapshot = store.snapshot();
    await this.#history.checkLater(snapshot, this.#applied);
  }
}

test("nothing acknowledged is lost beside other tasks", { timeout: 300_000 }, async () => {
  let looked = 0;
  await withSeeds("power cuts beside tasks", 6, async (random) => {
    const run = new SlowRun(random, { steps: 250, spread: 500, maxValueBytes: 3000, every: 30 });
    await run.run();
    looked += run.looked;
  });
  console.log(`${looked} power cuts`);
});

test("nor with large values and more keys than fit", { timeout: 300_000 }, async () => {
  await withSeeds("power cuts, large values", 3, async (random) => {
    const play = { steps: 250, spread: 50_000, maxValueBytes: 60_000, every: 60 };
    await new SlowRun(random, play).run();
  });
});
