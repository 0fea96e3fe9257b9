/**
 * The Io over io_uring, on Node from 26 on, Deno and Bun; elsewhere the runtime's own one, with the
 * reason in its description.
 *
 * @module
 */

import process from "node:process";

import type { Io } from "../../core/io.ts";
import { bunIo } from "../bun/io.ts";
import { bunLocker } from "../bun/lock.ts";
import { denoIo } from "../deno/io.ts";
import { laneCalls } from "../deno/lanes.ts";
import { denoLocker } from "../deno/lock.ts";
import { type BackgroundCalls, type BackgroundFile, fileIo, poolCalls } from "../file_io.ts";
import { nodeIo } from "../node/io.ts";
import { nodeLocker } from "../node/lock.ts";
import { bunFfi } from "./bun_ffi.ts";
import { denoFfi } from "./deno_ffi.ts";
import type { Ffi } from "./ffi.ts";
import { nodeFfi } from "./node_ffi.ts";
import { RingCalls } from "./ring_calls.ts";
import { RingHost } from "./ring_host.ts";
import { reasonOf } from "./reasons.ts";

/** How {@link uringIo} works. */
export interface UringIoOptions {
  /**
   * Whether every operation is complete when it returns. Otherwise operations go on in the kernel,
   * except for those called with `{ blocking: true }`. Default: false.
   */
  blocking?: boolean;
  /**
   * Whether to bypass the system's page cache for files that are opened without saying so. Default:
   * true, because that is where a ring gains most.
   */
  direct?: boolean;
  /**
   * For how many microseconds to look for completions before going back to the event loop. A short
   * time makes single operations quicker, and keeps the loop from everything else meanwhile.
   * Default: 0.
   */
  spinMicroseconds?: number;
}

/** What a runtime brings along. */
interface RuntimeParts {
  readonly name: string;
  readonly ffi: () => Ffi;
  readonly locker: typeof nodeLocker;
  readonly background: (file: BackgroundFile) => BackgroundCalls;
  readonly cheapSlices?: boolean;
  /** What its portable Io is called. */
  readonly describe: (blocking: boolean) => string;
}

/**
 * Makes an Io over the files of the system through io_uring. Where that cannot be had, it is the
 * Io of the runtime, and its `description` says why.
 *
 * @example
 * ```ts ignore
 * const store = await open("example.kvig", { io: uringIo() });
 * console.log(store.stats().io);
 * ```
 * @throws {RangeError} when `spinMicroseconds` is no number from 0 to 5000.
 */
export function uringIo(options: UringIoOptions = {}): Io {
  return uringIoOver(runningRuntime().ffi, options);
}

/** Likewise, with the calls of the C library that `load` gives: for tests. */
export function uringIoOver(load: () => Ffi, options: UringIoOptions = {}): Io {
  const { blocking = false, direct = true, spinMicroseconds = 0 } = options;
  if (!(spinMicroseconds >= 0 && spinMicroseconds <= SPIN_MAX)) {
    const range = `a number from 0 to ${SPIN_MAX}`;
    throw new RangeError(`wrong spinMicroseconds ${spinMicroseconds}: wanted ${range}`);
  }
  const runtime = runningRuntime();
  let host: RingHost;
  try {
    host = probedHost(load, spinMicroseconds);
  } catch (error) {
    return fileIo({
      ...runtime,
      description: `${runtime.describe(blocking)}; without io_uring: ${reasonOf(error)}`,
      blocking,
      direct: options.direct ?? false,
    });
  }
  let reason = "";
  const way = blocking ? "blocking" : "asynchronous";
  return fileIo({
    get description() {
      const ring = `io_uring on ${runtime.name}, ${way}`;
      return reason === "" ? ring : `${ring}, at times without a ring: ${reason}`;
    },
    blocking,
    direct,
    cheapSlices: runtime.cheapSlices ?? false,
    locker: runtime.locker,
    background: (file) =>
      new RingCalls(host, runtime.background(file), (error) => reason = reasonOf(error)),
  });
}

const SPIN_MAX = 5000;

/** A host whose kernel has opened a ring once. */
function probedHost(load: () => Ffi, spinMicroseconds: number): RingHost {
  if (process.platform !== "linux") {
    throw new Error(`io_uring is a part of Linux, and this is ${process.platform}`);
  }
  const host = new RingHost(load(), spinMicroseconds);
  host.close(host.open(2));
  return host;
}

function runningRuntime(): RuntimeParts {
  if ("Deno" in globalThis) {
    return {
      name: `Deno ${Deno.version.deno}`,
      ffi: denoFfi,
      locker: denoLocker,
      background: laneCalls,
      describe: (blocking) => denoIo({ blocking }).description,
    };
  }
  const bun = process.versions["bun"];
  if (bun !== undefined) {
    return {
      name: `Bun ${bun}`,
      ffi: bunFfi,
      locker: bunLocker,
      background: () => poolCalls,
      cheapSlices: true,
      describe: (blocking) => bunIo({ blocking }).description,
    };
  }
  return {
    name: `Node ${process.version}`,
    ffi: nodeFfi,
    locker: nodeLocker,
    background: () => poolCalls,
    describe: (blocking) => nodeIo({ blocking }).description,
  };
}
