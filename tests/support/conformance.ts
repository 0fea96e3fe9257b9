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
import { NotProven, testIo } from "../conformance/mod.ts";
import { skipTest } from "./skip.ts";
import { RUNTIME_URL, scriptArguments } from "./subprocess.ts";
import { type TempDir, tempDir } from "./tmp.ts";
import { FailingDisk, WatchedSyncs } from "./watched_system.ts";

/** Registers a test for each sentence of the contract; one not proven is skipped, and says why. */
export function testIoOver(name: string, harness: Harness): void {
  testIo({
    ...harness,
    test: (sentence, work) =>
      test(`${name}: ${sentence}`, (context) => work((why) => skipTest(context, why))),
  });
}

/**
 * A harness for an Io over files of the system, with all that can be made to happen around it. On
 * Linux that includes a failing disk, for root a full disk too, and where `watched` is set cuts of
 * the power: those are dear, because every sync then reads the whole file.
 */
export function fileHarness(createIo: () => Io, watched: boolean): Harness {
  const surroundings = new Surroundings(createIo, watched);
  return {
    createIo,
    directory: () => surroundings.enter(),
    cleanUp: () => surroundings.leave(),
    supports: { ...systemSupports, ...surroundings.supports() },
  };
}

/** What is around the files of the case that runs; cases run one after another. */
class Surroundings {
  readonly #createIo: () => Io;
  readonly #watched: boolean;
  #dir: TempDir | undefined;
  #syncs: WatchedSyncs | undefined;
  #failing: FailingDisk | undefined;
  #mounted = false;

  constructor(createIo: () => Io, watched: boolean) {
    this.#createIo = createIo;
    this.#watched = watched && process.platform === "linux";
  }

  /** Makes the directory of a case. */
  enter(): string {
    this.#dir = tempDir();
    if (this.#watched) this.#syncs = new WatchedSyncs(this.#dir.path);
    return this.#dir.path;
  }

  /** Removes it, and puts everything back. */
  leave(): void {
    this.#failing?.[Symbol.dispose]();
    this.#syncs?.[Symbol.dispose]();
    if (this.#mounted) spawnSync("umount", ["-l", this.#dir!.path]);
    this.#mounted = false;
    this.#dir?.[Symbol.dispose]();
  }

  /** What can be made to happen. */
  supports(): Partial<Supports> {
    if (process.platform !== "linux") return {};
    const powerCut = (): Io => {
      this.#syncs?.cutPower();
      return this.#createIo();
    };
    return {
      ...(this.#watched ? { powerCut } : {}),
      failing: () => {
        this.#failing = new FailingDisk();
        return this.#createIo();
      },
      ...(process.getuid?.() === 0 ? { full: (bytes: number) => this.#fill(bytes) } : {}),
    };
  }

  #fill(capacityBytes: number): Io {
    const words = ["-t", "tmpfs", "-o", `size=${capacityBytes}`, "tmpfs", this.#dir!.path];
    const { status, stderr } = spawnSync("mount", words, { encoding: "utf8" });
    if (status !== 0) throw new NotProven(`a tmpfs cannot be mounted here: ${stderr}`);
    this.#mounted = true;
    return this.#createIo();
  }
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

/** Another process that tries to take the lock of `path`; closing it kills it. */
export async function openElsewhere(
  path: string,
  kind: "exclusive" | "shared",
): Promise<Elsewhere> {
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
