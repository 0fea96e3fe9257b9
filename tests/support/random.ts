/**
 * Seeded randomness for tests. A test that uses it prints its seed; `KVIG_SEED=… ` runs it again
 * with that one.
 *
 * @module
 */

import process from "node:process";

import { Random } from "../sim/random.ts";
import { fullLength } from "./runtime.ts";

export { Random };

/** The seed of this run: that of `KVIG_SEED`, or a new one. It is printed. */
export function runSeed(what: string): number {
  const wanted = process.env["KVIG_SEED"];
  const seed = wanted === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(wanted);
  console.log(`${what}: KVIG_SEED=${seed}`);
  return seed;
}

/**
 * Runs `work` with `count` seeds that follow from the printed one; a failure names its own seed.
 */
export async function withSeeds(
  what: string,
  count: number,
  work: (random: Random) => Promise<void> | void,
): Promise<void> {
  const first = runSeed(what);
  const single = process.env["KVIG_SEED"] !== undefined && process.env["KVIG_COUNT"] === undefined;
  const share = fullLength ? count : Math.ceil(count / 3);
  const seeds = single ? 1 : Number(process.env["KVIG_COUNT"] ?? share);
  for (let i = 0; i < seeds; i++) {
    const seed = (first + i) >>> 0;
    try {
      await work(new Random(seed));
    } catch (error) {
      console.log(`${what}: failed with KVIG_SEED=${seed}`);
      throw error;
    }
  }
}
