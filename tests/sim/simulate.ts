/**
 * Own code under the simulator: runs it on a store, cuts the power at some operation, opens what is
 * left, and lets the code look whether its promises hold.
 *
 * @module
 */

import type { Kvig } from "../../core/database.ts";
import { ended } from "./calls.ts";
import type { SimDisk } from "./disk.ts";
import { SimIo } from "./io.ts";
import { PROFILES } from "./profile.ts";
import { Random } from "./random.ts";
import { LATENCIES } from "./scheduler.ts";
import { openTiny, type TinyOptions } from "./tiny_store.ts";

/** What is done to a store, and what must be true of it afterwards. */
export interface Scenario {
  /**
   * Uses the store. It may be cut off at any moment, and then never goes on; so it must note for
   * itself what it was promised, right when a promise of the store settles.
   */
  work(store: Kvig): Promise<void>;
  /** Looks at the store, after a crash or after {@link work} is over; throws where it is wrong. */
  check(store: Kvig): Promise<void>;
}

/** What to simulate. */
export interface SimulateOptions {
  /** How many seeds. Default: 100. */
  readonly seeds?: number;
  /** The first seed. Default: 1. */
  readonly from?: number;
  /** Power cuts for each seed, at different operations. Default: 4. */
  readonly cuts?: number;
  /** Sizes of the store. Default: the smallest there are. */
  readonly store?: TinyOptions;
}

/** What was simulated. */
export interface Simulation {
  /** Seeds. */
  readonly seeds: number;
  /** Power cuts and kills. */
  readonly crashes: number;
  /** Operations of the Io. */
  readonly operations: number;
}

/** A scenario failed; the message names the seed, the cause is what it threw. */
export class SimulationError extends Error {
  /** The seed with which it fails again. */
  readonly seed: number;

  /** For one seed. */
  constructor(seed: number, what: string, cause: unknown) {
    super(`seed ${seed}, ${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
    this.name = "SimulationError";
    this.seed = seed;
  }
}

/**
 * Makes a scenario for each seed and plays it: once to its end, and then several times up to a
 * power cut or a kill, after which the store is opened again and checked. What the scenario draws
 * comes from `random`, so that a seed always means the same.
 *
 * Nothing but the store may be waited for: the process that is simulated has no timers and files.
 *
 * @throws {SimulationError} for the first seed that fails.
 *
 * @example
 * ```ts ignore
 * import { simulate } from "kvig/sim";
 *
 * await simulate((random) => {
 *   let promised = 0;
 *   return {
 *     async work(store) {
 *       for (let i = 1; i <= random.below(50); i++) {
 *         await store.put("count", `${i}`);
 *         promised = i;
 *       }
 *     },
 *     async check(store) {
 *       const found = Number(new TextDecoder().decode(await store.get("count")) || 0);
 *       if (found < promised) throw new Error(`${promised} was promised, ${found} is there`);
 *     },
 *   };
 * });
 * ```
 */
export async function simulate(
  make: (random: Random) => Scenario,
  options: SimulateOptions = {},
): Promise<Simulation> {
  const { seeds = 100, from = 1, cuts = 4 } = options;
  let crashes = 0;
  let operations = 0;
  for (let seed = from; seed < from + seeds; seed++) {
    const whole = await play(make, options, seed, Infinity);
    operations += whole;
    const random = new Random(seed);
    for (let cut = 0; cut < cuts; cut++) {
      operations += await play(make, options, seed, random.below(whole + 1));
      crashes++;
    }
  }
  return { seeds, crashes, operations };
}

/** Plays a scenario up to so many operations; returns how many there were. */
async function play(
  make: (random: Random) => Scenario,
  options: SimulateOptions,
  seed: number,
  dieAfter: number,
): Promise<number> {
  const random = new Random(seed);
  const scenario = make(random.fork());
  const profile = PROFILES[random.pick(["posix", "paranoid"] as const)];
  const latency = random.pick(LATENCIES);
  const io = new SimIo({
    seed: random.below(2 ** 32),
    profile: profile.name,
    blocking: "never",
    latency,
  });
  if (dieAfter < Infinity) io.dieAfter(dieAfter);
  const after = dieAfter < Infinity ? `a crash after ${dieAfter} operations` : "without a crash";
  await phase(io, seed, "its work", async () => {
    const store = await openTiny(io, "store", options.store);
    await scenario.work(store);
    if (dieAfter === Infinity) {
      await scenario.check(store);
      await store.close();
    }
  });
  const disk = io.crash((seed + dieAfter) % 4 === 0 ? "kill" : "power");
  await look(scenario, options, seed, disk, after);
  return io.operations;
}

/** Opens what was left, and lets the scenario look at it. */
async function look(
  scenario: Scenario,
  options: SimulateOptions,
  seed: number,
  disk: SimDisk,
  after: string,
): Promise<void> {
  const io = new SimIo({ seed, disk });
  await phase(io, seed, after, async () => {
    const store = await openTiny(io, "store", options.store);
    await scenario.check(store);
    const [problem] = (await store.verify()).problems;
    if (problem !== undefined) throw new Error(`page ${problem.page}: ${problem.what}`);
    await store.close();
  });
}

async function phase(
  io: SimIo,
  seed: number,
  what: string,
  work: () => Promise<void>,
): Promise<void> {
  const end = await ended(io, work());
  if (io.dead || end.how === "value") return;
  const cause = end.how === "error" ? end.error : new Error("it waits for what never comes");
  throw new SimulationError(seed, what, cause);
}
