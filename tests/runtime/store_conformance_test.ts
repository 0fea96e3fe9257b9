/**
 * The store works over the Ios of this repository that run here, in memory, and simulated: that one
 * can be full, can lose power, and cannot block.
 *
 * @module
 */

import process from "node:process";
import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import type { Harness } from "../conformance/harness.ts";
import { testStore } from "../conformance/mod.ts";
import { fileHarness } from "../support/conformance.ts";
import { Random, runSeed } from "../support/random.ts";
import { runtimeIo, runtimeName } from "../support/runtime.ts";
import { skipTest } from "../support/skip.ts";
import { simHarness } from "../support/sim_harness.ts";

/** Registers the cases of the store; one that is not proven is skipped, and says why. */
function testStoreOver(name: string, harness: Harness): void {
  testStore({
    ...harness,
    test: (sentence, work) =>
      test(`${name}: ${sentence}`, (context) => work((why) => skipTest(context, why))),
  });
}

// Syncs of a real disk would take most of the time; the cases of the Io itself do meet one.
if (process.platform === "linux") process.env["KVIG_TEST_DIR"] ??= "/dev/shm";

const random = new Random(runSeed("the store over Ios in memory"));

for (const blocking of [true, false]) {
  const name = `${runtimeName}, ${blocking ? "blocking" : "asynchronous"}`;
  testStoreOver(name, fileHarness(() => runtimeIo({ blocking }), false));
}

testStoreOver("memory", {
  createIo: () => memoryIo(),
  supports: {
    blocking: true,
    locks: true,
    full: (capacityBytes) => memoryIo({ capacityBytes }),
  },
});

// The swarm of simulated lives has all three ways of blocking.
testStoreOver("simulated, blocking never", simHarness(random, "never"));
