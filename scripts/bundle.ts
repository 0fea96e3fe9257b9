/**
 * Bundles what was compiled into the files that the npm package consists of: one for each entry,
 * and what several of them need in shared ones, so that a class is the same whichever way it comes.
 *
 * Measured on Node.js 20: as single modules, importing `kvig/node` takes twice the time and 8 MiB
 * more memory (`npm run bench:import`).
 *
 * @module
 */

import { build } from "esbuild";
import { rmSync } from "node:fs";
import { join } from "node:path";

import { readJson, root } from "./repository.ts";

const COMPILED = join(root, "dist");
const BUNDLED = join(COMPILED, "npm");

type Entry = { default: string };
const { exports, bin } = readJson("package.json") as {
  exports: Record<string, Entry>;
  bin: Record<string, string>;
};
const outputs = [...Object.values(exports).map((entry) => entry.default), ...Object.values(bin)];
const entryPoints = outputs.map((path) => join(root, path.replace(/^(\.\/)?dist\/npm\//, "dist/")));

rmSync(BUNDLED, { recursive: true, force: true });
await build({
  entryPoints,
  outbase: COMPILED,
  outdir: BUNDLED,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "es2022",
  chunkNames: "shared/[name]-[hash]",
  sourcemap: "linked",
  logLevel: "warning",
});
