/**
 * The general detectors, and how many of their cases are tried for a patch.
 *
 * @module
 */

import type { GeneralName } from "./patch.ts";

/** A general detector. */
export interface GeneralDetector {
  /** What it does, in a few words. */
  readonly what: string;
  /** What one of its cases is called. */
  readonly unit: string;
  /** How many of its cases are tried where it is known to notice. */
  readonly few: number;
  /** How many of its cases are tried before it counts as one that does not notice. */
  readonly cases: number;
}

/** The general detectors, in the order in which they are tried. */
export const DETECTORS: Readonly<Record<GeneralName, GeneralDetector>> = {
  sim: {
    what: "lives of simulated stores, as in `npm run sim`",
    unit: "life",
    few: 60,
    cases: 400,
  },
  crash: {
    what: "power cuts at every step, as in `npm run crash`",
    unit: "workload",
    few: 12,
    cases: 119,
  },
  errors: {
    what: "a share of the sweep of `npm run errors`: a kind of fault in a workload each",
    unit: "case",
    few: 14,
    cases: 378,
  },
  damage: {
    what: "a share of the matrix of `npm run damage`",
    unit: "piece",
    few: 16,
    cases: 32,
  },
};

/** The numbers of all cases of a detector, or of few of them, `first` before the others. */
export function casesOf(name: GeneralName, first = 0, few = false): number[] {
  const { [few ? "few" : "cases"]: length } = DETECTORS[name];
  const all = Array.from({ length }, (_, i) => i);
  return [first, ...all.filter((at) => at !== first)];
}
