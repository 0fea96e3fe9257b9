/**
 * Runs of the model: at random by seed, or along a schedule that was kept.
 *
 * @module
 */

import { Random } from "../support/random.ts";
import { ACTIONS, FAULT_ACTIONS } from "./actions.ts";
import { Chooser, type Step } from "./chooser.ts";
import { Damage, Violation } from "./history.ts";
import type { RuleSet } from "./rules.ts";
import { World } from "./world.ts";

/** How a run ended. */
export interface Outcome {
  /** What was wrong. */
  readonly violation: Violation | undefined;
  /** Whether the store reported the damage that a fault did. */
  readonly detected: boolean;
  /** What was done: a schedule that leads there again. */
  readonly steps: readonly Step[];
  /** How often the store was opened to its end. */
  readonly openings: number;
}

const LENGTHS = [12, 20, 32, 50, 80, 120];
const CRASHES = [1, 2, 6];
const NAMES = Object.keys(ACTIONS);
/** Actions that a run may do without, so that others have more of it. */
const OPTIONAL = NAMES.filter((name) =>
  !["open", "io", "go", "settle", "cut", "disk"].includes(name)
);
const TRIES = 60;
/** The step that ends every schedule: what is left comes to its end. */
const FINISH = "finish";

/** The actions of one random run, each as often as it is to be tried. */
function swarm(random: Random, focus: readonly string[]): string[] {
  const crashes = random.pick(CRASHES);
  const rare = focus.length > 0 ? 2 : 4;
  const without = new Set(random.oneIn(3) ? [] : OPTIONAL.filter(() => random.below(rare) > 0));
  if (focus.length === 0) {
    for (const name of OPTIONAL) if (random.below(4) > 0) without.delete(name);
    if (random.oneIn(2)) { for (const name of FAULT_ACTIONS) without.add(name); }
  }
  for (const name of focus) without.delete(name);
  const list: string[] = [];
  for (const name of NAMES) {
    if (without.has(name)) continue;
    const crash = name === "cut" || name === "kill";
    const weight = crash ? crashes : 2 * ACTIONS[name].weight;
    const times = focus.includes(name) ? 3 : 1;
    for (let i = 0; i < weight * times; i++) list.push(name);
  }
  return list;
}

/** Runs at random; actions in `focus` are tried more often, others less. */
export function runRandom(
  seed: number,
  rules: RuleSet,
  focus: readonly string[] = [],
): Outcome {
  const random = new Random(seed);
  const chooser = new Chooser(random);
  const world = new World(rules, chooser);
  const length = LENGTHS[seed % LENGTHS.length];
  const names = swarm(random, focus);
  return outcome(world, () => {
    act(world, "disk", []);
    for (let step = 0; step < length; step++) {
      for (let tries = 0; tries < TRIES; tries++) {
        const name = random.pick(names);
        if (!ACTIONS[name].possible(world)) continue;
        act(world, name, []);
        break;
      }
    }
    if (world.status !== "down" && world.openings > 0) act(world, "cut", []);
  });
}

/** Follows a schedule; what is not possible at its step is left out. */
export function runSchedule(steps: readonly Step[], rules: RuleSet, trace?: string[]): Outcome {
  const world = new World(rules, new Chooser(), trace);
  return outcome(world, () => {
    for (const { action, picks } of steps) {
      if (action !== FINISH && ACTIONS[action].possible(world)) act(world, action, picks);
    }
  }, steps.at(-1));
}

function act(world: World, name: string, picks: readonly number[]): void {
  world.chooser.begin(name, picks);
  ACTIONS[name].run(world);
}

function outcome(world: World, body: () => void, last?: Step): Outcome {
  let violation: Violation | undefined;
  let detected = false;
  try {
    body();
    world.chooser.begin(FINISH, last?.action === FINISH ? last.picks : []);
    finish(world);
  } catch (error) {
    if (error instanceof Violation) violation = error;
    else if (error instanceof Damage) {
      violation = world.reported(error);
      detected = violation === undefined;
    } else throw error;
  }
  return { violation, detected, steps: world.chooser.steps, openings: world.openings };
}

/** Opens a store that is down, and lets everything come to its end. */
function finish(world: World): void {
  if (world.status === "failed") return;
  if (world.status === "down") {
    if (world.openings === 0) return;
    world.open();
  }
  world.settle();
  if (world.status === "opening") throw new Error("model: opening waits for nothing");
}
