/**
 * What a run was made on: the machine, its load, and the commit.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import os from "node:os";

import { root } from "../support/places.ts";
import type { Machine } from "./results.ts";

/** The machine as it is now. */
export function describeMachine(fileSystem: string): Machine {
  const cpus = os.cpus();
  const memory = `${(os.totalmem() / 2 ** 30).toFixed(0)} GiB of memory`;
  const load = os.loadavg()[0];
  return {
    hardware: `${cpus[0]?.model.trim() ?? "unknown processor"}, ${cpus.length} cores, ${memory}`,
    system: `${os.type()} ${os.release()}`,
    fileSystem,
    load: { before: load, after: load },
  };
}

/** The commit that is checked out, with "+" where files differ from it. */
export function measuredCommit(): string {
  const git = (...words: string[]): string =>
    spawnSync("git", words, { cwd: root, encoding: "utf8" }).stdout?.trim() ??
      "";
  return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain") === "" ? "" : "+"}`;
}
