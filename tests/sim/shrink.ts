/**
 * Shrinking: cuts a plan that breaks a promise down to few steps and few faults that still do.
 *
 * @module
 */

import { live } from "./life.ts";
import type { LifePlan, Step } from "./plan.ts";

/** How far shrinking goes, and who is told of it. */
export interface ShrinkOptions {
  /** Most lives to try. Default: 1500. */
  readonly tries?: number;
  /** Whether a plan still breaks the promise. Default: any error of its life counts. */
  readonly breaks?: (plan: LifePlan) => Promise<boolean>;
}

/** Whether the life of a plan ends in an error. */
async function fails(plan: LifePlan): Promise<boolean> {
  try {
    await live(plan);
    return false;
  } catch {
    return true;
  }
}

/** A smaller plan that still fails; `plan` itself where there is none. */
export async function shrink(plan: LifePlan, options: ShrinkOptions = {}): Promise<LifePlan> {
  const { tries = 1500, breaks = fails } = options;
  let left = tries;
  let best = plan;
  const attempt = async (candidate: LifePlan): Promise<boolean> => {
    if (left-- <= 0 || !(await breaks(candidate))) return false;
    best = candidate;
    return true;
  };
  for (const simpler of simplerPlans(best)) await attempt({ ...best, ...simpler });
  for (let size = best.steps.length; size >= 1 && left > 0; size = size >>> 1) {
    for (let from = 0; from < best.steps.length && left > 0;) {
      const steps = best.steps.toSpliced(from, size);
      if (!(await attempt({ ...best, steps }))) from += size;
    }
  }
  for (let i = 0; i < best.steps.length && left > 0; i++) {
    const plainer = plainStep(best.steps[i]);
    if (plainer !== undefined) await attempt({ ...best, steps: best.steps.with(i, plainer) });
  }
  for (const simpler of simplerPlans(best)) await attempt({ ...best, ...simpler });
  return best;
}

/** Ways in which the circumstances may be plainer. */
function simplerPlans({ faults }: LifePlan): Partial<LifePlan>[] {
  const kinds = Object.entries(faults);
  return [
    { faults: {} },
    ...kinds.map(([kind, rate]) => ({ faults: { [kind]: rate } })),
    { faultLimit: 1 },
    { faultLimit: 2 },
    { oddHost: false },
    { blocking: "always" as const },
    { latency: 0 },
    { profile: "posix" as const },
    { shape: "decimal" as const },
    { maxPages: undefined },
    { cacheFrames: 128, logBlocks: 64, pageBytes: 512, blockBytes: 512 },
  ];
}

function plainStep(step: Step): Step | undefined {
  const { sync: _sync, deferred: _deferred, beside: _beside, ...plain } = step;
  return Object.keys(plain).length === Object.keys(step).length ? undefined : plain as Step;
}
