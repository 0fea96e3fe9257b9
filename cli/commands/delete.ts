/**
 * `kvig delete`.
 *
 * @module
 */

import type { Command } from "../command.ts";
import { EXIT_OK } from "../exit_codes.ts";
import { showCount, showMany } from "../measures.ts";
import { bytesOfArgument } from "../notation.ts";
import { BASE64, CACHE_SIZE, HEX, QUIET } from "../options.ts";
import { withStore } from "../store.ts";

/** Removes keys. */
export const deleteCommand: Command = {
  name: "delete",
  operands: ["STORE", "KEY..."],
  summary: "Remove keys with their values.",
  about: `
Removes each KEY, all of them in one transaction. When kvig ends, they are gone from the disk
too.

A KEY that is absent is no error: the closing line says how many were there.
`,
  options: [HEX, BASE64, CACHE_SIZE, QUIET],
  examples: [{ line: "kvig delete demo.kvig greeting farewell", about: "remove two keys" }],
  async run(call) {
    const { operands, notation } = call.given;
    const keys = operands.slice(1).map((key) => bytesOfArgument("KEY", key, notation));
    const removed = await withStore(call, {}, (store) =>
      store.transaction(async (tx) => {
        let count = 0;
        for (const key of keys) if (await tx.delete(key)) count++;
        return count;
      }, { signal: call.signal }));
    call.progress.end(`removed ${showCount(removed)} of ${showMany(keys.length, "key", "keys")}`);
    return EXIT_OK;
  },
};
