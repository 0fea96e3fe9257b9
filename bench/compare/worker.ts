/**
 * A process of its own: takes a job as JSON, does it, and prints the outcome as one line of JSON.
 *
 * Usage: `worker.ts JOB`
 *
 * @module
 */

import process from "node:process";

import { contestant } from "./contestants.ts";
import { PARTS } from "./parts/all.ts";
import { type Job, Session } from "./session.ts";

const job = JSON.parse(process.argv[2] ?? "{}") as Job;
const part = PARTS.find(({ id }) => id === job.part);
if (part === undefined) throw new Error(`there is no part ${job.part}`);
const session = new Session(job, await contestant(job.contestant).load());
await part.run(session);
const { version, release, versions } = process;
const runtime = versions["deno"] !== undefined
  ? `Deno ${versions["deno"]}`
  : versions["bun"] !== undefined
  ? `Bun ${versions["bun"]}`
  : `${release.name} ${version}`;
console.log(JSON.stringify({ ...session.outcome, runtime }));
