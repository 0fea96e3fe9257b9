/**
 * The conformance suite: whether an Io keeps the contract of `kvig/io`, and whether a store over it
 * keeps its own. It runs on any runtime, with any test runner or with none.
 *
 * With a test runner, {@link conformance} registers a test for each sentence of the contract:
 *
 * ```ts ignore
 * import { test } from "node:test";
 * import { conformance } from "kvig/conformance";
 * import { createIo } from "./my_adapter.ts";
 *
 * conformance({
 *   test: (name, work) => test(name, (t) => work((why) => t.skip(why))),
 *   createIo,
 * });
 * ```
 *
 * Without one, {@link runConformance} runs all cases and returns a report.
 *
 * @module
 */

import { type Conformance, registerCases } from "./harness.ts";
import { ioCases } from "./io.ts";
import { testStore } from "./store.ts";

export type { Case, Conformance, Elsewhere, Harness, Outcome, Place, Supports } from "./harness.ts";
export { ConformanceError, NotProven } from "./check.ts";
export {
  type ConformanceReport,
  type ConformanceResult,
  formatReport,
  runConformance,
  type RunOptions,
} from "./report.ts";

/** Registers a test for each sentence of the contract of an Io. */
export function testIo(harness: Conformance): void {
  registerCases(harness, ioCases);
}

export { testStore };

/** Registers all tests: those of the Io and those of a store over it. */
export function conformance(harness: Conformance): void {
  testIo(harness);
  testStore(harness);
}
