/**
 * An Io from a module of the user's, and the harness to test it with.
 *
 * @module
 */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

import { isKvigError } from "../core/errors.ts";
import { result } from "../tests/conformance/check.ts";
import type { Elsewhere, Harness, Supports } from "../tests/conformance/harness.ts";
import { codeOf, CommandError } from "./failures.ts";
import { quoted } from "./notation.ts";

/** The names of a harness that a module may export. */
const NAMES = ["directory", "cleanUp", "supports", "limitMs"] as const;

/**
 * Loads the module at `path`, which exports `createIo` by that name or as its default; the default
 * may be a whole harness too.
 * @throws {CommandError} where it cannot be loaded, or exports no such function.
 */
export async function loadAdapter(path: string): Promise<Harness> {
  const file = resolve(path);
  if (!existsSync(file)) throw new CommandError(`there is no file ${quoted(path)}`);
  let exported: Record<string, unknown>;
  try {
    exported = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new CommandError(`cannot load ${quoted(path)}: ${whyNot(error)}`, { cause: error });
  }
  const found = exported["default"];
  const whole: Record<string, unknown> = { ...exported };
  if (typeof found === "function") whole["createIo"] ??= found;
  else if (typeof found === "object" && found !== null) Object.assign(whole, found);
  if (typeof whole["createIo"] !== "function") {
    const what = "createIo, a function that makes an Io, by that name or as its default";
    throw new CommandError(`${quoted(path)} does not export ${what}`);
  }
  const harness: Record<string, unknown> = { createIo: whole["createIo"] };
  for (const name of NAMES) if (whole[name] !== undefined) harness[name] = whole[name];
  return harness as unknown as Harness;
}

function whyNot(error: unknown): string {
  const [first = ""] = String(error).split("\n");
  if (codeOf(error) !== "ERR_UNKNOWN_FILE_EXTENSION") return first;
  return `${first}; this runtime wants JavaScript, so compile it first`;
}

/**
 * The harness to run the suite with: what `given` leaves out is filled in. Each case gets a
 * directory of the system, and where the Io turns out to keep its files there, everything that can
 * be made to happen to such files. `path` is that of the module.
 */
export async function harnessFor(path: string, given: Harness): Promise<Harness> {
  if (given.directory !== undefined) return given;
  const own = {
    directory: (): string => mkdtempSync(join(tmpdir(), "kvig-conformance-")),
    cleanUp: (directory: string): void => rmSync(directory, { recursive: true, force: true }),
  };
  const filled: Harness = { ...own, ...given };
  if (!await keepsFiles(filled)) return filled;
  return { ...filled, supports: { ...systemSupports(path), ...given.supports } };
}

/** Whether the files of the Io are files of the system; one that cannot tell has none. */
async function keepsFiles(harness: Harness): Promise<boolean> {
  const directory = await harness.directory?.() ?? "";
  const path = join(directory, "probe");
  try {
    const io = await harness.createIo();
    const file = await result(io.open(path, { create: true }));
    const kept = existsSync(path);
    await result(file.close());
    await result(io.remove(path));
    return kept;
  } catch (error) {
    // The suite will say what is wrong, by name; here it only means that nothing is known.
    return error === undefined;
  } finally {
    await harness.cleanUp?.(directory);
  }
}

/** What can be made to happen to files of the system. */
function systemSupports(path: string): Partial<Supports> {
  const canMakePipes = spawnSync("mkfifo", ["--version"]).error === undefined;
  return {
    symbolicLink: (target, path) => symlinkSync(target, path),
    makeDirectory: (path) => void mkdirSync(path),
    modeOf: (path) => lstatSync(path).mode & 0o777,
    openElsewhere: (file, kind) => holdLockElsewhere(path, file, kind),
    ...(canMakePipes ? { makeSpecial: makePipe } : {}),
  };
}

function makePipe(path: string): void {
  const { status, stderr } = spawnSync("mkfifo", [path], { encoding: "utf8" });
  if (status !== 0) throw new CommandError(`mkfifo failed: ${stderr.trim()}`);
}

/** Tells another process of this program what to hold, instead of running the suite. */
const HOLD = "KVIG_HOLD_LOCK";

/**
 * In the process that {@link harnessFor} has started to hold a lock: takes it with the adapter at
 * `path`, says how that went, and holds it until standard input ends. False in any other process.
 */
export async function heldLock(path: string): Promise<boolean> {
  const [, kind, file] = /^(exclusive|shared) (.+)$/s.exec(process.env[HOLD] ?? "") ?? [];
  if (kind === undefined || file === undefined) return false;
  const { createIo } = await loadAdapter(path);
  const opened = await result((await createIo()).open(file));
  let said = "held";
  try {
    await result(opened.lock(kind === "shared" ? "shared" : "exclusive"));
  } catch (error) {
    if (!isKvigError(error)) throw error;
    said = error.code;
  }
  process.stdout.write(`${said}\n`);
  await once(process.stdin.resume(), "end");
  return true;
}

/** Has another process of this runtime take the lock of `file` with the adapter at `path`. */
async function holdLockElsewhere(
  path: string,
  file: string,
  kind: "exclusive" | "shared",
): Promise<Elsewhere> {
  const words = "Deno" in globalThis ? ["run", "--allow-all", "--quiet"] : process.execArgv;
  const program = process.argv[1] ?? "";
  const child = spawn(process.execPath, [...words, program, "conformance", resolve(path)], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, [HOLD]: `${kind} ${file}` },
  });
  const ended = once(child, "close");
  const [line] = await Promise.race([once(child.stdout, "data"), ended]) as [unknown];
  const said = String(line).trim();
  const close = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  if (said === "held" || said === "KVIG_LOCKED") return { held: said === "held", close };
  await close();
  throw new CommandError(`the other process could not take the lock: ${said}`);
}
