/**
 * The scheduler of operations that take time: each takes effect at some moment after it was issued
 * and is complete at some later one, in an order that the seed decides.
 *
 * Time passes in *hops*, one turn of the queue of microtasks each. That is the same on every
 * runtime, so that a run is the same too, and no timer or other part of a runtime is needed. While
 * nothing is in flight there are no hops.
 *
 * @module
 */

import type { Random } from "./random.ts";

/** How long operations take, in hops: short ones, and now and then a long one. */
export interface Latency {
  /** Most hops of a short wait. */
  readonly shortHops: number;
  /** Most hops of a long wait. */
  readonly longHops: number;
  /** One wait in so many is long. */
  readonly longOneIn: number;
}

/** Latencies from none to very long. */
export const LATENCIES: readonly Latency[] = [
  { shortHops: 1, longHops: 1, longOneIn: 1000 },
  { shortHops: 6, longHops: 40, longOneIn: 20 },
  { shortHops: 30, longHops: 30, longOneIn: 1000 },
  { shortHops: 4, longHops: 400, longOneIn: 8 },
  { shortHops: 60, longHops: 2000, longOneIn: 60 },
];

/** Hops without anything due after which time goes on to where something is. */
const IDLE_HOPS = 40;

/** An operation in flight. */
export interface Flight {
  /** Lets it take effect on the disk; called once. */
  readonly effect: () => void;
  /** Tells that it is complete; called once, after the effect. */
  readonly complete: () => void;
  /** Whether it took effect. */
  done: boolean;
  /** The hop at which its next step is due. */
  due: number;
}

/** Carries out operations later. */
export class Scheduler {
  /** Hops since the beginning. */
  hops = 0;
  /** Operations in flight, in the order in which they were issued. */
  readonly flights: Flight[] = [];
  /** Whether nothing goes on any more: the process is dead. */
  stopped = false;
  readonly #random: Random;
  readonly #latency: Latency;
  #hopping = false;
  #nextDue = Infinity;
  /** Hops in a row without anything due. */
  #idleHops = 0;

  /** Draws from `random` how long each operation takes. */
  constructor(random: Random, latency: Latency) {
    this.#random = random;
    this.#latency = latency;
  }

  /** Issues an operation. */
  issue(effect: () => void, complete: () => void): void {
    const due = this.hops + this.#wait();
    this.flights.push({ effect, complete, done: false, due });
    if (due < this.#nextDue) this.#nextDue = due;
    if (!this.#hopping && !this.stopped) {
      this.#hopping = true;
      turned.then(this.#hop);
    }
  }

  #wait(): number {
    const { shortHops, longHops, longOneIn } = this.#latency;
    return 1 + this.#random.below(this.#random.oneIn(longOneIn) ? longHops : shortHops);
  }

  readonly #hop = (): void => {
    if (this.stopped) return;
    this.hops++;
    if (this.hops < this.#nextDue) {
      // By then everybody has done what there is to do before the next operation is over.
      if (++this.#idleHops >= IDLE_HOPS) this.hops = this.#nextDue - 1;
      turned.then(this.#hop);
      return;
    }
    this.#idleHops = 0;
    const due = this.flights.filter((flight) => flight.due <= this.hops);
    for (const flight of due.length > 1 ? this.#random.shuffled(due) : due) this.#advance(flight);
    this.#nextDue = Infinity;
    for (const { due } of this.flights) if (due < this.#nextDue) this.#nextDue = due;
    this.#hopping = this.flights.length > 0 && !this.stopped;
    if (this.#hopping) turned.then(this.#hop);
  };

  #advance(flight: Flight): void {
    if (!flight.done) {
      flight.done = true;
      flight.due = this.hops + this.#wait();
      flight.effect();
      return;
    }
    this.flights.splice(this.flights.indexOf(flight), 1);
    flight.complete();
  }

  /** The process ends: what is in flight takes effect or not, and nothing is ever complete. */
  stop(): void {
    this.stopped = true;
    for (const flight of this.#random.shuffled(this.flights)) {
      if (!flight.done && this.#random.oneIn(2)) flight.effect();
    }
    this.flights.length = 0;
  }
}

const turned = Promise.resolve();
