/**
 * Opens a damaged store, reads everything in it, and says what came of it: the right answers, or a
 * typed error that names the damage. Anything else is a violation.
 *
 * @module
 */

import { Buffer } from "node:buffer";

import { isKvigError } from "../../core/errors.ts";
import { fileSeed } from "../../core/meta.ts";
import type { Kvig } from "../../mod.ts";
import { openTinySync } from "../sim/tiny_store.ts";
import {
  cellsOf,
  decodePage,
  KINDS,
  newestMeta,
  reachOf,
  runPages,
  type RunReference,
  runReference,
} from "../support/image.ts";
import { ImageIo, UNIT_BYTES } from "../support/image_io.ts";
import { DATA, LOG, type Pair, type Subject } from "./subject.ts";

/** What can come of damage, and what it means. The last three are violations. */
export const OUTCOMES = {
  right: "everything was right: what was damaged is not used",
  cut: "what the last sync of the log of a killed store covered was cut, the rest was right",
  refused: "opening refused it with a typed error",
  read: "a reading failed with a typed error that names the page, and verify() names it too",
  verify: "everything read right, and verify() names the page",
  wrong: "a wrong answer",
  crash: "an error of another kind",
  hang: "no end within the limits",
} as const;

/** What came of damage. */
export type Outcome = keyof typeof OUTCOMES;

/** Where a case damages a store. */
export interface Touched {
  /** In which file. */
  file: typeof DATA | typeof LOG;
  /** Which pages or blocks. */
  units: readonly number[];
}

/** What was found. */
export interface Verdict {
  /** What came of it. */
  outcome: Outcome;
  /** For violations: what is wrong. */
  what: string;
}

/** How a case is opened and read. */
export interface Reading {
  /** Open for reading alone. */
  readOnly: boolean;
  /** Which of the readings comes first: 0 to 3. */
  first: number;
  /**
   * Whether readings are left out that cannot differ from others: every reading is a function of
   * the bytes that it looks at, and what the undamaged store's readings look at is known.
   */
  brief: boolean;
}

/** A wrong answer, in words that say where. */
class Wrong extends Error {}

const NOWHERE: Touched = { file: DATA, units: [] };

/** Reads one subject, in case after case. */
export class Judge {
  /** The files: restored before each case, then damaged by the caller. */
  readonly io: ImageIo = new ImageIo();
  /** The subject. */
  readonly subject: Subject;
  /** For each key the pages that opening and getting it read. */
  readonly #keyReads: readonly ReadonlySet<number>[];
  readonly #everRead: ReadonlySet<number>;
  /** For each page the keys whose get reads it. */
  readonly #readers = new Map<number, number[]>();
  /** The data file of the undamaged store when it has been opened for writing. */
  readonly #opened: Uint8Array;
  /** For each page that the store shows before and after its opening, how much of it matters. */
  readonly #vital = new Map<number, number>();
  /** For each page the large values that lie in it or once did, by their first pages. */
  readonly #runs = new Map<number, Set<number>>();
  // The case that is being judged.
  #touched: Touched = NOWHERE;
  #expected: readonly Pair[] = [];
  #failures = 0;

