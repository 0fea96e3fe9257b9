/**
 * `kvig compact`.
 *
 * @module
 */

import type { Command } from "../command.ts";
import { EXIT_OK } from "../exit_codes.ts";
import { showCount, showMany, showSeconds, showSize } from "../measures.ts";
import { CACHE_SIZE, QUIET } from "../options.ts";
import { withStore } from "../store.ts";

/** Makes the data file shorter. */
export const compactCommand: Command = {
  name: "compact",
  operands: ["STORE"],
  summary: "Make the data file as short as it can be.",
  about: `
A store keeps the room of what was deleted for new entries. This moves what lies at the end of
the data file to free places before it, and cuts the file. The log keeps its size.

It needs no second copy of the store, and stopping it, even by a power cut, loses nothing.
`,
  options: [CACHE_SIZE, QUIET],
  examples: [{ line: "kvig compact demo.kvig", about: "give room back to the disk" }],
  async run(call) {
    const { progress, signal } = call;
    const start = performance.now();
    const { before, after, moved } = await withStore(call, {}, (store) =>
      store.compact({
        signal,
        onProgress: (count) => progress.show(() => `compact: ${showCount(count)} pages moved`),
      }));
    const time = showSeconds(performance.now() - start);
    progress.end(
      `compacted ${showSize(before)} to ${showSize(after)}, ` +
        `${showMany(moved, "page", "pages")} moved, in ${time}`,
    );
    return EXIT_OK;
  },
};
