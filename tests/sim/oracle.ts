/**
 * The oracle of a life: which versions may be found after a crash, and which errors are excused, by
 * what went wrong so far.
 *
 * The oracle of every crash is one equality: what is recovered is the model after version n, with
 * acknowledged ≤ n ≤ issued.
 *
 * @module
 */

import { type Excuses, Violation } from "./calls.ts";
import { type LifeContext, STORE_PATH } from "./context.ts";
import { type Fault, isHarmful, type RandomFaults, type SimOperation } from "./faults.ts";
import type { LifePlan } from "./plan.ts";

/** Knows what went wrong in a life, and what may come of it. */
export class LifeOracle {
  /** Whether the room on the disk was ever limited. */
  limited = false;
  readonly #plan: LifePlan;
  readonly #faults: RandomFaults;
  readonly #context: LifeContext;
  /** Acknowledged when the last sync of the log was issued, and the one before. */
  #floors = [0, 0];
  /** Acknowledged when a sync first succeeded and kept nothing. */
  #lied = Infinity;
  /** Sums of all versions that there ever were. */
  readonly #ever = new Set<number>();
  /** Faults that had happened when the process of now began. */
  #faultsBefore = 0;

  /** For a life with this plan, to which `faults` happen. */
  constructor(plan: LifePlan, faults: RandomFaults, context: LifeContext) {
    this.#plan = plan;
    this.#faults = faults;
    this.#context = context;
  }

  /** A process begins. */
  booted(): void {
    this.#faultsBefore = this.#faults.chosen.length;
  }

  /** An operation was issued. */
  issued(operation: SimOperation, fault: Fault | undefined): void {
    const { acknowledged } = this.#context;
    if (fault?.kind === "late sync error") this.#lied = Math.min(this.#lied, acknowledged);
    if (operation.kind === "sync data" && operation.path !== STORE_PATH) {
      this.#floors = [this.#floors[1], acknowledged];
    }
  }

  /** What was recovered is the beginning from now on. */
  rebased(): void {
    this.#floors = [0, 0];
    if (this.#lied < Infinity) this.#lied = 0;
  }

  /** What excuses errors now. */
  excuses(): Excuses {
    const { chosen } = this.#faults;
    const faults = new Set(chosen.map(({ fault }) => fault.kind));
    const silent = [...faults].some(isHarmful);
    return {
      faults,
      mayBeFull: this.limited || this.#plan.maxPages !== undefined || faults.has("full"),
      mayBlock: this.#plan.blocking !== "always" || this.#context.underWay > 0,
      damaged: silent || this.#plan.profile === "liar" || this.#lied < Infinity,
      reverted: faults.has("sync error, reverted") &&
        chosen.slice(this.#faultsBefore).some(({ fault }) => fault.kind === "sync error, reverted"),
    };
  }

  get #silentFaults(): number {
    return this.#faults.chosen.filter(({ fault }) => isHarmful(fault.kind)).length;
  }

  /**
   * The version that has this sum and count; −1 where it is from before the last crash.
   * @throws {Violation} where there is none that may be found.
   */
  match(sum: number, count: number): number {
    const { model } = this.#context;
    const { profile } = this.#plan;
    const first = this.#least();
    for (let version = 0; version <= model.last; version++) this.#ever.add(model.sum(version));
    const found = model.versionsLike(sum, count, first, model.last);
    if (found.length > 0) return found.at(-1)!;
    if ((profile === "liar" || this.#lied < Infinity) && this.#ever.has(sum)) return -1;
    const other = this.#matchWithout(sum, count, first);
    if (other >= 0) return other;
    const before = model.versionsLike(sum, count, 0, model.last);
    throw new Violation(
      `recovered are ${count} entries, ` +
        (before.length > 0 ? `those of version ${before.at(-1)}` : "those of no version") +
        `; acknowledged is ${first}, issued ${model.last}`,
    );
  }

  /** The first version that may be found. */
  #least(): number {
    const { acknowledged } = this.#context;
    // One damaged block of the log is noticed by what stands behind it; two faults can hide that.
    if (this.#silentFaults > 1 || this.#plan.profile === "liar") return 0;
    if (!this.excuses().damaged) return acknowledged;
    return Math.min(acknowledged, this.#floors[0], this.#lied);
  }

  /** A call under way may have been refused already, with others behind it; −1 where none was. */
  #matchWithout(sum: number, count: number, first: number): number {
    const { model } = this.#context;
    const open = model.underWay();
    const { faults, mayBeFull } = this.excuses();
    if (open.length === 0 || (faults.size === 0 && !mayBeFull)) return -1;
    for (let mask = 1; mask < 2 ** Math.min(open.length, 8); mask++) {
      open.forEach((version, i) => {
        if (i < 8) model.settle(version, ((mask >>> i) & 1) !== 0 ? "gone" : "under way");
      });
      const others = model.versionsLike(sum, count, first, model.last);
      if (others.length > 0) return others.at(-1)!;
    }
    return -1;
  }
}
