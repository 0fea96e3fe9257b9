/**
 * SIEVE, the eviction policy: frames stand in the order of their arrival; a hand walks from the
 * oldest to the newest, spares what was visited since it last came by, and takes the first that was
 * not (Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024).
 *
 * It decides about order alone: whether a frame may leave, and whether it was visited, is the
 * caller's to say.
 *
 * @module
 */

const NONE = -1;

/** Order of eviction of the frames of a cache. */
export class Sieve {
  #newer: Int32Array;
  #older: Int32Array;
  #newest = NONE;
  #oldest = NONE;
  #hand = NONE;

  /** Makes room for `capacity` frames, none of which stands in line. */
  constructor(capacity: number) {
    this.#newer = new Int32Array(capacity).fill(NONE);
    this.#older = new Int32Array(capacity).fill(NONE);
  }

  /** Puts `frame` in line as the newest. */
  insert(frame: number): void {
    this.#newer[frame] = NONE;
    this.#older[frame] = this.#newest;
    if (this.#newest !== NONE) this.#newer[this.#newest] = frame;
    this.#newest = frame;
    if (this.#oldest === NONE) this.#oldest = frame;
  }

  /** Takes `frame` out of the line. */
  remove(frame: number): void {
    const newer = this.#newer[frame];
    const older = this.#older[frame];
    if (this.#hand === frame) this.#hand = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
  }

  /** The frame at the hand, which moves on to the next newer one; −1 when none stands in line. */
  next(): number {
    const frame = this.#hand === NONE ? this.#oldest : this.#hand;
    if (frame !== NONE) this.#hand = this.#newer[frame];
    return frame;
  }
}
