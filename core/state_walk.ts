/**
 * Walking everything that a held state reaches: trees, large values, the free-space map. Damage is
 * told to the visitor, and what lies below it is passed over.
 *
 * @module
 */

import { countBits, entryEpoch, entryPage, entryUsed, indexEntries } from "./bitmap.ts";
import { childEpoch, childPage } from "./branch.ts";
import { checkDisjoint, checkFences } from "./check_fences.ts";
import { MAX_LEVEL } from "./check_page.ts";
import type { Engine } from "./engine.ts";
import { KvigError } from "./errors.ts";
import { BITMAP, BRANCH, COUNT, INDEX, KIND, LEAF, LEVEL, MAP_LEVEL } from "./frames.ts";
import type { Task } from "./future.ts";
import { isLarge, valueAt } from "./leaf.ts";
import { OverflowReference } from "./overflow.ts";
import type { PageSource } from "./page_source.ts";
import { KeyBuffer } from "./rebuild.ts";
import { cellAt, readKey } from "./slots.ts";
import type { State, TreeRoot } from "./state.ts";
import { readRun } from "./values.ts";

/** What happens at each thing that the walk meets. */
export interface StateVisitor {
  /** A page was read into `frame` of the source. False passes over what lies below it. */
  page(page: number, epoch: number, frame: number): Task<boolean>;
  /** A large value is referred to. */
  run(reference: OverflowReference, value: Uint8Array): Task<void>;
  /** Something is wrong; `cause` where it is an error other than damage. */
  problem(page: number, what: string, cause?: KvigError): void;
  /** Something is wrong that hides nothing of what is reached. */
  miscount(page: number, what: string): void;
}

interface Fences {
  low: Uint8Array | undefined;
  high: Uint8Array | undefined;
}

/** Walks one state. */
export class StateWalk {
  /** Entries met in the tree walked last. */
  entries = 0;
  readonly #engine: Engine;
  readonly #source: PageSource;
  readonly #visitor: StateVisitor;
  readonly #key: Uint8Array;
  readonly #low: KeyBuffer;
  readonly #high: KeyBuffer;
  readonly #scratch: KeyBuffer;
  readonly #marks: Uint16Array;
  readonly #reference = new OverflowReference();
  /** Why the page that was asked for last could not be read, where it is no damage. */
  #cause: KvigError | undefined = undefined;

  /** Walks with `source` and tells `visitor`. */
  constructor(engine: Engine, source: PageSource, visitor: StateVisitor) {
    this.#engine = engine;
    this.#source = source;
    this.#visitor = visitor;
    this.#key = new Uint8Array(2 * engine.maxKeyBytes);
    this.#low = new KeyBuffer(engine.maxKeyBytes);
    this.#high = new KeyBuffer(engine.maxKeyBytes);
    this.#scratch = new KeyBuffer(engine.maxKeyBytes);
    this.#marks = new Uint16Array(source.frames.pageBytes);
  }

  /** Walks everything that `state` reaches. */
  *all(state: State): Task<void> {
    yield* this.tree(state.catalogue, "catalogue");
    yield* this.tree(state.tree, "default keyspace");
    yield* this.map(state);
  }

  /** Walks a tree. */
  *tree(root: TreeRoot, name: string): Task<void> {
    this.entries = 0;
    const fences: Fences = { low: undefined, high: undefined };
    const whole = root.page === 0 || (yield* this.#branch(root.page, root.epoch, -1, fences));
    if (whole && this.entries !== root.count) {
      const what = `the tree of the ${name} has ${this.entries} entries where ${root.count} count`;
      this.#visitor.problem(root.page, what);
    }
  }

  /** Reads a page of a tree and checks what its parent says of it; the level, or −1. */
  *#enter(page: number, epoch: number, above: number): Task<number> {
    const { frames } = this.#source;
    const frame = above < 0 ? MAX_LEVEL + 1 : above - 1;
    const fault = yield* this.#read(page, epoch, frame);
    const kind = frames.get(frame, KIND);
    const level = frames.get(frame, LEVEL);
    let wrong = fault;
    if (wrong === "" && kind !== LEAF && kind !== BRANCH) wrong = "it is no page of a tree";
    if (wrong === "" && above >= 0 && level !== above - 1) wrong = "it is at a wrong level";
    if (wrong !== "") {
      this.#visitor.problem(page, wrong, this.#cause);
      return -1;
    }
    if (above < 0) this.#moveDown(frame, level);
    return (yield* this.#visitor.page(page, epoch, level)) ? level : -1;
  }

  #moveDown(frame: number, level: number): void {
    this.#source.frames.copy(frame, level);
  }

