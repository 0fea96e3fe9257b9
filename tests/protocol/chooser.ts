/**
 * Where the choices of a run come from: at random by seed, or from a schedule that was kept. A
 * schedule is a list of steps, each the name of an action and the choices that it made, so that one
 * can be left out and the rest still means something.
 *
 * @module
 */

import type { Random } from "../support/random.ts";

/** One step: an action, and what it chose. */
export interface Step {
  readonly action: string;
  readonly picks: number[];
}

/** Makes the choices of a run and keeps them. */
export class Chooser {
  /** What was done so far. */
  readonly steps: Step[] = [];
  readonly #random: Random | undefined;
  #given: readonly number[] = [];
  #at = 0;
  #picks: number[] = [];

  /** Chooses at random; without a source of randomness it takes what {@link begin} is given. */
  constructor(random?: Random) {
    this.#random = random;
  }

  /** Begins a step; `given` are the choices to make, 0 where they end. */
  begin(action: string, given: readonly number[] = []): void {
    this.#given = given;
    this.#at = 0;
    this.#picks = [];
    this.steps.push({ action, picks: this.#picks });
  }

  /** A whole number from 0 up to, not including, `limit`. The plainest choice is 0. */
  pick(limit: number): number {
    if (limit <= 1) return 0;
    const given = this.#at < this.#given.length ? this.#given[this.#at++] : 0;
    const picked = this.#random === undefined ? given % limit : this.#random.below(limit);
    this.#picks.push(picked);
    return picked;
  }

  /** True once in `many` cases, and not where nothing was chosen. */
  once(many: number): boolean {
    return this.pick(many) === many - 1;
  }
}

/** A schedule as a line of text. */
export function writeSchedule(steps: readonly Step[]): string {
  return steps.map(({ action, picks }) => {
    const last = picks.findLastIndex((pick) => pick !== 0);
    return [action, ...picks.slice(0, last + 1)].join(" ");
  }).join("; ");
}

/** The schedule that a line of text says. */
export function readSchedule(line: string): Step[] {
  return line.split("; ").map((step) => {
    const [action, ...picks] = step.split(" ");
    return { action, picks: picks.map(Number) };
  });
}
