/**
 * Faults of single operations: which there are, and who decides when one happens.
 *
 * The numbers are those of the list in docs/faults.md.
 *
 * @module
 */

import type { IoErrorCode } from "../../core/io.ts";
import type { Random } from "./random.ts";

/** What an operation of the Io does. */
export type OperationKind =
  | "allocate"
  | "batch"
  | "close"
  | "lock"
  | "open"
  | "read"
  | "remove"
  | "sync data"
  | "sync full"
  | "sync directory"
  | "truncate"
  | "write";

/** One operation, as it was issued. */
export interface SimOperation {
  /** Counted from 0 over everything that the Io was asked for. */
  readonly number: number;
  /** What it does. */
  readonly kind: OperationKind;
  /** The path; "" for memory. */
  readonly path: string;
  /** Position in the file, or the new size; of a batch the first one. In bytes. */
  readonly at: number;
  /** Length; of a batch of all pieces. In bytes. */
  readonly length: number;
  /** Pieces of a batch; 1 for everything else. */
  readonly pieces: number;
  /** Size of the file as its opener knows it; 0 where no file is open. In bytes. */
  readonly size: number;
  /** What the runner said that goes on; see `phase` of the Io. */
  readonly phase: string;
}

const SYNCS: readonly OperationKind[] = ["sync data", "sync full", "sync directory"];
const WRITES: readonly OperationKind[] = ["write", "batch"];
const ALL_BUT_MEMORY: readonly OperationKind[] = [
  ...["batch", "close", "lock", "open", "read", "remove", "truncate", "write"] as const,
  ...SYNCS,
];

/** What a fault is. */
export interface FaultEntry {
  /** Its number in the list. */
  readonly number: number;
  /** Operations that it can happen to. */
  readonly operations: readonly OperationKind[];
  /** Whether the operation succeeds as far as its caller can see. */
  readonly silent: boolean;
}

function fault(
  number: number,
  operations: readonly OperationKind[],
  silent = false,
): FaultEntry {
  return { number, operations, silent };
}

/** The name of a fault. */
export type FaultKind =
  | "read error"
  | "unreadable sector"
  | "short read"
  | "empty read"
  | "short write"
  | "empty write"
  | "write error"
  | "full"
  | "sync error"
  | "sync error, reverted"
  | "late sync error"
  | "truncate error"
  | "half a truncate"
  | "close error"
  | "open error"
  | "lock held"
  | "no locks"
  | "flipped bit"
  | "zeroed sector"
  | "misdirected write"
  | "misdirected read"
  | "lost write"
  | "never"
  | "completed twice"
  | "failed, done"
  | "throws"
  | "changed buffer"
  | "no memory";

/** Every fault by name. */
export const FAULTS: Readonly<Record<FaultKind, FaultEntry>> = {
  /** A read fails once. */
  "read error": fault(15, ["read"]),
  /** A sector that the read touches cannot be read from now on, until it is written whole. */
  "unreadable sector": fault(16, ["read"]),
  /** A read gives fewer bytes than there are. */
  "short read": fault(17, ["read"]),
  /** A read gives no bytes before the end of the file. */
  "empty read": fault(18, ["read"]),
  /** A write writes fewer bytes than it was given. */
  "short write": fault(19, ["write"]),
  /** A write writes nothing and says so. */
  "empty write": fault(19, ["write"]),
  /** A write fails; any part of it may have happened. */
  "write error": fault(20, WRITES),
  /** There is no room on the disk: ENOSPC, EDQUOT, EFBIG. */
  "full": fault(21, [...WRITES, "truncate", "open"]),
  /** A sync fails; what it covered is lost to later syncs, and readers see it all the same. */
  "sync error": fault(22, SYNCS),
  /** A sync fails, and readers see again what is durable. */
  "sync error, reverted": fault(23, ["sync data", "sync full"]),
  /** A sync succeeds and keeps nothing; the next one of this file fails. */
  "late sync error": fault(23, ["sync data", "sync full"]),
  /** A truncate fails and does nothing. */
  "truncate error": fault(24, ["truncate"]),
  /** A truncate fails and has cut a part. */
  "half a truncate": fault(24, ["truncate"]),
  /** Closing fails; the file is closed. */
  "close error": fault(26, ["close"]),
  /** The file cannot be opened, or its name not removed. */
  "open error": fault(27, ["open", "remove"]),
  /** Somebody else holds the lock. */
  "lock held": fault(28, ["lock"]),
  /** The system knows no locks. */
  "no locks": fault(28, ["lock"]),
  /** A bit of a sector that was read has flipped on the disk. */
  "flipped bit": fault(31, ["read"], true),
  /** A sector that was read is zeros on the disk. */
  "zeroed sector": fault(32, ["read"], true),
  /** A write lands in another place of the file, and its own keeps what it had. */
  "misdirected write": fault(33, WRITES, true),
  /** A read gives what stands in another place, once. */
  "misdirected read": fault(34, ["read"], true),
  /** A write succeeds and nothing is written. */
  "lost write": fault(35, WRITES, true),
  /** The operation is never over. */
  "never": fault(41, ALL_BUT_MEMORY),
  /** The operation is completed a second time, with another result. */
  "completed twice": fault(43, ALL_BUT_MEMORY, true),
  /** A write was cancelled: it fails, and has happened. */
  "failed, done": fault(44, WRITES),
  /** The operation throws instead of returning a future. */
  "throws": fault(45, ALL_BUT_MEMORY),
  /** The buffer changes when the read is over, before anybody can look at it. */
  "changed buffer": fault(46, ["read"], true),
  /** The memory cannot be had. */
  "no memory": fault(50, ["allocate"]),
};

