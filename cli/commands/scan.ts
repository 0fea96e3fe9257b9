/**
 * `kvig scan`.
 *
 * @module
 */

import type { RangeOptions } from "../../mod.ts";
import type { Call, Command } from "../command.ts";
import { EXIT_OK } from "../exit_codes.ts";
import { Interrupted } from "../failures.ts";
import { formatEntry } from "../json_lines.ts";
import { bytesOfArgument, toShown } from "../notation.ts";
import { CACHE_SIZE } from "../options.ts";
import { type Store, withStore } from "../store.ts";

const BOUNDS = ["prefix", "gt", "gte", "lt", "lte"] as const;

/** Prints the entries of a range of keys. */
export const scanCommand: Command = {
  name: "scan",
  operands: ["STORE"],
  summary: "Print the entries of a range of keys, in order.",
  about: `
Prints entries in the order of their keys, which are compared byte by byte. Without an option
that limits it, that is the whole store.

Each entry is a line of JSON, {"key":"…","value":"…"}, the form of kvig dump; bytes that are
not UTF-8 stand in key64 and value64, in base64. With --text a line is the key, a tab and the
value, written for the eye.
`,
  options: [
    { name: "prefix", value: "KEY", about: "Only keys that begin with KEY." },
    { name: "gte", value: "KEY", about: "Only keys from KEY on." },
    { name: "gt", value: "KEY", about: "Only keys behind KEY." },
    { name: "lte", value: "KEY", about: "Only keys up to KEY." },
    { name: "lt", value: "KEY", about: "Only keys before KEY." },
    { name: "reverse", short: "r", about: "From the last key to the first." },
    { name: "limit", short: "n", value: "COUNT", about: "At most COUNT entries." },
    { name: "keys", short: "k", about: "Only the keys, without the values." },
    {
      name: "text",
      short: "t",
      about: "A key, a tab and a value on each line. A tab, newline or backslash in them is " +
        "written \\t, \\n or \\\\, and what is no printable text \\x00 to \\xff.",
    },
    {
      name: "hex",
      about: "The keys of the other options are hexadecimal; with --text, print everything so.",
    },
    {
      name: "base64",
      about: "The keys of the other options are base64; with --text, print everything so.",
    },
    CACHE_SIZE,
  ],
  examples: [
    { line: "kvig scan demo.kvig --prefix user/ --limit 10", about: "the first ten users" },
    {
      line: "kvig scan demo.kvig --gte b --lt c --reverse --text",
      about: "backwards, for the eye",
    },
  ],
  async run(call) {
    const options = rangeOf(call);
    await withStore(call, { readOnly: true }, (store) => print(call, store, options));
    return EXIT_OK;
  },
};

function rangeOf({ given }: Call): RangeOptions<Uint8Array> {
  const options: RangeOptions<Uint8Array> = { reverse: given.has("reverse") };
  for (const bound of BOUNDS) {
    const text = given.text(bound);
    if (text === undefined) continue;
    options[bound] = bytesOfArgument(`the KEY of --${bound}`, text, given.notation);
  }
  const limit = given.count("limit", 0);
  return limit === undefined ? options : { ...options, limit };
}

async function print(
  { given, output, signal }: Call,
  store: Store,
  options: RangeOptions<Uint8Array>,
): Promise<void> {
  const { notation } = given;
  const show: Show = given.has("text")
    ? (key, value) =>
      value === undefined
        ? toShown(key, notation)
        : `${toShown(key, notation)}\t${toShown(value, notation)}`
    : formatEntry;
  // Read-only, nothing goes on beside this: the synchronous form is several times faster.
  const linesOf = given.has("keys") ? keyLines : entryLines;
  for (const line of linesOf(store, options, show)) {
    if (!output.line(line)) continue;
    await output.flush();
    if (signal.aborted) throw new Interrupted("interrupted");
  }
}

type Show = (key: Uint8Array, value?: Uint8Array) => string;

function* keyLines(store: Store, options: RangeOptions<Uint8Array>, show: Show): Iterable<string> {
  for (const key of store.keys(options)) yield show(key);
}

function* entryLines(
  store: Store,
  options: RangeOptions<Uint8Array>,
  show: Show,
): Iterable<string> {
  for (const [key, value] of store.range(options)) yield show(key, value);
}
