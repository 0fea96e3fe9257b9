/**
 * The tree of the model: a root over two leaves of two keys each, changed by copying, and large
 * values in runs beside it.
 *
 * @module
 */

import type { StoreParts, Surroundings } from "./parts.ts";
import {
  bit,
  type Cell,
  copyBody,
  KEYS,
  type Reference,
  RUN_PAGES,
  runBits,
  type RunReference,
  type State,
} from "./contents.ts";
import { Damage, type Values } from "./history.ts";

/** Searches and changes the tree of one opening. */
export class Tree {
  readonly #world: Surroundings;
  readonly #store: StoreParts;

  /** For one opening. */
  constructor(world: Surroundings, store: StoreParts) {
    this.#world = world;
    this.#store = store;
  }

  /** Sets the cell of a key; its places were made sure of. */
  set(key: number, cell: Cell): void {
    const { free, frames } = this.#store;
    const root = this.#touchRoot();
    const leaf = free.touch(frames.get(root.leaves[key >> 1]));
    if (leaf.body.kind !== "leaf") throw new Damage("pages", "a leaf is another page");
    root.leaves[key >> 1] = { place: leaf.place, epoch: leaf.epoch };
    const before = leaf.body.cells[key & 1];
    leaf.body.cells[key & 1] = cell;
    if (typeof before !== "number") free.give(runBits(before));
    free.settle();
  }

  #touchRoot(): { leaves: Reference[] } {
    const { free, frames } = this.#store;
    const root = free.touch(frames.get(frames.work.root));
    frames.work.root = { place: root.place, epoch: root.epoch };
    if (root.body.kind !== "root") throw new Damage("pages", "the root is another page");
    return root.body;
  }

  /** The cell of a key in a state. */
  cell(state: State, key: number): Cell {
    const { frames } = this.#store;
    const root = frames.get(state.root).body;
    if (root.kind !== "root") throw new Damage("pages", "the root is another page");
    const leaf = frames.get(root.leaves[key >> 1]).body;
    if (leaf.kind !== "leaf") throw new Damage("pages", "a leaf is another page");
    return leaf.cells[key & 1];
  }

  /** The values of all keys in a state. */
  values(state: State): Values {
    const values: number[] = [];
    for (let key = 0; key < KEYS; key++) {
      const cell = this.cell(state, key);
      values.push(typeof cell === "number" ? cell : this.readRun(cell));
    }
    return values;
  }

  /** The checksum of a large value in its run. */
  sum(value: number, { place, epoch }: Reference): number {
    return this.#world.rules.runSeed ? (value * 64 + place) * 4096 + epoch : value;
  }

  /** The large value in a run. */
  readRun(run: RunReference): number {
    const { disk, rules } = this.#world;
    let value = -1;
    let whole = true;
    for (let i = 0; i < RUN_PAGES; i++) {
      const found = disk.data.at(run.place + i);
      if (found?.kind === "piece") {
        whole = whole && found.index === i && (i === 0 || found.value === value);
        value = found.value;
      } else whole = false;
    }
    // Without a checksum any bytes will do, also those of two values.
    if (!rules.runChecksum) return whole ? value : -1;
    if (whole && this.sum(value, run) === run.sum) return value;
    throw new Damage("pages", `the large value at ${run.place} of epoch ${run.epoch} is not there`);
  }

  /** Every page and run that a state reaches, by walking it. */
  reached(state: State): number {
    const { frames } = this.#store;
    let reached = bit(state.root.place) | bit(state.index.place);
    const index = frames.get(state.index).body;
    if (index.kind === "index") {
      for (const bitmap of index.bitmaps) if (bitmap !== undefined) reached |= bit(bitmap.place);
    }
    const root = frames.get(state.root).body;
    if (root.kind === "root") { for (const leaf of root.leaves) reached |= bit(leaf.place); }
    for (let key = 0; key < KEYS; key++) {
      const cell = this.cell(state, key);
      if (typeof cell !== "number") reached |= runBits(cell);
    }
    return reached >>> 0;
  }

  /** What the map of a state marks, by reading it. */
  marked(state: State): number {
    const { frames } = this.#store;
    const index = frames.get(state.index).body;
    if (index.kind !== "index") throw new Damage("pages", "the index is another page");
    let marked = 0;
    index.bitmaps.forEach((reference, segment) => {
      if (reference === undefined) return;
      const { body } = frames.get(reference);
      if (body.kind !== "bitmap") throw new Damage("pages", "a bitmap is another page");
      marked |= body.bits << (segment * 10);
    });
    return marked >>> 0;
  }

  /** Copies the page at `place`, which the working state reaches, to another place. */
  relocate(place: number): void {
    const { free, frames } = this.#store;
    const { work } = frames;
    if (work.root.place === place) work.root = this.#copy(work.root);
    else if (work.index.place === place) work.index = this.#copy(work.index);
    else if (!this.#relocateBitmap(place)) this.#relocateLeaf(place);
    free.settle();
  }

  #copy(reference: Reference): Reference {
    const { free, frames } = this.#store;
    const frame = frames.get(reference);
    const copy = frames.create(free.take(), copyBody(frame.body));
    frames.supersede(frame);
    free.stale = true;
    return { place: copy.place, epoch: copy.epoch };
  }

  #relocateBitmap(place: number): boolean {
    const { free, frames } = this.#store;
    const { work } = frames;
    const { body } = frames.get(work.index);
    if (body.kind !== "index") throw new Damage("pages", "the index is another page");
    const segment = body.bitmaps.findIndex((bitmap) => bitmap?.place === place);
    const bitmap = body.bitmaps[segment];
    if (bitmap === undefined) return false;
    const index = free.touch(frames.get(work.index));
    work.index = { place: index.place, epoch: index.epoch };
    if (index.body.kind === "index") index.body.bitmaps[segment] = this.#copy(bitmap);
    return true;
  }

  #relocateLeaf(place: number): void {
    const { leaves } = this.#touchRoot();
    const at = leaves.findIndex((leaf) => leaf.place === place);
    if (at >= 0) leaves[at] = this.#copy(leaves[at]);
  }
}
