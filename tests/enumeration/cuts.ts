/**
 * All the ways in which a power cut can treat what is pending at one moment:
 *
 * - every subset of the mutations while there are at most {@link FULL_SUBSETS}; of more, all
 *   subsets of those that do more than to grow a file, if these are so few, with all growth kept
 *   and with none; else the first ones, all but up to two, and up to two alone;
 * - every single write torn in every way: beside all subsets of the others while at most
 *   {@link FULL_TEARS} are pending; else beside the others kept, dropped, and kept up to there;
 * - every size that a file had since the last sync, whatever was kept, with old pages, old blocks
 *   of the log or garbage where nothing was written;
 * - names that are not durable there or not.
 *
 * @module
 */

import { SECTOR_BYTES } from "../sim/disk_file.ts";
import { type Cut, FILLS, type Tear, type TearShape } from "./cut.ts";
import type { Moment, MomentFile, PendingMutation } from "./moment.ts";

/** Up to so many pending mutations all subsets are looked at. */
export const FULL_SUBSETS = 12;
/** Up to so many, each torn write is looked at beside all subsets of the others. */
export const FULL_TEARS = 5;

/** Looks at a cut; false stops. */
export type Visit = (cut: Cut) => boolean;

/**
 * Visits the cuts of `moment`: with `since` only those that keep something of an operation of this
 * number or a later one, because all others were visited before. Without `thorough` torn writes are
 * never looked at beside all subsets of the others. Returns false when it was stopped.
 */
export function visitCuts(
  moment: Moment,
  since: number,
  thorough: boolean,
  visit: Visit,
): boolean {
  return new Cuts(moment, since, thorough, visit).run();
}

class Cuts {
  readonly #moment: Moment;
  readonly #pending: readonly PendingMutation[];
  readonly #thorough: boolean;
  readonly #visit: Visit;
  readonly #count: number;
  /** Index of the first mutation that is new. */
  readonly #fresh: number;

  constructor(moment: Moment, since: number, thorough: boolean, visit: Visit) {
    this.#moment = moment;
    this.#thorough = thorough;
    this.#pending = moment.pending;
    this.#visit = visit;
    this.#count = moment.pending.length;
    const first = since === 0
      ? 0
      : moment.pending.findIndex(({ mutation }) => mutation.operation >= since);
    this.#fresh = first < 0 ? this.#count : first;
  }

  run(): boolean {
    return this.#subsets() && this.#tears() && this.#sizes() && this.#names();
  }

