/**
 * What one store must show: the state after a commit not before the last acknowledged and not
 * behind the last issued one, and nothing else. Entries are kept as hashes.
 *
 * @module
 */

import { fail } from "../support/assert.ts";
import { hashOf, nameOf } from "../sim/model.ts";
import { changesOf, COUNTER, verbOf } from "../support/numbered_commits.ts";
import { placeOf } from "./life.ts";

const MODULUS = 2 ** 52;
const encoder = new TextEncoder();

/** The commits of one store over all of its lives. */
export class Expected {
  /** The last commit that was about to be issued. */
  issued = -1;
  /** The last commit that must be there. */
  acknowledged = -1;
  /** Commits that were acknowledged, all in all. */
  acknowledgements = 0;
  /** The state after commit #applied. */
  readonly #hashes = new Map<string, number>();
  #sum = 0;
  #transactions = 0;
  #applied = -1;
  /** Sums of all states there were, for people. */
  readonly #past = new Map<number, number>();

  /** Notes that `number` is about to be issued. */
  issue(number: number): void {
    if (number !== this.issued + 1) fail(`commit ${number} issued after commit ${this.issued}`);
    this.issued = number;
  }

  /** Notes that everything up to `number` must be there. */
  acknowledge(number: number): void {
    if (number > this.issued) fail(`commit ${number} acknowledged, issued are ${this.issued}`);
    if (number <= this.acknowledged) return;
    this.acknowledgements += number - this.acknowledged;
    this.acknowledged = number;
  }

  /**
   * Takes what a store shows after it was opened: the sum of the hashes of its entries, and how
   * many there are. Commits behind those that are there are gone for good.
   */
  take(sum: number, count: number): void {
    while (this.#applied < this.acknowledged) this.#apply(this.#applied + 1);
    while (this.#sum !== sum || this.#hashes.size !== count) {
      if (this.#applied === this.issued) {
        const past = this.#past.get(sum);
        fail(
          `${count} entries are shown that are not those after any commit from ` +
            `${this.acknowledged} (acknowledged) to ${this.issued} (issued), ` +
            (past === undefined ? "nor after any other" : `but after commit ${past}`),
        );
      }
      this.#apply(this.#applied + 1);
    }
    this.acknowledged = this.issued;
    this.#applied = this.issued;
  }

  #apply(number: number): void {
    const { task, n } = placeOf(number);
    if (verbOf(task, n) === "transaction") {
      this.#transactions++;
      this.#set(COUNTER, String(this.#transactions));
    }
    for (const { key, value } of changesOf(task, n)) this.#set(key, value);
    this.#applied = number;
    this.#past.set(this.#sum, number);
  }

  #set(key: string, value: string | undefined): void {
    const old = this.#hashes.get(key) ?? 0;
    const hash = value === undefined
      ? 0
      : hashOf(nameOf(encoder.encode(key)), encoder.encode(value));
    // In two steps, so that no sum reaches 2 ** 53.
    this.#sum = (this.#sum - old + MODULUS) % MODULUS;
    this.#sum = (this.#sum + hash) % MODULUS;
    if (value === undefined) this.#hashes.delete(key);
    else this.#hashes.set(key, hash);
  }
}
