/**
 * Every damage that is done to a subject, numbered: so that the work can be divided, and one case
 * be done again by its name.
 *
 * @module
 */

import type { Judge, Outcome, Touched, Verdict } from "./judge.ts";
import type { DATA, LOG } from "./subject.ts";

/** The kinds of damage. */
export const KINDS_OF_DAMAGE = {
  flip: "each bit of each byte flipped",
  zero: "each sector of 512 bytes zeroed",
  swap: "each pair of pages, or of blocks of the log, swapped",
  stale: "each older version of each page, or of each block of the log, put back",
} as const;

/** A kind of damage. */
export type Kind = keyof typeof KINDS_OF_DAMAGE;
/** Which file it is done to. */
export type Which = typeof DATA | typeof LOG;

const SECTOR_BYTES = 512;

/** One case, by its name. */
export interface CaseName {
  /** What is done. */
  kind: Kind;
  /** To which file. */
  file: Which;
  /** Its number. */
  index: number;
  /** For a flip: which bit of the byte. */
  bit?: number;
}

/** Told how each case ended; flips of one byte are eight cases. */
export type Tell = (name: CaseName, verdict: Verdict, count: number) => void;

/** All damage to one subject. */
export class Cases {
  readonly #judge: Judge;
  readonly #unitBytes: number;

  /** Damages the files of `judge`. */
  constructor(judge: Judge) {
    this.#judge = judge;
    this.#unitBytes = judge.subject.pageBytes;
  }

  /** Number of units of a file: pages or blocks. */
  units(file: Which): number {
    return this.#judge.subject.images[file].length / this.#unitBytes;
  }

  /** How many steps a kind of damage takes; a step of flips is one byte. */
  steps(kind: Kind, file: Which): number {
    const { images, older } = this.#judge.subject;
    const units = this.units(file);
    if (kind === "flip") return images[file].length;
    if (kind === "zero") return images[file].length / SECTOR_BYTES;
    if (kind === "swap") return units * (units - 1) / 2;
    return older[file].reduce((sum, versions) => sum + versions.length, 0);
  }

  /** Carries out one step. */
  step(kind: Kind, file: Which, index: number, tell: Tell): void {
    if (kind === "flip") this.#flipByte(file, index, tell);
    else {
      const name = { kind, file, index };
      for (const readOnly of index % 4 === 0 ? [true, false] : [false]) {
        const verdict = this.#run(name, readOnly, false);
        // The reading that is read-only is no case of its own, unless it fails.
        if (!readOnly || isViolation(verdict.outcome)) tell(name, verdict, readOnly ? 0 : 1);
      }
    }
  }

  /** Does one case again, reading everything. */
  again(name: CaseName, readOnly: boolean): Verdict {
    return this.#run(name, readOnly, false);
  }

  /** Leaves the files as the case damages them, for others to look at. */
  damage(name: CaseName): Touched {
    this.#judge.io.restore();
    const { kind, file, index, bit } = name;
    if (kind === "flip") {
      this.#judge.io.file(file).flip(index * 8 + (bit ?? 0));
      return { file, units: [Math.floor(index / this.#unitBytes)] };
    }
    if (kind === "zero") return this.#zero(file, index);
    return kind === "swap" ? this.#swap(file, index) : this.#putBack(file, index);
  }

  #run(name: CaseName, readOnly: boolean, brief: boolean): Verdict {
    const touched = this.damage(name);
    return this.#judge.judge(touched, { readOnly, first: name.index % 4, brief });
  }

  #flipByte(file: Which, index: number, tell: Tell): void {
    const name: CaseName = { kind: "flip", file, index };
    if (this.#neverRead(file, index)) {
      tell(name, { outcome: "right", what: "" }, 8);
      return;
    }
    for (let bit = 0; bit < 8; bit++) {
      // One bit of each byte gets every reading, another one an opening for reading alone.
      const turn = (bit + index) % 8;
      tell({ ...name, bit }, this.#run({ ...name, bit }, turn === 1, turn !== 0), 1);
    }
  }

  /** Whether a byte whose bits are all flipped is looked at by nothing. */
  #neverRead(file: Which, index: number): boolean {
    const { io } = this.#judge;
    io.restore();
    for (let bit = 0; bit < 8; bit++) io.file(file).flip(index * 8 + bit);
    const touched = { file, units: [Math.floor(index / this.#unitBytes)] };
    return this.#judge.neverReads(touched, { readOnly: index % 8 === 0, first: 0, brief: true });
  }

  #zero(file: Which, index: number): Touched {
    const at = index * SECTOR_BYTES;
    this.#judge.io.file(file).put(at, new Uint8Array(SECTOR_BYTES));
    return { file, units: [Math.floor(at / this.#unitBytes)] };
  }

  #swap(file: Which, index: number): Touched {
    let [first, left] = [0, index];
    for (let others = this.units(file) - 1; left >= others; others--, first++) left -= others;
    const second = first + 1 + left;
    const target = this.#judge.io.file(file);
    const [a, b] = [first, second].map((unit) => unit * this.#unitBytes) as [number, number];
    const page = target.live.slice(a, a + this.#unitBytes);
    target.put(a, target.live.slice(b, b + this.#unitBytes));
    target.put(b, page);
    return { file, units: [first, second] };
  }

  #putBack(file: Which, index: number): Touched {
    const older = this.#judge.subject.older[file];
    let [unit, left] = [0, index];
    for (; left >= older[unit]!.length; unit++) left -= older[unit]!.length;
    this.#judge.io.file(file).put(unit * this.#unitBytes, older[unit]![left]!);
    return { file, units: [unit] };
  }
}

/** Whether an outcome is one that must not be. */
export function isViolation(outcome: Outcome): boolean {
  return outcome === "wrong" || outcome === "crash" || outcome === "hang";
}
