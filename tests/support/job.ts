/**
 * What the long jobs have in common: their command lines, and the one line of JSON that ends them.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";

/** One option of a job. */
export interface JobOption {
  /** What it means, for the help. */
  readonly help: string;
  /** Whether its value is a text; without it the option is a number. */
  readonly text?: boolean;
  /** Whether it has no value: it is given or not. */
  readonly flag?: boolean;
  /** Least value of a number. Default: 0. */
  readonly least?: number;
  /** What holds where it is not given; without it the option may be absent. */
  readonly default?: number;
}

/** The values of a job's options. */
export interface JobValues {
  /** A number that has a default. */
  number(name: string): number;
  /** A number that may be absent. */
  optional(name: string): number | undefined;
  /** A text that may be absent. */
  text(name: string): string | undefined;
  /** Whether a flag was given. */
  flag(name: string): boolean;
}

/** Ends the process with a sentence about the command line. */
export function refuse(sentence: string): never {
  console.error(sentence);
  process.exit(2);
}

/** Reads the command line of a job; answers `--help`, refuses what it does not know. */
export function jobOptions(
  usage: string,
  options: Readonly<Record<string, JobOption>>,
  args: readonly string[] = process.argv.slice(2),
): JobValues {
  const known = Object.keys(options).map((name) => `--${name}`).join(", ");
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        help: { type: "boolean" },
        ...Object.fromEntries(
          Object.entries(options).map(([name, { flag }]) => {
            return [name, { type: flag === true ? "boolean" : "string" }];
          }),
        ),
      },
    }));
  } catch (error) {
    refuse(`${(error as Error).message}; the options are ${known}, --help`);
  }
  if (values["help"] === true) {
    console.log(helpOf(usage, options));
    process.exit(0);
  }
  const numbers = new Map<string, number>();
  for (const [name, option] of Object.entries(options)) {
    if (option.text === true || option.flag === true) continue;
    const given = values[name];
    const number = given === undefined ? option.default : Number(given);
    if (number === undefined) continue;
    const least = option.least ?? 0;
    if (!Number.isSafeInteger(number) || number < least || given === "") {
      refuse(`--${name} must be a whole number of at least ${least}, got "${String(given)}"`);
    }
    numbers.set(name, number);
  }
  return {
    number: (name) => numbers.get(name)!,
    optional: (name) => numbers.get(name),
    text: (name) => values[name] as string | undefined,
    flag: (name) => values[name] === true,
  };
}

function helpOf(usage: string, options: Readonly<Record<string, JobOption>>): string {
  const lines = Object.entries(options).map(([name, option]) => {
    const value = option.flag === true ? "" : option.text === true ? " TEXT" : " N";
    const word = `--${name}${value}`.padEnd(18);
    const standard = option.default === undefined ? "" : ` (default: ${option.default})`;
    return `  ${word}  ${option.help}${standard}`;
  });
  return [usage, "", ...lines, `  ${"--help".padEnd(18)}  this text`].join("\n");
}

/** The commit that is checked out, and whether files differ from it. */
export function commitName(): string {
  try {
    const git = (...words: string[]): string => execFileSync("git", words, { encoding: "utf8" });
    const changed = git("status", "--porcelain", "--untracked-files=no").trim() !== "";
    return git("rev-parse", "--short", "HEAD").trim() + (changed ? "+changes" : "");
  } catch {
    return "unknown";
  }
}

/** Writes files into a directory, made if need be; returns their paths. */
export function writeFiles(
  directory: string,
  files: Readonly<Record<string, Uint8Array>>,
): string[] {
  mkdirSync(directory, { recursive: true });
  return Object.entries(files).map(([name, bytes]) => {
    const path = join(directory, name);
    writeFileSync(path, bytes);
    return path;
  });
}

/** What a job says in the end. */
export interface JobSummary {
  /** Its name. */
  readonly job: string;
  /** What must not be. */
  readonly violations: number;
  /** Further figures. */
  readonly [figure: string]: unknown;
}

/** Prints the last line of a job, and ends with 1 where there were violations. */
export function endJob(summary: JobSummary): void {
  console.log(JSON.stringify(summary));
  process.exitCode = summary.violations > 0 ? 1 : 0;
}
