/**
 * The Ios of this repository that run here keep the contract of `core/io.ts`.
 *
 * @module
 */

import { memoryIo } from "../../adapters/memory/mod.ts";
import { fileHarness, testIoOver } from "../support/conformance.ts";
import { Random, runSeed } from "../support/random.ts";
import { runtimeIo, runtimeName } from "../support/runtime.ts";
import { simHarness } from "../support/sim_harness.ts";

for (const blocking of [true, false]) {
  const name = `${runtimeName}, ${blocking ? "blocking" : "asynchronous"}`;
  testIoOver(name, fileHarness(() => runtimeIo({ blocking }), true));
}

testIoOver("memory", {
  createIo: () => memoryIo(),
  supports: {
    blocking: true,
    large: true,
    locks: true,
    full: (capacityBytes) => memoryIo({ capacityBytes }),
  },
});

const random = new Random(runSeed("simulated Ios"));
for (const blocking of ["always", "on request", "never"] as const) {
  testIoOver(`simulated, blocking ${blocking}`, simHarness(random, blocking));
}
