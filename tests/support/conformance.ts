/**
 * The conformance suite with `node:test`, and harnesses for Ios over the files of the system.
 *
 * @module
 */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { lstatSync, mkdirSync, symlinkSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";

import type { Io } from "../../core/io.ts";
import type { Elsewhere, Harness, Supports } from "../conformance/harness.ts";
import { testIo } from "../conformance/mod.ts";
import { RUNTIME_URL, scriptArguments } from "./subprocess.ts";
import { type TempDir, tempDir } from "./tmp.ts";

/** Registers a test for each sentence of the contract; one not proven is skipped, and says why. */
export function testIoOver(name: string, harness: Harness): void {
  testIo({
    ...harness,
    test: (sentence, work) =>
      test(`${name}: ${sentence}`, (context) => work((why) => context.skip(why))),
  });
}

/** A harness for an Io over files of the system, with all that can be made to happen around it. */
export function fileHarness(createIo: () => Io, supports: Partial<Supports> = {}): Harness {
  const dirs = new Map<string, TempDir>();
  return {
    createIo,
    directory() {
      const dir = tempDir();
      dirs.set(dir.path, dir);
      return dir.path;
    },
    cleanUp(directory) {
      dirs.get(directory)?.[Symbol.dispose]();
      dirs.delete(directory);
    },
    supports: { ...systemSupports, ...supports },
  };
}

const systemSupports: Partial<Supports> = {
  blocking: true,
  large: true,
  locks: true,
  symbolicLink: (target, path) => symlinkSync(target, path),
  makeDirectory: (path) => {
    mkdirSync(path);
  },
  makeSpecial(path) {
    const { error, status } = spawnSync("mkfifo", [path]);
    if (error !== undefined) throw error;
    if (status !== 0) throw new Error(`mkfifo ${path} ended with ${status}`);
  },
  modeOf: (path) => lstatSync(path).mode & 0o777,
  openElsewhere,
};

async function openElsewhere(path: string, kind: "exclusive" | "shared"): Promise<Elsewhere> {
  const script = `
    const { runtimeIo } = await import(${JSON.stringify(RUNTIME_URL)});
    const file = runtimeIo({ blocking: true }).open(${JSON.stringify(path)}).take();
    try {
      file.lock(${JSON.stringify(kind)}).take();
      console.log("held");
    } catch (error) {
      console.log(error.code);
    }
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, scriptArguments(script), {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  const closed = once(child, "close");
  const [line] = await Promise.race([once(child.stdout, "data"), closed]) as [unknown];
  const said = String(line).trim();
  const close = async (): Promise<void> => {
    child.kill("SIGKILL");
    await closed;
  };
  if (said !== "held" && said !== "KVIG_LOCKED") {
    await close();
    throw new Error(`the other process said ${JSON.stringify(said)}`);
  }
  return { held: said === "held", close };
}
