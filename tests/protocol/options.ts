/**
 * The command line of `npm run protocol`.
 *
 * @module
 */

import { parseArgs } from "node:util";

import { DOCS_PATH } from "./docs.ts";
import { isRuleName, RULE_NAMES, type RuleName } from "./rules.ts";

const DEFAULT_STEPS = 1_000_000;
const RULE_STEPS = 1_500_000;

/** What `--help` prints. */
export const HELP = `npm run protocol -- [options]

Runs the model of the protocol: all rules on, then each one off.

  --steps N       steps with all rules on, ${DEFAULT_STEPS} if not said; with --rule, --search and
                  --write-docs: steps for each rule, ${RULE_STEPS} if not said
  --seconds S     stops after so many seconds instead; what is covered depends on the machine
  --seed N        first seed, 1 if not said
  --rule NAME     takes one rule off, searches at random, tells the shortest way that was found
  --search        takes each rule off and searches at random instead of following what is kept
  --write-docs    searches where what is kept no longer leads to something wrong, or with
                  --search each rule for something shorter; keeps it and writes ${DOCS_PATH}
  --help          this

Rules: ${RULE_NAMES.join(" ")}`;

/** What the command is asked to do. */
export interface Options {
  readonly steps: number;
  readonly seconds: number;
  readonly seed: number;
  readonly rule: RuleName | undefined;
  readonly searches: boolean;
  readonly writes: boolean;
}

/** A mistake on the command line. */
export class UsageError extends Error {}

function whole(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new UsageError(`--${name} takes a whole number, 0 or more, got "${text}"`);
}

/** Reads the command line; undefined where help is asked for. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parse(args);
  if (values.help === true) return undefined;
  const { rule } = values;
  if (rule !== undefined && !isRuleName(rule)) {
    throw new UsageError(`there is no rule "${rule}"; the rules are ${RULE_NAMES.join(", ")}`);
  }
  const writes = values["write-docs"] === true;
  const searches = values.search === true;
  const fallback = searches || writes || rule !== undefined ? RULE_STEPS : DEFAULT_STEPS;
  const bySeconds = values.seconds !== undefined && values.steps === undefined;
  return {
    steps: bySeconds ? Infinity : whole("steps", values.steps, fallback),
    seconds: whole("seconds", values.seconds, Infinity),
    seed: whole("seed", values.seed, 1),
    rule,
    searches,
    writes,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        steps: { type: "string" },
        seconds: { type: "string" },
        seed: { type: "string" },
        rule: { type: "string" },
        search: { type: "boolean" },
        "write-docs": { type: "boolean" },
        help: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
