/**
 * More handles of a file that is open already, by its path.
 *
 * @module
 */

import { KvigError } from "../../core/io.ts";
import type { FileIdentity } from "../file_io.ts";

/**
 * Opens the file at `path` once more.
 * @throws {KvigError} `KVIG_LOCKED` when the path does not mean the file `identity` any more: then
 *   somebody removed or replaced it, and may use what has its name now.
 */
export function openSame(
  path: string,
  identity: FileIdentity,
  options: Deno.OpenOptions,
): Deno.FsFile {
  let handle: Deno.FsFile;
  try {
    handle = Deno.openSync(path, options);
  } catch (error) {
    throw error instanceof Deno.errors.NotFound ? replaced(path, error) : error;
  }
  let same = false;
  try {
    const { dev, ino } = handle.statSync();
    same = dev === Number(identity.dev) && ino === Number(identity.ino);
  } finally {
    if (!same) handle.close();
  }
  if (!same) throw replaced(path);
  return handle;
}

function replaced(path: string, cause?: Error): KvigError {
  const why = "its name does not mean the file any more that was opened";
  const details = cause === undefined ? {} : { cause };
  return new KvigError("KVIG_LOCKED", `cannot open ${path} once more: ${why}`, details);
}
