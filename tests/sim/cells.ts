/**
 * Cells of coverage: which fault happened to an operation of which role in which phase. The role is
 * what the operation is for; it follows from the operation itself and from what the store does.
 *
 * @module
 */

import { META_BYTES } from "../../core/meta.ts";
import type { FaultKind, SimOperation } from "./faults.ts";

/** What an operation is for. */
export type Role =
  | "allocate"
  | "close"
  | "copy read"
  | "copy write"
  | "data sync"
  | "directory sync"
  | "full sync"
  | "growth write"
  | "lock"
  | "log read"
  | "log sync"
  | "log write"
  | "log zeroing"
  | "meta read"
  | "meta write"
  | "open"
  | "overflow read"
  | "overflow write"
  | "page batch"
  | "page read"
  | "remove"
  | "spill"
  | "truncate";

/** What goes on when an operation is issued. */
export type Phase =
  | "backup"
  | "checkpoint"
  | "close"
  | "compact"
  | "create"
  | "open"
  | "recover"
  | "run"
  | "transaction"
  | "verify";

/** Every phase. */
export const PHASES: readonly Phase[] = [
  ...["create", "open", "recover", "run", "transaction", "checkpoint"] as const,
  ...["compact", "backup", "verify", "close"] as const,
];

/** What the store does while an operation is issued, as far as the operation does not show it. */
export interface Doing {
  /** Whether a spill is under way. */
  readonly spilling: boolean;
  /** Whether a checkpoint is under way. */
  readonly checkpointing: boolean;
}

/** The paths and the page size of the store whose operations are told apart. */
export interface Place {
  /** Path of the data file; the log is beside it. */
  readonly path: string;
  /** Size of a page, in bytes. */
  readonly pageBytes: number;
}

const LOG_SUFFIX = "-wal";

/** What `operation` is for. */
export function roleOf(operation: SimOperation, place: Place, doing: Doing): Role {
  const { kind, path } = operation;
  switch (kind) {
    case "read":
      return readRole(operation, place);
    case "write":
      return writeRole(operation, place);
    case "batch":
      return doing.spilling && !doing.checkpointing ? "spill" : "page batch";
    case "sync data":
      return path === place.path + LOG_SUFFIX ? "log sync" : "data sync";
    case "sync full":
      return "full sync";
    case "sync directory":
      return "directory sync";
    default:
      return kind;
  }
}

function readRole({ path, at, length }: SimOperation, place: Place): Role {
  if (path === place.path + LOG_SUFFIX) return "log read";
  if (path !== place.path) return "copy read";
  // A meta page is read in part, wherever it may be: its page size is not known yet.
  const { pageBytes } = place;
  const meta = length === META_BYTES && length < pageBytes && powerOfTwo(at);
  if (at < 2 * pageBytes || meta) return "meta read";
  // What a short read left of a page is read up to the page's end.
  return at % pageBytes + length === pageBytes ? "page read" : "overflow read";
}

function powerOfTwo(at: number): boolean {
  return (at & (at - 1)) === 0;
}

function writeRole({ path, at, length, size, phase }: SimOperation, place: Place): Role {
  if (path === place.path + LOG_SUFFIX) return phase === "create" ? "log zeroing" : "log write";
  if (path !== place.path) return "copy write";
  if (at < 2 * place.pageBytes) return "meta write";
  return at + length > size ? "growth write" : "overflow write";
}

/** Roles of operations that no checkpoint issues. */
const NEVER_CHECKPOINT: readonly Role[] = [
  "growth write",
  "overflow read",
  "overflow write",
  "page read",
];

/**
 * The phase of `operation`: what its issuer said, or a checkpoint that runs beside it, or work that
 * goes on beside a checkpoint.
 */
export function phaseOf(operation: SimOperation, role: Role, doing: Doing): Phase {
  const phase = operation.phase as Phase;
  const ofCheckpoint = role === "page batch" || role === "data sync" || role === "full sync" ||
    role === "meta write";
  if (phase === "checkpoint" && NEVER_CHECKPOINT.includes(role)) return "run";
  return phase === "run" && doing.checkpointing && ofCheckpoint ? "checkpoint" : phase;
}

/** Names of a cell, with the fault first. */
export type CellName = `${FaultKind} × ${Role} × ${Phase}`;

/** Counts what happened in each cell. */
export class Cells {
  /** How often, by name. */
  readonly counts: Map<string, number> = new Map();

  /** Notes that `fault` happened once more. */
  record(fault: FaultKind, role: Role, phase: Phase, times = 1): void {
    const name: CellName = `${fault} × ${role} × ${phase}`;
    this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }

  /** Adds what another one counted. */
  add(counts: Iterable<readonly [string, number]>): void {
    for (const [name, times] of counts) this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }
}
