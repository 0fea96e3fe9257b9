/**
 * Ctrl-C and polite requests to end: the running process is killed and the files are removed.
 *
 * @module
 */

import process from "node:process";

/** The exit code of a program that was interrupted, as shells have it. */
const INTERRUPTED = 130;

/**
 * Runs `work` with a signal that the user's aborts; then the exit code is 130.
 * A second signal ends the process at once.
 */
export async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, stop);
  try {
    await work(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    console.error("interrupted");
    process.exitCode = INTERRUPTED;
  } finally {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, stop);
  }
}
