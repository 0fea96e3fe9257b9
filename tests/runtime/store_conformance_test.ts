/**
 * The store works over the Ios of this repository that run here, and over three that live in
 * memory: one that can be full, one that cannot block, and one whose power can fail.
 *
 * @module
 */

import process from "node:process";
import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import type { Harness } from "../conformance/harness.ts";
import { testStore } from "../conformance/mod.ts";
import { fileHarness } from "../support/conformance.ts";
import { PowerCutIo } from "../support/power_cut_io.ts";
import { Random, runSeed } from "../support/random.ts";
import { runtimeIo, runtimeName } from "../support/runtime.ts";
import { skipTest } from "../support/skip.ts";
import { SlowIo } from "../support/slow_io.ts";

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

testStoreOver("slow memory", {
  createIo: () => new SlowIo(memoryIo(), random),
  supports: {
    locks: true,
    full: (capacityBytes) => new SlowIo(memoryIo({ capacityBytes }), random),
  },
});

testStoreOver("memory whose power fails", {
  createIo: () => new PowerCutIo(),
  supports: {
    locks: false,
    powerCut(io) {
      if (io instanceof PowerCutIo) return io.cut(random);
      throw new TypeError("the Io is the one that the harness made");
    },
  },
});
