/**
 * A limit of the size of files (what `ulimit -f` sets): a write beyond it gives EFBIG, which is
 * like a full disk, or, where the runtime leaves the signal SIGXFSZ alone, kills the process.
 *
 * @module
 */

import { assert } from "../support/assert.ts";
import { run } from "./disks.ts";
import { type Context, everyWay, undergo } from "./ordeal.ts";
import { Subject } from "./subject.ts";

/** The log of 1 MiB fits, a data file that grows does not. */
const LIMIT_BYTES = (1024 + 256) * 1024;

/** Lets stores grow beyond the limit. */
export async function fileLimit(context: Context): Promise<void> {
  const { arena, random, report } = context;
  await everyWay(async (runtime, blocking) => {
    const subject = new Subject(`${arena.directory("limit")}/store`, random);
    await undergo(context, {
      scenario: "file-limit",
      runtime,
      subject,
      // One after another: what is refused is skipped, and what comes after it is not.
      life: subject.plan({ limit: 3000, blocking }),
      // Not from its start: a runtime may have files of its own to write then.
      commits: 1,
      hurt: (pid) => void run("prlimit", `--fsize=${LIMIT_BYTES}`, `--pid=${pid}`),
      heal() {},
      expect({ failure, died, after }) {
        if (died !== undefined) {
          assert(died === "SIGXFSZ", `the process died of ${died}, not of the limit`);
          return;
        }
        assert(
          failure?.code === "KVIG_FULL",
          `it failed with ${failure?.code}: ${failure?.message}`,
        );
        assert(after.every(({ code }) => code === undefined), "it can be closed");
      },
    });
    report.counts.fileLimits++;
  });
}
