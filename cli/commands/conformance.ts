/**
 * `kvig conformance`.
 *
 * @module
 */

import type { Command } from "../command.ts";
import { JSON_OUTPUT, QUIET } from "../options.ts";

/** Tests an Io. */
export const conformanceCommand: Command = {
  name: "conformance",
  operands: ["ADAPTER"],
  summary: "Test whether an Io of your own keeps the contract of kvig/io.",
  about: `
Loads the module ADAPTER, which exports createIo, a function that makes an Io, by that name or as
its default, and runs every case of the suite: one for each sentence of the contract, and then a
store over the Io.

Prints how each case ended. One that is not proven could not be carried out: the module may export
supports, with what the Io can do and what can be made to happen around it. It may also export
directory, cleanUp and limitMs. All of them are explained in docs/io.md.

The exit code is 1 where a case failed.
`,
  options: [
    {
      name: "only",
      value: "TEXT",
      about: "Run the cases whose name, group included, contains TEXT.",
    },
    { name: "short", short: "s", about: "Leave out the cases that passed." },
    { ...JSON_OUTPUT, about: "Print the report as one line of JSON." },
    QUIET,
  ],
  examples: [
    { line: "kvig conformance ./my_adapter.js", about: "test an adapter" },
    { line: 'kvig conformance ./my_adapter.js --only "lock:"', about: "test its locks alone" },
  ],
  async run(call) {
    // The suite is large, and no other command needs it.
    const { testAdapter } = await import("../conformance.ts");
    return await testAdapter(call);
  },
};
