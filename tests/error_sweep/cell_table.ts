/**
 * The cells that mean something: which roles of operations there are in which phases, and which
 * faults can happen to them. Every such cell must be reached by the sweep.
 *
 * @module
 */

import { FAULT_KINDS, type FaultKind, FAULTS, type OperationKind } from "../sim/faults.ts";
import { type Phase, PHASES, type Role } from "../sim/cells.ts";

/** What is known of the operations of one role. */
interface RoleEntry {
  /** What they are for the Io. */
  readonly kind: OperationKind;
  /** Phases in which there are such operations. */
  readonly phases: readonly Phase[];
  /** Why there are none in the others. */
  readonly elsewhere: string;
  /** Phases in which only what fails for ever meets them, because it failed before, and why. */
  readonly again?: { readonly phases: readonly Phase[]; readonly why: string };
  /** Faults that mean nothing there, and why. */
  readonly but?: Readonly<Partial<Record<FaultKind, string>>>;
}

const OPENING: readonly Phase[] = ["create", "open", "recover"];

/** Every role. */
export const ROLES: Readonly<Record<Role, RoleEntry>> = {
  "allocate": {
    kind: "allocate",
    phases: [...OPENING, "backup", "verify"],
    elsewhere: "nothing is allocated behind opening but what backup() and verify() work with",
  },
  "close": {
    kind: "close",
    phases: ["create", "backup", "close"],
    elsewhere: "files are closed by close(), backup() and, for a log just made, creation",
    again: { phases: ["open", "recover"], why: "an opening that failed closes its files" },
  },
  "copy read": {
    kind: "read",
    phases: [],
    elsewhere: "a backup is written and never read",
  },
  "copy write": {
    kind: "write",
    phases: ["backup"],
    elsewhere: "only backup() writes a copy",
  },
  "data sync": {
    kind: "sync data",
    phases: ["checkpoint", "compact", "close", "transaction"],
    elsewhere: "opening syncs both files fully; a checkpoint beside writes counts as one",
  },
  "directory sync": {
    kind: "sync directory",
    phases: ["create", "backup"],
    elsewhere: "names are made by creation and backup() alone",
  },
  "full sync": {
    kind: "sync full",
    phases: [...OPENING, "transaction", "checkpoint", "compact", "backup", "close"],
    elsewhere: "writes sync the log alone, reading and verifying nothing",
  },
  "growth write": {
    kind: "write",
    phases: ["run", "transaction", "recover"],
    elsewhere: "the file grows when a write needs places, never in a checkpoint",
    again: { phases: ["close"], why: "puts beside close() need the growth that failed before" },
  },
  "lock": {
    kind: "lock",
    phases: OPENING,
    elsewhere: "the lock is taken by opening",
  },
  "log read": {
    kind: "read",
    phases: OPENING,
    elsewhere: "only opening reads the log",
  },
  "log sync": {
    kind: "sync data",
    phases: ["run", "transaction", "checkpoint", "close"],
    elsewhere: "opening syncs the log fully; nothing else adds to it",
  },
  "log write": {
    kind: "write",
    phases: ["run", "transaction", "checkpoint", "close"],
    elsewhere: "opening writes nothing to a log that is there",
  },
  "log zeroing": {
    kind: "write",
    phases: ["create"],
    elsewhere: "a log is made once",
  },
  "meta read": {
    kind: "read",
    phases: [...OPENING, "verify"],
    elsewhere: "meta pages are read by opening and verify()",
  },
  "meta write": {
    kind: "write",
    phases: [...OPENING, "transaction", "checkpoint", "compact", "close"],
    elsewhere: "meta pages end checkpoints and openings",
    again: { phases: ["run"], why: "a write that finds no place lets the older meta page go" },
  },
  "open": {
    kind: "open",
    phases: [...OPENING, "backup"],
    elsewhere: "files are opened by opening and backup()",
    but: { "full": "only what creates a file needs room" },
  },
  "overflow read": {
    kind: "read",
    phases: ["run", "transaction", "compact", "backup", "verify"],
    elsewhere: "large values are read by who asks for them, and by what copies or checks them",
  },
  "overflow write": {
    kind: "write",
    phases: ["recover", "run", "transaction", "compact"],
    elsewhere: "large values are written by writes, by replaying them, and when they are moved",
  },
  "page batch": {
    kind: "batch",
    phases: ["recover", "transaction", "checkpoint", "compact", "close"],
    elsewhere: "pages are written by checkpoints",
  },
  "page read": {
    kind: "read",
    phases: [...PHASES].filter((phase) => phase !== "create" && phase !== "checkpoint"),
    elsewhere: "a new store has none, and a checkpoint writes what is in memory",
  },
  "remove": {
    kind: "remove",
    phases: ["create", "backup"],
    elsewhere: "names are removed where creation or backup() fails",
  },
  "spill": {
    kind: "batch",
    phases: ["transaction"],
    elsewhere: "frames run short in large transactions",
  },
  "truncate": {
    kind: "truncate",
    phases: ["compact", "backup", "close"],
    elsewhere: "files are cut at their end and made long in advance, elsewhere they grow",
  },
};

/** What became of the cells. */
export interface JudgedCells {
  /** Cells of the table that were reached. */
  readonly reached: number;
  /** Cells of the table that were not. */
  readonly missing: readonly string[];
  /** Cells that were reached and that the table says cannot be. */
  readonly unexpected: readonly string[];
}

/** Every cell that means something. */
export function meaningfulCells(): string[] {
  const cells: string[] = [];
  for (const [role, { kind, phases, but }] of Object.entries(ROLES)) {
    for (const fault of FAULT_KINDS) {
      const { operations } = FAULTS[fault];
      if (!(operations as readonly OperationKind[]).includes(kind)) continue;
      if (but?.[fault] !== undefined) continue;
      for (const phase of phases) cells.push(`${fault} × ${role} × ${phase}`);
    }
  }
  return cells;
}

/** Compares what was reached with the table. */
export function judgeCells(counts: ReadonlyMap<string, number>): JudgedCells {
  const wanted = meaningfulCells();
  const missing = wanted.filter((cell) => !counts.has(cell));
  const unexpected = [...counts.keys()].filter((cell) => {
    const [, role, phase] = cell.split(" × ");
    const { phases, again } = ROLES[role as Role];
    return ![...phases, ...again?.phases ?? []].includes(phase as Phase);
  });
  return { reached: wanted.length - missing.length, missing, unexpected };
}

/** Prints how often each fault struck each role, phase by phase. */
export function printCells(
  counts: ReadonlyMap<string, number>,
  print: (line: string) => void,
): void {
  for (const [role, { kind, phases, elsewhere, again, but = {} }] of Object.entries(ROLES)) {
    print(`${role}: ${phases.join(", ") || "in no phase"}; ${elsewhere}`);
    if (again !== undefined) print(`    besides, in ${again.phases.join(", ")}: ${again.why}`);
    for (const fault of FAULT_KINDS) {
      const { operations } = FAULTS[fault];
      if (!(operations as readonly OperationKind[]).includes(kind)) continue;
      const times = phases.map((phase) => counts.get(`${fault} × ${role} × ${phase}`) ?? 0);
      const reason = but[fault] === undefined ? "" : `, which means nothing: ${but[fault]}`;
      print(`    ${fault}: ${times.join(", ")}${reason}`);
    }
  }
}
