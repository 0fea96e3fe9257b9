/**
 * Every power cut of short workloads, and of the creation of a store.
 *
 * `npm run crash` goes further; see docs/testing.md.
 *
 * @module
 */

import { test } from "node:test";

import { assert, assertEquals } from "../support/assert.ts";
import { Explorer } from "./explorer.ts";
import { report } from "./shrink.ts";
import { allWorkloads } from "./workload.ts";

const SEED = 1;

for (const workload of allWorkloads(1, 1)) {
  const name = workload.length === 0 ? "the creation of a store" : `"${workload[0]}"`;
  test(`a power cut at any step of ${name} loses nothing`, { timeout: 300_000 }, () => {
    const explorer = new Explorer({ seed: SEED, recoveryOneIn: 1000 });
    const violation = explorer.explore(workload);
    assertEquals(violation === undefined ? "" : report(violation, "this one"), "");
    assert(explorer.counts.distinct > 0, "some images were looked at");
  });
}
