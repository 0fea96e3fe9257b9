/**
 * Two commits of kvig beside each other: rows, and whether one of them lost.
 *
 * @module
 */

import { table } from "../support/figures.ts";
import { WORKS } from "./parts/all.ts";
import type { Work } from "./part.ts";
import { numbersOf, type Series } from "./results.ts";
import { pairedRatio, type Spread, spreadOf } from "./statistics.ts";
import { showFigure, showRatio } from "./verdicts.ts";

/** Less than this is noise, however steady. */
const TOLERATED = 0.05;

/** Fewer rounds tell nothing. */
const LEAST_ROUNDS = 5;

/** One work of both. */
export interface GuardRow {
  /** The work. */
  readonly work: Work;
  /** The figures of the earlier one. */
  readonly before: Spread;
  /** The figures of the later one. */
  readonly after: Spread;
  /** The earlier figure to the later one in each round: over 1 the later one is better. */
  readonly ratio: Spread;
  /** What that means. */
  readonly verdict: "SLOWER" | "faster" | "";
}

/** The rows of all works for which both have figures. */
export function judgeGuard(series: readonly Series[], before: string, after: string): GuardRow[] {
  return WORKS.flatMap((work) => {
    const figures = (who: string): number[] =>
      numbersOf(series.find((each) => each.work === work.id && each.contestant === who));
    const [earlier, later] = [spreadOf(figures(before)), spreadOf(figures(after))];
    const ratio = pairedRatio(figures(after), figures(before));
    if (earlier === undefined || later === undefined || ratio === undefined) return [];
    return [{ work, before: earlier, after: later, ratio, verdict: verdictOf(ratio) }];
  });
}

function verdictOf({ middle, low, high, count }: Spread): GuardRow["verdict"] {
  if (count < LEAST_ROUNDS) return "";
  // More than the median has to be beyond: a few bad rounds tell nothing.
  if (middle < 1 - TOLERATED && high < 1) return "SLOWER";
  if (middle > 1 + TOLERATED && low > 1) return "faster";
  return "";
}

/** The rows as a table for the terminal. */
export function tableOfGuard(rows: readonly GuardRow[]): string {
  return table([
    ["", "A", "B", "ratio", ""],
    ...rows.map(({ work, before, after, ratio, verdict }) => [
      work.what,
      showFigure(work, before.middle),
      showFigure(work, after.middle),
      showRatio(ratio),
      verdict,
    ]),
  ]);
}
