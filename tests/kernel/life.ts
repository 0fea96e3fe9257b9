/**
 * The language between the job and the processes that it hurts: what a process is told to do with a
 * store, and the lines in which it says how that went.
 *
 * Commits are numbered in one order over all lives of a store; number N is commit N / TASKS of task
 * N mod TASKS (`tests/support/numbered_commits.ts`).
 *
 * | line              | meaning                                                           |
 * | ----------------- | ----------------------------------------------------------------- |
 * | `open`            | the store is open                                                 |
 * | `found S C REST`  | it shows C entries whose hashes sum up to S; REST: `sound` or why not |
 * | `i N`             | commit N is about to be issued                                    |
 * | `a N`             | commit N and all before it were acknowledged as durable           |
 * | `upkeep`          | a checkpoint, a compaction or a closing is about to begin         |
 * | `failed JSON`     | something failed: a {@link Failure}                               |
 * | `after JSON`      | how a call after that ended: a {@link Failure}, or without a code |
 * | `down`            | the store is closed, the process waits for its next task          |
 * | `answer JSON`     | how a step went: an {@link Answer}                                |
 *
 * @module
 */

import { isKvigError } from "../../core/errors.ts";
import type { OpenOptions } from "../../mod.ts";
import { TASKS } from "../support/numbered_commits.ts";

/** What a process does with a store until something fails. */
export interface Life {
  /** The store. */
  path: string;
  /** How to open it. */
  options: OpenOptions;
  /** Whether everything goes through the synchronous verbs. */
  blocking: boolean;
  /** The first commit. */
  first: number;
  /** How many commits, if nothing fails before. */
  limit: number;
  /** How many commits may be under way at once; 1 where they block. */
  window: number;
  /** A checkpoint after so many commits; 0 for none of its own. */
  checkpointEvery: number;
  /** A compaction after so many commits; 0 for none. */
  compactEvery: number;
  /** Closing and opening again after so many commits; 0 for never. */
  reopenEvery: number;
  /** Whether to try calls on a store that failed. */
  tryAfter: boolean;
  /** A directory for marks that a tracer of system calls sees; see `trace.ts`. */
  marks?: string;
}

/**
 * Directories that a worker makes: when it met the failure, when everything that was under way then
 * had settled, when it had closed the store.
 */
export const MARKS = ["failed", "settled", "closed"] as const;

/** The name of a mark. */
export type MarkName = typeof MARKS[number];

/** An error as it is said. */
export interface Failure {
  /** Code of the KvigError; "" for any other error, which is a violation. */
  code: string;
  /** Its outcome. */
  outcome?: string | undefined;
  /** The system's code of its innermost cause, as `ENOSPC`. */
  cause?: string | undefined;
  /** In words. */
  message: string;
  /** What was called. */
  call: string;
}

/** A call of one verb of an open store, for scenarios that go step by step. */
export interface Call {
  /** "open", or a verb of the store in its promise form. */
  verb: string;
  /** Its arguments. */
  words: unknown[];
  /** Whether to take the verb's synchronous form. */
  blocking: boolean;
}

/** What a process is told, one JSON object a line. */
export type Told = { life: Life } | { call: Call };

/** What a step-by-step call gave. */
export interface Answer {
  /** Its result; bytes as text. */
  value?: unknown;
  /** How it failed. */
  failure?: Failure;
}

/** Which commit of which task a number is. */
export function placeOf(number: number): { task: number; n: number } {
  return { task: number % TASKS, n: Math.floor(number / TASKS) };
}

/** An error as it is said; `call` is what it came from. */
export function failureOf(error: unknown, call: string): Failure {
  if (!isKvigError(error)) return { code: "", message: String(error), call };
  return {
    code: error.code,
    outcome: error.outcome,
    cause: causeOf(error),
    message: error.message,
    call,
  };
}

function causeOf(error: unknown): string | undefined {
  let code: string | undefined = undefined;
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code: own } = at as NodeJS.ErrnoException;
    if (own !== undefined) code = own;
  }
  return code;
}
