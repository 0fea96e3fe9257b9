/**
 * The system's cache of file pages, which has to be empty where reads of a cold file are measured.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";

const SWITCH = "/proc/sys/vm/drop_caches";

/** Empties it; returns why that is impossible here, or undefined when it is done. */
export function dropKernelCache(): string | undefined {
  if (!fs.existsSync(SWITCH)) return `there is no ${SWITCH} on this system`;
  // Pages that are not on the disk yet would stay.
  spawnSync("sync");
  try {
    fs.writeFileSync(SWITCH, "3");
    return undefined;
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return `${SWITCH} takes root: ${String(error.code)}`;
  }
}
