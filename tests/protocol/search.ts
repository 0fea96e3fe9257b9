/**
 * The random search: all rules on, where nothing may be found; or one rule off, where something
 * must be. The same seed and number of steps find the same.
 *
 * @module
 */

import { type Step, writeSchedule } from "./chooser.ts";
import { focusOf, hintsFor, shownBy } from "./hints.ts";
import type { Oracle } from "./history.ts";
import { type RuleName, RULES, type RuleSet, rulesWithout } from "./rules.ts";
import { type Outcome, runRandom, runSchedule } from "./run.ts";
import { shrink } from "./shrink.ts";

/** A way to something wrong. */
export interface Counterexample {
  /** The rule that is off; "" where none is. */
  readonly rule: RuleName | "";
  /** The oracle that complains. */
  readonly oracle: Oracle;
  /** What to do, as {@link writeSchedule} writes it. */
  readonly schedule: string;
}

/** What a search did. */
export interface SearchResult {
  readonly runs: number;
  readonly steps: number;
  readonly openings: number;
  /** Runs in which the store reported the damage that a fault did. */
  readonly detected: number;
  readonly found: readonly Counterexample[];
}

/** How far a search goes. */
export interface SearchLimits {
  /** The first seed. */
  readonly seed: number;
  /** From one seed to the next. */
  readonly stride: number;
  /** Stops behind so many steps. */
  readonly steps: number;
  /** Stops when so many seconds are over; then what is found depends on the machine. */
  readonly seconds: number;
  /** Stops with so many violations. */
  readonly wanted: number;
}

const SHRINK_RUNS = 6000;

/** Runs at random with `rule` off, or with all rules on. */
export function search(rule: RuleName | "", limits: SearchLimits): SearchResult {
  const rules = rule === "" ? rulesWithout() : rulesWithout(rule);
  const oracle = rule === "" ? undefined : shownBy(rule);
  const until = performance.now() + limits.seconds * 1000;
  const found: Counterexample[] = [];
  let { seed } = limits;
  let [runs, steps, openings, detected] = [0, 0, 0, 0];
  while (steps < limits.steps && performance.now() < until && found.length < limits.wanted) {
    const outcome = runRandom(seed, rules, rule === "" ? focusOf(seed) : hintsFor(rule));
    runs++;
    steps += outcome.steps.length;
    openings += outcome.openings;
    if (outcome.detected) detected++;
    const { violation } = outcome;
    if (violation !== undefined && (oracle === undefined || violation.oracle === oracle)) {
      found.push(shortened(rule, outcome, rules, violation.oracle));
    }
    seed += limits.stride;
  }
  return { runs, steps, openings, detected, found };
}

function shortened(
  rule: RuleName | "",
  { steps }: Outcome,
  rules: RuleSet,
  oracle: Oracle,
): Counterexample {
  const best = shrink(steps, rules, oracle, SHRINK_RUNS);
  return { rule, oracle, schedule: writeSchedule(best) };
}

/** What happens along a schedule with `rule` off, line by line, and what is wrong in the end. */
export function tell(
  rule: RuleName | "",
  steps: readonly Step[],
): { trace: string[]; wrong: string } {
  const trace: string[] = [];
  const rules = rule === "" ? rulesWithout() : rulesWithout(rule);
  const { violation } = runSchedule(steps, rules, trace);
  return { trace, wrong: violation === undefined ? "" : violation.message };
}

/** The better of two counterexamples: the one with fewer steps. */
export function better(
  a: Counterexample | undefined,
  b: Counterexample | undefined,
): Counterexample | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const [inA, inB] = [a, b].map(({ schedule }) => schedule.split("; ").length);
  if (inA !== inB) return inA < inB ? a : b;
  return a.schedule.length <= b.schedule.length ? a : b;
}

/** Whether the model is to show something without this rule, by a random search. */
export function isSearched(rule: RuleName): boolean {
  return RULES[rule].needless === undefined;
}
