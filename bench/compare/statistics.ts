/**
 * Arithmetic on figures of rounds: middles, spreads, and ratios taken pair by pair.
 *
 * Figures are times or sizes, so less is better. A round in which a contestant has no figure is
 * NaN and left out.
 *
 * @module
 */

import { median } from "../support/figures.ts";

/** The middle of some numbers, and where the middle half of them lies. */
export interface Spread {
  /** The median. */
  readonly middle: number;
  /** A quarter of the numbers is below. */
  readonly low: number;
  /** A quarter of the numbers is above. */
  readonly high: number;
  /** How many numbers there were. */
  readonly count: number;
}

/** The median and the quartiles of the numbers that are none of them NaN; undefined without any. */
export function spreadOf(numbers: readonly number[]): Spread | undefined {
  const there = numbers.filter((number) => !Number.isNaN(number));
  if (there.length === 0) return undefined;
  return {
    middle: median(there),
    low: quantile(there, 0.25),
    high: quantile(there, 0.75),
    count: there.length,
  };
}

/** The number below which a `share` of the numbers lies, between neighbours in proportion. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
}

/**
 * How many times better `ours` is than `theirs`: the ratio in each round, and the spread of those.
 * Neighbours in time met the same disturbances, so their ratio is steadier than either figure.
 */
export function pairedRatio(
  ours: readonly number[],
  theirs: readonly number[],
): Spread | undefined {
  const rounds = Math.min(ours.length, theirs.length);
  return spreadOf(
    Array.from({ length: rounds }, (_, round) => theirs[round] / ours[round]),
  );
}
