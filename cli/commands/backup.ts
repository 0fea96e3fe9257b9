/**
 * `kvig backup`.
 *
 * @module
 */

import { statSync } from "node:fs";

import type { Command } from "../command.ts";
import { EXIT_OK } from "../exit_codes.ts";
import { UsageError } from "../failures.ts";
import { showCount, showSeconds, showShare, showSize } from "../measures.ts";
import { CACHE_SIZE, QUIET } from "../options.ts";
import { withStore } from "../store.ts";

/** Copies a store. */
export const backupCommand: Command = {
  name: "backup",
  operands: ["STORE", "TARGET"],
  summary: "Copy a store to a new file, checking every page.",
  about: `
Writes a copy of STORE to the new file TARGET and checks each page on the way. TARGET is one
file, without a log beside it; kvig opens it like any store.

TARGET must not exist. Where the copy fails or is interrupted, it is removed.
`,
  options: [CACHE_SIZE, QUIET],
  examples: [{ line: "kvig backup demo.kvig monday.kvig", about: "copy a store" }],
  async run(call) {
    const { given, progress, signal } = call;
    const target = given.operands[1];
    if (target === "") throw new UsageError("TARGET is empty, it must be the path of a new file");
    const start = performance.now();
    await withStore(call, { readOnly: true }, (store) =>
      store.backup(target, {
        signal,
        onProgress: (done, whole) =>
          progress.show(() =>
            `backup: ${showCount(done)} of ${showCount(whole)} pages${showShare(done, whole)}`
          ),
      }));
    const time = showSeconds(performance.now() - start);
    progress.end(`wrote ${showSize(statSync(target).size)} to ${target} in ${time}`);
    return EXIT_OK;
  },
};
