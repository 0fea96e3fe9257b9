/**
 * Runs the command line as a process of its own, on the runtime that runs the tests: its source
 * where the tests run from source, else what was compiled from it.
 *
 * @module
 */

import { spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

import { assertEquals, assertMatch } from "../support/assert.ts";
import { exitCode, RUN_ARGUMENTS } from "../support/subprocess.ts";
import { TempDir } from "../support/tmp.ts";

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";

/** The program's entry. */
export const ENTRY: string = fileURLToPath(
  new URL(`../../cli/main.${extension}`, import.meta.url),
);

// Starting from source takes a second, nearly all of it for stripping types: once is enough.
const compiled = new TempDir();
process.on("exit", () => compiled[Symbol.dispose]());

/** The environment of every run. */
export const ENVIRONMENT: NodeJS.ProcessEnv = {
  ...process.env,
  NODE_COMPILE_CACHE: compiled.path,
};

/** How one run ended and what it wrote. */
export interface Run {
  /** The exit code; 128 and the number of the signal that ended it, if one did. */
  readonly code: number | null;
  /** Standard output, as text. */
  readonly out: string;
  /** Standard output. */
  readonly bytes: Uint8Array;
  /** Standard error. */
  readonly err: string;
}

/** Runs `kvig` with `args`, standard input being `input`, and waits for its end. */
export function kvig(args: readonly string[], input: string | Uint8Array = ""): Run {
  const child = spawnSync(process.execPath, [...RUN_ARGUMENTS, ENTRY, ...args], {
    input,
    env: ENVIRONMENT,
    timeout: 60_000,
    maxBuffer: 256 * 1024 * 1024,
  });
  if (child.error !== undefined) throw child.error;
  return {
    code: exitCode(child.status, child.signal),
    out: child.stdout.toString(),
    bytes: new Uint8Array(child.stdout),
    err: child.stderr.toString(),
  };
}

/** The same for a run that must go well; returns its standard output. */
export function ok(args: readonly string[], input: string | Uint8Array = ""): string {
  const { code, out, err } = kvig(args, input);
  assertEquals(code, 0, `kvig ${args.join(" ")} ended with ${code}: ${err}`);
  return out;
}

/**
 * The same for a run that must fail with `code` and exactly one line on standard error that matches
 * `message`, and nothing on standard output.
 */
export function fails(
  args: readonly string[],
  code: number,
  message: RegExp,
  input: string | Uint8Array = "",
): void {
  const run = kvig(args, input);
  assertMatch(run.err, message);
  assertMatch(run.err, /^kvig: [^\n]+\n$/, `not one line: ${run.err}`);
  assertEquals(run.code, code, run.err);
  assertEquals(run.out, "");
}

/** Makes a store with these entries, with a small log, and returns its path. */
export function makeStore(
  dir: TempDir,
  entries: Readonly<Record<string, string>>,
  name = "store.kvig",
): string {
  const path = dir.file(name);
  const lines = Object.entries(entries).map(([key, value]) => JSON.stringify({ key, value }));
  ok(["load", path, "--log-size", "1MiB"], lines.join("\n"));
  return path;
}

/** Fails unless the store at `path` is sound. */
export function assertSound(path: string): void {
  const { code, out, err } = kvig(["verify", path]);
  assertEquals(`${code}${out}`, "0", err);
}

/** A run that goes on beside the test. */
export interface Running {
  /** Writes to its standard input. */
  write(text: string): void;
  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void;
  /** Waits until standard error contains `text`, or standard output does. */
  until(text: string): Promise<void>;
  /** Waits for the end. */
  readonly ended: Promise<Run>;
}

/** Starts `kvig` with `args`. */
export function start(args: readonly string[]): Running {
  const child = spawn(process.execPath, [...RUN_ARGUMENTS, ENTRY, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: ENVIRONMENT,
  });
  const [out, err]: Uint8Array[][] = [[], []];
  const listeners = new Set<() => void>();
  const text = (chunks: Uint8Array[]): string => Buffer.concat(chunks).toString();
  for (const [stream, chunks] of [[child.stdout, out], [child.stderr, err]] as const) {
    stream.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk);
      for (const listener of listeners) listener();
    });
  }
  // A program that ended no longer reads: the test looks at how it ended.
  child.stdin.on("error", () => {});
  const ended = new Promise<Run>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => {
      const bytes = new Uint8Array(Buffer.concat(out));
      resolve({ code: exitCode(status, signal), out: text(out), bytes, err: text(err) });
    });
  });
  const until = (wanted: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const listener = (): void => {
        if (!text(err).includes(wanted) && !text(out).includes(wanted)) return;
        listeners.delete(listener);
        resolve();
      };
      listeners.add(listener);
      ended.then((run) => reject(new Error(`ended without "${wanted}": ${run.err}`)), reject);
      listener();
    });
  return {
    write: (input) => void child.stdin.write(input),
    // Not child.kill(): Deno's closes the standard input of the child as well.
    kill: (signal) => void (child.pid !== undefined && process.kill(child.pid, signal)),
    until,
    ended,
  };
}
