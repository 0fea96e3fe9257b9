/**
 * What the tests of a store's surroundings share: file systems of their own, other processes, and
 * the two files of a store as bytes.
 *
 * @module
 */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import process from "node:process";

import { open } from "./runtime.ts";
import { isKvigError } from "../../core/errors.ts";
import type { Kvig, KvigError, KvigErrorCode, OpenOptions } from "../../mod.ts";
import { assert, assertEquals, fail } from "./assert.ts";
import { assertSound } from "./store.ts";
import { RUNTIME_URL, scriptArguments } from "./subprocess.ts";

/** Small sizes, so that a store is made quickly. */
export const QUICK: Readonly<OpenOptions> = {
  pageSize: 4096,
  cacheSize: 1024 * 1024,
  logSize: 1024 * 1024,
};

/** How long a test may take before it counts as hanging. */
export const LIMIT_MS = 60_000;

/** A file system in memory, mounted on a directory of its own and unmounted with its scope. */
export class Mounted implements Disposable {
  /** Where it is mounted. */
  readonly path: string;

  /** Stands for what is mounted at `path`. */
  constructor(path: string) {
    this.path = path;
  }

  /** Mounts it again, for reading only or for both. */
  remount(way: "ro" | "rw"): boolean {
    return spawnSync("mount", ["-o", `remount,${way}`, this.path]).status === 0;
  }

  /** Unmounts it, busy or not. */
  [Symbol.dispose](): void {
    if (spawnSync("umount", [this.path]).status === 0) return;
    assertEquals(spawnSync("umount", ["--lazy", this.path]).status, 0, "it can be unmounted");
  }
}

/** Mounts a file system of `size`, as mount(8) writes it; undefined where that is not permitted. */
export function mountMemory(path: string, size: string): Mounted | undefined {
  fs.mkdirSync(path);
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path]);
  return status === 0 ? new Mounted(path) : undefined;
}

/** Why a test that mounts is skipped. */
export const NEEDS_ROOT = "mounting a file system needs root and the permission to mount";

/** Another process with a store. */
export interface OtherProcess {
  /** "open", or the code of the error that opening met. */
  readonly said: string;
  /** Kills it as nothing can be killed harder, and waits for its end. */
  kill(): Promise<void>;
}

/** Starts a process that opens the store at `path`, says how that went, and stays. */
export async function openElsewhere(path: string, options: OpenOptions): Promise<OtherProcess> {
  const script = `
    const { openSync } = await import(${JSON.stringify(RUNTIME_URL)});
    try {
      globalThis.store = openSync(${JSON.stringify(path)}, ${JSON.stringify(options)});
      if (${options.readOnly !== true}) globalThis.store.putSync("from", "elsewhere");
      console.log("open");
    } catch (error) {
      console.log(error.code ?? String(error));
    }
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, scriptArguments(script), {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  const [line] = await once(child.stdout, "data") as [Uint8Array];
  return {
    said: String(line).trim(),
    async kill() {
      child.kill("SIGKILL");
      await once(child, "close");
    },
  };
}

/** The bytes of a store's two files, undefined where one is missing. */
export interface Files {
  /** The data file. */
  data: Uint8Array | undefined;
  /** The log. */
  log: Uint8Array | undefined;
}

const bytesAt = (path: string): Uint8Array | undefined =>
  fs.existsSync(path) ? new Uint8Array(fs.readFileSync(path)) : undefined;

/** Reads the files of the store at `path`. */
export function filesAt(path: string): Files {
  return { data: bytesAt(path), log: bytesAt(`${path}-wal`) };
}

/** Puts the files of a store at `path`, and takes away what is missing. */
export function putFiles(path: string, files: Files): void {
  const both: [string, Uint8Array | undefined][] = [[path, files.data], [`${path}-wal`, files.log]];
  for (const [name, bytes] of both) {
    if (bytes === undefined) fs.rmSync(name, { force: true });
    else fs.writeFileSync(name, bytes);
  }
}

const same = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === undefined || b === undefined
    ? a === b
    : a.length === b.length && Buffer.compare(a, b) === 0;

/** Fails unless the files at `path` are those, byte for byte. */
export function assertUntouched(path: string, before: Files, what: string): void {
  const now = filesAt(path);
  assert(same(now.data, before.data), `${what}: the data file is untouched`);
  assert(same(now.log, before.log), `${what}: the log is untouched`);
}

/** What opening gave: a store, or the error of kvig that it met. */
export async function tryOpen(
  path: string,
  options: OpenOptions = QUICK,
): Promise<Kvig | KvigError> {
  try {
    return await open(path, options);
  } catch (error) {
    if (!isKvigError(error)) throw error;
    return error;
  }
}

/** Fails unless these files are refused with one of `codes` and left as they are. */
export async function assertRefused(
  path: string,
  files: Files,
  codes: KvigErrorCode[],
  what: string,
  options: OpenOptions = QUICK,
): Promise<KvigError> {
  putFiles(path, files);
  const opened = await tryOpen(path, options);
  if (!isKvigError(opened)) {
    await opened.close();
    fail(`${what}: it was opened`);
  }
  assert(codes.includes(opened.code), `${what}: ${opened.code}, ${opened.message}`);
  assertUntouched(path, files, what);
  return opened;
}

/** Verifies and closes a store that must be sound. */
export async function closeSound(store: Kvig): Promise<void> {
  assertSound(await store.verify());
  await store.close();
}
