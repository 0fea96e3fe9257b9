/**
 * A process that does a share of the search: its job is its argument, what it found its output.
 *
 * @module
 */

import process from "node:process";

import type { RuleName } from "./rules.ts";
import { search, type SearchLimits, type SearchResult } from "./search.ts";

/** What a process is to do: to search with each of these rules off, one after another. */
export interface WorkerJob extends Omit<SearchLimits, "steps" | "seconds"> {
  readonly rules: readonly (RuleName | "")[];
  /** Steps for each rule; null is no limit, as JSON has it. */
  readonly steps: number | null;
  readonly seconds: number | null;
}

const job = JSON.parse(process.argv[2]) as WorkerJob;
const limits: SearchLimits = {
  ...job,
  steps: job.steps ?? Infinity,
  seconds: job.seconds ?? Infinity,
};
const results = job.rules.map((rule) => search(rule, limits));
const total: SearchResult = {
  runs: results.reduce((sum, { runs }) => sum + runs, 0),
  steps: results.reduce((sum, { steps }) => sum + steps, 0),
  openings: results.reduce((sum, { openings }) => sum + openings, 0),
  detected: results.reduce((sum, { detected }) => sum + detected, 0),
  found: results.flatMap(({ found }) => found),
};
console.log(JSON.stringify(total));
