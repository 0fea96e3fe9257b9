/**
 * The same seeds on every runtime: their traces must be the same to the last operation.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { endJob, refuse } from "../support/job.ts";
import { liveSeeds } from "./share.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = "tests/swarm/main.ts";
const RUNTIMES_AT_ONCE = 2;

/** How each runtime runs this program. */
const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  "Node.js 26": ["node_modules/node26/bin/node", MAIN],
  "Deno": ["node_modules/.bin/deno", "run", "--allow-all", "--no-check", MAIN],
  "Bun": ["node_modules/.bin/bun", MAIN],
};

/** Lives the seeds on this runtime and prints their hash. */
export async function printHash(from: number, seeds: number, steps: number): Promise<void> {
  const totals = await liveSeeds(from, from + seeds, 1, steps);
  endJob({
    job: "sim hash",
    seeds,
    hash: totals.hash,
    operations: totals.operations,
    violations: totals.violations.length,
  });
}

interface Hash {
  readonly hash: number;
  readonly operations: number;
  readonly violations: number;
}

async function hashOn(name: string, words: readonly string[]): Promise<Hash> {
  const [program, ...rest] = words;
  const stdout: string[] = [];
  const stderr: string[] = [];
  const child = spawn(resolve(ROOT, program), rest, { cwd: ROOT });
  child.stdout.setEncoding("utf8").on("data", (text: string) => stdout.push(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => stderr.push(text));
  const [status] = await once(child, "close") as [number | null];
  const last = stdout.join("").trimEnd().split("\n").at(-1) ?? "";
  if (status === null || !last.startsWith("{")) {
    refuse(`${name} did not end with a hash: ${stderr.join("").slice(-2000)}`);
  }
  console.log(`${name.padEnd(12)} ${last}`);
  return JSON.parse(last) as Hash;
}

/** Lives the seeds on every runtime, two of them at a time, and compares. */
export async function compareRuntimes(from: number, seeds: number, steps: number): Promise<void> {
  const words = ["--hash", `${seeds}`, "--from", `${from}`, "--steps", `${steps}`];
  const programs: [string, readonly string[]][] = Object.entries(RUNTIMES);
  const node20 = process.env["npm_node_execpath"];
  if (node20 !== undefined) programs.push(["Node.js 20", [node20, "dist/tests/swarm/main.js"]]);
  const hashes: Hash[] = [];
  const queue = programs.values();
  const lane = async (): Promise<void> => {
    for (const [name, program] of queue) hashes.push(await hashOn(name, [...program, ...words]));
  };
  await Promise.all(Array.from({ length: RUNTIMES_AT_ONCE }, lane));
  const same = hashes.every(({ hash }) => hash === hashes[0].hash);
  const violations = hashes.reduce((sum, each) => sum + each.violations, 0) + (same ? 0 : 1);
  const runtimes = programs.map(([name]) => name);
  endJob({ job: "sim hashes", seeds, runtimes, same, violations });
}
