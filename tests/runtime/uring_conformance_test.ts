/**
 * The Io over io_uring keeps the contract of `core/io.ts`.
 *
 * @module
 */

import { test } from "node:test";

import { uringIo, type UringIoOptions } from "../../adapters/uring/mod.ts";
import { fileHarness, testIoOver } from "../support/conformance.ts";
import { runtimeName } from "../support/runtime.ts";
import { skipTest } from "../support/skip.ts";
import { whyNoRing } from "../support/uring.ts";

const WAYS: readonly UringIoOptions[] = [
  { blocking: true },
  { blocking: false },
  { blocking: false, direct: false, spinMicroseconds: 100 },
];

for (const options of WAYS) {
  const words = `${options.blocking ? "blocking" : "asynchronous"}${
    options.direct === false ? ", buffered, spinning" : ""
  }`;
  const name = `uring on ${runtimeName}, ${words}`;
  if (whyNoRing !== undefined) {
    test(name, (context) => skipTest(context, whyNoRing!));
    continue;
  }
  testIoOver(name, fileHarness(() => uringIo(options), true));
}
