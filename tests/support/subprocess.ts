/**
 * Starting the running runtime again: a program, or a few lines of one.
 *
 * @module
 */

import process from "node:process";

import { runtimeName } from "./runtime.ts";

const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** The module with the adapter of the runtime, for scripts to import. */
export const RUNTIME_URL: string = new URL(`./runtime.${ending}`, import.meta.url).href;

/** Arguments that stand before the file of a program. */
export const RUN_ARGUMENTS: readonly string[] = runtimeName === "deno"
  ? ["run", "--allow-all", "--no-check", "--quiet"]
  : [];

/** Arguments that run `script`, a module. */
export function scriptArguments(script: string): string[] {
  if (runtimeName === "deno") return ["eval", "--no-check", "--quiet", script];
  if (runtimeName === "bun") return ["-e", script];
  return ["--input-type=module", "-e", script];
}

/** The command that runs `file`, quoted for a shell. */
export function shellCommand(file: string): string {
  return [process.execPath, ...RUN_ARGUMENTS, file].map((word) => `'${word}'`).join(" ");
}

const SIGNALS: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/**
 * The exit code of a process. One that ended by a signal has that of a shell, 128 and more; Deno
 * does not tell the two apart.
 */
export function exitCode(status: number | null, signal: string | null): number | null {
  if (status !== null || signal === null) return status;
  return 128 + (SIGNALS[signal] ?? 0);
}
