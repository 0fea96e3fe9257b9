/**
 * Running the suite without a test runner, and a table of what came out.
 *
 * @module
 */

import { show } from "./check.ts";
import { type Case, type Harness, type Outcome, runCase } from "./harness.ts";
import { ioCases } from "./io.ts";
import { storeCases } from "./store.ts";

/** How one case ended. */
export interface ConformanceResult extends Outcome {
  /** What the sentence is about. */
  readonly group: string;
  /** The sentence, in short. */
  readonly name: string;
}

/** How all cases ended. */
export interface ConformanceReport {
  /** What the Io says of itself. */
  readonly description: string;
  /** One for each case, in the order of the contract. */
  readonly results: readonly ConformanceResult[];
  /** Cases that passed. */
  readonly passed: number;
  /** Cases that failed. */
  readonly failed: number;
  /** Cases that could not be carried out, or would have proved nothing. */
  readonly notProven: number;
}

/** How {@link runConformance} goes about it. */
export interface RunOptions {
  /** The cases to run. Default: all. */
  cases?: readonly Case[];
  /** Called before each case. */
  onCase?(one: Case, index: number, count: number): void;
  /** Ends the run before the next case when it is aborted; the report is of those before. */
  signal?: { readonly aborted: boolean };
}

/** Runs the cases one after another, and returns how each of them ended. */
export async function runConformance(
  harness: Harness,
  options: RunOptions = {},
): Promise<ConformanceReport> {
  const { cases = allCases, onCase, signal } = options;
  const { description } = await harness.createIo();
  const results: ConformanceResult[] = [];
  for (const [index, one] of cases.entries()) {
    if (signal?.aborted === true) break;
    onCase?.(one, index, cases.length);
    results.push({ group: one.group, name: one.name, ...await runCase(harness, one) });
  }
  const count = (outcome: Outcome["outcome"]): number =>
    results.filter((result) => result.outcome === outcome).length;
  return {
    description,
    results,
    passed: count("passed"),
    failed: count("failed"),
    notProven: count("not proven"),
  };
}

/** Every case: those of the contract in its order, then those of a store. */
export const allCases: readonly Case[] = [...ioCases, ...storeCases];

const MARKS: Readonly<Record<Outcome["outcome"], string>> = {
  passed: "passed     ",
  failed: "FAILED     ",
  "not proven": "not proven ",
};

/**
 * The report as text: a line for each case, with the reason below those that did not pass, and a
 * closing line. With `passed: false` the cases that passed are left out.
 */
export function formatReport(
  report: ConformanceReport,
  options: { passed?: boolean } = {},
): string {
  const lines = [`${report.description}\n`];
  let group = "";
  for (const { group: ofCase, name, outcome, error } of report.results) {
    if (outcome === "passed" && options.passed === false) continue;
    if (ofCase !== group) lines.push(`${ofCase}\n`);
    group = ofCase;
    lines.push(`  ${MARKS[outcome]}${name}\n`);
    if (outcome !== "passed") lines.push(`             ${reason(error)}\n`);
  }
  const { passed, failed, notProven } = report;
  lines.push(`${passed} passed, ${failed} failed, ${notProven} not proven\n`);
  return lines.join("");
}

function reason(error: unknown): string {
  const known = error instanceof Error &&
    (error.name === "ConformanceError" || error.name === "NotProven");
  return known ? error.message : show(error);
}
