/**
 * Resident memory of this process, as Linux counts it.
 *
 * @module
 */

import fs from "node:fs";
import process from "node:process";

/** Resident memory now, in bytes. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}

/**
 * The most resident memory since the start, or since {@link forgetPeak}, in bytes. Elsewhere than
 * on Linux always since the start.
 */
export function peakBytes(): number {
  const status = readStatus();
  const [, kibibytes] = /^VmHWM:\s*(\d+) kB$/m.exec(status) ?? [];
  return kibibytes === undefined ? process.resourceUsage().maxRSS * 1024 : Number(kibibytes) * 1024;
}

/** Lets {@link peakBytes} begin anew, where the system permits it; returns whether it did. */
export function forgetPeak(): boolean {
  try {
    // See proc(5): 5 resets the peak of the resident set.
    fs.writeFileSync("/proc/self/clear_refs", "5");
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error) return false;
    throw error;
  }
}

function readStatus(): string {
  return fs.existsSync("/proc/self/status") ? fs.readFileSync("/proc/self/status", "utf8") : "";
}
