/**
 * Runs one call of the program, from its words to its exit code.
 *
 * @module
 */

import process from "node:process";

import type { Command } from "./command.ts";
import { EXIT_OK, EXIT_USAGE } from "./exit_codes.ts";
import { COMMANDS } from "./commands.ts";
import { CommandError, judge, ReaderGone, UsageError } from "./failures.ts";
import { explain, overview } from "./help.ts";
import { Interruption } from "./interruption.ts";
import { nearest } from "./nearest.ts";
import { quoted } from "./notation.ts";
import { Output } from "./output.ts";
import { parseCommandLine } from "./parse.ts";
import { Progress } from "./progress.ts";
import { readVersion } from "./version.ts";

/** Carries out the command line `words`, without the program's name, and returns the exit code. */
export async function run(words: readonly string[]): Promise<number> {
  using interruption = new Interruption();
  const output = new Output(process.stdout);
  const progress = new Progress(process.stderr);
  process.stderr.on("error", ignoreUnreadMessages);
  try {
    const code = await dispatch(words, output, progress, interruption.signal);
    await output.flush();
    return code;
  } catch (error) {
    const { lines, code } = judge(error, interruption.code);
    progress.clear();
    await flushWhatIsThere(output);
    for (const line of lines) process.stderr.write(`kvig: ${line}\n`);
    return code;
  }
}

function ignoreUnreadMessages(): void {
  // Where nobody reads the messages there is nobody to tell; the exit code still says it all.
}

/** Writes what a command had printed before it failed. */
async function flushWhatIsThere(output: Output): Promise<void> {
  try {
    await output.flush();
  } catch (error) {
    // The command's own failure is the one to report: this one may well be its consequence.
    if (!(error instanceof CommandError || error instanceof ReaderGone)) throw error;
  }
}

async function dispatch(
  words: readonly string[],
  output: Output,
  progress: Progress,
  signal: AbortSignal,
): Promise<number> {
  const [first, ...rest] = words;
  if (first === undefined) {
    process.stderr.write(overview(COMMANDS));
    return EXIT_USAGE;
  }
  if (first === "--version" || first === "-V") {
    await output.write(`kvig ${readVersion()}\n`);
    return EXIT_OK;
  }
  if (first === "help" || first === "--help" || first === "-h") {
    const topic = rest.find((word) => !word.startsWith("-"));
    await output.write(topic === undefined ? overview(COMMANDS) : explain(commandNamed(topic)));
    return EXIT_OK;
  }
  const command = commandNamed(first);
  const given = parseCommandLine(command, rest);
  if (given.has("help")) {
    await output.write(explain(command));
    return EXIT_OK;
  }
  progress.quiet = given.has("quiet");
  return await command.run({ given, output, progress, signal });
}

/**
 * The command with this name.
 * @throws {UsageError} where there is none.
 */
function commandNamed(name: string): Command {
  const command = COMMANDS.find((command) => command.name === name);
  if (command !== undefined) return command;
  const names = COMMANDS.map(({ name }) => name);
  if (name.startsWith("-")) {
    throw new UsageError(
      `expected a command before ${quoted(name)}; kvig alone takes --help and --version, ` +
        `the commands are ${names.join(" ")}`,
    );
  }
  const meant = nearest(name, names);
  const guess = meant === undefined ? "" : `did you mean ${meant}? `;
  throw new UsageError(
    `there is no command ${quoted(name)}; ${guess}the commands are ${names.join(" ")}`,
  );
}