  *#read(page: number, epoch: number, frame: number): Task<string> {
    const { pager } = this.#engine;
    const { pageBytes } = this.#source.frames;
    this.#cause = undefined;
    const dirty = this.#engine.cache.lookup(page) >= 0;
    if (page < 2 || (!dirty && (page + 1) * pageBytes > pager.file.size)) {
      return "it is referred to and lies outside of the file";
    }
    if (!dirty && !this.#engine.pages.wasWritten(epoch)) {
      return `it is referred to with epoch ${epoch}, which is above the limit`;
    }
    try {
      return yield* this.#source.read(page, epoch, frame);
    } catch (error) {
      if (!(error instanceof KvigError) || error.code === "KVIG_CLOSED") throw error;
      this.#cause = error.code === "KVIG_CORRUPT" ? undefined : error;
      return `it cannot be read: ${error.message}`;
    }
  }

  *#branch(page: number, epoch: number, above: number, fences: Fences): Task<boolean> {
    this.#engine.checkOpen();
    const level = yield* this.#enter(page, epoch, above);
    if (level < 0) return false;
    this.#checkOrder(page, level, fences);
    if (level === 0) return yield* this.#leaf();
    const { frames } = this.#source;
    const count = frames.get(level, COUNT);
    let whole = true;
    for (let slot = 0; slot < count; slot++) {
      const low = slot === 0 ? fences.low : this.#keyAt(level, slot);
      const high = slot + 1 === count ? fences.high : this.#keyAt(level, slot + 1);
      const child = childPage(frames, level, slot);
      const childOf = childEpoch(frames, level, slot);
      if (!(yield* this.#branch(child, childOf, level, { low, high }))) whole = false;
    }
    return whole;
  }

  #keyAt(frame: number, slot: number): Uint8Array {
    const length = readKey(this.#source.frames, frame, slot, this.#key, 0);
    return this.#key.slice(0, length);
  }

  /** Checks that what a page guarantees, and its keys, fit the separators above. */
  #checkOrder(page: number, level: number, fences: Fences): void {
    const fault = checkFences(
      this.#source.frames,
      level,
      this.#fence(this.#low, fences.low),
      this.#fence(this.#high, fences.high),
      this.#scratch,
    ) || checkDisjoint(this.#source.frames, level, this.#marks);
    if (fault !== "") this.#visitor.problem(page, fault);
  }

  #fence(buffer: KeyBuffer, key: Uint8Array | undefined): KeyBuffer {
    if (key === undefined) buffer.length = -1;
    else buffer.set(key, key.length);
    return buffer;
  }

  *#leaf(): Task<boolean> {
    const { frames } = this.#source;
    const count = frames.get(0, COUNT);
    this.entries += count;
    for (let slot = 0; slot < count; slot++) {
      const cell = cellAt(frames, 0, slot);
      if (!isLarge(frames, cell)) continue;
      this.#reference.read(frames.u8, valueAt(frames, cell));
      yield* this.#run(this.#reference);
    }
    return true;
  }

  *#run(reference: OverflowReference): Task<void> {
    const own = new OverflowReference();
    own.copy(reference);
    let value: Uint8Array;
    try {
      value = yield* readRun(this.#engine, own);
    } catch (error) {
      if (!(error instanceof KvigError) || error.code === "KVIG_CLOSED") throw error;
      const cause = error.code === "KVIG_CORRUPT" ? undefined : error;
      this.#visitor.problem(own.page, error.message, cause);
      return;
    }
    yield* this.#visitor.run(own, value);
  }

  /** Walks the pages of the free-space map. */
  *map(state: State): Task<void> {
    if (state.freePage === 0) return;
    yield* this.#mapPage(state.freePage, state.freeEpoch, state.freeLevel);
  }

  /** Returns the number of places that are marked below; −1 where that is not known. */
  *#mapPage(page: number, epoch: number, level: number): Task<number> {
    const { frames } = this.#source;
    let fault = yield* this.#read(page, epoch, level);
    const kind = level === 0 ? BITMAP : INDEX;
    const there = MAP_LEVEL + level;
    if (fault === "" && (frames.get(level, KIND) !== kind || frames.get(level, LEVEL) !== there)) {
      fault = "it is no page of the free-space map at this level";
    }
    if (fault !== "") {
      this.#visitor.problem(page, fault, this.#cause);
      return -1;
    }
    if (!(yield* this.#visitor.page(page, epoch, level))) return -1;
    if (level === 0) return countBits(frames, 0);
    let sum = 0;
    for (let entry = 0; entry < indexEntries(frames.pageBytes); entry++) {
      const child = entryPage(frames, level, entry);
      const used = entryUsed(frames, level, entry);
      const marked = child === 0
        ? 0
        : yield* this.#mapPage(child, entryEpoch(frames, level, entry), level - 1);
      sum += used;
      if (marked < 0 || marked === used) continue;
      const what = `its entry ${entry} counts ${used} places where ${marked} are marked`;
      this.#visitor.miscount(page, what);
    }
    return sum;
  }
}
