/**
 * Reads a command line against what a command says of itself.
 *
 * Every mistake is a {@link UsageError} that names what was given and what is allowed.
 *
 * @module
 */

import { parseArgs } from "node:util";

import { UsageError } from "./failures.ts";
import { parseCount, parseSize } from "./measures.ts";
import { nearest } from "./nearest.ts";
import { type Notation, quoted } from "./notation.ts";
import { HELP } from "./options.ts";
import type { Option, Syntax } from "./syntax.ts";

/** The arguments and options of one call, checked against the command. */
export class ParsedArguments {
  /** The operands in order. */
  readonly operands: readonly string[];
  readonly #values: ReadonlyMap<string, string>;

  /** What was found: operands, and values by option, empty for options without one. */
  constructor(operands: readonly string[], values: ReadonlyMap<string, string>) {
    this.operands = operands;
    this.#values = values;
  }

  /** Whether an option was given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value of an option, if it was given. */
  text(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** The value of an option as a number of bytes. */
  size(name: string): number | undefined {
    const text = this.#values.get(name);
    return text === undefined ? undefined : parseSize(`--${name}`, text);
  }

  /** The value of an option as a whole number from `least` on. */
  count(name: string, least: number): number | undefined {
    const text = this.#values.get(name);
    return text === undefined ? undefined : parseCount(`--${name}`, text, least);
  }

  /** How keys and values are written. */
  get notation(): Notation {
    if (!this.has("hex")) return this.has("base64") ? "base64" : "text";
    if (this.has("base64")) throw new UsageError("--hex and --base64 exclude each other");
    return "hex";
  }
}

interface Token {
  readonly kind: string;
  readonly index: number;
  readonly name?: string;
  readonly rawName?: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

/**
 * Reads what follows the command's name.
 * @throws {UsageError} where the command does not take it.
 */
export function parseCommandLine(command: Syntax, words: readonly string[]): ParsedArguments {
  const options = [...command.options, HELP];
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(options.map(({ name, short, value }) => [name, {
      type: value === undefined ? "boolean" as const : "string" as const,
      ...(short === undefined ? {} : { short }),
    }])),
    // What is not allowed is said below, in our own words.
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const operands: string[] = [];
  const values = new Map<string, string>();
  for (const token of tokens as readonly Token[]) {
    if (token.kind === "positional") operands.push(token.value ?? "");
    else if (token.kind === "option") values.set(token.name ?? "", checkOption(command, token));
  }
  if (!values.has(HELP.name)) checkOperands(command, operands);
  return new ParsedArguments(operands, values);
}

/** The value of an option, empty for one that takes none. */
function checkOption(command: Syntax, token: Token): string {
  const { rawName = "", value, inlineValue } = token;
  const options = [...command.options, HELP];
  const option = options.find(({ name }) => name === token.name);
  if (option === undefined) throw unknownOption(command, rawName, options);
  if (option.value === undefined) {
    if (value === undefined) return "";
    throw new UsageError(`${rawName} takes no value, got ${quoted(value)}`);
  }
  if (value === undefined) throw new UsageError(`${rawName} needs a value: ${shape(option)}`);
  if (inlineValue !== true && value.length > 1 && value.startsWith("-")) {
    throw new UsageError(
      `${rawName} needs a value; one that begins with a dash is joined to it: --${option.name}=${
        value.length > 60 ? "…" : value
      }`,
    );
  }
  return value;
}

function shape({ name, value }: Option): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

function unknownOption(command: Syntax, given: string, options: readonly Option[]): UsageError {
  const names = options.map(({ name }) => `--${name}`).sort();
  const meant = given.startsWith("--") ? nearest(given, names) : undefined;
  const guess = meant === undefined ? "" : `did you mean ${meant}? `;
  const dash = command.operands.some((operand) => /KEY|VALUE/.test(operand))
    ? `; a key or value that begins with a dash goes behind --`
    : "";
  const list = `it takes ${names.join(" ")}`;
  const shown = given.length > 60 ? `${given.slice(0, 60)}…` : given;
  return new UsageError(`${command.name} has no option ${shown}; ${guess}${list}${dash}`);
}

function checkOperands(command: Syntax, given: readonly string[]): void {
  const usage = `: kvig ${command.name} ${command.operands.join(" ")}`;
  const needed = command.operands.filter((operand) => !operand.startsWith("["));
  if (given.length < needed.length) {
    const missing = needed.slice(given.length).map((operand) => operand.replace("...", ""));
    throw new UsageError(`${command.name} needs ${missing.join(" and ")}${usage}`);
  }
  if (given[0] === "") throw new UsageError("STORE is empty, it must be the path of a file");
  const endless = command.operands.some((operand) => operand.includes("..."));
  if (endless || given.length <= command.operands.length) return;
  const extra = quoted(given[command.operands.length]);
  throw new UsageError(`${command.name} got one argument too many, ${extra}${usage}`);
}
