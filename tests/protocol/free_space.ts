/**
 * Free space: which places may be handed out, the map that says which ones the working state
 * reaches, and how the file grows.
 *
 * @module
 */

import type { Frame, Hold, StoreParts, Surroundings } from "./parts.ts";
import {
  bit,
  copyBody,
  countPlaces,
  highest,
  MAX_PLACES,
  RUN_PAGES,
  SEGMENT_PLACES,
  type State,
} from "./contents.ts";
import { Damage } from "./history.ts";
import type { Task } from "./process.ts";

/** Places that one change of a key may need: root, leaf, index and three bitmap pages. */
export const PLACES_A_CHANGE = 6;
/** Places that only deletes and recovery get. */
export const RESERVED_PLACES = 7;
const SEGMENTS = MAX_PLACES / SEGMENT_PLACES;
const SEGMENT_BITS = (1 << SEGMENT_PLACES) - 1;
const GROWTH_PLACES = 4;

/** Hands out the places of one opening. */
export class FreeSpace {
  /** Places that cannot be handed out, as far as is known. */
  mask = 0xFFFFFFFF;
  /** Whether counting anew may find more. */
  stale = true;
  /** Places are handed out below this one only. */
  ceiling: number = MAX_PLACES;
  /** Whether the file grew since the last full sync. */
  grew = false;
  readonly #world: Surroundings;
  readonly #store: StoreParts;

  /** For one opening. */
  constructor(world: Surroundings, store: StoreParts) {
    this.#world = world;
    this.#store = store;
  }

  /** Places that can be handed out. */
  get spare(): number {
    return countPlaces(this.#free());
  }

  #free(): number {
    const count = Math.min(this.#store.frames.work.pageCount, this.ceiling);
    return (~this.mask & (bit(count) - 1)) >>> 0;
  }

  /** Whether the disk has a call in flight for a place. */
  #idle(place: number): boolean {
    const { rules, disk } = this.#world;
    for (const { kind, file, entries } of disk.calls) {
      if (file !== disk.data) continue;
      if (kind === "read" ? !rules.readInFlight : !rules.writeInFlight) continue;
      for (const entry of entries) if (entry.place === place) return false;
    }
    return true;
  }

