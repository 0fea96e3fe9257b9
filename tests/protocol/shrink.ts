/**
 * Making a schedule that violates shorter: steps are left out, then choices made plainer, as long
 * as the same oracle still complains.
 *
 * @module
 */

import type { Step } from "./chooser.ts";
import type { Oracle } from "./history.ts";
import type { RuleSet } from "./rules.ts";
import { runSchedule } from "./run.ts";

/** Shrinks one schedule. */
class Shrinking {
  best: Step[];
  readonly #rules: RuleSet;
  readonly #oracle: Oracle;
  #left: number;

  constructor(steps: readonly Step[], rules: RuleSet, oracle: Oracle, budget: number) {
    this.#rules = rules;
    this.#oracle = oracle;
    this.#left = budget;
    this.best = [...steps];
  }

  /** Takes `steps` over, as far as they were possible, where they still violate. */
  try(steps: readonly Step[]): boolean {
    if (this.#left-- <= 0) return false;
    const { violation, steps: done } = runSchedule(steps, this.#rules);
    if (violation?.oracle !== this.#oracle) return false;
    this.best = [...done];
    return true;
  }

  /** Leaves out runs of steps, from long ones to single ones; tells whether any went. */
  leaveOut(): boolean {
    let went = false;
    for (let size = this.best.length >> 1; size >= 1; size >>= 1) {
      for (let at = this.best.length - size; at >= 0; at -= size) {
        const from = Math.min(at, this.best.length);
        if (this.try([...this.best.slice(0, from), ...this.best.slice(from + size)])) went = true;
      }
    }
    return went;
  }

  /** Leaves out two steps at once that may need each other. */
  leaveOutPairs(): boolean {
    for (let a = this.best.length - 1; a > 0; a--) {
      for (let b = a - 1; b >= Math.max(0, a - 12); b--) {
        if (this.try(this.best.filter((_, at) => at !== a && at !== b))) return true;
      }
    }
    return false;
  }

  /** Makes choices plainer: 0, or one less. */
  plainer(): boolean {
    let went = false;
    for (let at = 0; at < this.best.length; at++) {
      for (let i = 0; i < (this.best[at]?.picks.length ?? 0); i++) {
        for (const pick of [0, this.best[at].picks[i] - 1]) {
          if (pick < 0 || pick >= (this.best[at].picks[i] ?? 0)) continue;
          const picks = this.best[at].picks.with(i, pick);
          if (this.try(this.best.with(at, { ...this.best[at], picks }))) went = true;
          if (this.best[at] === undefined) break;
        }
        if (this.best[at] === undefined) break;
      }
    }
    return went;
  }
}

/** The shortest schedule that is found from `steps` within `budget` runs. */
export function shrink(
  steps: readonly Step[],
  rules: RuleSet,
  oracle: Oracle,
  budget: number,
): readonly Step[] {
  const shrinking = new Shrinking(steps, rules, oracle, budget);
  shrinking.try(steps);
  for (let more = true; more;) {
    more = shrinking.leaveOut();
    if (shrinking.plainer()) more = true;
    if (!more) more = shrinking.leaveOutPairs();
  }
  return shrinking.best;
}
