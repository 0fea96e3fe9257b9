/**
 * The Io of Node: files of the system through `node:fs`.
 *
 * @module
 */

import process from "node:process";

import type { Io } from "../../core/io.ts";
import { fileIo } from "../file_io.ts";
import { nodeLocker } from "./lock.ts";

/** How {@link nodeIo} works. */
export interface NodeIoOptions {
  /**
   * Whether every operation is complete when it returns. Otherwise operations go on in Node's pool
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
 * Makes an Io over the files of the system, on Node.
 *
 * @example
 * ```ts ignore
 * const io = nodeIo({ blocking: true });
 * const file = io.open("/tmp/example", { create: true }).take();
 * file.write(0, new TextEncoder().encode("hello"), 0, 5).take();
 * file.close().take();
 * ```
 */
export function nodeIo(options: NodeIoOptions = {}): Io {
  const blocking = options.blocking ?? false;
  return fileIo({
    description: `Node ${process.version}, ${blocking ? "blocking" : "pool of threads"}`,
    blocking,
    direct: options.direct ?? false,
    locker: nodeLocker,
  });
}
