/**
 * The conformance suite finds what it is there for: each broken Io fails in the case whose name
 * states the sentence that it breaks, and the good ones that they are made of pass.
 *
 * @module
 */

import { test } from "node:test";

import { ioCases } from "../conformance/io.ts";
import { ConformanceError } from "../conformance/mod.ts";
import { runConformance } from "../conformance/report.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { goodHarness } from "../support/broken_io.ts";
import { brokenIos } from "../support/broken_ios.ts";

/** Cases that want files of the system, or a direct file. */
const FOR_FILES = /directory|symbolic link|regular file|mode sets|4 GiB|process|path is written/;

for (const way of ["blocking", "late"] as const) {
  test(`the good Io (${way}) passes every case that is not about files of the system`, async () => {
    const report = await runConformance(goodHarness(way), { cases: ioCases });
    for (const { group, name, outcome, error } of report.results) {
      const words = `${group}: ${name}`;
      if (outcome === "failed") throw error;
      if (outcome === "passed" || FOR_FILES.test(words) || group === "direct") continue;
      const why = outcome === "not proven" && error instanceof Error ? error.message : outcome;
      assertEquals(why, "no operation was pending when it returned", words);
      assertEquals(way, "blocking", words);
    }
  });
}

for (const { defect, breaks, harness } of brokenIos) {
  test(`${defect}: "${breaks}" fails`, async () => {
    const cases = ioCases.filter(({ group, name }) => `${group}: ${name}` === breaks);
    assertEquals(cases.length, 1, `a case of the name "${breaks}"`);
    const { results: [result] } = await runConformance(harness, { cases });
    assertEquals(result.outcome, "failed", String(result.error));
    assert(result.error instanceof Error, "failed with an error");
    // What the case itself found, or an error of the Io that it met on its way.
    const known = result.error instanceof ConformanceError || result.error.name === "KvigError";
    assert(known, `failed with ${result.error.stack}`);
  });
}
