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
import type { Syntax } from "./syntax.ts";

/** An example of the help: what to type, and what that does. */
export interface Example {
  /** The command line. */
  readonly line: string;
  /** What it does, in a few words. */
  readonly about: string;
}

/** One command. */
export interface Command extends Syntax {
  /** What it does, in a line of the overview. */
  readonly summary: string;
  /** What it does, in paragraphs with an empty line between them. */
  readonly about: string;
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
