/**
 * Pages in memory as the states see them: which may be changed in place, what is copied, and which
 * epoch new pages carry.
 *
 * @module
 */

import type { Frame, Hold, HoldKind, Surroundings } from "./parts.ts";
import { bit, type Body, copyBody, type Page, type Reference, type State } from "./contents.ts";
import { Damage } from "./history.ts";

/** The pages of one opening. */
export class Frames {
  readonly work: State;
  readonly holds: Hold[] = [];
  /** The epoch of pages made now. */
  epoch: number;
  /** Pages are written below this epoch only. */
  epochLimit: number;
  /** Whether pages of the running epoch were handed to the disk. */
  epochWritten = false;
  readonly #world: Surroundings;
  readonly #frames = new Map<number, Frame>();

  /** Begins with the state of a meta page. */
  constructor(world: Surroundings, state: State, epoch: number) {
    this.#world = world;
    this.work = { ...state, generation: 1 };
    this.epoch = this.epochLimit = epoch;
  }

  /** All pages in memory. */
  all(): IterableIterator<Frame> {
    return this.#frames.values();
  }

  /** The page that is meant, from memory or from the file. */
  get(reference: Reference): Frame {
    const { place, epoch } = reference;
    const known = this.#frames.get(place);
    if (known !== undefined && known.epoch === epoch) return known;
    const page = this.#world.pageAt(reference);
    const { body } = page;
    const frame: Frame = {
      place,
      epoch,
      body: copyBody(body),
      birth: 0,
      death: Infinity,
      dirty: false,
      written: true,
      busy: false,
    };
    if (known === undefined || !known.dirty) this.#frames.set(place, frame);
    return frame;
  }

  /** Whether a page is in memory. */
  has({ place, epoch }: Reference): boolean {
    return this.#frames.get(place)?.epoch === epoch;
  }

  /** Forgets a page that is clean, or whose place is handed out. */
  drop(place: number): void {
    this.#frames.delete(place);
  }

  /** Whether a page may be changed where it is. */
  inPlace(frame: Frame): boolean {
    const { rules } = this.#world;
    if (!frame.dirty || (frame.written && rules.copyWritten)) return false;
    return frame.birth === this.work.generation || !rules.copyHeld;
  }

  /** A new dirty page at `place`. */
  create(place: number, body: Body): Frame {
    const frame: Frame = {
      place,
      epoch: this.freshEpoch(),
      body,
      birth: this.work.generation,
      death: Infinity,
      dirty: true,
      written: false,
      busy: false,
    };
    this.#frames.set(place, frame);
    return frame;
  }

  /** The epoch for places that are handed out now. */
  freshEpoch(): number {
    if (this.epochWritten && this.#world.rules.epochMoves) {
      this.epoch++;
      this.epochWritten = false;
    }
    return this.epoch;
  }

  /** Whether places can be handed out without raising the limit. */
  epochReady(): boolean {
    return this.epoch + 2 < this.epochLimit;
  }

  /** The working state gives up a page. */
  supersede(frame: Frame): void {
    frame.death = this.work.generation;
    this.work.reached = (this.work.reached & ~bit(frame.place)) >>> 0;
    if (frame.dirty && !frame.busy && !this.#held(frame)) this.#frames.delete(frame.place);
  }

  /** The working state as one that never changes; a new generation begins. */
  freeze(): State {
    const frozen = { ...this.work };
    this.work.generation++;
    return frozen;
  }

  /** Holds a state. */
  hold(kind: HoldKind, state: State): Hold {
    const hold = { kind, state };
    this.holds.push(hold);
    return hold;
  }

  /** Gives up a hold; dirty pages that nothing reaches are forgotten. */
  release(hold: Hold): void {
    this.holds.splice(this.holds.indexOf(hold), 1);
    for (const frame of this.#frames.values()) {
      if (frame.death === Infinity || frame.busy || this.#held(frame)) continue;
      this.#frames.delete(frame.place);
    }
  }

  #held(frame: Frame): boolean {
    return this.holds.some(({ state }) =>
      state.generation >= frame.birth && state.generation < frame.death
    );
  }

  /** Goes back to `state`. */
  rollback(state: State): void {
    for (const frame of this.#frames.values()) {
      if (frame.death !== Infinity && frame.death > state.generation) frame.death = Infinity;
      if (frame.birth > state.generation) this.#frames.delete(frame.place);
    }
    const { generation, pageCount } = this.work;
    Object.assign(this.work, state);
    this.work.generation = generation + 1;
    this.work.pageCount = Math.max(pageCount, state.pageCount);
  }

  /** The dirty pages of a state. */
  dirtyOf(state: State): Frame[] {
    const frames: Frame[] = [];
    for (const frame of this.#frames.values()) {
      const belongs = frame.birth <= state.generation && frame.death > state.generation;
      if (frame.dirty && belongs) frames.push(frame);
    }
    return frames.sort((a, b) => a.place - b.place);
  }

  /** What is handed to the disk for a page. */
  seal(frame: Frame): Page {
    const { place, epoch } = frame;
    const { rules } = this.#world;
    if (rules.epochLimit && epoch >= this.epochLimit) {
      throw new Error(`model: a page is written with epoch ${epoch}, the limit or above`);
    }
    frame.written = frame.busy = true;
    this.epochWritten = true;
    const page: Page = { kind: "page", place, epoch, body: copyBody(frame.body) };
    this.#world.checkOnce(place, epoch, JSON.stringify(page.body));
    return page;
  }
}

/** Makes sure that what was read is the page that is meant. */
export function judge(world: Surroundings, found: unknown, reference: Reference): Page {
  const { rules } = world;
  const page = found as Page | undefined;
  const right = page?.kind === "page" &&
    (page.place === reference.place || !rules.pageNumber) &&
    (page.epoch === reference.epoch || !rules.pageEpoch);
  if (page !== undefined && right) return page;
  throw new Damage("pages", `page ${reference.place} of epoch ${reference.epoch} is not there`);
}
