/**
 * A file without content, in place of the log of a backup that is opened read-only before it has
 * one.
 *
 * @module
 */

import { Future, type IoFile } from "./io.ts";

/** A file at `path` that reads as empty and refuses to be written. */
export function emptyFile(path: string): IoFile {
  const refuse = <T>(): Future<T> => Future.failed("KVIG_READ_ONLY", `${path} is not there`);
  return {
    path,
    size: 0,
    direct: false,
    read: () => Future.of(0),
    write: refuse,
    writeBatch: refuse,
    sync: refuse,
    truncate: refuse,
    lock: refuse,
    close: () => Future.of(undefined),
  };
}
