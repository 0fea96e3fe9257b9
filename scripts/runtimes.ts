/**
 * How a program of the repository is run on each runtime: the machine's own Node.js with what was
 * compiled, the others with the sources.
 *
 * @module
 */

import { join } from "node:path";
import process from "node:process";

import { root } from "./repository.ts";

/** The command for `source`, a path from the root, by the name of the runtime. */
export function runtimeCommands(source: string): Readonly<Record<string, readonly string[]>> {
  const file = join(root, source);
  const compiled = join(root, "dist", source.replace(/\.ts$/, ".js"));
  const deno = join(root, "node_modules/.bin/deno");
  return {
    "Node.js 20": [process.env["npm_node_execpath"] ?? "node", compiled],
    "Node.js 26": [join(root, "node_modules/node26/bin/node"), file],
    Deno: [deno, "run", "--allow-all", "--no-check", "--quiet", file],
    Bun: [join(root, "node_modules/.bin/bun"), file],
  };
}
