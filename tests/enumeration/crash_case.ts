/**
 * One crash as data: enough to make it happen again, for a regression test.
 *
 * @module
 */

import type { ProfileName } from "../sim/profile.ts";
import type { Cut } from "./cut.ts";

/** A crash, and the crashes of the recoveries that followed. */
export interface CrashCase {
  /** What values, garbage and samples follow from. */
  readonly seed: number;
  /** What syncs keep. */
  readonly profile: ProfileName;
  /** Names of the shapes that were played; none for the creation of a store. */
  readonly workload: readonly string[];
  /** At which step of the last shape the power went. */
  readonly step: number;
  /** What it left. */
  readonly cut: Cut;
  /** The same of each recovery that followed. */
  readonly recoveries?: readonly RecoveryCut[];
}

/** A crash of a recovery. */
export interface RecoveryCut {
  /** At which step of it. */
  readonly step: number;
  /** What it left. */
  readonly cut: Cut;
}

/** A crash after which something was wrong. */
export interface Violation {
  /** The crash. */
  readonly crash: CrashCase;
  /** What was done last before it, for people. */
  readonly words: string;
  /** What was pending, in the order of the letters of `cut.kept`, for people. */
  readonly pending: readonly string[];
  /** What was wrong. */
  readonly complaint: string;
}
