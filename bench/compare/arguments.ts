/**
 * The command line of `npm run bench`.
 *
 * @module
 */

import { parseArgs } from "node:util";

import { CONTESTANTS } from "./contestants.ts";
import { PARTS } from "./parts/all.ts";
import type { CacheSize } from "./results.ts";
import { RUNTIMES } from "./runtimes.ts";
import { KEY_SHAPES } from "./shapes.ts";

/** What was asked for. */
export interface Plan {
  /** Print the help and do nothing else. */
  readonly help: boolean;
  /** Print what can be measured and do nothing else. */
  readonly list: boolean;
  /** Write the report too. */
  readonly report: boolean;
  /** Works to measure. */
  readonly works: readonly string[];
  /** Runtimes to measure on. */
  readonly runtimes: readonly string[];
  /** Contestants. */
  readonly contestants: readonly string[];
  /** Rounds. */
  readonly rounds: number;
  /** Entries of the store. */
  readonly entries: number;
  /** Shapes of keys. */
  readonly shapes: readonly string[];
  /** Whether the stores fit their caches. */
  readonly caches: readonly CacheSize[];
  /** Lengths of values. */
  readonly valueBytes: readonly number[];
  /** Where to write the figures, if anywhere. */
  readonly json: string | undefined;
}

/** The command line is wrong. */
export class UsageError extends Error {}

/** Lengths of values that `--values all` measures. */
export const VALUE_SIZES: readonly number[] = [
  16,
  100,
  1024,
  16 * 1024,
  2 ** 20,
];

const ROUNDS = 5;
const QUICK_ROUNDS = 3;
const ENTRIES = 500_000;
const QUICK_ENTRIES = 50_000;
const MOST_ENTRIES = 10_000_000;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;
const OPTIONS = {
  ...{ only: text, runtime: text, peers: text, rounds: text, keys: text, shapes: text },
  ...{ values: text, cache: text, json: text },
  ...{ quick: flag, report: flag, list: flag, help: flag },
};

/** The text of `--help`. */
export const HELP = `Compares kvig with other stores.

Usage: npm run bench -- [OPTION]…

  --only NAME[,NAME…]   parts or works, or pieces of their names; --list shows them.
                        Default: all but growth, which takes minutes a round
  --runtime NAME[,…]    ${RUNTIMES.map(({ id }) => id).join(", ")}, or all. Default: node26
  --peers NAME[,…]      ${CONTESTANTS.slice(1).map(({ id }) => id).join(", ")}. Default: all
  --rounds N            rounds, each with fresh processes. Default: ${ROUNDS}
  --keys N              entries of the store, 1,000 to 10,000,000. Default: 500,000
  --shapes NAME[,…]     ${KEY_SHAPES.map(({ id }) => id).join(", ")}, or all. Default: decimal
  --values BYTES[,…]    lengths of values, or all for ${VALUE_SIZES.join(", ")}. Default: 100
  --cache SIZE[,…]      fits, or quarter for stores four times the cache, or all. Default: fits
  --quick               ${QUICK_ROUNDS} rounds of 50,000 entries: a look, no figures to quote
  --report              write Markdown, an HTML page with plots, and JSON to bench/results/
  --json FILE           write all figures to FILE
  --list                print what can be measured, and do nothing else
  --help                print this, and do nothing else

KVIG_BENCH_DIR names the directory for the files; it should lie on the disk that matters.
Cold reads empty the kernel's page cache, which takes Linux and root.
`;

/**
 * Understands the words after the command.
 * @throws {UsageError} saying what was given and what is allowed.
 */
export function parsePlan(words: readonly string[]): Plan {
  const values = parsed(() => parseWords(words));
  const quick = values.quick ?? false;
  return {
    help: values.help ?? false,
    list: values.list ?? false,
    report: values.report ?? false,
    works: worksOf(values.only),
    runtimes: choices(
      "--runtime",
      values.runtime,
      "node26",
      RUNTIMES.map(({ id }) => id),
    ),
    contestants: choices(
      "--peers",
      values.peers,
      "all",
      CONTESTANTS.slice(1).map(({ id }) => id),
    ),
    rounds: count(
      "--rounds",
      values.rounds,
      quick ? QUICK_ROUNDS : ROUNDS,
      1,
      1000,
    ),
    entries: count(
      "--keys",
      values.keys,
      quick ? QUICK_ENTRIES : ENTRIES,
      1000,
      MOST_ENTRIES,
    ),
    shapes: choices(
      "--shapes",
      values.shapes,
      "decimal",
      KEY_SHAPES.map(({ id }) => id),
    ),
    caches: choices("--cache", values.cache, "fits", ["fits", "quarter"]) as CacheSize[],
    valueBytes: values.values === "all" ? VALUE_SIZES : (values.values ?? "100").split(",").map(
      (text) => count("--values", text, 100, 2, 2 ** 24),
    ),
    json: values.json,
  };
}

/** What `parse` makes of the words of a command line; its errors become those of usage. */
export function parsed<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new UsageError(`${error.message}; --help lists the options`);
  }
}

function parseWords(words: readonly string[]) {
  return parseArgs({ args: [...words], options: OPTIONS }).values;
}

function worksOf(only: string | undefined): string[] {
  const all = PARTS.flatMap((part) => part.works.map((work) => ({ part: part.id, id: work.id })));
  if (only === undefined) {
    return PARTS.filter(({ onRequest }) => onRequest !== true).flatMap(({ works }) =>
      works.map(({ id }) => id)
    );
  }
  const found = only.split(",").flatMap((name) => {
    const exact = all.filter(({ part, id }) => part === name || id === name);
    const similar = all.filter(({ id }) => id.includes(name));
    const matching = exact.length > 0 ? exact : similar;
    if (name === "" || matching.length === 0) {
      const allowed = PARTS.map(({ id }) => id).join(", ");
      throw new UsageError(
        `--only takes parts (${allowed}) or works that --list shows, got ${JSON.stringify(name)}`,
      );
    }
    return matching.map(({ id }) => id);
  });
  return all.map(({ id }) => id).filter((id) => found.includes(id));
}

function choices(
  option: string,
  given: string | undefined,
  usual: string,
  allowed: readonly string[],
): readonly string[] {
  const names = (given ?? usual).split(",");
  if (names.includes("all")) return allowed;
  for (const name of names) {
    if (allowed.includes(name)) continue;
    throw new UsageError(
      `${option} takes ${allowed.join(", ")} or all, got ${JSON.stringify(name)}`,
    );
  }
  return allowed.filter((name) => names.includes(name));
}

function count(
  option: string,
  given: string | undefined,
  usual: number,
  least: number,
  most: number,
): number {
  if (given === undefined) return usual;
  const number = /^\d[\d_]*$/.test(given) ? Number(given.replaceAll("_", "")) : NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(
    `${option} takes a whole number from ${least} to ${most}, got ${JSON.stringify(given)}`,
  );
}
