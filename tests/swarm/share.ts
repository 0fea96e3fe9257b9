/**
 * A share of a swarm: the lives of some seeds, one after another, and what they came to.
 *
 * @module
 */

import { type LifeReport, live } from "../sim/life.ts";
import { drawPlan } from "../sim/workload.ts";

/** What a share came to. */
export interface ShareTotals {
  /** Lives that were lived. */
  lives: number;
  /** Calls of stores. */
  calls: number;
  /** Operations of the Io. */
  operations: number;
  /** Power cuts and kills. */
  crashes: number;
  /** Lives that ended with damage that was noticed. */
  detected: number;
  /** Faults that happened, by kind. */
  faults: Record<string, number>;
  /** Seeds whose lives broke a promise, with the words. */
  violations: { seed: number; message: string }[];
  /** A hash of all traces, in the order of the seeds. */
  hash: number;
}

/** Nothing yet. */
export function noTotals(): ShareTotals {
  return {
    lives: 0,
    calls: 0,
    operations: 0,
    crashes: 0,
    detected: 0,
    faults: {},
    violations: [],
    hash: 0,
  };
}

/** Adds what one share came to. */
export function addTotals(totals: ShareTotals, more: ShareTotals): void {
  totals.lives += more.lives;
  totals.calls += more.calls;
  totals.operations += more.operations;
  totals.crashes += more.crashes;
  totals.detected += more.detected;
  totals.violations.push(...more.violations);
  for (const [kind, count] of Object.entries(more.faults)) {
    totals.faults[kind] = (totals.faults[kind] ?? 0) + count;
  }
}

function addLife(totals: ShareTotals, report: LifeReport): void {
  totals.lives++;
  totals.calls += report.calls;
  totals.operations += report.operations;
  totals.crashes += report.crashes;
  if (report.detected) totals.detected++;
  totals.hash = (Math.imul(totals.hash ^ report.hash, 0x9E3779B1) ^ (totals.hash >>> 11)) >>> 0;
  for (const [kind, count] of Object.entries(report.faults)) {
    totals.faults[kind] = (totals.faults[kind] ?? 0) + count;
  }
}

/** Lives the seeds from `from`, each `stride`-th up to, not including, `to`. */
export async function liveSeeds(
  from: number,
  to: number,
  stride: number,
  steps: number,
  onLife: (seed: number, totals: ShareTotals) => void = () => {},
): Promise<ShareTotals> {
  const totals = noTotals();
  for (let seed = from; seed < to; seed += stride) {
    try {
      addLife(totals, await live(drawPlan(seed, { steps })));
    } catch (error) {
      totals.violations.push({ seed, message: error instanceof Error ? error.message : "?" });
    }
    onLife(seed, totals);
  }
  return totals;
}
