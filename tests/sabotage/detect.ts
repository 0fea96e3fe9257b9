/**
 * A general detector at work: takes case after case until one shows that something is wrong.
 *
 * Usage: `detect.ts NAME CASE,CASE,…`: each case that was passed is a line of output, and the last
 * line is one JSON object.
 *
 * @module
 */

import process from "node:process";
import { Explorer } from "../enumeration/explorer.ts";
import { allWorkloads } from "../enumeration/workload.ts";
import { live } from "../sim/life.ts";
import { drawPlan } from "../sim/workload.ts";
import { carryOut, piecesOf } from "../damage/plan.ts";
import { BEGUN, type GeneralName } from "./patch.ts";

/** Judges a case: what is wrong, or "". */
type Case = (at: number) => string | Promise<string>;

const DAMAGE_SHARE = 1009;
const LIFE_STEPS = 200;

const detectors: Readonly<Record<GeneralName, () => Case>> = {
  sim: () => async (at) => {
    await live(drawPlan(at + 1, { steps: LIFE_STEPS }));
    return "";
  },
  crash() {
    const workloads = allWorkloads(2, 1);
    return (at) => {
      const explorer = new Explorer({ seed: 1, recoveryOneIn: 1000 });
      const violation = explorer.explore(workloads[at]);
      const shapes = workloads[at].join(", ");
      return violation === undefined ? "" : `${shapes || "creation"}: ${violation.complaint}`;
    };
  },
  damage() {
    const pieces = piecesOf(DAMAGE_SHARE);
    return (at) => {
      const { violations } = carryOut(pieces[at], () => {});
      return violations.length === 0 ? "" : String(JSON.stringify(violations[0]));
    };
  },
};

async function complaintOf(judge: Case, at: number): Promise<string> {
  try {
    return await judge(at);
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

async function detect(name: string, cases: readonly number[]): Promise<void> {
  console.log(BEGUN);
  const judge = detectors[name as GeneralName]();
  for (const at of cases) {
    const complaint = await complaintOf(judge, at);
    if (complaint !== "") {
      console.log(JSON.stringify({ at, complaint: complaint.slice(0, 500) }));
      return;
    }
    console.log(`passed ${at}`);
  }
  console.log(JSON.stringify({ at: -1, complaint: "" }));
}

Error.stackTraceLimit = 4;
const [name, cases] = process.argv.slice(2);
await detect(name, cases.split(",").map(Number));
process.exit(0);
