/**
 * What is right: the values after each commit, which of them were acknowledged, and what may be
 * found after a crash. The oracles of the model compare with it.
 *
 * @module
 */

import { KEYS } from "./contents.ts";

/** Something that must not be: a rule is missing. */
export class Violation extends Error {
  /** Which oracle says so. */
  readonly oracle: Oracle;

  /** Found by `oracle`. */
  constructor(oracle: Oracle, message: string) {
    super(message);
    this.oracle = oracle;
  }
}

/** The oracles, each with what it watches. */
export const ORACLES = {
  prefix: "what is found after a crash is the store after one of its commits",
  acknowledged: "no acknowledged commit is missing",
  "wrong read": "every read shows what its state holds",
  "false damage": "nothing whole is called damaged",
  refused: "one damaged meta page does not make a store useless",
  map: "the map marks exactly what the state reaches",
  twice: "no two writings share number and epoch",
  "full disk": "a full disk stops no checkpoint, no recovery and no delete",
  mixed: "no group is made of blocks of two writings",
} as const;

/** The name of an oracle. */
export type Oracle = keyof typeof ORACLES;

/** What the store reports as damage. */
export class Damage extends Error {
  /** Where the proof was: in pages and sizes, or in the log. */
  readonly where: "pages" | "log";

  /** Damage that is proven by something in `where`. */
  constructor(where: "pages" | "log", message: string) {
    super(message);
    this.where = where;
  }
}

/** The values of all keys. */
export type Values = readonly number[];

/** Commits and acknowledgements. */
export class History {
  /** The last commit that was made. */
  issued = 0;
  /** The last commit that was acknowledged. */
  acknowledged = 0;
  /** The last value that was handed out. */
  lastValue = 0;
  readonly #values = new Map<number, Values>([[0, new Array<number>(KEYS).fill(0)]]);

  /** The values after commit `sequence`. */
  after(sequence: number): Values {
    const values = this.#values.get(sequence);
    if (values === undefined) throw new Error(`commit ${sequence} is not known`);
    return values;
  }

  /** Makes a commit and returns its number. */
  commit(values: Values): number {
    this.#values.set(++this.issued, values);
    return this.issued;
  }

  /** The commit made last was none. */
  withdraw(): void {
    this.#values.delete(this.issued--);
  }

  /** Tells the user that everything up to `sequence` is durable. */
  acknowledge(sequence: number): boolean {
    if (sequence <= this.acknowledged) return false;
    this.acknowledged = sequence;
    return true;
  }

  /** The last commit after which the values were these; −1 where there is none. */
  find(values: Values): number {
    for (let sequence = this.issued; sequence >= 0; sequence--) {
      const known = this.#values.get(sequence);
      if (known !== undefined && sameValues(known, values)) return sequence;
    }
    return -1;
  }

  /** A crash left the store as after commit `sequence`: later ones never were. */
  recovered(sequence: number): void {
    for (let gone = sequence + 1; gone <= this.issued; gone++) this.#values.delete(gone);
    this.issued = this.acknowledged = sequence;
  }
}

/** Whether all values are the same. */
export function sameValues(a: Values, b: Values): boolean {
  for (let key = 0; key < KEYS; key++) if (a[key] !== b[key]) return false;
  return true;
}
