/**
 * The two ways in which the Io for this runtime works, and tests that run in both.
 *
 * @module
 */

import { test, type TestContext } from "node:test";

import { nodeIo } from "../../adapters/node/io.ts";
import type { Io } from "../../core/io.ts";
import { tempDir } from "./tmp.ts";

/** The ways of working, with their names. */
export const WAYS = [
  { name: "nodeIo(blocking)", blocking: true },
  { name: "nodeIo(asynchronous)", blocking: false },
];

/** Registers a test for each way of working. */
export function testBoth(
  sentence: string,
  work: (io: Io, path: string, context: TestContext, blocking: boolean) => Promise<void>,
): void {
  for (const { name, blocking } of WAYS) {
    test(`${name}: ${sentence}`, async (context) => {
      using dir = tempDir();
      await work(nodeIo({ blocking }), dir.file("data"), context, blocking);
    });
  }
}
