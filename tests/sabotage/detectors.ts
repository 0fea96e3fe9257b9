/**
 * How many cases each general detector has for a patch, and where the first ones come from.
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
  /** How many of its cases are tried before it counts as one that does not notice. */
  readonly cases: number;
}

/** The general detectors, in the order in which they are tried. */
export const DETECTORS: Readonly<Record<GeneralName, GeneralDetector>> = {
  sim: { what: "lives of simulated stores, as in `npm run sim`", unit: "life", cases: 400 },
  crash: { what: "power cuts at every step, as in `npm run crash`", unit: "workload", cases: 115 },
  damage: { what: "a share of the matrix of `npm run damage`", unit: "piece", cases: 80 },
};

/** The numbers of all cases of a detector, `first` before the others. */
export function casesOf(name: GeneralName, first = 0): number[] {
  const all = Array.from({ length: DETECTORS[name].cases }, (_, i) => i);
  return [first, ...all.filter((at) => at !== first)];
}
