/**
 * The same work on each runtime, in one run: rounds of fresh processes, one runtime after another,
 * medians, and how each compares with the best.
 *
 * Usage: `runtimes.ts [ROUNDS]`
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { median, table } from "./support/figures.ts";
import { Scratch } from "./support/scratch.ts";

const rounds = Number(process.argv[2] ?? 7);
const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "bench/runtimes/worker.ts");
const bin = join(root, "node_modules/.bin");
const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  "Node.js 20": [
    process.env["npm_node_execpath"] ?? "node",
    join(root, "dist/bench/runtimes/worker.js"),
  ],
  "Node.js 26": [join(root, "node_modules/node26/bin/node"), source],
  Deno: [join(bin, "deno"), "run", "--allow-all", "--no-check", source],
  Bun: [join(bin, "bun"), source],
};

type Results = Record<string, number>;

function runOnce(command: readonly string[], scratch: Scratch): Results {
  const path = scratch.file("runtimes.kvig");
  const [program, ...words] = command;
  const child = spawnSync(program!, [...words, path], { encoding: "utf8" });
  for (const file of [path, `${path}-wal`]) fs.rmSync(file, { force: true });
  if (child.status !== 0) throw new Error(`${command.join(" ")}: ${child.stderr}`);
  return JSON.parse(child.stdout.trim().split("\n").at(-1) ?? "") as Results;
}

function cell(nanoseconds: number, best: number): string {
  const time = nanoseconds < 10_000
    ? `${nanoseconds.toFixed(0)} ns`
    : `${(nanoseconds / 1000).toFixed(1)} µs`;
  return `${time} (${(best / nanoseconds).toFixed(2)})`;
}

using scratch = new Scratch();
const runs = new Map(Object.keys(RUNTIMES).map((name) => [name, [] as Results[]]));
for (let round = 0; round < rounds; round++) {
  for (const [name, command] of Object.entries(RUNTIMES)) {
    runs.get(name)?.push(runOnce(command, scratch));
  }
}
console.log(`The same work on each runtime, ${scratch.fileSystem}; medians of ${rounds} rounds`);
console.log("In parentheses: speed, where the best of the row is 1.\n");
const names = Object.keys(RUNTIMES);
const works = Object.keys(runs.get(names[0]!)?.[0] ?? {});
const rows = works.map((work) => {
  const medians = names.map((name) => median(runs.get(name)!.map((results) => results[work]!)));
  const best = Math.min(...medians);
  return [work, ...medians.map((nanoseconds) => cell(nanoseconds, best))];
});
console.log(table([["", ...names], ...rows]));