  /** Hands out a place, which was made sure of. */
  take(): number {
    const free = this.#free();
    const places: number[] = [];
    for (let place = 2; place < MAX_PLACES && places.length < 3; place++) {
      if ((free & bit(place)) !== 0 && this.#idle(place)) places.push(place);
    }
    if (places.length === 0) throw new Error("model: no place was made sure of");
    const place = places[this.#world.chooser.pick(places.length)];
    this.#handOut(place);
    return place;
  }

  #handOut(place: number): void {
    const { frames } = this.#store;
    this.mask = (this.mask | bit(place)) >>> 0;
    frames.work.reached = (frames.work.reached | bit(place)) >>> 0;
    frames.drop(place);
  }

  /** First of adjacent places for a large value, handed out; −1 where there are none. */
  takeRun(): number {
    const free = this.#free();
    for (let place = 2; place + RUN_PAGES <= MAX_PLACES; place++) {
      let fits = true;
      for (let i = 0; i < RUN_PAGES; i++) {
        fits = fits && (free & bit(place + i)) !== 0 && this.#idle(place + i);
      }
      if (!fits) continue;
      for (let i = 0; i < RUN_PAGES; i++) this.#handOut(place + i);
      return place;
    }
    return -1;
  }

  /** The working state gives up places. */
  give(places: number): void {
    const { work } = this.#store.frames;
    work.reached = (work.reached & ~places) >>> 0;
    this.stale = true;
  }

  /** A page that may be changed: the same one, or a copy at another place. */
  touch(frame: Frame): Frame {
    const { frames } = this.#store;
    if (frames.inPlace(frame)) return frame;
    const copy = frames.create(this.take(), copyBody(frame.body));
    frames.supersede(frame);
    this.stale = true;
    return copy;
  }

  /** Makes sure of `need` places beyond `reserve`, and of epochs; false: the file is full. */
  *find(need: number, reserve: number): Task<boolean> {
    const { frames, metas } = this.#store;
    for (;;) {
      if (this.stale) yield* this.#makeMask();
      if (this.#idleSpare() >= need + reserve) break;
      if (!(yield* this.#grow())) return false;
    }
    if (this.#world.rules.epochLimit && !frames.epochReady()) yield* metas.raiseLimit();
    return true;
  }

  /** Whether fewer places are free than are reserved. */
  *short(): Task<boolean> {
    if (this.stale) yield* this.#makeMask();
    return this.#idleSpare() < RESERVED_PLACES;
  }

  #idleSpare(): number {
    let free = this.#free();
    let count = 0;
    for (; free !== 0; free &= ~(1 << highest(free))) if (this.#idle(highest(free))) count++;
    return count;
  }

  /** Finds out what no state reaches; maps of other states may have to be read for it. */
  *#makeMask(): Task<void> {
    const { frames, metas } = this.#store;
    const { rules } = this.#world;
    this.stale = false;
    let mask = 3;
    if (rules.maskPasses) {
      const covered = new Set<State>();
      for (let more = true; more;) {
        more = false;
        for (const state of [...metas.states(), ...this.#heldStates(), frames.work]) {
          if (covered.has(state)) continue;
          covered.add(state);
          more = true;
          yield* this.#readMap();
          mask |= state.reached;
        }
      }
    } else {
      for (const state of metas.states()) {
        yield* this.#readMap();
        mask |= state.reached;
      }
      for (let i = 0; i < this.#heldStates().length; i++) {
        yield* this.#readMap();
        mask |= this.#heldStates()[i]?.reached ?? 0;
      }
      mask |= frames.work.reached;
    }
    this.mask = mask >>> 0;
  }

  #heldStates(): State[] {
    const { rules } = this.#world;
    const counts = ({ kind }: Hold): boolean =>
      kind === "committed"
        ? rules.committedHeld
        : kind === "checkpoint"
        ? rules.checkpointHeld
        : kind === "snapshot"
        ? rules.snapshotHeld
        : rules.runHeld;
    return this.#store.frames.holds.filter(counts).map(({ state }) => state);
  }

  *#readMap(): Task<void> {
    if (this.#world.chooser.once(6)) yield undefined;
  }

  /** Grows the file by zeros behind its end; false where there is no room. */
  *#grow(): Task<boolean> {
    const { disk, rules } = this.#world;
    const { work } = this.#store.frames;
    if (this.ceiling < MAX_PLACES) return false;
    if (rules.adoptTail && disk.data.size > work.pageCount) {
      work.pageCount = disk.data.size;
      this.grew = this.stale = true;
      return true;
    }
    const first = work.pageCount;
    for (const step of [GROWTH_PLACES, 1]) {
      const count = Math.min(step, MAX_PLACES - first);
      if (count <= 0 || !(yield* this.#writeZeros(first, count))) continue;
      work.pageCount = first + count;
      this.stale = true;
      return true;
    }
    return false;
  }

  *#writeZeros(first: number, count: number): Task<boolean> {
    const { disk, rules } = this.#world;
    if (!rules.placeFirst) return true;
    const entries = Array.from(
      { length: count },
      (_, i) => ({ place: first + i, content: undefined, lost: false }),
    );
    const call = disk.write(disk.data, entries);
    yield* this.#store.finished(call);
    this.grew = true;
    if (call.failed !== "") return false;
    this.#world.say(() => `the file grows to ${first + count} places`);
    return true;
  }

  /** Writes into the map what the working state reaches. */
  settle(): void {
    for (let settled = false; !settled;) {
      settled = true;
      for (let segment = 0; segment < SEGMENTS; segment++) {
        if (!this.#settleSegment(segment)) settled = false;
      }
    }
  }

  #settleSegment(segment: number): boolean {
    const { frames } = this.#store;
    const { work } = frames;
    const bits = (work.reached >>> (segment * SEGMENT_PLACES)) & SEGMENT_BITS;
    const before = frames.get(work.index);
    if (before.body.kind !== "index") throw new Damage("pages", "the index is another page");
    const reference = before.body.bitmaps[segment];
    if (reference === undefined && bits === 0) return true;
    const bitmap = reference === undefined ? undefined : frames.get(reference);
    if (bitmap?.body.kind === "bitmap" && bitmap.body.bits === bits) return true;
    const index = this.touch(before);
    work.index = { place: index.place, epoch: index.epoch };
    const touched = bitmap === undefined
      ? frames.create(this.take(), { kind: "bitmap", bits: 0 })
      : this.touch(bitmap);
    if (touched.body.kind !== "bitmap" || index.body.kind !== "index") {
      throw new Damage("pages", "the map is another page");
    }
    index.body.bitmaps[segment] = { place: touched.place, epoch: touched.epoch };
    touched.body.bits = (work.reached >>> (segment * SEGMENT_PLACES)) & SEGMENT_BITS;
    return false;
  }
}
