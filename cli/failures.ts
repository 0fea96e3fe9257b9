/**
 * The ways in which a command ends early, and how each is told to the user.
 *
 * Every message is one line on standard error that begins with `kvig: `. Errors of the store carry
 * their code: `kvig: KVIG_LOCKED: …`. An error that nobody foresaw is shown with its stack.
 *
 * @module
 */

import { isKvigError, type KvigError } from "../core/errors.ts";
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE } from "./exit_codes.ts";

/** The command line is wrong; the message says what was given and what is allowed. */
export class UsageError extends Error {
  /** Always `"UsageError"`. */
  override readonly name = "UsageError";
}

/** The command cannot go on; the message says why, and carries the code of a store's error. */
export class CommandError extends Error {
  /** Always `"CommandError"`. */
  override readonly name = "CommandError";
}

/** A line of the input is not what it should be. */
export class LineError extends CommandError {
  /** Number of the line, counted from 1, where that is not the line being read. */
  readonly line: number | undefined;

  /** Says what is wrong with a line. */
  constructor(message: string, line?: number) {
    super(message);
    this.line = line;
  }
}

/** Whoever read standard output has gone: nothing is left to do, and nothing is wrong. */
export class ReaderGone extends Error {
  /** Always `"ReaderGone"`. */
  override readonly name = "ReaderGone";
}

/** The user interrupted the command. */
export class Interrupted extends Error {
  /** Always `"Interrupted"`. */
  override readonly name = "Interrupted";
}

/** What an error means for the user: lines for standard error, and an exit code. */
export interface Verdict {
  /** Lines without `kvig: ` at their head. */
  readonly lines: readonly string[];
  /** The exit code of the program. */
  readonly code: number;
}

/** What `error` means for the user; `interruptedCode` is the exit code of an interruption. */
export function judge(error: unknown, interruptedCode: number | undefined): Verdict {
  // Thrown where a store could not be closed after the command had failed: the first comes first.
  if (error instanceof Error && "suppressed" in error && "error" in error) {
    const first = judge(error.suppressed, interruptedCode);
    return { lines: [...first.lines, ...judge(error.error, undefined).lines], code: first.code };
  }
  if (error instanceof ReaderGone) return { lines: [], code: EXIT_OK };
  if (interruptedCode !== undefined && isInterruption(error)) {
    const said = error instanceof Interrupted ? error.message : "interrupted";
    return { lines: [said], code: interruptedCode };
  }
  if (error instanceof UsageError) return { lines: [error.message], code: EXIT_USAGE };
  if (error instanceof CommandError) return { lines: [error.message], code: EXIT_FAILED };
  if (isKvigError(error)) return { lines: [describeStoreError(error)], code: EXIT_FAILED };
  if (error instanceof RangeError || error instanceof TypeError) {
    const message = inWordsOfOptions(error.message);
    if (message.startsWith("--")) return { lines: [message], code: EXIT_USAGE };
  }
  const stack = error instanceof Error ? error.stack ?? error.message : String(error);
  return { lines: [`this should not happen, please report it: ${stack}`], code: EXIT_FAILED };
}

/** An error of the store in one line, with its code and the system's. */
export function describeStoreError(error: KvigError): string {
  const systemCode = codeOf(error.cause);
  const known = systemCode === undefined || systemCode.startsWith("KVIG_") ||
    error.message.includes(systemCode);
  const page = error.page === undefined || /\bpage \d/.test(error.message)
    ? ""
    : ` (page ${error.page})`;
  return `${error.code}: ${inWordsOfOptions(error.message)}${page}${
    known ? "" : ` (${systemCode})`
  }`;
}

function inWordsOfOptions(message: string): string {
  return message.replace(/\b(page|log|cache)Size\b/g, "--$1-size");
}

/** The `code` of a system error such as `"ENOSPC"`. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Whether an operation stopped because its signal was aborted. */
export function isInterruption(error: unknown): boolean {
  if (error instanceof Interrupted || isKvigError(error, "KVIG_ABORTED")) return true;
  return error instanceof Error && error.name === "AbortError";
}
