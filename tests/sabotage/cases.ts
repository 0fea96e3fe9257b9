/**
 * The cases of the general detectors: what each judges, one after another.
 *
 * @module
 */

import { carryOut, piecesOf } from "../damage/plan.ts";
import { Explorer } from "../enumeration/explorer.ts";
import { allWorkloads } from "../enumeration/workload.ts";
import { sweep } from "../error_sweep/sweep.ts";
import { WORKLOADS } from "../error_sweep/workloads.ts";
import { FAULT_KINDS } from "../sim/faults.ts";
import { live } from "../sim/life.ts";
import { drawPlan } from "../sim/workload.ts";
import type { GeneralName } from "./patch.ts";

/** The cases of a detector. */
export interface Cases {
  /** How many there are. */
  readonly count: number;
  /** Judges one: what is wrong, or "". It may throw instead. */
  judge(at: number): string | Promise<string>;
}

const LIFE_STEPS = 200;
const ERRORS_ONE_IN = 3;
/** A call that never ends may keep a lock: what may come of that is the sweep's own to judge. */
const ERROR_KINDS = FAULT_KINDS.filter((kind) => kind !== "never");
const DAMAGE_SHARE = 1009;

/** Makes ready what a detector looks at. */
export const CASES: Readonly<Record<GeneralName, () => Cases>> = {
  sim: () => ({
    count: Infinity,
    async judge(at) {
      await live(drawPlan(at + 1, { steps: LIFE_STEPS }));
      return "";
    },
  }),
  crash() {
    const workloads = allWorkloads(2, 1);
    return {
      count: workloads.length,
      judge(at) {
        const violation = new Explorer({ seed: 1, recoveryOneIn: 1000 }).explore(workloads[at]);
        const shapes = workloads[at].join(", ");
        return violation === undefined ? "" : `${shapes || "creation"}: ${violation.complaint}`;
      },
    };
  },
  errors: () => ({ count: WORKLOADS.length * ERROR_KINDS.length, judge: strike }),
  damage() {
    const pieces = piecesOf(DAMAGE_SHARE);
    return {
      count: pieces.length,
      judge(at) {
        const { violations } = carryOut(pieces[at], () => {});
        return violations.length === 0 ? "" : String(JSON.stringify(violations[0]));
      },
    };
  },
};

/** One kind of fault, once, at operations of one workload. */
async function strike(at: number): Promise<string> {
  const workload = WORKLOADS[at % WORKLOADS.length];
  const kind = ERROR_KINDS[Math.floor(at / WORKLOADS.length)];
  let complaint = "";
  await sweep([workload], {
    seed: 1,
    kind,
    rounds: 1,
    share: 0,
    shares: 1,
    ever: false,
    oneIn: ERRORS_ONE_IN,
    onViolation({ injection, what }) {
      complaint ||= `${workload.name}, ${kind} at operation ${injection?.index}: ${what[0]}`;
    },
  });
  return complaint;
}
