/**
 * Verifying a store: every page that a state reaches is read and checked, and the free-space map
 * must mark exactly the pages that are reached.
 *
 * @module
 */

import { getBit, segmentPlaces } from "./bitmap.ts";
import type { Engine } from "./engine.ts";
import { BITMAP, KIND } from "./frames.ts";
import { completed, type Task } from "./future.ts";
import type { Signalled } from "./host.ts";
import type { OverflowReference } from "./overflow.ts";
import { PageSource } from "./page_source.ts";
import type { State } from "./state.ts";
import { type StateVisitor, StateWalk } from "./state_walk.ts";
import { abortedBy } from "./turn.ts";

/** One thing that is wrong. */
export interface Problem {
  /** Path of the file. */
  file: string;
  /** Number of the page; for a large value, of its first page. */
  page: number;
  /** What is wrong, in words. */
  what: string;
}

/** How to verify. */
export interface VerifyOptions {
  /** Stops it with `KVIG_ABORTED`. */
  signal?: Signalled;
  /** Called now and then with the number of pages looked at, and of all that are reached. */
  onProgress?: (done: number, total: number) => void;
}

/** What was found. */
export interface VerifyReport {
  /** Whether nothing is wrong. */
  ok: boolean;
  /** Pages looked at, those of large values included. */
  pages: number;
  /** Entries met. */
  entries: number;
  /** Everything that is wrong; at most 1,000 are listed. */
  problems: Problem[];
}

/** Bytes of the marks of one pass, one bit a page. */
const PASS_BYTES = 16 * 1024 * 1024;
const MAX_PROBLEMS = 1000;
const PROGRESS_PAGES = 256;

/** Verifies a held state. */
export function* verifyTask(
  engine: Engine,
  state: State,
  options: VerifyOptions,
): Task<VerifyReport> {
  const report: VerifyReport = { ok: true, pages: 0, entries: 0, problems: [] };
  const passPages = PASS_BYTES * 8;
  const source = new PageSource(engine);
  yield* verifyMetas(engine, report);
  for (let first = 0; first < state.pageCount; first += passPages) {
    const count = Math.min(passPages, state.pageCount - first);
    const pass = new Pass(engine, source, state, options, report, first, count);
    yield* pass.walk();
  }
  report.ok = report.problems.length === 0;
  // What a failed sync was to keep may be gone: that is no damage.
  if (!report.ok) engine.checkFailure();
  return report;
}

/** Both meta pages must be valid, but for one that was not when the store was opened read-only. */
function* verifyMetas(engine: Engine, report: VerifyReport): Task<void> {
  const { pager, parts } = engine;
  for (let slot = 0; slot < 2; slot++) {
    if (pager.metaStates[slot] === undefined) continue;
    if ((yield* parts.meta.read(slot)) !== undefined) continue;
    report.problems.push({ file: parts.path, page: slot, what: "it is no valid meta page" });
  }
}

class Pass implements StateVisitor {
  readonly #engine: Engine;
  readonly #source: PageSource;
  readonly #state: State;
  readonly #options: VerifyOptions;
  readonly #report: VerifyReport;
  readonly #first: number;
  readonly #count: number;
  readonly #marks: Uint8Array;
  #pages = 0;
  #damaged = false;

  constructor(
    engine: Engine,
    source: PageSource,
    state: State,
    options: VerifyOptions,
    report: VerifyReport,
    first: number,
    count: number,
  ) {
    this.#engine = engine;
    this.#source = source;
    this.#state = state;
    this.#options = options;
    this.#report = report;
    this.#first = first;
    this.#count = count;
    this.#marks = new Uint8Array(Math.ceil(count / 8));
  }

  *walk(): Task<void> {
    const walk = new StateWalk(this.#engine, this.#source, this);
    yield* walk.tree(this.#state.catalogue, "catalogue");
    yield* walk.tree(this.#state.tree, "default keyspace");
    this.#report.entries = walk.entries;
    yield* walk.map(this.#state);
    this.#report.pages = this.#pages;
    if (!this.#damaged) yield* this.#compareMap();
  }

  page(page: number): Task<boolean> {
    this.#step(1);
    const fresh = this.#mark(page);
    if (!fresh) this.problem(page, "it is reached twice");
    return completed(fresh);
  }

  run(reference: OverflowReference): Task<void> {
    const count = reference.pages(this.#source.frames.pageBytes);
    this.#step(count);
    for (let i = 0; i < count; i++) {
      if (!this.#mark(reference.page + i)) this.problem(reference.page + i, "it is reached twice");
    }
    return completed(undefined);
  }

  #step(pages: number): void {
    const { signal, onProgress } = this.#options;
    if (signal?.aborted === true) throw abortedBy(signal);
    const before = Math.floor(this.#pages / PROGRESS_PAGES);
    this.#pages += pages;
    if (Math.floor(this.#pages / PROGRESS_PAGES) !== before) {
      onProgress?.(this.#pages, this.#state.usedPages);
    }
  }

  /** Marks a page as reached; false where it was already. */
  #mark(page: number): boolean {
    if (page > this.#state.highestPage) {
      this.miscount(page, "it is reached and lies behind the highest page");
      if (page >= this.#state.pageCount) return true;
    }
    const at = page - this.#first;
    if (at < 0 || at >= this.#count) return true;
    const fresh = ((this.#marks[at >>> 3] >>> (at & 7)) & 1) === 0;
    this.#marks[at >>> 3] |= 1 << (at & 7);
    return fresh;
  }

  problem(page: number, what: string): void {
    this.#damaged = true;
    this.miscount(page, what);
  }

  miscount(page: number, what: string): void {
    const { problems } = this.#report;
    const file = this.#engine.parts.path;
    if (problems.length < MAX_PROBLEMS) problems.push({ file, page, what });
  }

  /** The map of the state must mark exactly what was reached. */
  *#compareMap(): Task<void> {
    const places = segmentPlaces(this.#source.frames.pageBytes);
    const last = this.#first + this.#count;
    let used = 0;
    for (let segment = Math.floor(this.#first / places); segment * places < last; segment++) {
      const frame = yield* this.#bitmap(segment);
      const from = Math.max(segment * places, this.#first, 2);
      const to = Math.min((segment + 1) * places, last);
      for (let page = from; page < to; page++) {
        const at = page - this.#first;
        const reached = ((this.#marks[at >>> 3] >>> (at & 7)) & 1) !== 0;
        const marked = frame >= 0 &&
          getBit(this.#engine.cache.frames, frame, page - segment * places);
        if (marked) used++;
        if (reached && !marked) this.problem(page, "it is reached and marked as free");
        if (!reached && marked) this.problem(page, "it is marked as used and not reached");
      }
    }
    const { usedPages, pageCount } = this.#state;
    if (this.#count === pageCount && used !== usedPages) {
      this.problem(0, `${used} pages are marked as used where ${usedPages} count`);
    }
  }

  *#bitmap(segment: number): Task<number> {
    const frame = yield* this.#engine.pager.mapFrame(this.#state, segment);
    const { frames } = this.#engine.cache;
    if (frame >= 0 && frames.get(frame, KIND) !== BITMAP) return -1;
    return frame;
  }
}
