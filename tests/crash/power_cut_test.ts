/**
 * Power cuts at random steps of random work: whatever part of the writes that no sync covered is
 * lost or torn, the store opens, and shows the state after a commit that is not older than the last
 * acknowledged one. Recovery is cut as well, again and again.
 *
 * @module
 */

import { test } from "node:test";

import { CrashRun, runAndTell } from "../support/crash_run.ts";
import { withSeeds } from "../support/random.ts";
import { assert } from "../support/assert.ts";

test("nothing acknowledged is lost, small pages", { timeout: 300_000 }, async () => {
  let looked = 0;
  await withSeeds("power cuts, small pages", 8, (random) => {
    const run = new CrashRun(random, { spread: 300, maxValueBytes: 3000, steps: 120, every: 25 });
    runAndTell(run);
    looked += run.looked;
  });
  console.log(`${looked} power cuts`);
  assert(looked > 0, "some were looked at");
});

test("nothing acknowledged is lost, pages of 4096 bytes", { timeout: 300_000 }, async () => {
  await withSeeds("power cuts, pages of 4096 bytes", 3, (random) => {
    runAndTell(
      new CrashRun(random, {
        options: { pageSize: 4096 },
        spread: 2000,
        maxValueBytes: 20_000,
        steps: 120,
        every: 40,
      }),
    );
  });
});

test("a log of small blocks", { timeout: 300_000 }, async () => {
  await withSeeds("power cuts, blocks of 512 bytes", 3, (random) => {
    runAndTell(
      new CrashRun(random, {
        options: { logBlockSize: 512 },
        spread: 300,
        maxValueBytes: 3000,
        steps: 120,
        every: 40,
      }),
    );
  });
});

test("a killed process loses nothing that it wrote", { timeout: 300_000 }, async () => {
  await withSeeds("kills", 4, (random) => {
    runAndTell(
      new CrashRun(random, {
        spread: 300,
        maxValueBytes: 3000,
        steps: 120,
        every: 20,
        kill: true,
      }),
    );
  });
});
