/**
 * A share of the error sweep, and its command line.
 *
 * @module
 */

import { test } from "node:test";

import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { fullLength } from "../support/runtime.ts";
import { meaningfulCells, ROLES } from "./cell_table.ts";
import { readCommand, UsageError } from "./command.ts";
import { run } from "./run.ts";
import { LATENCIES } from "../sim/scheduler.ts";
import { sweep } from "./sweep.ts";
import { WORKLOADS } from "./workloads.ts";

/** One injection in so many is done here; `npm run errors` does them all. */
const ONE_IN = fullLength ? 61 : 307;

test(
  "a share of all injected errors is answered as it should be",
  { timeout: 300_000 },
  async () => {
    const violations: string[] = [];
    const result = await sweep(WORKLOADS, {
      seed: 1,
      rounds: 1,
      share: 0,
      shares: 1,
      oneIn: ONE_IN,
      onViolation: ({ workload, form, injection, what }) => {
        violations.push(`${workload} ${form} ${JSON.stringify(injection)}: ${what[0]}`);
      },
    });
    assertEquals(violations, []);
    assertEquals(result.unreached, []);
    assertEquals([result.failedSyncAcknowledged, result.failedSyncRetried], [0, 0]);
    assert(result.injected > 50, `${result.injected} errors were injected`);
  },
);

test("the same run is the same again, operation by operation", async () => {
  for (const form of ["sync", "late"] as const) {
    const injection = { kind: "write error", index: 20, ever: true, part: 0.4 } as const;
    const options = { seed: 7, latency: LATENCIES[1], keepTrace: true };
    const first = await run(WORKLOADS[0], form, injection, options);
    const second = await run(WORKLOADS[0], form, injection, options);
    assertEquals(first.trace, second.trace);
  }
});

test("the table of cells has a reason for the phases that it leaves out", () => {
  for (const [role, { elsewhere }] of Object.entries(ROLES)) {
    assert(elsewhere.length > 10, `${role} has a reason`);
  }
  assertEquals(new Set(meaningfulCells()).size, meaningfulCells().length);
});

test("the command line names what it does not understand and what there is", () => {
  const refused = (...given: string[]): string =>
    assertThrows(() => readCommand(given, undefined), UsageError).message;
  assert(refused("--kind", "rust").includes('got "rust"'));
  assert(refused("--only", "nothing").includes("there are create"));
  assert(refused("--index", "-1").includes('got "-1"'));
  assert(refused("--seed").includes("wants a value"));
  assert(refused("--fast").includes("--help"));
  assertEquals(readCommand(["--long", "--once"], "5").seed, 5);
});
