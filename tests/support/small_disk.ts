/**
 * A file system of its own for a test: small, so that it fills up, and one that can be made
 * read-only. Needs Linux and root; elsewhere a test is skipped and says why.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import type { TestContext } from "node:test";

import { skipTest } from "./skip.ts";
import { type TempDir, tempDir } from "./tmp.ts";

/** A mounted file system. */
export class SmallDisk implements Disposable {
  readonly #dir: TempDir;

  /** Over the mount point. */
  constructor(dir: TempDir) {
    this.#dir = dir;
  }

  /** The path of `name` on it. */
  file(name: string): string {
    return this.#dir.file(name);
  }

  /** Makes it refuse, or take, writes. */
  setReadOnly(readOnly: boolean): void {
    mount(["-o", `remount,${readOnly ? "ro" : "rw"}`, this.#dir.path]);
  }

  /** Gives it another size, in bytes. */
  resize(bytes: number): void {
    mount(["-o", `remount,size=${bytes}`, this.#dir.path]);
  }

  /** Unmounts and removes it. */
  [Symbol.dispose](): void {
    spawnSync("umount", ["-l", this.#dir.path]);
    this.#dir[Symbol.dispose]();
  }
}

function mount(words: string[]): void {
  const { status, error, stderr } = spawnSync("mount", words, { encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`mount ${words.join(" ")}: ${stderr.trim()}`);
}

/** Mounts a disk of `bytes` bytes; undefined where that cannot be, and the test is skipped. */
export function smallDisk(context: TestContext, bytes: number): SmallDisk | undefined {
  const dir = tempDir();
  try {
    mount(["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", dir.path]);
  } catch (error) {
    dir[Symbol.dispose]();
    skipTest(context, `a tmpfs cannot be mounted here, root on Linux can: ${error}`);
    return undefined;
  }
  return new SmallDisk(dir);
}
