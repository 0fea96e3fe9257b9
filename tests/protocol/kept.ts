/**
 * The counterexamples that are kept: for each rule the shortest way known to what is lost without
 * it. Each run checks that they still lead there, and not where the rule is on.
 *
 * @module
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { readSchedule } from "./chooser.ts";
import { searchCreation } from "./creation.ts";
import { type Oracle, ORACLES } from "./history.ts";
import { CREATION, isRuleName, RULE_NAMES, type RuleName, RULES, rulesWithout } from "./rules.ts";
import { runSchedule } from "./run.ts";
import type { Counterexample } from "./search.ts";

const KEPT = "tests/protocol/counterexamples.txt";

/** A file of the repository that this one, or what it was compiled to, lies in. */
export function repositoryFile(path: string): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, KEPT))) directory = dirname(directory);
  return join(directory, path);
}

function isOracle(name: string): name is Oracle {
  return Object.hasOwn(ORACLES, name);
}

/** Reads them. */
export function readKept(): ReadonlyMap<RuleName, Counterexample> {
  const kept = new Map<RuleName, Counterexample>();
  for (const line of readFileSync(repositoryFile(KEPT), "utf8").split("\n")) {
    const [rule, oracle, schedule] = line.split(" | ");
    if (isRuleName(rule) && isOracle(oracle)) kept.set(rule, { rule, oracle, schedule });
  }
  return kept;
}

/** Writes them, in the order of the rules. */
export function writeKept(kept: ReadonlyMap<RuleName, Counterexample>): void {
  const lines = RULE_NAMES.flatMap((rule) => {
    const found = kept.get(rule);
    return found === undefined ? [] : `${rule} | ${found.oracle} | ${found.schedule}\n`;
  });
  writeFileSync(repositoryFile(KEPT), lines.join(""));
}

/** What checking every rule showed. */
export interface Checked {
  /** Rules without which something was lost. */
  readonly caught: readonly RuleName[];
  /** Rules without which nothing is expected to be lost. */
  readonly needless: readonly RuleName[];
  /** What is not as it should be. */
  readonly complaints: readonly string[];
  /** States of the files that the search of creation covered. */
  readonly creationStates: number;
}

/** Takes each rule off and follows its counterexample; searches creation. */
export function checkKept(kept: ReadonlyMap<RuleName, Counterexample>): Checked {
  const caught: RuleName[] = [];
  const needless: RuleName[] = [];
  const complaints: string[] = [];
  for (const rule of RULE_NAMES) {
    if (RULES[rule].needless !== undefined) {
      needless.push(rule);
      continue;
    }
    const complaint = RULES[rule].part === CREATION
      ? checkCreation(rule)
      : checkOne(rule, kept.get(rule));
    if (complaint === "") caught.push(rule);
    else complaints.push(`${rule}: ${complaint}`);
  }
  const creation = searchCreation(rulesWithout());
  if (creation.failure !== undefined) complaints.push(`creation: ${creation.failure.message}`);
  return { caught, needless, complaints, creationStates: creation.states };
}

/** Whether a counterexample leads where it says, and nowhere with the rule on. */
export function holds(found: Counterexample): boolean {
  return found.rule !== "" && checkOne(found.rule, found) === "";
}

function checkCreation(rule: RuleName): string {
  const { failure } = searchCreation(rulesWithout(rule));
  return failure === undefined ? "nothing is lost without it" : "";
}

function checkOne(rule: RuleName, found: Counterexample | undefined): string {
  if (found === undefined) return "no counterexample is kept";
  const steps = readSchedule(found.schedule);
  const { violation } = runSchedule(steps, rulesWithout(rule));
  if (violation?.oracle !== found.oracle) {
    return `its counterexample ends with ${violation?.message ?? "nothing wrong"}`;
  }
  const on = runSchedule(steps, rulesWithout()).violation;
  return on === undefined ? "" : `the same happens with the rule: ${on.message}`;
}
