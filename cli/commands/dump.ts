/**
 * `kvig dump`.
 *
 * @module
 */

import type { Call, Command } from "../command.ts";
import { EXIT_OK } from "../exit_codes.ts";
import { Interrupted } from "../failures.ts";
import { formatEntry } from "../json_lines.ts";
import { showCount, showMany, showSeconds, showShare } from "../measures.ts";
import { CACHE_SIZE, QUIET } from "../options.ts";
import { type Store, withStore } from "../store.ts";

/** Prints all entries. */
export const dumpCommand: Command = {
  name: "dump",
  operands: ["STORE"],
  summary: "Print all entries as JSON Lines, for kvig load.",
  about: `
Prints every entry as a line of JSON: {"key":"…","value":"…"}. Bytes that are not UTF-8 stand
in key64 and value64, in base64. What kvig load reads from it is the same store, byte for
byte.

A store that another program has open for writing is locked. That program can make a backup of it,
and the backup can be dumped.
`,
  options: [CACHE_SIZE, QUIET],
  examples: [
    { line: "kvig dump demo.kvig > demo.jsonl", about: "write everything to a file" },
    { line: "kvig dump demo.kvig | kvig load copy.kvig", about: "copy a store" },
    { line: "kvig dump demo.kvig | gzip > demo.jsonl.gz", about: "keep it small" },
  ],
  async run(call) {
    call.progress.hidden = call.output.isTerminal;
    const start = performance.now();
    const count = await withStore(call, { readOnly: true }, (store) => dump(call, store));
    const time = showSeconds(performance.now() - start);
    call.progress.end(`dumped ${showMany(count, "entry", "entries")} in ${time}`);
    return EXIT_OK;
  },
};

async function dump({ output, progress, signal }: Call, store: Store): Promise<number> {
  const whole = await store.count();
  let count = 0;
  // Read-only, nothing goes on beside this: the synchronous form is several times faster.
  for (const [key, value] of store.range()) {
    count++;
    if (!output.line(formatEntry(key, value))) continue;
    await output.flush();
    if (signal.aborted) throw new Interrupted("interrupted");
    progress.show(() =>
      `dump: ${showCount(count)} of ${showCount(whole)} entries${showShare(count, whole)}`
    );
  }
  await output.flush();
  return count;
}
