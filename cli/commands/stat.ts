/**
 * `kvig stat`.
 *
 * @module
 */

import type { Command } from "../command.ts";
import { EXIT_OK } from "../exit_codes.ts";
import type { Stats } from "../../mod.ts";
import { showCount, showSize } from "../measures.ts";
import { CACHE_SIZE, JSON_OUTPUT } from "../options.ts";
import { withStore } from "../store.ts";

/** Prints figures about a store. */
export const statCommand: Command = {
  name: "stat",
  operands: ["STORE"],
  summary: "Print figures about a store.",
  about: `
Prints how many entries a store has, how large its files are, and how they are used.
`,
  options: [
    { ...JSON_OUTPUT, about: "Print one line of JSON instead; sizes are in bytes." },
    CACHE_SIZE,
  ],
  examples: [
    { line: "kvig stat demo.kvig", about: "for the eye" },
    { line: "kvig stat demo.kvig --json | jq .entries", about: "for a program" },
  ],
  async run(call) {
    const { given, output } = call;
    const stats = await withStore(
      call,
      { readOnly: true },
      (store) => Promise.resolve(store.stats()),
    );
    if (given.has("json")) await output.write(`${JSON.stringify(stats)}\n`);
    else {
      const rows = rowsOf(stats);
      const width = Math.max(...rows.map(([name]) => name.length)) + 2;
      for (const [name, value] of rows) await output.write(`${name.padEnd(width)}${value}\n`);
    }
    return EXIT_OK;
  },
};

function rowsOf({ entries, sequence, pages, bytes, log }: Stats): [string, string][] {
  const usedBytes = pages.used * pages.size;
  return [
    ["entries", showCount(entries)],
    ["commits", `${showCount(sequence)} since the store was made`],
    ["data file", showSize(bytes.data)],
    ["  page size", showSize(pages.size)],
    ["  pages", showCount(pages.total)],
    ["  in use", `${showCount(pages.used)} (${showSize(usedBytes)})`],
    ["log file", showSize(bytes.log)],
    ["  in use", showSize(log.usedBlocks * log.blockSize)],
  ];
}
