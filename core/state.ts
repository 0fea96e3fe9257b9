/**
 * States: what a set of roots shows, and the holds on states that keep their pages from reuse.
 *
 * The working state is changed all the time; the others never are. States form one line of history
 * and each has a number in it, its generation: a page made in generation b and superseded in
 * generation d belongs to the states b, b + 1 … d − 1.
 *
 * @module
 */

import { assert } from "./assert.ts";

/** Root of a tree, with the number of its entries. Page 0 means that the tree is empty. */
export class TreeRoot {
  /** Page number of the root. */
  page = 0;
  /** Epoch of the root. */
  epoch = 0;
  /** Number of entries. */
  count = 0;

  /** Takes over the fields of another root. */
  assign(other: TreeRoot): void {
    this.page = other.page;
    this.epoch = other.epoch;
    this.count = other.count;
  }
}

/** One state of the store. */
export class State {
  /** Its number in the line of history. */
  generation = 0;
  /** The tree of keyspaces. */
  readonly catalogue: TreeRoot = new TreeRoot();
  /** The tree of the default keyspace. */
  readonly tree: TreeRoot = new TreeRoot();
  /** Root of the free-space index: page number, 0 where no place is taken. */
  freePage = 0;
  /** Root of the free-space index: epoch. */
  freeEpoch = 0;
  /** Root of the free-space index: height above the bitmap pages, at least 1. */
  freeLevel = 1;
  /** Number of pages that the file has room for. */
  pageCount = 2;
  /** No page above this number is reached. */
  highestPage = 1;
  /** Number of pages reached, the meta pages not counted. */
  usedPages = 0;
  /** Number of commits since creation. */
  sequence = 0;

  /** Takes over every field of another state. */
  assign(other: State): void {
    this.generation = other.generation;
    this.catalogue.assign(other.catalogue);
    this.tree.assign(other.tree);
    this.freePage = other.freePage;
    this.freeEpoch = other.freeEpoch;
    this.freeLevel = other.freeLevel;
    this.pageCount = other.pageCount;
    this.highestPage = other.highestPage;
    this.usedPages = other.usedPages;
    this.sequence = other.sequence;
  }

  /** A copy. */
  clone(): State {
    const state = new State();
    state.assign(this);
    return state;
  }
}

/**
 * The states whose pages must stay: snapshots, the last committed one, the one being checkpointed.
 */
export class Holds {
  #states: State[] = [];
  #counts: number[] = [];

  /** The states that are held. */
  get states(): readonly State[] {
    return this.#states;
  }

  /** Holds `state` once more. */
  hold(state: State): void {
    const index = this.#states.indexOf(state);
    if (index >= 0) {
      this.#counts[index]++;
    } else {
      this.#states.push(state);
      this.#counts.push(1);
    }
  }

  /** Gives up one hold on `state`; returns whether it was the last. */
  release(state: State): boolean {
    const index = this.#states.indexOf(state);
    assert(index >= 0, "a hold is released once");
    if (--this.#counts[index] > 0) return false;
    this.#states.splice(index, 1);
    this.#counts.splice(index, 1);
    return true;
  }

  /** Whether a held state reaches a page made in generation `birth`, superseded in `death`. */
  reaches(birth: number, death: number): boolean {
    for (const state of this.#states) {
      if (state.generation >= birth && state.generation < death) return true;
    }
    return false;
  }
}
