/**
 * A share of the swarm, and that the simulator does what it says: the same for the same seed, and
 * nothing that a store promises is overlooked when it is broken.
 *
 * @module
 */

import { test } from "node:test";

import type { Kvig } from "../../core/database.ts";
import { live } from "../sim/life.ts";
import type { LifePlan } from "../sim/plan.ts";
import { PROFILES } from "../sim/profile.ts";
import { shrink } from "../sim/shrink.ts";
import { type Scenario, simulate, SimulationError } from "../sim/simulate.ts";
import { drawPlan } from "../sim/workload.ts";
import { assert, assertEquals, assertRejects } from "../support/assert.ts";
import { runSeed } from "../support/random.ts";
import { fullLength } from "../support/runtime.ts";
import { liveSeeds } from "./share.ts";

const LIVES = fullLength ? 150 : 50;

test("lives of any seed keep every promise", { timeout: 300_000 }, async () => {
  const first = runSeed("lives") % 2 ** 31;
  const { violations, crashes } = await liveSeeds(first, first + LIVES, 1, 200);
  assertEquals(violations, []);
  assert(crashes > LIVES, `${crashes} crashes`);
});

test("a seed means the same life each time", async () => {
  for (const seed of [1, 2, 3]) {
    const [one, two] = [await live(drawPlan(seed)), await live(drawPlan(seed))];
    assertEquals(one, two);
  }
});

/** A plan in which much is written, checkpointed and cut. */
function writing(seed: number): LifePlan {
  const weights = { put: 200, checkpoint: 20, crash: 20, reopen: 5 };
  return { ...drawPlan(seed, { weights, steps: 60 }), faults: {}, profile: "posix" };
}

test("a disk that drops what it synced is noticed, and its plan cut down", async () => {
  // What plans call posix becomes a liar for the time of this test.
  const { posix } = PROFILES;
  Object.assign(posix, { lies: true });
  try {
    let found: LifePlan | undefined;
    for (let seed = 1; seed < 40 && found === undefined; seed++) {
      await live(writing(seed)).catch(() => found = writing(seed));
    }
    assert(found !== undefined, "no life noticed it");
    const smaller = await shrink(found, { tries: 120 });
    assert(smaller.steps.length < found.steps.length / 2, `${smaller.steps.length} steps`);
    await assertRejects(() => live(smaller));
  } finally {
    Object.assign(posix, { lies: false });
  }
});

/** Counts up, in one or in two writes; both numbers must always be equal. */
function counting(careless: boolean): Scenario {
  let promised = 0;
  const read = async (store: Pick<Kvig, "get">, key: string): Promise<number> => {
    return (await store.get(key))?.length ?? 0;
  };
  return {
    async work(store) {
      for (let i = 1; i <= 30; i++) {
        if (careless) {
          await store.put("a", "x".repeat(i));
          await store.put("b", "x".repeat(i));
        } else {
          await store.batch([
            { type: "put", key: "a", value: "x".repeat(i) },
            { type: "put", key: "b", value: "x".repeat(i) },
          ]);
        }
        promised = i;
      }
    },
    async check(store) {
      const [a, b] = [await read(store, "a"), await read(store, "b")];
      if (a !== b || a < promised) throw new Error(`a is ${a}, b is ${b}, ${promised} promised`);
    },
  };
}

test("simulate() lets good code pass and finds bad code out", async () => {
  const { crashes, seeds } = await simulate(() => counting(false), { seeds: 8, cuts: 3 });
  assertEquals([crashes, seeds], [24, 8]);
  const error = await assertRejects(
    () => simulate(() => counting(true), { seeds: 30 }),
    SimulationError,
  );
  await assertRejects(
    () => simulate(() => counting(true), { seeds: 1, from: error.seed }),
    SimulationError,
  );
});

test("simulate() names code that waits for what never comes", async () => {
  const stuck: Scenario = {
    work: () => new Promise(() => {}),
    check: () => Promise.resolve(),
  };
  const error = await assertRejects(() => simulate(() => stuck, { seeds: 1 }), SimulationError);
  assert(error.message.includes("never comes"), error.message);
});
