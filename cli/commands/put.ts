/**
 * `kvig put`.
 *
 * @module
 */

import type { Command } from "../command.ts";
import { EXIT_OK } from "../exit_codes.ts";
import { openInput, readAll } from "../input.ts";
import { bytesOfArgument } from "../notation.ts";
import { BASE64, CACHE_SIZE, HEX } from "../options.ts";
import { withStore } from "../store.ts";

/** Sets a key. */
export const putCommand: Command = {
  name: "put",
  operands: ["STORE", "KEY", "VALUE"],
  summary: "Set a key to a value.",
  about: `
Sets KEY to VALUE, whether it was there before or not. When kvig ends, the value is on the
disk.

A VALUE of - stands for standard input, whose bytes are taken as they are, a newline at their
end included. (To store a dash by itself, pipe it in.)
`,
  options: [
    HEX,
    BASE64,
    { name: "create", about: "Make the store where there is none." },
    CACHE_SIZE,
  ],
  examples: [
    { line: "kvig put demo.kvig greeting hello", about: "set a key" },
    { line: "kvig put demo.kvig photo - < photo.jpg", about: "store a file" },
    {
      line: "kvig put demo.kvig -- temperature -5",
      about: "behind -- nothing is taken for an option",
    },
  ],
  async run(call) {
    const { operands, notation } = call.given;
    const key = bytesOfArgument("KEY", operands[1], notation);
    // Read before the store is opened, so that a slow producer keeps nobody out.
    const value = operands[2] === "-"
      ? await readAll(openInput("-", call.signal))
      : bytesOfArgument("VALUE", operands[2], notation);
    const how = { createIfMissing: call.given.has("create") };
    await withStore(call, how, (store) => store.put(key, value));
    return EXIT_OK;
  },
};
