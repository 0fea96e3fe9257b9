/**
 * The command line of the job.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** The scenarios, in the order in which they run, with what they do. */
export const SCENARIOS = {
  "power-cuts": "shut ext4 and XFS down under working stores, mount them again, look",
  "kills": "kill -9 of processes of every runtime that open, recover and write stores",
  "full-disk": "fill ext4, XFS and tmpfs up, and make room again",
  "file-limit": "limit the size of files, as ulimit -f does",
  "read-only": "make the file system under an open store read-only",
  "sync-lie": "a sync that fails once and then pretends that nothing was lost",
  "sticky-error": "shut down the file system that holds the disk of the store's file system",
  "self-check": "power cuts under syncs that do nothing: something must be missing",
  "injected": "errors injected into the system calls of a worker by strace",
} as const;

/** The name of a scenario. */
export type ScenarioName = keyof typeof SCENARIOS;

/** What was asked for. */
export interface Wanted {
  /** The scenarios to run. */
  readonly scenarios: readonly ScenarioName[];
  /** Power cuts, on all file systems together. */
  readonly cuts: number;
  /** Processes to kill. */
  readonly kills: number;
  /** Whether what is left out is a failure. */
  readonly required: boolean;
  /** The seed, unless it is drawn. */
  readonly seed: number | undefined;
}

const SHORT = { cuts: 300, kills: 300 } as const;
const LONG = { cuts: 10_000, kills: 10_000 } as const;

const list = Object.entries(SCENARIOS).map(([name, what]) => `  ${name.padEnd(14)}${what}`);

/** What `--help` prints. */
export const HELP = `Stores on a real kernel. Needs root on Linux.

Usage: npm run kernel -- [--only NAME]... [--cuts N] [--kills N] [--seed N] [--long]

  --only NAME   only this scenario; may be given several times
  --cuts N      power cuts, ${SHORT.cuts} by default
  --kills N     processes killed, ${SHORT.kills} by default
  --long        ${LONG.cuts} power cuts and ${LONG.kills} killed processes by default
  --seed N      seed of what is drawn, from 0 to 4294967295; else it is KVIG_SEED, or random
  --required    what is left out counts as a failure
  --help        prints this

Scenarios:
${list.join("\n")}

The last line is a JSON object with what was counted. Exit code: 0 when nothing was violated, 1 when
something was, 2 for a wrong command line. What cannot run here is left out, and it says why.`;

/** A command line that cannot be followed. */
export class UsageError extends Error {}

/** Reads the command line; undefined where help is wanted. */
export function readOptions(words: readonly string[]): Wanted | undefined {
  const given = parse(words);
  if (given.help === true) return undefined;
  const usual = given.long === true ? LONG : SHORT;
  return {
    scenarios: scenariosOf(given.only ?? []),
    cuts: numberOf("cuts", given.cuts, 1, 10_000_000) ?? usual.cuts,
    kills: numberOf("kills", given.kills, 1, 10_000_000) ?? usual.kills,
    required: given.required === true,
    seed: numberOf("seed", given.seed, 0, 2 ** 32 - 1),
  };
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        only: { type: "string", multiple: true },
        cuts: { type: "string" },
        kills: { type: "string" },
        seed: { type: "string" },
        long: { type: "boolean" },
        required: { type: "boolean" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function scenariosOf(only: readonly string[]): ScenarioName[] {
  const all = Object.keys(SCENARIOS) as ScenarioName[];
  const unknown = only.find((name) => !(all as string[]).includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--only ${unknown}: a scenario is one of ${all.join(", ")}`);
  }
  return only.length === 0 ? all : all.filter((name) => only.includes(name));
}

function numberOf(
  name: string,
  given: string | undefined,
  least: number,
  most: number,
): number | undefined {
  if (given === undefined) return undefined;
  const number = Number(given);
  if (/^\d+$/.test(given) && number >= least && number <= most) return number;
  throw new UsageError(`--${name} ${given}: it must be a whole number from ${least} to ${most}`);
}
