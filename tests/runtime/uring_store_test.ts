/**
 * The store works over the Io over io_uring.
 *
 * @module
 */

import process from "node:process";
import { test } from "node:test";

import { uringIo } from "../../adapters/uring/mod.ts";
import { testStore } from "../conformance/mod.ts";
import { fileHarness } from "../support/conformance.ts";
import { runtimeName } from "../support/runtime.ts";
import { skipTest } from "../support/skip.ts";
import { whyNoRing } from "../support/uring.ts";

// Syncs of a real disk would take most of the time; the cases of the Io itself do meet one.
if (process.platform === "linux") process.env["KVIG_TEST_DIR"] ??= "/dev/shm";

for (const blocking of [true, false]) {
  const name = `uring on ${runtimeName}, ${blocking ? "blocking" : "asynchronous"}`;
  if (whyNoRing !== undefined) {
    test(name, (context) => skipTest(context, whyNoRing!));
    continue;
  }
  testStore({
    ...fileHarness(() => uringIo({ blocking }), false),
    test: (sentence, work) =>
      test(`${name}: ${sentence}`, (context) => work((why) => skipTest(context, why))),
  });
}
