/**
 * The Io of Deno: files of the system through `node:fs` and `Deno.FsFile`.
 *
 * @module
 */

import type { Io } from "../../core/io.ts";
import { fileIo } from "../file_io.ts";
import { laneCalls } from "./lanes.ts";
import { denoLocker } from "./lock.ts";

/** How {@link denoIo} works. */
export interface DenoIoOptions {
  /**
   * Whether every operation is complete when it returns. Otherwise operations go on in Deno's
   * threads, except for those called with `{ blocking: true }`. Default: false.
   */
  blocking?: boolean;
  /**
   * Whether to bypass the system's page cache for files that are opened without saying so. Default:
   * false. Writes in the background go through the page cache either way.
   */
  direct?: boolean;
}

/**
 * Makes an Io over the files of the system, on Deno. It needs `--allow-read` and `--allow-write`
 * for the directory of the files, and nothing else.
 *
 * @example
 * ```ts ignore
 * const io = denoIo({ blocking: true });
 * const file = io.open("/tmp/example", { create: true }).take();
 * file.write(0, new TextEncoder().encode("hello"), 0, 5).take();
 * file.close().take();
 * ```
 */
export function denoIo(options: DenoIoOptions = {}): Io {
  const blocking = options.blocking ?? false;
  return fileIo({
    description: `Deno ${Deno.version.deno}, ${blocking ? "blocking" : "lanes of handles"}`,
    blocking,
    direct: options.direct ?? false,
    locker: denoLocker,
    background: laneCalls,
  });
}
