/**
 * Every power cut of short workloads, and of the creation of a store.
 *
 * `npm run crash` goes further; see docs/testing.md.
 *
 * @module
 */

import { test } from "node:test";

import { assert, assertEquals, assertMatch, assertNotEquals } from "../support/assert.ts";
import { Explorer } from "./explorer.ts";
import { replayCrash } from "./replay.ts";
import { report, shrink } from "./shrink.ts";
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

test("on a disk that lies about syncs something is found, and found again", () => {
  const explorer = new Explorer({ seed: SEED, recoveryOneIn: 1000, profiles: ["liar"] });
  const violation = explorer.explore(["checkpoint", "small insert"]);
  assert(violation !== undefined, "nothing lasts there");
  assertNotEquals(violation.complaint, "");
  assertEquals(replayCrash(violation.crash), violation.complaint);
});

test("a violation is made smaller, and stays one", () => {
  const explorer = new Explorer({ seed: SEED, recoveryOneIn: 1000, profiles: ["liar"] });
  const violation = explorer.explore(["overflow value"]);
  assert(violation !== undefined, "nothing lasts there");
  const smaller = shrink(violation, 1000);
  assertNotEquals(smaller.complaint, "");
  const lost = (kept: string): number => [...kept].filter((letter) => letter === "0").length;
  assert(lost(smaller.crash.cut.kept) <= lost(violation.crash.cut.kept), "no more is lost");
  assertMatch(report(smaller, "this one"), /replayCrash\(\{/);
});
