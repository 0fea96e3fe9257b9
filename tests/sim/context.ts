/**
 * What the steps of a life share: the store, its model, and what is under way.
 *
 * @module
 */

import type { Kvig } from "../../core/database.ts";
import type { KvigError } from "../../core/errors.ts";
import { ended, type Excuses, judge, Violation } from "./calls.ts";
import type { Snapshot } from "../../core/snapshot.ts";
import type { SimIo } from "./io.ts";
import { keyWith, valueWith } from "./keys.ts";
import { type Change, nameOf, VersionedModel } from "./model.ts";
import type { ChangePlan, LifePlan, RangePlan } from "./plan.ts";

/** The path of the store. */
export const STORE_PATH = "store";

/** A key and its value. */
export type Entry = readonly [Uint8Array, Uint8Array];

/** A snapshot that is open, and the versions that it may show. */
export interface SnapshotPlay {
  /** The snapshot. */
  readonly snapshot: Snapshot;
  /** The versions. */
  versions: number[];
}

/** An iteration that is open. */
export interface IterationPlay {
  /** What it walks. */
  readonly range: RangePlan;
  /** Whether it is a synchronous one. */
  readonly sync: boolean;
  /** The iterator. */
  readonly iterator: AsyncIterator<[Uint8Array, Uint8Array]> | Iterator<[Uint8Array, Uint8Array]>;
  /** What it gave so far. */
  readonly taken: Entry[];
  /** The versions that it may show; undefined before its first step. */
  versions: number[] | undefined;
  /** Whether a step of it is under way. */
  busy: boolean;
}

/** One store in the middle of its life. */
export class LifeContext {
  /** What happens. */
  readonly plan: LifePlan;
  /** What the store shows, version by version. */
  readonly model: VersionedModel = new VersionedModel();
  /** The process of now. */
  io!: SimIo;
  /** The store of now. */
  store!: Kvig;
  /** The last version that must survive. */
  acknowledged = 0;
  /** Whether the store has failed. */
  failed = false;
  /** Snapshots that are open. */
  snapshots: SnapshotPlay[] = [];
  /** Iterations that are open. */
  iterations: IterationPlay[] = [];
  /** What went wrong first. */
  violation: unknown = undefined;
  /** Calls that were made. */
  calls = 0;
  /** What excuses errors now; a life says. */
  excuses: () => Excuses;
  readonly #running = new Set<Promise<void>>();
  /** Judgements to be made again once no call is under way. */
  readonly #doubts: (() => void)[] = [];
  readonly #keys: Uint8Array[] = [];
  readonly #names: string[] = [];
  #tags = 0;

  /** Begins a life with an empty model. */
  constructor(plan: LifePlan, excuses: () => Excuses) {
    this.plan = plan;
    this.excuses = excuses;
  }

  /** Largest key, in bytes. */
  get maxKeyBytes(): number {
    return this.plan.pageBytes >>> 2;
  }

  /** The key with a number. */
  key(index: number): Uint8Array {
    return this.#keys[index] ??= keyWith(this.plan.shape, index, this.maxKeyBytes);
  }

  /** The name of the key with a number. */
  name(index: number): string {
    return this.#names[index] ??= nameOf(this.key(index));
  }

