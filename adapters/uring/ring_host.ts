/**
 * What all rings of one Io share: the eventfd that reports completions, the one place where they
 * are reaped, and the end of the tick, at which everything filled in it is submitted.
 *
 * While nothing is in flight nothing is armed, so an idle store does not keep its program alive.
 * While no ring is open there is no eventfd.
 *
 * @module
 */

import { setImmediate } from "node:timers";

import type { Ffi } from "./ffi.ts";
import { Ring, RingRefused } from "./ring.ts";

/**
 * After so many ends of ticks without a turn of the event loop, the next one waits for that turn:
 * operations that are complete at once would else keep everything else from running.
 */
const TICKS_MAX = 16;

/** How long to wait where the kernel is short of something. */
const SHORTAGE_PAUSE_MS = 1;

/** How many small writes may be carried out at once in one turn of the event loop. */
const WRITES_AT_ONCE_MAX = 8;

/** The rings of one Io. */
export class RingHost {
  /** The calls of the C library. */
  readonly ffi: Ffi;
  readonly #spinMs: number;
  readonly #rings = new Set<Ring>();
  #eventfd = -1;
  /** Whether completions are being waited for in the background. */
  #armed = false;
  #scheduled = false;
  #ticks = 0;
  #writesAtOnce = 0;

  /** Spins for `spinMicroseconds` before completions are waited for in the background. */
  constructor(ffi: Ffi, spinMicroseconds: number) {
    this.ffi = ffi;
    this.#spinMs = spinMicroseconds / 1000;
  }

  /** Whether completions are being waited for. */
  get armed(): boolean {
    return this.#armed;
  }

  /** How many rings are open. */
  get openRings(): number {
    return this.#rings.size;
  }

  /**
   * Opens a ring.
   *
   * @throws {RingRefused} when the kernel refuses it.
   */
  open(entries: number): Ring {
    if (this.#eventfd < 0) {
      this.#eventfd = this.ffi.eventfd();
      if (this.#eventfd < 0) throw new RingRefused("eventfd failed", this.ffi.lastError());
    }
    try {
      const ring = new Ring(this.ffi, entries, this.#eventfd, this.#filled);
      this.#rings.add(ring);
      ring.notify(this.#armed);
      return ring;
    } finally {
      this.#closeEventfd();
    }
  }

  /** Closes a ring in which nothing is in flight. */
  close(ring: Ring): void {
    this.#rings.delete(ring);
    ring.close();
    this.#closeEventfd();
  }

  /** Whether a small write may be carried out at once. Not too many of them in one turn. */
  mayWriteAtOnce(): boolean {
    if (this.#writesAtOnce === 0) setImmediate(this.#newTurn);
    return ++this.#writesAtOnce <= WRITES_AT_ONCE_MAX;
  }

  readonly #newTurn = (): void => {
    this.#writesAtOnce = 0;
  };

  readonly #filled = (): void => {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (this.#ticks++ < TICKS_MAX) Promise.resolve().then(this.#endOfTick);
    else setImmediate(this.#turn);
  };

  readonly #turn = (): void => {
    this.#ticks = 0;
    this.#endOfTick();
  };

  /** Submits what was filled, reaps what is complete, and waits for the rest. */
  readonly #endOfTick = (): void => {
    this.#scheduled = false;
    let short = false;
    for (const ring of this.#rings) {
      if (!ring.submit(0)) short = true;
      ring.reap();
    }
    if (short) setTimeout(this.#turn, SHORTAGE_PAUSE_MS);
    else if (!this.#scheduled) this.#arm();
  };

  #arm(): void {
    if (!this.#anyInFlight()) return;
    if (!this.#armed && this.#spinMs > 0 && this.#spin()) return;
    for (const ring of this.#rings) ring.notify(ring.wantsNotice);
    // What was completed before the notice was on is not reported any more.
    let reaped = 0;
    for (const ring of this.#rings) reaped += ring.reap();
    if (this.#armed) return;
    if (reaped > 0 && (!this.#anyInFlight() || this.#scheduled)) {
      for (const ring of this.#rings) ring.notify(false);
      return;
    }
    this.#armed = true;
    this.ffi.wait(this.#eventfd, this.#reported);
  }

  /** Looks for completions for a short time; true when there were some and more may be done. */
  #spin(): boolean {
    const end = performance.now() + this.#spinMs;
    do {
      let reaped = 0;
      for (const ring of this.#rings) reaped += ring.reap();
      // Those who are woken go on before more is looked for.
      if (reaped > 0) return !this.#anyInFlight();
    } while (!this.#scheduled && performance.now() < end);
    return this.#scheduled;
  }

  readonly #reported = (): void => {
    this.#armed = false;
    this.#ticks = 0;
    for (const ring of this.#rings) ring.notify(false);
    for (const ring of this.#rings) ring.reap();
    this.#closeEventfd();
    // Behind those who were woken, so that what they begin goes along.
    if (this.#anyInFlight()) this.#filled();
  };

  #anyInFlight(): boolean {
    for (const ring of this.#rings) if (ring.inFlight > 0) return true;
    return false;
  }

  #closeEventfd(): void {
    if (this.#rings.size > 0 || this.#armed || this.#eventfd < 0) return;
    this.ffi.close(this.#eventfd);
    this.#eventfd = -1;
  }
}
