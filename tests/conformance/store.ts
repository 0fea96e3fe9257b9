/**
 * The part of the suite that is about the store: whether every verb of it works over an Io, in both
 * forms, alone and many at once, and whether nothing is lost when the store is closed, or left.
 *
 * @module
 */

import { type Case, type Conformance, registerCases } from "./harness.ts";
import { concurrencyCases } from "./store_concurrency.ts";
import { openingCases } from "./store_opening.ts";
import { readingCases } from "./store_reading.ts";
import { recoveryCases } from "./store_recovery.ts";
import { traitCases } from "./store_traits.ts";
import { transactionCases } from "./store_transactions.ts";
import { upkeepCases } from "./store_upkeep.ts";
import { writingCases } from "./store_writing.ts";

/** All cases of the store. */
export const storeCases: readonly Case[] = [
  ...openingCases,
  ...readingCases,
  ...writingCases,
  ...transactionCases,
  ...upkeepCases,
  ...recoveryCases,
  ...concurrencyCases,
  ...traitCases,
];

/** Registers a test for each case of the store. */
export function testStore(harness: Conformance): void {
  registerCases(harness, storeCases);
}
