/**
 * What the parts of the memory benchmark share: the options of their stores, and what each reports.
 *
 * @module
 */

import { duration } from "../support/figures.ts";
import { peakBytes } from "../support/resident.ts";

/** What every store here is opened with. */
export const OPTIONS = { cacheSize: 16 * 2 ** 20, logSize: 16 * 2 ** 20 } as const;

/** What one part is given. */
export interface PhaseInput {
  /** Path of the store. */
  readonly path: string;
  /** Share of the full size, 1 for all of it. */
  readonly scale: number;
}

/** What one part found out. */
export interface PhaseReport {
  /** What it did and how long each step took, in the words of the report. */
  readonly steps: readonly string[];
  /** What it measured, for judging. */
  readonly figures: Readonly<Record<string, number>>;
}

/** A part: it runs in a process of its own, so that its memory is its own. */
export type Phase = (input: PhaseInput) => PhaseReport | Promise<PhaseReport>;

/** Collects steps with their times, and the most resident memory up to the end of each. */
export class Steps {
  /** The steps so far. */
  readonly lines: string[] = [];
  #began = performance.now();

  /** Ends a step that is described by `words`; returns how long it took, in milliseconds. */
  end(words: string): number {
    const milliseconds = performance.now() - this.#began;
    const peak = (peakBytes() / 2 ** 20).toFixed(1);
    this.lines.push(`${words}: ${duration(milliseconds)}; ${peak} MiB so far`);
    this.#began = performance.now();
    return milliseconds;
  }
}

/** Throws an error that says what went wrong, unless `condition` holds. */
export function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}
