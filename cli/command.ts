/**
 * What a command is: its words for the help, the options it takes, and what it does.
 *
 * Commands are data. Parsing and help read this data; no command parses or explains itself.
 *
 * @module
 */

import type { Output } from "./output.ts";
import type { ParsedArguments } from "./parse.ts";
import type { Progress } from "./progress.ts";

/** An option of a command. */
export interface Option {
  /** The name, without its dashes. */
  readonly name: string;
  /** One letter that means the same. */
  readonly short?: string;
  /** What stands for the option's value in the help; without it the option takes none. */
  readonly value?: string;
  /** What it does, in one sentence or two. */
  readonly about: string;
}

/** An example of the help: what to type, and what that does. */
export interface Example {
  /** The command line. */
  readonly line: string;
  /** What it does, in a few words. */
  readonly about: string;
}

/** One command. */
export interface Command {
  /** The word that calls it. */
  readonly name: string;
  /** Its arguments in order: `NAME`, `[NAME]` for one to leave out, `NAME...` for one or more. */
  readonly operands: readonly string[];
  /** What it does, in a line of the overview. */
  readonly summary: string;
  /** What it does, in paragraphs. */
  readonly about: readonly string[];
  /** The options that it takes; `--help` is understood by each. */
  readonly options: readonly Option[];
  /** At least one example. */
  readonly examples: readonly Example[];
  /** Carries it out and returns the exit code. */
  run(call: Call): Promise<number>;
}

/** What a command works with when it is carried out. */
export interface Call {
  /** The arguments and options. */
  readonly given: ParsedArguments;
  /** Standard output. */
  readonly output: Output;
  /** The line on the terminal that says how far the command is, and its closing line. */
  readonly progress: Progress;
  /** Aborted when the user interrupts the command. */
  readonly signal: AbortSignal;
}

/** Exit code: all went well. */
export const EXIT_OK = 0;
/** Exit code: an operation failed, a key was not found, or `verify` found problems. */
export const EXIT_FAILED = 1;
/** Exit code: the command line is wrong. */
export const EXIT_USAGE = 2;
