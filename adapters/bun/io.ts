/**
 * The Io of Bun: files of the system through `node:fs`.
 *
 * @module
 */

import process from "node:process";

import type { Io } from "../../core/io.ts";
import { fileIo } from "../file_io.ts";
import { bunLocker } from "./lock.ts";

/** How {@link bunIo} works. */
export interface BunIoOptions {
  /**
   * Whether every operation is complete when it returns. Otherwise operations go on in Bun's pool
   * of threads, except for those called with `{ blocking: true }`. Default: false.
   */
  blocking?: boolean;
  /**
   * Whether to bypass the system's page cache for files that are opened without saying so. Default:
   * false.
   */
  direct?: boolean;
}

/**
 * Makes an Io over the files of the system, on Bun.
 *
 * @example
 * ```ts ignore
 * const io = bunIo({ blocking: true });
 * const file = io.open("/tmp/example", { create: true }).take();
 * file.write(0, new TextEncoder().encode("hello"), 0, 5).take();
 * file.close().take();
 * ```
 */
export function bunIo(options: BunIoOptions = {}): Io {
  const blocking = options.blocking ?? false;
  return fileIo({
    description: `Bun ${process.versions["bun"]}, ${blocking ? "blocking" : "pool of threads"}`,
    blocking,
    direct: options.direct ?? false,
    cheapSlices: true,
    locker: bunLocker,
  });
}
