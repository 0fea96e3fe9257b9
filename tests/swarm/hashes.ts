/**
 * The same seeds on every runtime: their traces must be the same to the last operation.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { endJob, refuse } from "../support/job.ts";
import { liveSeeds } from "./share.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = "tests/swarm/main.ts";

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

function hashOn(name: string, words: readonly string[]): Hash {
  const [program, ...rest] = words;
  const { status, stdout, stderr } = spawnSync(resolve(ROOT, program), rest, {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  if (status === null || !last.startsWith("{")) {
    refuse(`${name} did not end with a hash: ${stderr.slice(-2000)}`);
  }
  return JSON.parse(last) as Hash;
}

/** Lives the seeds on every runtime, one after another, and compares. */
export function compareRuntimes(from: number, seeds: number, steps: number): void {
  const words = ["--hash", `${seeds}`, "--from", `${from}`, "--steps", `${steps}`];
  const node20 = process.env["npm_node_execpath"];
  const hashes: Record<string, Hash> = {};
  for (const [name, program] of Object.entries(RUNTIMES)) {
    hashes[name] = hashOn(name, [...program, ...words]);
    console.log(`${name.padEnd(12)} ${JSON.stringify(hashes[name])}`);
  }
  if (node20 !== undefined) {
    hashes["Node.js 20"] = hashOn("Node.js 20", [node20, "dist/tests/swarm/main.js", ...words]);
    console.log(`Node.js 20   ${JSON.stringify(hashes["Node.js 20"])}`);
  }
  const all = Object.values(hashes);
  const same = all.every(({ hash }) => hash === all[0].hash);
  const violations = all.reduce((sum, each) => sum + each.violations, 0) + (same ? 0 : 1);
  endJob({ job: "sim hashes", seeds, runtimes: Object.keys(hashes), same, violations });
}
