/**
 * `kvig verify`.
 *
 * @module
 */

import type { Command } from "../command.ts";
import { EXIT_FAILED, EXIT_OK } from "../exit_codes.ts";
import { showCount, showMany, showSeconds, showShare } from "../measures.ts";
import { CACHE_SIZE, JSON_OUTPUT, QUIET } from "../options.ts";
import { withStore } from "../store.ts";

/** Checks a store. */
export const verifyCommand: Command = {
  name: "verify",
  operands: ["STORE"],
  summary: "Check every page of a store.",
  about: `
Reads the whole store and checks it: checksums, the order of keys, and that each page is used
exactly once. Nothing is changed.

Prints each problem on a line of its own; the exit code is 1 where there is one.
`,
  options: [{ ...JSON_OUTPUT, about: "Print the report as one line of JSON." }, CACHE_SIZE, QUIET],
  examples: [{ line: "kvig verify demo.kvig && echo all is well", about: "check a store" }],
  async run(call) {
    const { given, output, progress, signal } = call;
    const start = performance.now();
    const report = await withStore(call, { readOnly: true }, (store) =>
      store.verify({
        signal,
        onProgress: (done, whole) =>
          progress.show(() =>
            `verify: ${showCount(done)} of ${showCount(whole)} pages${showShare(done, whole)}`
          ),
      }));
    const time = showSeconds(performance.now() - start);
    progress.clear();
    if (given.has("json")) await output.write(`${JSON.stringify(report)}\n`);
    else {
      for (const { file, page, what } of report.problems) {
        await output.write(`${file}: page ${page}: ${what}\n`);
      }
    }
    await output.flush();
    const looked = `${showMany(report.pages, "page", "pages")} with ` +
      `${showMany(report.entries, "entry", "entries")} in ${time}`;
    const found = report.ok
      ? "no problem"
      : showMany(report.problems.length, "problem", "problems");
    progress.end(`verified ${looked}: ${found}`);
    return report.ok ? EXIT_OK : EXIT_FAILED;
  },
};