  /** Learns from the undamaged subject what each reading looks at. */
  constructor(subject: Subject) {
    this.subject = subject;
    for (const path of [DATA, LOG] as const) this.io.file(path).setImage(subject.images[path]);
    this.#findRuns(subject.images[DATA]);
    this.#trace(() => this.#open(false));
    this.#opened = this.io.file(DATA).bytes();
    this.#findRuns(this.#opened);
    this.#findVital();
    const keys = subject.models[subject.commits]!.map(([key]) => key);
    this.#keyReads = keys.map((key) => this.#trace(() => this.#open(false).getSync(key)));
    this.#keyReads.forEach((pages, index) => {
      for (const page of pages) {
        const readers = this.#readers.get(page);
        if (readers === undefined) this.#readers.set(page, [index]);
        else readers.push(index);
      }
    });
    const all = new Set<number>();
    for (const readOnly of [false, true]) {
      const pages = this.#trace(() => {
        const verdict = this.judge(NOWHERE, { readOnly, first: 0, brief: false });
        if (verdict.outcome !== "right") throw new Error(`undamaged: ${verdict.what}`);
      });
      for (const page of pages) all.add(page);
    }
    this.#everRead = all;
    this.io.restore();
  }

  /** Pages of the data file that `work` reads of the undamaged store. */
  #trace(work: () => unknown): Set<number> {
    this.io.restore();
    return this.#noteReads(work);
  }

  #noteReads(work: () => unknown): Set<number> {
    const file = this.io.file(DATA);
    file.reads = new Uint8Array(4 * file.live.length / UNIT_BYTES);
    work();
    const pages = new Set<number>();
    file.reads.forEach((read, unit) => {
      if (read !== 0) pages.add(Math.floor(unit * UNIT_BYTES / this.subject.pageBytes));
    });
    file.reads = undefined;
    return pages;
  }

  /** The large values that any leaf of a file refers to, and the page of that leaf. */
  *#runsOf(data: Uint8Array): Generator<{ leaf: number; run: RunReference }> {
    const { pageBytes } = this.subject;
    const seed = fileSeed(newestMeta(data).fileId);
    for (let page = 2; page * pageBytes < data.length; page++) {
      const at = page * pageBytes;
      const view = decodePage(data.subarray(at, at + pageBytes), seed);
      if (typeof view === "string" || view.kind !== KINDS.leaf) continue;
      for (const { value, large } of cellsOf(view)) {
        if (large) yield { leaf: page, run: runReference(value) };
      }
    }
  }

  #findRuns(data: Uint8Array): void {
    for (const { run } of this.#runsOf(data)) {
      for (let i = 0; i < runPages(run, this.subject.pageBytes); i++) {
        const firsts = this.#runs.get(run.page + i);
        if (firsts === undefined) this.#runs.set(run.page + i, new Set([run.page]));
        else firsts.add(run.page);
      }
    }
  }

  #open(readOnly: boolean): Kvig {
    return openTinySync(this.io, DATA, { ...this.subject.options, readOnly });
  }

  /**
   * Pages of the state that is opened, and that the opened store still shows: damage to them must
   * be noticed. Of a large value's last page only the value's end counts.
   */
  #findVital(): void {
    const { pageBytes, images } = this.subject;
    const before = reachOf(images[DATA], newestMeta(images[DATA])).pages;
    const after = reachOf(this.#opened, newestMeta(this.#opened)).pages;
    for (const [page, epoch] of before) {
      if (after.get(page) === epoch) this.#vital.set(page, pageBytes);
    }
    for (const { leaf, run } of this.#runsOf(images[DATA])) {
      const last = run.page + runPages(run, pageBytes) - 1;
      if (!before.has(leaf) || !this.#vital.has(last)) continue;
      this.#vital.set(last, run.length - (last - run.page) * pageBytes);
    }
  }

  /** Whether something is damaged that the store shows, whichever meta page it is opened with. */
  #vitalTouched(): boolean {
    if (this.#metaTouched) return false;
    const { pageBytes, images } = this.subject;
    const { live } = this.io.file(DATA);
    return this.#touched.file === DATA && this.#touched.units.some((unit) => {
      const at = unit * pageBytes;
      const end = at + (this.#vital.get(unit) ?? 0);
      return Buffer.compare(live.subarray(at, end), images[DATA].subarray(at, end)) !== 0;
    });
  }

  /** Opens the damaged files, reads everything and says what came of it. */
  judge(touched: Touched, reading: Reading): Verdict {
    return this.#judged(touched, (): Outcome => {
      const store = this.#tryOpen(reading.readOnly);
      if (store === undefined) return "refused";
      const cut = this.#choose(store);
      if (reading.brief && !cut && this.#readBriefly(store, reading.readOnly)) return "right";
      if (!reading.brief || cut || this.#metaTouched) {
        for (let i = 0; i < 4; i++) this.#read(store, (reading.first + i) % 4);
      }
      const outcome = this.#conclude(store, cut);
      if (outcome === "right" && this.#vitalTouched()) {
        throw new Wrong("damage to a page that the store shows went unnoticed");
      }
      return outcome;
    });
  }

  /**
   * Opens the store, whose damage lies in a page that nothing ever reads, and proves that: what was
   * done is then the same for any other bytes there. False where something did read it.
   */
  neverReads(touched: Touched, reading: Reading): boolean {
    const { file, units } = touched;
    if (file !== DATA || units.some((unit) => this.#everRead.has(unit))) return false;
    const pages = this.#noteReads(() => this.judge(touched, reading));
    return !units.some((unit) => pages.has(unit));
  }

  /**
   * Reads what may differ from the undamaged store; true where that is nothing at all, because the
   * data file is the same, and no damage is left in what the store reads.
   */
  #readBriefly(store: Kvig, readOnly: boolean): boolean {
    const { file, units } = this.#touched;
    if (file === LOG) {
      // A read-only opening leaves no trace in the file: it is read from.
      const { live, size } = this.io.file(DATA);
      return !readOnly && Buffer.compare(live.subarray(0, size), this.#opened) === 0;
    }
    if (!units.some((unit) => this.#everRead.has(unit))) {
      if (store.countSync() !== this.#expected.length) throw new Wrong("count() is wrong");
      return true;
    }
    for (const unit of units) {
      for (const index of this.#readers.get(unit) ?? []) this.#get(store, index);
    }
    return false;
  }

  #judged(touched: Touched, work: () => Outcome): Verdict {
    this.#touched = touched;
    this.#failures = 0;
    let verdict: Verdict;
    try {
      verdict = { outcome: work(), what: "" };
    } catch (error) {
      const wrong = error instanceof Wrong || isKvigError(error);
      const what = wrong ? error.message : error instanceof Error ? error.stack : String(error);
      verdict = { outcome: wrong ? "wrong" : "crash", what: what ?? "" };
    }
    const { exceeded } = this.io;
    return exceeded === "" ? verdict : { outcome: "hang", what: `more than ${exceeded}` };
  }

  #tryOpen(readOnly: boolean): Kvig | undefined {
    try {
      return this.#open(readOnly);
    } catch (error) {
      this.#checkError(error, true);
      return undefined;
    }
  }

  /** Whether a meta page is damaged. */
  get #metaTouched(): boolean {
    return this.#touched.file === DATA && this.#touched.units.some((unit) => unit < 2);
  }

  /** Fails unless it is a typed error that names what was damaged. */
  #checkError(error: unknown, opening: boolean): void {
    if (!isKvigError(error)) throw error;
    const { message, page, position } = error;
    if (error.code !== "KVIG_CORRUPT") throw new Wrong(`${error.code}: ${message}`);
    const { file } = this.#touched;
    if (opening && page === undefined && this.#metaTouched) {
      // Both meta pages are damaged, or the log proves that the newer one is.
      if (error.file !== DATA && error.file !== LOG) throw new Wrong(message);
    } else if (error.file !== file) {
      throw new Wrong(`it names the file ${error.file}: ${message}`);
    } else if (file === LOG) {
      if (!opening || position === undefined) throw new Wrong(`no position: ${message}`);
    } else if (page === undefined || !this.#mayName(page)) {
      throw new Wrong(`it names page ${page}: ${message}`);
    }
  }

  /** Whether damage of this case may be named by `page`: the page, or the large value in it. */
  #mayName(page: number): boolean {
    const { file, units } = this.#touched;
    if (file !== DATA) return false;
    return units.some((unit) => unit === page || this.#runs.get(unit)?.has(page) === true);
  }

  /** Decides by the number of commits what the store must show; whether some were cut. */
  #choose(store: Kvig): boolean {
    const { sequence } = store.stats();
    const { commits, durableBefore, models, killed } = this.subject;
    const floor = killed && this.#touched.file === LOG ? durableBefore : commits;
    const expected = models[sequence];
    if (expected === undefined || sequence > commits || sequence < floor) {
      throw new Wrong(`it shows ${sequence} commits of ${commits}, ${floor} are safe`);
    }
    this.#expected = expected;
    return sequence < commits;
  }

  #read(store: Kvig, which: number): void {
    if (which === 0) this.#getAll(store);
    else if (which === 1) this.#iterate(store, false);
    else if (which === 2) this.#iterate(store, true);
    else this.#count(store);
  }

  #getAll(store: Kvig): void {
    for (let index = 0; index < this.#expected.length; index++) this.#get(store, index);
    try {
      if (store.getSync("~") !== undefined) throw new Wrong("an absent key is there");
    } catch (error) {
      if (error instanceof Wrong) throw error;
      this.#failed(error);
    }
  }

  #get(store: Kvig, index: number): void {
    const [key, value] = this.#expected[index]!;
    let found: Uint8Array | undefined;
    try {
      found = store.getSync(key);
    } catch (error) {
      this.#failed(error);
      // A read of undamaged pages alone never fails.
      const pages = this.#keyReads[index]!;
      if (this.#touched.units.some((unit) => pages.has(unit))) return;
      throw new Wrong(`the key ${key} is on no damaged page and cannot be read`);
    }
    if (found === undefined || !same(found, value)) throw new Wrong(`get(${key}) is wrong`);
  }

  #iterate(store: Kvig, reverse: boolean): void {
    const expected = this.#expected;
    const iterator = store.range({ reverse })[Symbol.iterator]();
    for (let count = 0;; count++) {
      let result: IteratorResult<[Uint8Array, Uint8Array]>;
      try {
        result = iterator.next();
      } catch (error) {
        this.#failed(error);
        let again: unknown;
        try {
          iterator.next();
        } catch (second) {
          again = second;
        }
        if (again !== error) throw new Wrong("an iteration goes on behind damage");
        return;
      }
      if (result.done === true) {
        if (count !== expected.length) throw new Wrong(`an iteration ends behind ${count} entries`);
        return;
      }
      const pair = expected[reverse ? expected.length - 1 - count : count];
      const [key, value] = result.value;
      if (pair === undefined || text(key) !== pair[0] || !same(value, pair[1])) {
        throw new Wrong(`an iteration gives a wrong entry number ${count}`);
      }
    }
  }

  #count(store: Kvig): void {
    if (store.countSync() !== this.#expected.length) throw new Wrong("count() is wrong");
    try {
      const count = store.countSync({ gte: "" });
      if (count !== this.#expected.length) throw new Wrong("count() of a range is wrong");
    } catch (error) {
      if (error instanceof Wrong) throw error;
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#checkError(error, false);
    this.#failures++;
  }

  /** Verifies: what readings met must be named, and nothing else. */
  #conclude(store: Kvig, cut: boolean): Outcome {
    const report = store.verifySync();
    for (const { file, page, what } of report.problems) {
      if (file !== DATA || !this.#mayName(page)) {
        throw new Wrong(`verify() blames page ${page} of ${file}: ${what}`);
      }
    }
    if (report.ok !== (report.problems.length === 0)) {
      throw new Wrong("verify() contradicts itself");
    }
    if (this.#failures > 0) {
      if (report.ok) throw new Wrong("a reading failed, and verify() finds nothing");
      return "read";
    }
    if (!report.ok) return "verify";
    return cut ? "cut" : "right";
  }
}

function text(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  if (a.length > 32) return Buffer.compare(a, b) === 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
