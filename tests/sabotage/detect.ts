/**
 * A general detector at work: takes case after case until one shows that something is wrong.
 *
 * Usage: `detect.ts NAME CASE,CASE,…`: each case that was passed is a line of output, and the last
 * line is one JSON object.
 *
 * @module
 */

import process from "node:process";
import { CASES, type Cases } from "./cases.ts";
import { BEGUN, type GeneralName } from "./patch.ts";

async function complaintOf(cases: Cases, at: number): Promise<string> {
  try {
    return await cases.judge(at);
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

async function detect(name: GeneralName, numbers: readonly number[]): Promise<void> {
  console.log(BEGUN);
  const cases = CASES[name]();
  for (const at of numbers) {
    const complaint = await complaintOf(cases, at);
    if (complaint !== "") {
      console.log(JSON.stringify({ at, complaint: complaint.slice(0, 500) }));
      return;
    }
    console.log(`passed ${at}`);
  }
  console.log(JSON.stringify({ at: -1, complaint: "" }));
}

Error.stackTraceLimit = 4;
const [name, numbers] = process.argv.slice(2);
await detect(name as GeneralName, numbers.split(",").map(Number));
process.exit(0);