  /** Changes with values that were never written before. */
  changes(plans: readonly ChangePlan[]): Change[] {
    return plans.map(([index, bytes]): Change => {
      const key = this.key(index);
      if (bytes === undefined) return { kind: "delete", key };
      return { kind: "put", key, value: valueWith(this.#tags++, Math.max(0, bytes)) };
    });
  }

  /** Options of a range. */
  range({ from, to, reverse, limit }: RangePlan): {
    gte?: Uint8Array;
    lt?: Uint8Array;
    reverse?: boolean;
    limit?: number;
  } {
    return {
      ...(from === undefined ? {} : { gte: this.key(from) }),
      ...(to === undefined ? {} : { lt: this.key(to) }),
      ...(reverse === undefined ? {} : { reverse }),
      ...(limit === undefined ? {} : { limit }),
    };
  }

  /** Names of a range in a version, in the order of the walk. */
  names({ from, to, reverse, limit }: RangePlan, version: number): string[] {
    const names = this.model.names(version, {
      from: from === undefined ? undefined : this.name(from),
      to: to === undefined ? undefined : this.name(to),
    });
    if (reverse === true) names.reverse();
    return names.slice(0, limit ?? Infinity);
  }

  /** The last version whose call, and all before it, are over. */
  get settledVersion(): number {
    return (this.model.underWay()[0] ?? this.model.last + 1) - 1;
  }

  /** All versions that a reader may show which began at `first`, to be read now. */
  versionsFrom(first: number): number[] {
    return Array.from({ length: this.model.last - first + 1 }, (_, i) => first + i);
  }

  /** Calls that are under way. */
  get underWay(): number {
    return this.#running.size;
  }

  /** Notes an error of a call; returns it. */
  refused(what: string, error: unknown, sync: boolean): KvigError {
    const excuses = this.excuses();
    const refusal = judge(what, error, { ...excuses, mayBlock: excuses.mayBlock && sync });
    if (refusal.code === "KVIG_FAILED" && refusal.file === STORE_PATH) this.failed = true;
    return refusal;
  }

  /**
   * Makes a call. `over` looks at its value; `refused` is told of an error that is excused. A call
   * that throws at once, or a dead process, is no different.
   */
  call<T>(
    what: string,
    sync: boolean,
    make: () => T | Promise<T>,
    over: (value: T) => void,
    refused: (error: KvigError) => void = () => {},
  ): void {
    const { io } = this;
    this.calls++;
    const good = (value: T): void => {
      if (io.dead || io !== this.io) return;
      io.trace.mixText(what);
      if (sync && this.#running.size > 0) this.#weigh(() => over(value));
      else over(value);
    };
    const bad = (error: unknown): void => {
      if (io.dead || io !== this.io) return;
      const refusal = this.refused(what, error, sync);
      io.trace.mixText(refusal.code);
      refused(refusal);
    };
    if (sync) {
      this.#guard(() => {
        let value: T;
        try {
          value = make() as T;
        } catch (error) {
          bad(error);
          return;
        }
        good(value);
      });
      return;
    }
    const whole = async (): Promise<void> => {
      let value: T;
      try {
        value = await make();
      } catch (error) {
        this.#guard(() => bad(error));
        return;
      }
      this.#guard(() => good(value));
    };
    const running = whole();
    this.#running.add(running);
    running.then(() => this.#running.delete(running));
  }

  /**
   * Judges what was read at once beside calls that are under way. One of them may have failed
   * already without anybody having been told: then the judgement is made again when all are over.
   */
  #weigh(judge: () => void): void {
    try {
      judge();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#doubts.push(judge);
    }
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.violation ??= error;
    }
  }

  /** Fails where a call has found something wrong. */
  check(): void {
    if (this.violation !== undefined) throw this.violation;
    if (this.io.breaches.length > 0) throw new Violation(this.io.breaches[0]);
  }

  /** Waits until no more than `beside` calls are under way; false where that is in vain. */
  async settle(beside: number): Promise<boolean> {
    while (this.#running.size > beside && !this.io.dead) {
      const end = await ended(this.io, Promise.race(this.#running));
      if (end.how === "stuck") return this.io.dead;
      this.check();
    }
    if (this.#running.size === 0) {
      for (const judge of this.#doubts.splice(0)) this.#guard(judge);
      this.check();
    }
    return true;
  }

  /** Forgets what was under way: its process is dead. */
  forget(): void {
    this.#running.clear();
    this.#doubts.length = 0;
    this.snapshots = [];
    this.iterations = [];
    this.failed = false;
  }
}
