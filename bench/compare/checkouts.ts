/**
 * Commits of the repository, checked out beside each other.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";

import { root } from "../support/places.ts";
import type { Scratch } from "../support/scratch.ts";
import { UsageError } from "./arguments.ts";

/** Trees of commits in a scratch directory, which go away with the scope. */
export class Checkouts implements Disposable {
  readonly #scratch: Scratch;
  readonly #paths: string[] = [];

  /** Trees will be below `scratch`. */
  constructor(scratch: Scratch) {
    this.#scratch = scratch;
  }

  /**
   * Checks a commit out and compiles it; returns where.
   * @throws {UsageError} where there is no such commit.
   */
  add(commit: string, name: string): string {
    const hash = git("rev-parse", "--verify", "--quiet", `${commit}^{commit}`);
    if (hash === undefined) throw new UsageError(`there is no commit ${JSON.stringify(commit)}`);
    const path = this.#scratch.file(name);
    if (git("worktree", "add", "--detach", path, hash.trim()) === undefined) {
      throw new Error(`git cannot check ${commit} out at ${path}`);
    }
    this.#paths.push(path);
    fs.symlinkSync(join(root, "node_modules"), join(path, "node_modules"));
    compile(path);
    return path;
  }

  /** Removes the trees. */
  [Symbol.dispose](): void {
    for (const path of this.#paths) {
      if (git("worktree", "remove", "--force", path) !== undefined) continue;
      fs.rmSync(path, { recursive: true, force: true });
      git("worktree", "prune");
    }
  }
}

/** Compiles the sources of a checkout. */
export function compile(directory: string): void {
  const tsc = join(root, "node_modules/.bin/tsc");
  const ended = spawnSync(tsc, ["-b"], { cwd: directory, stdio: "inherit" });
  if (ended.status !== 0) throw new Error(`the sources in ${directory} do not compile`);
}

/** What git prints; undefined where it fails. */
function git(...words: string[]): string | undefined {
  const ended = spawnSync("git", words, { cwd: root, encoding: "utf8" });
  return ended.status === 0 ? ended.stdout : undefined;
}
