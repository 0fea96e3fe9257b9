/**
 * How the runtimes are started, as data.
 *
 * @module
 */

import { join } from "node:path";
import process from "node:process";

import { root } from "../support/places.ts";

/** What the command line calls a runtime. */
export type RuntimeId = "node20" | "node26" | "deno" | "bun";

/** One runtime. */
export interface Runtime {
  /** What the command line calls it. */
  readonly id: RuntimeId;
  /** Its name, for people. */
  readonly what: string;
  /** The program and its arguments, without the script. */
  readonly command: readonly string[];
  /** Whether it runs what was compiled, and not the sources. */
  readonly compiled: boolean;
}

const bin = join(root, "node_modules/.bin");

/** Every runtime; the first is the one of the targets. */
export const RUNTIMES: readonly Runtime[] = [
  {
    id: "node26",
    what: "Node.js 26",
    command: [
      join(root, "node_modules/node26/bin/node"),
      "--disable-warning=ExperimentalWarning",
    ],
    // Stripping types from sources leaves V8 checking on each access whether memory was detached.
    compiled: true,
  },
  {
    id: "node20",
    what: "Node.js 20",
    command: [process.env["npm_node_execpath"] ?? "node"],
    compiled: true,
  },
  {
    id: "deno",
    what: "Deno",
    command: [
      join(bin, "deno"),
      "run",
      "--allow-all",
      "--unstable-kv",
      "--no-check",
      "--quiet",
    ],
    compiled: false,
  },
  { id: "bun", what: "Bun", command: [join(bin, "bun")], compiled: false },
];

/** The command that runs a file of `bench/`, named without its ending, on a runtime. */
export function commandOf(runtime: Runtime, file: string): readonly string[] {
  const script = runtime.compiled ? join("dist/bench", `${file}.js`) : join("bench", `${file}.ts`);
  return [...runtime.command, join(root, script)];
}
