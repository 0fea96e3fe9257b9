/**
 * `kvig stat`.
 *
 * @module
 */

import { type Command, EXIT_OK } from "../command.ts";
import { CACHE_SIZE, JSON_OUTPUT } from "../options.ts";
import { withStore } from "../store.ts";

/** Prints figures about a store. */
export const statCommand: Command = {
  name: "stat",
  operands: ["STORE"],
  summary: "Print figures about a store.",
  about: ["Prints how many entries a store has, how large its files are, and how they are used."],
  options: [{ ...JSON_OUTPUT, about: "Print one line of JSON instead; sizes are in bytes." }, CACHE_SIZE],
  examples: [
    { line: "kvig stat demo.kvig", about: "for the eye" },
    { line: "kvig stat demo.kvig --json | jq .entries", about: "for a program" },
  ],
  async run(call) {
    const stats = await withStore(call, { readOnly: true }, (store) => Promise.resolve(store.stats()));
    await call.output.write(`${JSON.stringify(stats)}\n`);
    return EXIT_OK;
  },
};
