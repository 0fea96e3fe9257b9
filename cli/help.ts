/**
 * The help, made of what the commands say of themselves.
 *
 * @module
 */

import type { Command } from "./command.ts";
import { HELP } from "./options.ts";
import type { Option } from "./syntax.ts";

const COLUMNS = 80;
const INDENT = "  ";

/** The overview: what kvig is, its commands, its exit codes. */
export function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  const list = commands.map(({ name, summary }) => `${INDENT}${name.padEnd(width + 2)}${summary}`);
  return `kvig works with kvig stores: ordered key-value stores, each in a file of its own
with its log beside it (STORE and STORE-wal).

Usage: kvig COMMAND STORE [ARGUMENT...] [OPTION...]

Commands:
${list.join("\n")}

kvig help COMMAND explains a command and shows examples; kvig --version prints
the version.

Try it:
  kvig put demo.kvig greeting hello --create
  kvig get demo.kvig greeting
  kvig scan demo.kvig

Keys and values are text on the command line; --hex and --base64 are there for
other bytes. An argument that begins with a dash goes behind --.

A store that a program has open for writing is locked for everyone else; any
number of readers may share one. get, scan, dump, stat, verify and backup read.

Exit codes:
  0    all went well, also when the reader of the output left early
  1    the operation failed, get did not find the key, verify found problems, or
       a case of conformance failed
  2    the command line is wrong
  130  interrupted by Ctrl-C (143 by SIGTERM); the store is closed in good order

Errors go to standard error as one line: "kvig: KVIG_LOCKED: what happened".
`;
}

/** The help of one command. */
export function explain(command: Command): string {
  const options = [...command.options, HELP];
  const names = options.map(optionNames);
  const width = Math.max(...names.map((name) => name.length)) + 4;
  const lines = options.flatMap(({ about }, index) => {
    const [first = "", ...rest] = wrap(about, COLUMNS - width);
    const head = `${INDENT}${names[index]}`.padEnd(width);
    return [head + first, ...rest.map((line) => " ".repeat(width) + line)];
  });
  const usage = `Usage: kvig ${[command.name, ...command.operands].join(" ")} [OPTION...]`;
  const examples = command.examples.map(({ line, about }) => `  # ${about}\n  ${line}`);
  return [
    `${usage}\n`,
    ...command.about.trim().split("\n\n").map((paragraph) =>
      `${wrap(paragraph, COLUMNS).join("\n")}\n`
    ),
    `Options:\n${lines.join("\n")}\n`,
    `${examples.length === 1 ? "Example" : "Examples"}:\n${examples.join("\n\n")}\n`,
  ].join("\n");
}

function optionNames({ name, short, value }: Option): string {
  return `${short === undefined ? "    " : `-${short}, `}--${name}${
    value === undefined ? "" : ` ${value}`
  }`;
}

/** Breaks text into lines of at most `columns`. */
function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return line === "" ? lines : [...lines, line];
}
