/**
 * What importing kvig takes, in time and memory: as the package ships it, bundled, and as single
 * modules. Each import is the first act of a process of its own.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { mebibytes, median, table } from "./support/figures.ts";

const ROUNDS = 15;

/** The root of the repository, from the sources and from what was compiled. */
const root = fileURLToPath(
  new URL(import.meta.url.includes("/dist/") ? "../.." : "..", import.meta.url),
);
const FORMS: Readonly<Record<string, string>> = {
  "kvig/node, bundled": `${root}/dist/npm/adapters/node/mod.js`,
  "kvig/node, single modules": `${root}/dist/adapters/node/mod.js`,
};

/** One import in a process of its own: milliseconds, and bytes of resident memory. */
function once(path: string): [number, number] {
  const script = `
    const memory = process.memoryUsage.rss();
    const start = performance.now();
    await import(${JSON.stringify(path)});
    const time = performance.now() - start;
    console.log(JSON.stringify([time, process.memoryUsage.rss() - memory]));`;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  if (child.status !== 0) throw new Error(child.stderr);
  return JSON.parse(child.stdout) as [number, number];
}

const results = new Map(Object.keys(FORMS).map((name) => [name, [] as [number, number][]]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, path] of Object.entries(FORMS)) results.get(name)?.push(once(path));
}
console.log(`Importing, ${process.release.name} ${process.version}; medians of ${ROUNDS}\n`);
const rows = [...results].map(([name, runs]) => [
  name,
  `${median(runs.map(([time]) => time)).toFixed(1)} ms`,
  mebibytes(median(runs.map(([, bytes]) => bytes))),
]);
console.log(table([["", "time", "memory"], ...rows]));