  /** Whether everything is to be visited. */
  get #all(): boolean {
    return this.#fresh === 0;
  }

  /** Visits where something new is kept. */
  #look(keeps: (index: number) => boolean): boolean {
    let kept = "";
    let fresh = this.#all;
    for (let i = 0; i < this.#count; i++) {
      const keep = keeps(i);
      kept += keep ? "1" : "0";
      if (keep && i >= this.#fresh) fresh = true;
    }
    return !fresh || this.#visit({ kept });
  }

  #subsets(): boolean {
    const everything = this.#pending.map((_, i) => i);
    if (this.#count <= FULL_SUBSETS) return this.#subsetsOf(everything, () => true);
    const weighty = everything.filter((i) => !this.#pending[i].grows);
    if (weighty.length > FULL_SUBSETS) return this.#someSubsets();
    return this.#prefixes() && this.#subsetsOf(weighty, () => true) &&
      this.#subsetsOf(weighty, () => false);
  }

  /** All subsets of some mutations; `others` says which of the others are kept. */
  #subsetsOf(some: readonly number[], others: (index: number) => boolean): boolean {
    const bit = new Map(some.map((index, i) => [index, i]));
    for (let mask = 0; mask < 2 ** some.length; mask++) {
      const keeps = (i: number): boolean => {
        const at = bit.get(i);
        return at === undefined ? others(i) : ((mask >>> at) & 1) !== 0;
      };
      if (!this.#look(keeps)) return false;
    }
    return true;
  }

  #prefixes(): boolean {
    for (let end = 0; end <= this.#count; end++) if (!this.#look((i) => i < end)) return false;
    return true;
  }

  #someSubsets(): boolean {
    if (!this.#prefixes()) return false;
    for (let a = 0; a < this.#count; a++) {
      for (let b = a; b < this.#count; b++) {
        if (!this.#look((i) => i !== a && i !== b)) return false;
        if (!this.#look((i) => i === a || i === b)) return false;
      }
    }
    return true;
  }

  #tears(): boolean {
    for (let torn = 0; torn < this.#count; torn++) {
      const { sectors, grows } = this.#pending[torn];
      // What is torn of zeros is a size or a fill.
      if (sectors === 0 || grows) continue;
      for (const kept of this.#company(torn)) {
        for (const { shape, sector, byte } of tearsOf(sectors)) {
          const tear: Tear = { mutation: torn, shape, sector, ...(byte < 0 ? {} : { byte }) };
          if (!this.#visit({ kept, tear })) return false;
        }
      }
    }
    return true;
  }

  /** What is kept beside a mutation that is torn. */
  #company(torn: number): Set<string> {
    const others = new Set<string>();
    if (this.#thorough && this.#count <= FULL_TEARS) {
      for (let mask = 0; mask < 2 ** this.#count; mask++) {
        if (((mask >>> torn) & 1) === 0) continue;
        const fresh = this.#all || torn >= this.#fresh || mask >= 2 ** this.#fresh;
        if (fresh) others.add(lettersOf(mask, this.#count));
      }
      return others;
    }
    if (this.#all || this.#fresh < this.#count) others.add("1".repeat(this.#count));
    if (torn >= this.#fresh) {
      others.add("1".repeat(torn + 1).padEnd(this.#count, "0"));
      others.add("1".padStart(torn + 1, "0").padEnd(this.#count, "0"));
    }
    return others;
  }

  #sizes(): boolean {
    for (const file of this.#moment.files) {
      const sizes = new Set(file.sizes);
      if (sizes.size === 1) continue;
      const contexts = this.#contexts();
      for (const kept of contexts) {
        for (const size of sizes) if (!this.#sized(file, kept, size)) return false;
      }
    }
    return true;
  }

  #sized(file: MomentFile, kept: string, size: number): boolean {
    for (const fill of FILLS) {
      if (fill !== "zeros" && size < file.durableSize + SECTOR_BYTES) continue;
      if (!this.#visit({ kept, sizeOf: file.name, size, fill })) return false;
    }
    return true;
  }

  /** Some subsets: nothing, everything, the first ones, everything but one. */
  #contexts(): Set<string> {
    const contexts = new Set<string>();
    const full = "1".repeat(this.#count);
    if (this.#all) contexts.add("0".repeat(this.#count));
    if (this.#all || this.#fresh < this.#count) contexts.add(full);
    for (let end = this.#fresh + 1; end <= this.#count; end++) {
      contexts.add("1".repeat(end).padEnd(this.#count, "0"));
    }
    for (let i = 0; i < this.#count; i++) {
      if (i < this.#fresh && !this.#pending[i].grows) continue;
      contexts.add(`${full.slice(0, i)}0${full.slice(i + 1)}`);
    }
    return contexts;
  }

  #names(): boolean {
    const loose = this.#moment.files.filter(({ nameDurable }) => !nameDurable);
    for (let mask = 1; mask < 2 ** loose.length; mask++) {
      const odd = loose.filter((_, i) => ((mask >>> i) & 1) !== 0);
      const missing = odd.filter(({ removed }) => !removed).map(({ name }) => name);
      const back = odd.filter(({ removed }) => removed).map(({ name }) => name);
      for (const kept of this.#contexts()) if (!this.#visit({ kept, missing, back })) return false;
    }
    return true;
  }
}

/** One letter for each bit, the lowest first. */
function lettersOf(mask: number, count: number): string {
  return Array.from({ length: count }, (_, i) => ((mask >>> i) & 1) !== 0 ? "1" : "0").join("");
}

interface TearOf {
  readonly shape: TearShape;
  readonly sector: number;
  readonly byte: number;
}

const BYTES: readonly [TearShape, number][] = [
  ["old from byte", 64],
  ["old from byte", SECTOR_BYTES / 2],
  ["old from byte", SECTOR_BYTES - 4],
  ["new from byte", 4],
  ["new from byte", SECTOR_BYTES / 2],
  ["garbage from byte", 0],
  ["garbage from byte", 64],
  ["garbage from byte", SECTOR_BYTES / 2],
  ["zeros from byte", 0],
  ["zeros from byte", SECTOR_BYTES / 2],
];

const known = new Map<number, readonly TearOf[]>();

/** The ways in which a write of so many sectors is torn. */
function tearsOf(sectors: number): readonly TearOf[] {
  const found = known.get(sectors);
  if (found !== undefined) return found;
  const tears: TearOf[] = [];
  for (let sector = 0; sector < sectors; sector++) {
    if (sector > 0) {
      tears.push({ shape: "sectors before", sector, byte: -1 });
      tears.push({ shape: "sectors from", sector, byte: -1 });
    }
    if (sectors > 1) {
      tears.push({ shape: "all sectors but", sector, byte: -1 });
      tears.push({ shape: "only sector", sector, byte: -1 });
    }
    if (sectors > 2 && sector < 2) {
      tears.push({ shape: "every second sector from", sector, byte: -1 });
    }
    for (const [shape, byte] of BYTES) tears.push({ shape, sector, byte });
  }
  known.set(sectors, tears);
  return tears;
}
