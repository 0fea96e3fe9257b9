/**
 * Skipping a test, with a reason that survives every runner.
 *
 * @module
 */

import type { TestContext } from "node:test";

/**
 * Skips the test of `context` because of `why`. The line that is printed is for the script that
 * runs the tests: Bun's report leaves the reason out, and Deno's takes the test for passed.
 */
export function skipTest(context: TestContext, why: string): void {
  console.log(`skipped ${JSON.stringify({ name: context.name, why })}`);
  context.skip(why);
}
