/**
 * A share of `npm run hostile`, with a seed of its own each time.
 *
 * @module
 */

import { test } from "node:test";

import { assert, assertEquals } from "../support/assert.ts";
import { runSeed } from "../support/random.ts";
import { fullLength } from "../support/runtime.ts";
import { makeInput } from "./inputs.ts";
import { carryOut } from "./plan.ts";

const INPUTS = fullLength ? 1000 : 150;

test("hostile files give nothing but a KvigError", { timeout: 300_000 }, () => {
  const seed = runSeed("hostile files") >>> 1;
  const { tally, shown } = carryOut({ seed, from: 0, count: INPUTS }, () => {});
  assertEquals(shown, [], `npm run hostile -- --seed ${seed} --input NUMBER`);
  for (const end of ["repaired KVIG_CORRUPT", "unrepaired KVIG_CORRUPT", "repaired opened"]) {
    assert((tally[end] ?? 0) > 0, `some end as ${end}`);
  }
  console.log(JSON.stringify(tally));
});

test("a seed and a number make the same files again", () => {
  for (const index of [0, 1, 17, 222]) {
    const made = [1, 2].map(() => {
      const { io, base, story } = makeInput(5, index);
      return { base: base.name, story, files: [...io.files.values()].map((file) => file.bytes()) };
    });
    assertEquals(made[0], made[1]);
  }
});
