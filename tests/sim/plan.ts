/**
 * Plans: what happens in one simulated life, as plain data that can be printed, cut shorter, and
 * played again.
 *
 * @module
 */

import type { FaultKind } from "./faults.ts";
import type { KeyShape } from "./keys.ts";
import type { Blocking } from "./process.ts";
import type { ProfileName } from "./profile.ts";

/** How a call is made. */
export interface CallPlan {
  /** With the synchronous form, where there is one. Default: false. */
  readonly sync?: boolean;
  /** With `durability: "deferred"`. Default: false. */
  readonly deferred?: boolean;
  /** Calls that may be under way when the next step begins; 0 waits for all. Default: 0. */
  readonly beside?: number;
}

/** One change: a key by its number with a value of `bytes` bytes, or without a value. */
export type ChangePlan = readonly [key: number, bytes: number] | readonly [key: number];

/** A range of keys by their numbers, and how to walk it. */
export interface RangePlan {
  /** From this key on. */
  readonly from?: number;
  /** Up to, not including, this key. */
  readonly to?: number;
  /** Backwards. */
  readonly reverse?: boolean;
  /** At most so many entries. */
  readonly limit?: number;
}

/** One step. */
export type Step =
  & CallPlan
  & (
    | { readonly do: "put"; readonly key: number; readonly bytes: number }
    | { readonly do: "delete"; readonly key: number }
    | { readonly do: "batch"; readonly changes: readonly ChangePlan[] }
    | { readonly do: "clear"; readonly from?: number; readonly to?: number }
    | {
      readonly do: "transaction";
      readonly changes: readonly ChangePlan[];
      readonly abort?: boolean;
    }
    | { readonly do: "get" | "has" | "getInto"; readonly key: number }
    | { readonly do: "getMany"; readonly keys: readonly number[] }
    | { readonly do: "range" | "cursor" | "count"; readonly range: RangePlan }
    | { readonly do: "ends" }
    | { readonly do: "snapshot" | "read snapshot" | "close snapshot" }
    | { readonly do: "iterate"; readonly range: RangePlan }
    | { readonly do: "iterate on"; readonly entries: number }
    | { readonly do: "end iteration" }
    | { readonly do: "flush" | "checkpoint" | "compact" | "verify" | "backup" }
    | { readonly do: "wait" }
    | { readonly do: "reopen" | "read-only" | "open twice" }
    | { readonly do: "crash"; readonly how: "power" | "kill" }
    | { readonly do: "disk"; readonly freeBytes: number | undefined }
  );

/** What one kind of step does. */
export type StepKind = Step["do"];

/** One life of one store. */
export interface LifePlan {
  /** What the Io draws from. */
  readonly seed: number;
  /** What syncs keep. */
  readonly profile: ProfileName;
  /** How operations are carried out. */
  readonly blocking: Blocking;
  /** Which of the latencies. */
  readonly latency: number;
  /** Shape of the keys. */
  readonly shape: KeyShape;
  /** Size of a page. */
  readonly pageBytes: number;
  /** Size of a block of the log. */
  readonly blockBytes: number;
  /** Blocks of the log. */
  readonly logBlocks: number;
  /** Frames of the cache. */
  readonly cacheFrames: number;
  /** Largest size of the data file in pages; undefined for no limit. */
  readonly maxPages?: number | undefined;
  /** Faults and how often: once in so many operations that they can happen to. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** Most faults that happen. */
  readonly faultLimit: number;
  /** Whether the clock jumps and the random source repeats itself. */
  readonly oddHost: boolean;
  /** What happens. */
  readonly steps: readonly Step[];
}
