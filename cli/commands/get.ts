/**
 * `kvig get`.
 *
 * @module
 */

import type { Command } from "../command.ts";
import { EXIT_OK } from "../exit_codes.ts";
import { bytesOfArgument, toShown } from "../notation.ts";
import { BASE64, CACHE_SIZE, HEX } from "../options.ts";
import { CommandError } from "../failures.ts";
import { withStore } from "../store.ts";

/** Prints the value of a key. */
export const getCommand: Command = {
  name: "get",
  operands: ["STORE", "KEY"],
  summary: "Print the value of a key.",
  about: `
Prints the value of KEY: its bytes as they are, and on a terminal a newline behind them so
that the prompt starts on its own line. With --hex or --base64 the value is printed that way,
on one line.

Where KEY is absent, nothing is printed but "not found" on standard error, and the exit code
is 1.
`,
  options: [
    HEX,
    BASE64,
    {
      name: "raw",
      about: "Print exactly the bytes of the value: no newline on a terminal, and neither " +
        "hexadecimal nor base64 even where KEY is written so.",
    },
    CACHE_SIZE,
  ],
  examples: [
    { line: "kvig get demo.kvig greeting", about: "print a value" },
    { line: "kvig get demo.kvig photo --raw > photo.jpg", about: "write a value to a file" },
  ],
  async run({ given, output, ...call }) {
    const { notation } = given;
    const key = bytesOfArgument("KEY", given.operands[1], notation);
    const options = { readOnly: true };
    const value = await withStore({ given, output, ...call }, options, (store) => store.get(key));
    if (value === undefined) throw new CommandError("not found");
    if (given.has("raw")) await output.write(value);
    else if (notation !== "text") await output.write(`${toShown(value, notation)}\n`);
    else {
      await output.write(value);
      if (output.isTerminal) await output.write("\n");
    }
    return EXIT_OK;
  },
};
