/**
 * One process among many of several runtimes: it does with a store what it is told, line by line,
 * and answers each line with one of its own. `scripts/test_mixed.ts` tells it.
 *
 * @module
 */

import process from "node:process";
import { createInterface } from "node:readline";

import { isKvigError } from "../../core/errors.ts";
import { type Kvig, openSync } from "./runtime.ts";

const OPTIONS = { cacheSize: 2 ** 20, logSize: 2 ** 20 };
let store: Kvig | undefined;

const numbered = (prefix: string, index: number): string =>
  `${prefix} ${String(index).padStart(6, "0")}`;

/** Carries one line out and returns the answer. */
function obey(verb: string, path: string, prefix: string, count: number): string {
  switch (verb) {
    case "open":
      store = openSync(path, OPTIONS);
      return "open";
    case "close":
      store?.closeSync();
      store = undefined;
      return "closed";
    case "write":
      for (let index = 0; index < count; index++) {
        const value = numbered(prefix, index).repeat(1 + (index % 50) * 10);
        store?.putSync(numbered(prefix, index), value, { durability: "deferred" });
      }
      store?.flushSync();
      return "written";
    case "check": {
      let seen = 0;
      for (const [key, value] of store?.range({ prefix }) ?? []) {
        const name = new TextDecoder().decode(key);
        const text = new TextDecoder().decode(value);
        if (name !== numbered(prefix, seen) || text !== name.repeat(1 + (seen % 50) * 10)) {
          return `entry ${seen} is ${name}`;
        }
        seen++;
      }
      const report = store?.verifySync();
      if (report?.ok !== true) return `verify: ${JSON.stringify(report?.problems)}`;
      return seen === count ? "right" : `${seen} of ${count} entries`;
    }
    default:
      return `unknown: ${verb}`;
  }
}

createInterface({ input: process.stdin }).on("line", (line) => {
  const [verb, path, prefix = "", count = "0"] = line.split("\t");
  let answer: string;
  try {
    answer = obey(verb, path, prefix, Number(count));
  } catch (error) {
    answer = isKvigError(error) ? error.code : String(error);
  }
  process.stdout.write(`${answer}\n`);
});
process.stdout.write("ready\n");
