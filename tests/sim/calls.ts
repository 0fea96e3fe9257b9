/**
 * Calls of a life: waits for them without a clock, and judges how they ended.
 *
 * @module
 */

import { isKvigError, type KvigError, type KvigErrorCode } from "../../core/errors.ts";
import type { FaultKind } from "./faults.ts";
import type { SimIo } from "./io.ts";

/** A life broke a promise of the store. */
export class Violation extends Error {
  /** Says what is wrong. */
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = "Violation";
  }
}

/** How a promise ended: with a value, an error, or not at all while nothing was under way. */
export type Ended<T> =
  | { readonly how: "value"; readonly value: T }
  | { readonly how: "error"; readonly error: unknown }
  | { readonly how: "stuck" };

/**
 * Turns of the microtask queue in which no operation goes on, after which a wait is in vain. A
 * range of thousands of entries that are all in the cache takes a turn for each.
 */
const IDLE_TURNS = 50_000;

const turned = Promise.resolve();

/** Waits for a promise whose operations `io` carries out; says when that is in vain. */
export async function ended<T>(io: SimIo, promise: Promise<T>): Promise<Ended<T>> {
  let result: Ended<T> | undefined;
  promise.then(
    (value) => {
      result = { how: "value", value };
    },
    (error) => {
      result = { how: "error", error };
    },
  );
  let { operations } = io;
  for (let idle = 0; result === undefined;) {
    await turned;
    idle = io.inFlight > 0 || io.operations !== operations ? 0 : idle + 1;
    operations = io.operations;
    if (idle > IDLE_TURNS) return { how: "stuck" };
  }
  return result;
}

/** What has gone wrong so far on purpose, as far as it excuses errors. */
export interface Excuses {
  /** Faults that happened. */
  readonly faults: ReadonlySet<FaultKind>;
  /** Whether the file or the disk may be full. */
  readonly mayBeFull: boolean;
  /** Whether the Io cannot always block, and the call is a synchronous one. */
  readonly mayBlock: boolean;
  /** Whether bytes on the disk may be other than what was written. */
  readonly damaged: boolean;
  /** Whether readers of this process may miss what a failed sync was to keep. */
  readonly reverted: boolean;
}

const ALWAYS: readonly KvigErrorCode[] = ["KVIG_ABORTED"];

const EXCUSED: Readonly<Partial<Record<KvigErrorCode, readonly FaultKind[]>>> = {
  "KVIG_IO": [
    "read error",
    "unreadable sector",
    "write error",
    "empty write",
    "truncate error",
    "half a truncate",
    "close error",
    "failed, done",
    "throws",
    "no memory",
    "sync error",
    "sync error, reverted",
    "late sync error",
  ],
  "KVIG_FAILED": [
    "write error",
    "empty write",
    "failed, done",
    "full",
    "sync error",
    "sync error, reverted",
    "late sync error",
    "throws",
    "read error",
    "unreadable sector",
  ],
  "KVIG_WOULD_BLOCK": ["never"],
  "KVIG_FULL": ["full"],
  "KVIG_ACCESS": ["open error"],
  "KVIG_LOCKED": ["lock held", "never", "throws"],
  "KVIG_UNSUPPORTED": ["no locks"],
  "KVIG_CORRUPT": ["empty read", "changed buffer", "read error", "unreadable sector"],
};

/** Whether a checkpoint may have been dropped, so that the log outgrew the cache. */
function checkpointsFailed({ faults, mayBeFull }: Excuses): boolean {
  return mayBeFull || (EXCUSED.KVIG_IO ?? []).some((kind) => faults.has(kind));
}

/** Fails unless `error` is one that the store may give under these circumstances. */
export function judge(what: string, error: unknown, excuses: Excuses): KvigError {
  if (!isKvigError(error)) {
    throw new Violation(`${what} threw what is no KvigError: ${String(error)}`, error);
  }
  const { code } = error;
  const excused = ALWAYS.includes(code) ||
    (EXCUSED[code] ?? []).some((kind) => excuses.faults.has(kind)) ||
    (code === "KVIG_FULL" && excuses.mayBeFull) ||
    (code === "KVIG_FAILED" && excuses.mayBeFull) ||
    (code === "KVIG_WOULD_BLOCK" && excuses.mayBlock) ||
    (code === "KVIG_CORRUPT" && excuses.reverted && !what.startsWith("opening")) ||
    (code === "KVIG_UNSUPPORTED" && what === "opening read-only" && checkpointsFailed(excuses)) ||
    ((code === "KVIG_CORRUPT" || code === "KVIG_FORMAT") && excuses.damaged);
  if (!excused) {
    throw new Violation(
      `${what} failed with ${code} and nothing was wrong: ${error.message}`,
      error,
    );
  }
  return error;
}
