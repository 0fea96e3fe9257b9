/**
 * `kvig bench`.
 *
 * @module
 */

import type { Command } from "../command.ts";
import { Benchmark } from "../benchmark.ts";
import { EXIT_OK } from "../exit_codes.ts";
import { UsageError } from "../failures.ts";
import { JSON_OUTPUT, QUIET } from "../options.ts";
import { showSize } from "../measures.ts";

const DEFAULT_ENTRIES = 200_000;
const LEAST_ENTRIES = 1000;
const MOST_ENTRIES = 50_000_000;
const DEFAULT_VALUE_BYTES = 100;
const MOST_VALUE_BYTES = 16 * 1024 * 1024;
const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;
const DEFAULT_LOG_BYTES = 64 * 1024 * 1024;

/** Measures kvig on the user's own disk. */
export const benchCommand: Command = {
  name: "bench",
  operands: ["DIRECTORY"],
  summary: "Measure how fast a store is on this disk.",
  about: `
Makes a store in a new directory below DIRECTORY, measures what work on it takes, prints a table,
and removes it again, also on Ctrl-C.

Keys are 16 digits. "Durable" means synced to the disk: how long that takes is a matter of the disk
more than of kvig, so the first line is a bare loop of writing 4 KiB and syncing, without a store.
Reads are of entries that are in the cache, as far as it holds them.
`,
  options: [
    {
      name: "entries",
      value: "COUNT",
      about: "Entries of the store, 1000 to 50000000. Default: 200000.",
    },
    {
      name: "value-size",
      value: "SIZE",
      about: "Length of each value, up to 16MiB. Default: 100.",
    },
    {
      name: "cache-size",
      value: "SIZE",
      about: "Memory for pages of the store, 1MiB to 4GiB. Default: 64MiB.",
    },
    {
      name: "log-size",
      value: "SIZE",
      about: "Size of the log, at least 1MiB. Default: 64MiB.",
    },
    { ...JSON_OUTPUT, about: "Print the figures as one line of JSON, in nanoseconds." },
    QUIET,
  ],
  examples: [
    { line: "kvig bench /var/lib/app", about: "measure the disk on which /var/lib/app lies" },
    {
      line: "kvig bench . --entries 2000000 --value-size 1KiB --cache-size 512MiB",
      about: "measure with sizes of your own",
    },
  ],
  async run({ given, output, progress, signal }) {
    const entries = given.count("entries", LEAST_ENTRIES) ?? DEFAULT_ENTRIES;
    if (entries > MOST_ENTRIES) {
      throw new UsageError(`--entries takes at most ${MOST_ENTRIES}, got ${entries}`);
    }
    const valueBytes = given.size("value-size") ?? DEFAULT_VALUE_BYTES;
    if (valueBytes > MOST_VALUE_BYTES) {
      throw new UsageError(`--value-size takes at most 16MiB, got ${showSize(valueBytes)}`);
    }
    const cacheSize = given.size("cache-size") ?? DEFAULT_CACHE_BYTES;
    const logSize = given.size("log-size") ?? DEFAULT_LOG_BYTES;
    const sizes = { entries, valueBytes, cacheSize, logSize, signal };
    using benchmark = new Benchmark(given.operands[0], sizes);
    const figures = await benchmark.run((work) => progress.show(() => `bench: ${work}`));
    progress.clear();
    if (given.has("json")) await output.write(`${JSON.stringify(figures)}\n`);
    else await output.write(table(figures.works));
    await output.flush();
    const { files } = figures;
    progress.end(
      `data file ${showSize(files.dataBytes)}, log ${showSize(files.logBytes)}, all removed`,
    );
    return EXIT_OK;
  },
};

function table(works: Readonly<Record<string, number>>): string {
  const width = Math.max(...Object.keys(works).map((name) => name.length));
  return Object.entries(works).map(([name, nanoseconds]) => {
    const rate = Math.round(1e9 / nanoseconds).toLocaleString("en-US");
    return `${name.padEnd(width)}  ${showTime(nanoseconds).padStart(9)}  ${rate.padStart(12)} /s\n`;
  }).join("");
}

/** A time in the unit that suits it: "412 ns", "1.53 µs". */
function showTime(nanoseconds: number): string {
  if (nanoseconds < 999.5) return `${nanoseconds.toFixed(0)} ns`;
  if (nanoseconds < 999_500) return `${(nanoseconds / 1e3).toPrecision(3)} µs`;
  return `${(nanoseconds / 1e6).toPrecision(3)} ms`;
}
