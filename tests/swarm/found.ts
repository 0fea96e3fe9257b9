/**
 * What to do with a seed that breaks a promise: shrink its plan and write a regression test of it.
 *
 * @module
 */

import { live } from "../sim/life.ts";
import type { LifePlan } from "../sim/plan.ts";
import { shrink } from "../sim/shrink.ts";
import { drawPlan } from "../sim/workload.ts";

/** A plan that was cut down, with its words and its test. */
export interface Found {
  /** The plan. */
  readonly plan: LifePlan;
  /** What is wrong. */
  readonly message: string;
  /** The last lines of its trace. */
  readonly lines: readonly string[];
  /** A test file that plays the plan. */
  readonly test: string;
}

/** Cuts the plan of a seed down. */
export async function cutDown(seed: number, steps: number): Promise<Found> {
  const plan = await shrink(drawPlan(seed, { steps }));
  const lines: string[] = [];
  let message = "it did not happen again";
  try {
    await live(plan, { lines });
  } catch (error) {
    message = error instanceof Error ? error.message : String(error);
  }
  return { plan, message, lines: lines.slice(-60), test: testOf(seed, plan, message) };
}

function testOf(seed: number, plan: LifePlan, message: string): string {
  const { steps, ...circumstances } = plan;
  const head = JSON.stringify(circumstances, undefined, 2).slice(0, -2);
  const body = steps.map((step) => `    ${JSON.stringify(step)},`).join("\n");
  return `/**
 * Found by the simulator, seed ${seed}: ${message}
 *
 * Tell here what happened and why.
 *
 * @module
 */

import { test } from "node:test";

import { live } from "../sim/life.ts";
import type { LifePlan } from "../sim/plan.ts";

const PLAN: LifePlan = ${head},
  "steps": [
${body}
  ],
};

test("the life with seed ${seed} keeps every promise", async () => {
  await live(PLAN);
});
`;
}
