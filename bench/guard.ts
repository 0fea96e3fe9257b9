/**
 * `npm run bench:guard -- COMMIT_A COMMIT_B`: did B get slower than A?
 *
 * Both commits are checked out beside each other, and do the same works in rounds of fresh
 * processes that take turns. What counts is the ratio of each round. The harness is the one that is
 * checked out here, so both are measured in the same way.
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";

import { parsed, parsePlan, UsageError } from "./compare/arguments.ts";
import { Checkouts, compile } from "./compare/checkouts.ts";
import { type Contestant, contestant, KVIG } from "./compare/contestants.ts";
import { judgeGuard, tableOfGuard } from "./compare/guard_rows.ts";
import { interruptible } from "./compare/interruption.ts";
import { runAll } from "./compare/rounds.ts";
import { root } from "./support/places.ts";
import { Scratch } from "./support/scratch.ts";

const USUAL_WORKS = "reads,writes,commits";
const USUAL_ROUNDS = "7";

const HELP = `Compares two commits of kvig with each other, pair by pair.

Usage: npm run bench:guard -- COMMIT_A COMMIT_B [OPTION]…

  --only NAME[,NAME…]  parts or works, as for npm run bench. Default: ${USUAL_WORKS}
  --runtime NAME       node26, node20, deno or bun. Default: node26
  --rounds N           Default: ${USUAL_ROUNDS}
  --keys N             entries of the store. Default: 500,000
  --quick              fewer entries
  --help               print this, and do nothing else

A work is SLOWER where the median lost more than 5 % and three rounds of four lost; then
the exit code is 1. It takes five rounds to tell.
`;

try {
  await interruptible(async (signal) => {
    process.exitCode = await main(process.argv.slice(2), signal);
  });
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

async function main(words: readonly string[], signal: AbortSignal): Promise<number> {
  const { values, positionals } = parsed(() => parseWords(words));
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const [before, after] = positionals;
  if (before === undefined || after === undefined || positionals.length > 2) {
    throw new UsageError(`two commits are needed, got ${positionals.length}; --help tells more`);
  }
  if (values.runtime?.includes(",") || values.runtime === "all") {
    throw new UsageError(`--runtime takes one runtime here, got "${values.runtime}"`);
  }
  const plan = parsePlan([
    ...["--only", values.only ?? USUAL_WORKS, "--rounds", values.rounds ?? USUAL_ROUNDS],
    ...["--runtime", values.runtime ?? "node26"],
    ...(values.keys === undefined ? [] : ["--keys", values.keys]),
    ...(values.quick ? ["--quick"] : []),
  ]);
  compile(root);
  using scratch = new Scratch();
  using checkouts = new Checkouts(scratch);
  const names = [`${KVIG} ${before} (A)`, `${KVIG} ${after} (B)`];
  const kvigRoots = {
    [names[0]]: checkouts.add(before, "a"),
    [names[1]]: checkouts.add(after, "b"),
  };
  const contestants = names.map((id): Contestant => ({ ...contestant(KVIG), id }));
  const tell = (line: string): void => console.error(line);
  const rounds = { plan, contestants, kvigRoots, signal, tell };
  const { series, remarks } = await runAll(rounds, scratch);
  const rows = judgeGuard(series, names[0], names[1]);
  console.log(
    `\n${before} (A) and ${after} (B); the ratio is A's figure to B's: under 1, B lost\n`,
  );
  console.log(tableOfGuard(rows));
  for (const remark of remarks) console.log(`\n${remark}`);
  return rows.some(({ verdict }) => verdict === "SLOWER") || remarks.length > 0 ? 1 : 0;
}

function parseWords(words: readonly string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const options = { only: text, runtime: text, rounds: text, keys: text, quick: flag, help: flag };
  return parseArgs({ args: [...words], allowPositionals: true, options });
}
