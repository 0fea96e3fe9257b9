/**
 * Runs scripts of package.json one after another and says which one failed and how long each took.
 *
 * It goes on after a failure, so that one run shows all that is wrong. It starts the commands
 * itself and not through npm: a nested npm would run on the Node.js that is first in PATH, and then
 * `$npm_node_execpath` would no longer name the machine's own.
 *
 * Usage: `run_gates.ts SCRIPT...`, each with arguments of its own if it is quoted with them
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import process from "node:process";
import { readJson, root } from "./repository.ts";

function runGate(name: string, command: string): string {
  console.log(`\n=== ${name}`);
  const start = performance.now();
  const { status, signal } = spawnSync(command, { cwd: root, shell: true, stdio: "inherit" });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (status === 0) return `ok      ${name} (${seconds} s)`;
  process.exitCode = 1;
  return `FAILED  ${name} (${signal ?? `exit code ${status}`}, ${seconds} s)`;
}

const scripts = readJson("package.json")["scripts"] as Record<string, string>;
const lines = process.argv.slice(2).map((gate) => {
  const [name, ...rest] = gate.split(" ");
  const command = scripts[name];
  if (command === undefined) throw new Error(`package.json has no script ${name}`);
  return runGate(gate, [command, ...rest].join(" "));
});
console.log(`\n${lines.join("\n")}`);
