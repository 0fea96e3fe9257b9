/**
 * What the engine owes in return for each fault: which codes a call may fail with, whether the
 * store must fail, and whether the fault must not be noticed at all.
 *
 * @module
 */

import type { KvigErrorCode } from "../../core/errors.ts";
import type { FaultKind } from "../sim/faults.ts";
import type { Phase, Role } from "../sim/cells.ts";
import type { Injection } from "./striker.ts";

/** What may follow from a fault. */
export interface Reaction {
  /** Codes that a call may fail with besides `KVIG_FAILED`; none where it must not be noticed. */
  readonly codes: readonly KvigErrorCode[];
  /** Whether the store fails: it must, it may, it must not. */
  readonly fails: "must" | "may" | "never";
}

const INVISIBLE: Reaction = { codes: [], fails: "never" };

function aborts(...codes: KvigErrorCode[]): Reaction {
  return { codes, fails: "never" };
}

/** Phases in which a store is being opened: a call that fails leaves none. */
const OPENING: readonly Phase[] = ["create", "open", "recover"];

/** Faults of reads that pass: the read is done again. */
const PASSING: readonly FaultKind[] = [
  "changed buffer",
  "misdirected read",
  "read error",
  "short read",
];

/** Faults that leave the disk holding something else than what was written. */
export const DAMAGING: readonly FaultKind[] = [
  "flipped bit",
  "lost write",
  "misdirected write",
  "unreadable sector",
  "zeroed sector",
];

/** Faults of reads that, where they last, hide what the log would prove. */
export const HIDING: readonly FaultKind[] = ["changed buffer", "empty read", "misdirected read"];

/** Faults of writes of which the caller is told. */
const WRITE_FAULTS: readonly FaultKind[] = ["failed, done", "full", "write error", "empty write"];

/** Faults of syncs. */
export const SYNC_FAULTS: readonly FaultKind[] = [
  "late sync error",
  "sync error",
  "sync error, reverted",
];

/** Roles on which durability rests: when one of them fails in a running store, the store fails. */
const VITAL: readonly Role[] = ["log write", "log sync", "data sync", "full sync", "meta write"];

/** What may follow from `injection`, whose first strike had this role and phase. */
export function reactionTo(injection: Injection, role: Role, phase: Phase): Reaction {
  const { kind, ever } = injection;
  const ordinary = kind === "full" ? "KVIG_FULL" : "KVIG_IO";
  if (kind === "completed twice" || kind === "short write" || kind === "short read") {
    return INVISIBLE;
  }
  if (!ever && (PASSING.includes(kind) || kind === "empty write")) return INVISIBLE;
  if (kind === "throws" && !ever && role.endsWith("read")) return INVISIBLE;
  // Then every operation of the file throws, and sooner or later one on which durability rests.
  if (kind === "throws" && ever) return { codes: ["KVIG_IO"], fails: "may" };
  if (kind === "empty read") return aborts("KVIG_CORRUPT", "KVIG_IO");
  if (kind === "changed buffer" || kind === "misdirected read") return aborts("KVIG_CORRUPT");
  if (kind === "read error") return aborts("KVIG_IO");
  if (kind === "unreadable sector") return aborts("KVIG_IO");
  if (DAMAGING.includes(kind)) return aborts("KVIG_CORRUPT");
  if (kind === "never") return { codes: [], fails: "may" };
  if (kind === "lock held") return aborts("KVIG_LOCKED");
  if (kind === "no locks") return aborts("KVIG_UNSUPPORTED");
  if (kind === "open error") return aborts(injection.code ?? "KVIG_ACCESS", "KVIG_CORRUPT");
  const written = WRITE_FAULTS.includes(kind) || SYNC_FAULTS.includes(kind) || kind === "throws";
  // What fails for ever comes to what durability rests on, sooner or later.
  if (ever && written && !VITAL.includes(role)) return { codes: [ordinary], fails: "may" };
  if (kind === "truncate error" || kind === "half a truncate") return aborts("KVIG_IO");
  if (role === "truncate") return aborts(ordinary);
  if (written && VITAL.includes(role)) return vital(injection, phase, ordinary);
  return aborts(ordinary);
}

/** The reaction to a fault of what durability rests on. */
function vital({ kind, ever }: Injection, phase: Phase, ordinary: KvigErrorCode): Reaction {
  if (phase === "backup") return aborts(ordinary);
  if (OPENING.includes(phase)) return { codes: [ordinary], fails: "may" };
  // What fails for ever may fail the closing of files as well. The sync that lies is believed; the
  // next one tells, if there is one.
  return { codes: ever ? [ordinary] : [], fails: kind === "late sync error" ? "may" : "must" };
}
