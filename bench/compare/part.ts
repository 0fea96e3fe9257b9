/**
 * A part of the benchmark: works that are measured in one process, one after another, because they
 * need the same store.
 *
 * @module
 */

import type { Session } from "./session.ts";

/** What a figure counts. */
export type Unit = "operation" | "opening" | "bytes";

/** One work that is measured, a row of the table. */
export interface Work {
  /** What the command line and the files of results call it. */
  readonly id: string;
  /** What it is, for people. */
  readonly what: string;
  /** What the figure counts: nanoseconds for an operation or an opening, or bytes. */
  readonly unit: Unit;
  /** Whether only kvig has such a thing, so that a comparison would say nothing. */
  readonly alone?: boolean;
  /** When what was written is safe; left out where nothing is written. */
  readonly durability?: string;
}

/** Works that share a process. */
export interface Part {
  /** What the command line calls it. */
  readonly id: string;
  /** What it is about, for people. */
  readonly what: string;
  /** The works. */
  readonly works: readonly Work[];
  /** Processes that run one after another, on the same files; "run" alone where left out. */
  readonly steps?: readonly string[];
  /** How many times the cache the store is large; it just fits where left out. */
  readonly timesCache?: number;
  /** Whether it runs only where it is asked for, because it takes long. */
  readonly onRequest?: boolean;
  /** Whether kvig is only compared with itself. */
  readonly onlyKvig?: boolean;
  /** Memory for pages, where it is not the one of all parts. */
  readonly cacheBytes?: number;
  /** Does the works that the session wants, in a process of its own. */
  run(session: Session): Promise<void>;
}

/** Durable when the call ends. */
export const DURABLE = "synced when it ends";
