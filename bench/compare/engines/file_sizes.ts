/**
 * How large the files of a store are that SQLite keeps.
 *
 * @module
 */

import fs from "node:fs";

/** Sizes of the data file at `path` and of the log beside it, which a clean close removes. */
export function sizesOf(path: string): { dataBytes: number; logBytes: number } {
  const log = `${path}-wal`;
  return {
    dataBytes: fs.statSync(path).size,
    logBytes: fs.existsSync(log) ? fs.statSync(log).size : 0,
  };
}
