/**
 * The steps of an {@link Unrest} and how often each comes.
 *
 * @module
 */

/** Kinds of steps. */
export type Step =
  | "settle"
  | "put"
  | "burst"
  | "large"
  | "delete"
  | "clear"
  | "batch"
  | "transaction"
  | "abort"
  | "huge"
  | "putSync"
  | "get"
  | "scan"
  | "iterate"
  | "snapshot"
  | "checkpoint"
  | "flush"
  | "compact"
  | "verify"
  | "crash"
  | "kill"
  | "reopen";

/** How often a step of each kind comes, unless said otherwise. */
export const WEIGHTS: Readonly<Record<Step, number>> = {
  settle: 300,
  put: 40,
  burst: 8,
  large: 8,
  delete: 20,
  clear: 2,
  batch: 10,
  transaction: 10,
  abort: 6,
  huge: 0,
  putSync: 10,
  get: 30,
  scan: 4,
  iterate: 10,
  snapshot: 10,
  checkpoint: 10,
  flush: 4,
  compact: 1,
  verify: 1,
  crash: 2,
  kill: 1,
  reopen: 1,
};