/** Whether a fault changes what is on the disk or was read, and nobody is told. */
export function isHarmful(kind: FaultKind): boolean {
  return FAULTS[kind].silent && kind !== "completed twice";
}

/** Names of all faults. */
export const FAULT_KINDS: readonly FaultKind[] = Object.keys(FAULTS) as FaultKind[];

/** One fault that happens to an operation. */
export interface Fault {
  /** Which. */
  readonly kind: FaultKind;
  /** The code of the error, where the fault has several. Default: the usual one. */
  readonly code?: IoErrorCode;
  /** Which sector, bit or part: a number from 0 up to, not including, 1. Default: ½. */
  readonly part?: number;
}

/** Whether a fault can happen to an operation. */
export function canHappen(kind: FaultKind, operation: SimOperation): boolean {
  return FAULTS[kind].operations.includes(operation.kind);
}

/** Decides what happens to each operation. */
export interface FaultSource {
  /** The fault of this operation, if there is one. Asked once for each, in their order. */
  choose(operation: SimOperation): Fault | undefined;
}

/** Nothing ever goes wrong. */
export const NO_FAULTS: FaultSource = { choose: () => undefined };

/** When a planned fault happens. */
export interface PlannedFault extends Fault {
  /** At which of the operations that match, counted from 0. Default: 0. */
  readonly nth?: number;
  /** Which operations are counted. Default: those that the fault can happen to. */
  readonly match?: (operation: SimOperation) => boolean;
  /** How often in a row. Default: once. */
  readonly times?: number;
}

/** Faults at known operations. */
export class PlannedFaults implements FaultSource {
  readonly #plan: readonly PlannedFault[];
  readonly #seen: number[];

  /** Lets everything in `plan` happen. */
  constructor(plan: readonly PlannedFault[]) {
    this.#plan = plan;
    this.#seen = plan.map(() => 0);
  }

  /** The first planned fault that is due. */
  choose(operation: SimOperation): Fault | undefined {
    let due: Fault | undefined;
    this.#plan.forEach((planned, i) => {
      const { nth = 0, times = 1, match } = planned;
      if (match === undefined ? !canHappen(planned.kind, operation) : !match(operation)) return;
      const seen = this.#seen[i]++;
      if (seen >= nth && seen < nth + times) due ??= planned;
    });
    return due;
  }
}

/** How often each fault happens: once in so many operations that it can happen to. */
export type FaultRates = Readonly<Partial<Record<FaultKind, number>>>;

/** Faults at random. */
export class RandomFaults implements FaultSource {
  /** What happened, in its order. */
  readonly chosen: { readonly operation: SimOperation; readonly fault: Fault }[] = [];
  /** Whether anything may happen now. */
  enabled = true;
  readonly #random: Random;
  readonly #rates: readonly [FaultKind, number][];
  readonly #limit: number;

  /** Draws from `random`; no more than `limit` faults happen. */
  constructor(random: Random, rates: FaultRates, limit = Infinity) {
    this.#random = random;
    this.#rates = Object.entries(rates) as [FaultKind, number][];
    this.#limit = limit;
  }

  /** Draws for each fault that can happen. */
  choose(operation: SimOperation): Fault | undefined {
    if (!this.enabled || this.chosen.length >= this.#limit) return undefined;
    for (const [kind, oneIn] of this.#rates) {
      if (!canHappen(kind, operation) || !this.#random.oneIn(oneIn)) continue;
      const drawn: Fault = { kind, part: this.#random.unit() };
      this.chosen.push({ operation, fault: drawn });
      return drawn;
    }
    return undefined;
  }
}
