/**
 * The two ways in which the Io for this runtime works, and tests that run in both.
 *
 * @module
 */

import { test, type TestContext } from "node:test";

import { runtimeIo, runtimeName } from "./runtime.ts";
import type { Io } from "../../core/io.ts";
import { tempDir } from "./tmp.ts";

/** The ways of working, with their names. */
export const WAYS = [
  { name: `${runtimeName}Io(blocking)`, blocking: true },
  { name: `${runtimeName}Io(asynchronous)`, blocking: false },
];

/** Registers a test for each way of working. */
export function testBoth(
  sentence: string,
  work: (io: Io, path: string, context: TestContext, blocking: boolean) => Promise<void>,
): void {
  for (const { name, blocking } of WAYS) {
    test(`${name}: ${sentence}`, async (context) => {
      using dir = tempDir();
      await work(runtimeIo({ blocking }), dir.file("data"), context, blocking);
    });
  }
}
