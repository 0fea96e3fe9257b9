/**
 * Numbers of which few come often: item r of n comes in proportion to 1 / r^0.99, as YCSB has it.
 * After Gray and others, "Quickly generating billion-record synthetic databases", 1994.
 *
 * @module
 */

import { mixed } from "./shapes.ts";

const THETA = 0.99;

/** A source of numbers below a bound. */
export class Zipfian {
  readonly #random: (bound: number) => number;
  readonly #items: number;
  readonly #alpha = 1 / (1 - THETA);
  readonly #zeta: number;
  readonly #eta: number;
  readonly #second: number;

  /** Numbers below `items`; `random` gives whole numbers below its argument. */
  constructor(items: number, random: (bound: number) => number) {
    this.#items = items;
    this.#random = random;
    let zeta = 0;
    for (let rank = 1; rank <= items; rank++) zeta += rank ** -THETA;
    this.#zeta = zeta;
    this.#second = 1 + 0.5 ** THETA;
    this.#eta = (1 - (2 / items) ** (1 - THETA)) / (1 - this.#second / zeta);
  }

  /** The next one, by rank: 0 is the most frequent. */
  rank(): number {
    const share = this.#random(2 ** 24) / 2 ** 24;
    const scaled = share * this.#zeta;
    if (scaled < 1) return 0;
    if (scaled < this.#second) return 1;
    const rank = this.#items * (this.#eta * share - this.#eta + 1) ** this.#alpha;
    return Math.min(Math.floor(rank), this.#items - 1);
  }

  /** The next one, with the frequent ones scattered over all numbers. */
  scattered(): number {
    return mixed(this.rank()) % this.#items;
  }
}
