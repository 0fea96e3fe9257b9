/**
 * Unrest: a random workload on one store whose Io completes operations in any order, with reads,
 * writes, transactions, snapshots, iterations, checkpoints, failing pages, power cuts and openings,
 * all watched by an {@link Audit} and compared with a model.
 *
 * Commits are known by their number: calls that write get the turn in the order in which they were
 * made, so the commits that the store counts are those of the calls, in order.
 *
 * @module
 */

import { setImmediate } from "node:timers";

import { open } from "./runtime.ts";
import { isKvigError } from "../../core/errors.ts";
import type { Kvig, OpenOptions, Snapshot } from "../../mod.ts";
import { assertEquals, fail } from "./assert.ts";
import { Audit, engineOf, Writings } from "./audit.ts";
import type { Random } from "./random.ts";
import { type Image, type Operation, RecordingIo } from "./recording_io.ts";
import { type Step, WEIGHTS } from "./unrest_steps.ts";

export type { Step } from "./unrest_steps.ts";

/** Lets everything go on that waits for nothing. */
export function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Contents by key. */
export type Contents = Map<string, string>;

/** How to be restless. */
export interface UnrestOptions extends OpenOptions {
  /** How many different keys there are. */
  keys: number;
  /** Length of the longest value that lies in a leaf. */
  valueBytes: number;
  /** Length of the longest value of all. */
  largeBytes: number;
  /** How often a step of each kind comes. */
  weights: Partial<Record<Step, number>>;
  /** Whether pages fail to be written now and then. */
  pageFailures?: boolean;
  /** The files to begin with, and what they hold. */
  start?: { image: Image; contents: Contents };
  /** Whether calls with `blocking` settle at once. */
  canBlock?: boolean;
}

type Change = (contents: Contents) => void;

interface Call {
  readonly change: Change;
  /** Number of its commit, once it has one. */
  commit: number;
  readonly sync: boolean;
}

interface HeldSnapshot {
  readonly snapshot: Snapshot;
  readonly sequence: number;
}

interface Iteration {
  readonly iterator: AsyncIterator<[Uint8Array, Uint8Array]>;
  readonly from: string;
  readonly taken: [string, string][];
  sequence: number;
  busy: boolean;
  dropped: boolean;
}

const PATH = "store";
const text = new TextDecoder();

/** One run. */
export class Unrest {
  /** The Io of now. */
  io: RecordingIo;
  /** The audit of now. */
  audit: Audit;
  /** The store of now. */
  store!: Kvig;
  /** What was done, for a look at a failure. */
  readonly trace: string[] = [];
  readonly #random: Random;
  readonly #options: UnrestOptions;
  readonly #writings = new Writings();
  readonly #steps: Step[] = [];
  #base: Contents;
  #baseSequence = 0;
  #commits: Change[] = [];
  #cached: { sequence: number; contents: Contents } | undefined = undefined;
  #acknowledged = 0;
  #calls: Call[] = [];
  #running = new Set<Promise<void>>();
  #errors: unknown[] = [];
  #snapshots: HeldSnapshot[] = [];
  #iterations: Iteration[] = [];
  #slow = new Set<Operation>();
  #quiet = false;

  /** Makes a run; {@link run} starts it. */
  constructor(random: Random, options: UnrestOptions) {
    this.#random = random;
    this.#options = options;
    const { start } = options;
    this.#base = new Map(start?.contents ?? []);
    this.io = this.#newIo(start?.image ?? new Map());
    this.audit = new Audit(this.io, PATH, this.#writings);
    const weights = { ...WEIGHTS, ...options.weights };
    for (const [step, weight] of Object.entries(weights)) {
      for (let i = 0; i < weight; i++) this.#steps.push(step as Step);
    }
  }

  #newIo(image: Image): RecordingIo {
    const { canBlock = true } = this.#options;
    return new RecordingIo({ image, canBlock, idByte: this.#random.below(200) });
  }

  /** Does `count` steps, and ends well. */
  async run(count: number): Promise<void> {
    try {
      await this.#open();
      this.#baseSequence = this.store.stats().sequence;
      for (let i = 0; i < count; i++) await this.#step();
      await this.#quieten();
      this.#compare(await this.#read(this.store), this.store.stats().sequence, "at the end");
      await this.store.close();
      await this.#crash(() => this.io.powerCut(this.#random));
      await this.#quieten();
      await this.store.close();
      this.audit.check();
    } catch (error) {
      console.log(`… ${this.trace.slice(-60).join(" ")}`);
      throw error;
    }
  }

  // Commits

  /** Contents after commit `sequence`. */
  #contents(sequence: number): Contents {
    let from = this.#baseSequence;
    let contents = this.#base;
    if (this.#cached !== undefined && this.#cached.sequence <= sequence) {
      ({ contents, sequence: from } = this.#cached);
    }
    contents = new Map(contents);
    for (let n = from; n < sequence; n++) {
      const change = this.#commits[n - this.#baseSequence];
      if (change === undefined) fail(`commit ${n + 1} was never asked for`);
      change(contents);
    }
    this.#cached = { sequence, contents };
    return contents;
  }

  /** Learns which calls have committed. */
  #learn(): void {
    const { sequence } = engineOf(this.store).pages.visible;
    while (this.#baseSequence + this.#commits.length < sequence) {
      const call = this.#calls.shift();
      if (call === undefined) fail(`commit ${sequence} belongs to no call`);
      this.#commits.push(call.change);
      call.commit = this.#baseSequence + this.#commits.length;
    }
  }

  /** Starts a call that writes; it resolves to false where it turns out to change nothing. */
  #write(change: Change, sync: boolean, start: () => Promise<boolean>): void {
    const call: Call = { change, commit: 0, sync };
    this.#calls.push(call);
    const work = start().then((changed) => {
      if (!changed) this.#forget(call);
      return changed;
    }, (error) => {
      this.#forget(call);
      if (isKvigError(error, "KVIG_IO", "KVIG_ABORTED", "KVIG_FULL")) return false;
      throw error;
    });
    this.#start(work, (changed) => {
      if (!changed) return;
      if (call.commit === 0) fail("a write is over and has no commit");
      if (call.sync && call.commit > this.#acknowledged) this.#acknowledged = call.commit;
    });
  }

  #forget(call: Call): void {
    const index = this.#calls.indexOf(call);
    if (index >= 0) this.#calls.splice(index, 1);
  }

  /** Notes that `work` is under way; `look` sees its result once its commits are known. */
  #start<T>(work: Promise<T>, look: (result: T) => Promise<void> | void = () => {}): void {
    const { io } = this;
    const whole = async (): Promise<void> => {
      try {
        const result = await work;
        await drained();
        // What a store did that is gone by now is nobody's business.
        if (io !== this.io) return;
        this.#learn();
        await look(result);
      } catch (error) {
        if (io === this.io) this.#errors.push(error);
      }
    };
    const running: Promise<void> = whole().finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  // Steps

  async #step(): Promise<void> {
    const step = this.#random.pick(this.#steps);
    if (step !== "settle") this.trace.push(step);
    await this.#do(step);
    await drained();
    this.#learn();
    if (this.#errors.length > 0) throw this.#errors[0];
    this.audit.check();
  }

  async #do(step: Step): Promise<void> {
    const tooMany = this.#running.size > 12;
    if (step === "settle" || (tooMany && !["crash", "kill"].includes(step))) return this.#settle();
    if (step === "crash") return await this.#crash(() => this.io.powerCut(this.#random));
    if (step === "kill") return await this.#crash(() => this.io.killed());
    if (step === "reopen") return await this.#reopen();
    if (step === "get") return this.#get();
    if (step === "scan") return this.#scan();
    if (step === "iterate") return this.#iterate();
    if (step === "snapshot") return this.#snapshot();
    if (step === "verify") return this.#verify();
    if (step === "checkpoint") return this.#start(harmless(this.store.checkpoint()));
    if (step === "flush") return this.#flush();
    if (step === "compact") return this.#start(harmless(this.store.compact()));
    this.#writeStep(step);
  }

  #settle(): void {
    const { inFlight } = this.io;
    if (inFlight.length === 0) return;
    const operation = this.#random.pick(inFlight);
    if (this.#random.oneIn(30)) this.#slow.add(operation);
    if (this.#slow.has(operation) && !this.#random.oneIn(40)) return;
    this.#slow.delete(operation);
    this.io.settle(operation);
  }

  #key(): string {
    return `key ${this.#random.below(this.#options.keys).toString().padStart(6, "0")}`;
  }

  #value(): string {
    const length = this.#random.below(this.#options.valueBytes);
    return `${this.#random.below(1e6)}`.padEnd(length, "abcdefghij");
  }

  #writeStep(step: Step): void {
    const random = this.#random;
    const { store } = this;
    const sync = random.oneIn(2);
    const options = { durability: sync ? "sync" : "deferred" } as const;
    if (step === "put" || step === "large") {
      const key = this.#key();
      const value = step === "put"
        ? this.#value()
        : this.#value().padEnd(random.below(this.#options.largeBytes), "klmnopqrst");
      return this.#write(
        (c) => c.set(key, value),
        sync,
        () => done(store.put(key, value, options)),
      );
    }
    if (step === "burst") {
      for (let i = random.between(2, 20); i > 0; i--) this.#writeStep("put");
    } else if (step === "putSync") this.#putSync();
    else if (step === "delete") {
      const key = this.#key();
      this.#write((c) => c.delete(key), sync, () => store.delete(key, options));
    } else if (step === "clear") {
      const [gte, lt] = [this.#key(), this.#key()].toSorted();
      const change: Change = (c) => {
        for (const key of [...c.keys()]) if (key >= gte && key < lt) c.delete(key);
      };
      this.#write(change, sync, () => store.clear({ gte, lt }, options).then(() => gte < lt));
    } else if (step === "batch") {
      const pairs = this.#pairs(random.between(1, 30));
      const operations = pairs.map(([key, value]) => ({ type: "put" as const, key, value }));
      const change: Change = (c) => pairs.forEach(([key, value]) => c.set(key, value));
      this.#write(change, sync, () => done(store.batch(operations, options)));
    } else this.#transaction(step, options);
  }

  #pairs(count: number): [string, string][] {
    return Array.from({ length: count }, () => [this.#key(), this.#value()]);
  }

  #putSync(): void {
    const key = this.#key();
    const value = this.#value();
    const before = engineOf(this.store).pages.visible.sequence;
    const durability = this.#random.oneIn(2) ? "sync" : "deferred";
    const call: Call = { change: (c) => c.set(key, value), commit: 0, sync: false };
    this.#calls.push(call);
    try {
      this.store.putSync(key, value, { durability });
    } catch (error) {
      this.#forget(call);
      if (!isKvigError(error, "KVIG_WOULD_BLOCK", "KVIG_FULL", "KVIG_IO")) throw error;
      assertEquals(engineOf(this.store).pages.visible.sequence, before, "nothing changed");
      return;
    }
    this.#learn();
    if (durability === "sync") this.#acknowledged = Math.max(this.#acknowledged, call.commit);
  }

  #transaction(step: Step, options: { durability: "sync" | "deferred" }): void {
    const random = this.#random;
    const count = step === "huge" ? random.between(30, 80) : random.between(1, 12);
    const pairs = this.#pairs(count);
    if (step === "huge") {
      for (const pair of pairs) pair[1] = pair[1].padEnd(random.below(16_000), "huge");
    }
    const drop = random.oneIn(2) ? this.#key() : undefined;
    const look = random.oneIn(2);
    const change: Change = (c) => {
      for (const [key, value] of pairs) c.set(key, value);
      if (drop !== undefined) c.delete(drop);
    };
    this.#write(change, options.durability === "sync", () =>
      this.store.transaction(async (tx) => {
        for (const [key, value] of pairs) {
          await tx.put(key, value);
          if (random.oneIn(4)) await drained();
        }
        const [key, value] = pairs.at(-1)!;
        assertEquals(text.decode(await tx.get(key)), value);
        if (look) await tx.range({ limit: 20 }).toArray();
        if (drop !== undefined) await tx.delete(drop);
        if (step === "abort") throw new Abort("taken back");
        return true;
      }, options).catch((error) => {
        if (!(error instanceof Abort)) throw error;
        return false;
      }));
  }

  #get(): void {
    const key = this.#key();
    const from = engineOf(this.store).pages.visible.sequence;
    this.#start(this.store.get(key), (value) => {
      const to = engineOf(this.store).pages.visible.sequence;
      const found = value === undefined ? undefined : text.decode(value);
      for (let n = from; n <= to; n++) if (this.#contents(n).get(key) === found) return;
      fail(`get() found what none of the commits ${from} to ${to} left`);
    });
  }

  #scan(): void {
    const { sequence } = engineOf(this.store).pages.visible;
    const gte = this.#key();
    const limit = this.#random.between(1, 200);
    this.#start(this.store.range({ gte, limit }).toArray(), (entries) => {
      assertEquals(entries.map(decoded), expected(this.#contents(sequence), gte, limit));
    });
  }

  #iterate(): void {
    const idle = this.#iterations.filter(({ busy }) => !busy);
    if (this.#iterations.length < 3 && this.#random.oneIn(2)) {
      const from = this.#key();
      const iterator = this.store.range({ gte: from })[Symbol.asyncIterator]();
      this.#iterations.push({
        iterator,
        from,
        taken: [],
        sequence: -1,
        busy: false,
        dropped: false,
      });
    } else if (idle.length > 0) {
      const iteration = this.#random.pick(idle);
      iteration.busy = true;
      this.#start(this.#iterateOn(iteration), (ended) => this.#checkIteration(iteration, ended));
    }
  }

  /** Takes some entries; returns whether that was all. */
  async #iterateOn(iteration: Iteration): Promise<boolean> {
    const { iterator, taken } = iteration;
    if (iteration.sequence < 0) {
      iteration.sequence = engineOf(this.store).pages.visible.sequence;
    }
    for (let i = this.#random.between(1, 60); i > 0; i--) {
      const result = await iterator.next();
      if (result.done === true) return true;
      taken.push(decoded(result.value));
    }
    return false;
  }

  #checkIteration(iteration: Iteration, ended: boolean): void {
    const { from, taken, sequence } = iteration;
    iteration.busy = false;
    if (iteration.dropped) return;
    const limit = ended ? Infinity : taken.length;
    assertEquals(taken, expected(this.#contents(sequence), from, limit));
    if (!ended && !this.#random.oneIn(6)) return;
    this.#iterations = this.#iterations.filter((each) => each !== iteration);
    if (!ended) this.#start(Promise.resolve(iteration.iterator.return?.()));
  }

  #snapshot(): void {
    if (this.#snapshots.length < 4 && this.#random.oneIn(2)) {
      const { sequence } = engineOf(this.store).pages.visible;
      this.#snapshots.push({ snapshot: this.store.snapshot(), sequence });
      return;
    }
    if (this.#snapshots.length === 0) return;
    const index = this.#random.below(this.#snapshots.length);
    const [held] = this.#snapshots.splice(index, 1);
    if (this.#random.oneIn(2)) return held.snapshot.close();
    this.#start(this.#read(held.snapshot), (entries) => {
      this.#compare(entries, held.sequence, "in a snapshot");
      held.snapshot.close();
    });
  }

  #verify(): void {
    this.#start(this.store.verify(), ({ problems }) => assertEquals(problems, []));
  }

  #flush(): void {
    const { sequence } = engineOf(this.store).pages.visible;
    this.#start(this.store.flush(), () => {
      if (sequence > this.#acknowledged) this.#acknowledged = sequence;
    });
  }

  // Ends and beginnings

  async #open(): Promise<void> {
    const { keys: _k, valueBytes: _v, largeBytes: _l, weights: _w, start: _s, ...rest } =
      this.#options;
    const { pageFailures: _p, canBlock: _c, ...options } = rest;
    this.io.hold = () => false;
    this.store = await open(PATH, { ...options, io: this.io });
    this.audit.watch(this.store);
    this.io.hold = () => !this.#quiet;
    if (this.#options.pageFailures === true) {
      const random = this.#random;
      this.io.failWhen({ match: ({ kind }) => kind === "batch" && random.oneIn(12), times: 1e9 });
    }
  }

  /** Lets everything end that is under way. */
  async #quieten(): Promise<void> {
    this.#quiet = true;
    for (const iteration of this.#iterations) {
      iteration.dropped = true;
      this.#start(Promise.resolve(iteration.iterator.return?.()));
    }
    for (let rounds = 0; this.#running.size > 0 || this.io.inFlight.length > 0; rounds++) {
      if (rounds > 20_000) fail("what is under way does not end");
      this.io.settleAll();
      await drained();
    }
    this.#learn();
    this.#iterations = [];
    for (const { snapshot } of this.#snapshots.splice(0)) snapshot.close();
    if (this.#errors.length > 0) throw this.#errors[0];
    this.io.failNothing();
    this.#quiet = false;
    this.io.hold = () => false;
    assertEquals((await this.store.verify()).problems, []);
    this.audit.check();
  }

  async #reopen(): Promise<void> {
    await this.#quieten();
    const { sequence } = this.store.stats();
    await this.store.close();
    this.audit.check();
    this.io.forget();
    this.#acknowledged = sequence;
    await this.#open();
    assertEquals(this.store.stats().sequence, sequence, "the sequence of the last commit");
    this.#compare(await this.#unheld(() => this.#read(this.store)), sequence, "after reopening");
  }

  async #unheld<T>(work: () => Promise<T>): Promise<T> {
    const { hold } = this.io;
    this.io.hold = () => false;
    const result = await work();
    this.io.hold = hold;
    return result;
  }

  /** Power goes, or the process; then the store is opened again and compared. */
  async #crash(cut: () => Image): Promise<void> {
    this.#learn();
    const image = cut();
    // The first call that has not committed may be a transaction whose meta page just landed.
    const [next] = this.#calls;
    const applied = this.#baseSequence + this.#commits.length;
    if (next !== undefined) this.#commits.push(next.change);
    const issued = applied + (next === undefined ? 0 : 1);
    this.#running.clear();
    this.#calls = [];
    this.#snapshots = [];
    this.#iterations = [];
    this.#slow.clear();
    this.#errors = [];
    this.io = this.#newIo(image);
    this.audit = new Audit(this.io, PATH, this.#writings);
    await this.#open();
    const entries = await this.#unheld(() => this.#read(this.store));
    const { sequence } = this.store.stats();
    if (sequence < this.#acknowledged || sequence > issued) {
      fail(`recovered commit ${sequence}, acknowledged ${this.#acknowledged}, issued ${issued}`);
    }
    this.#compare(entries, sequence, "after a crash");
    const problems = await this.#unheld(async () => (await this.store.verify()).problems);
    assertEquals(problems, []);
    this.audit.check();
    this.#base = new Map(this.#contents(sequence));
    this.#baseSequence = sequence;
    this.#commits = [];
    this.#cached = undefined;
    this.#acknowledged = sequence;
  }

  async #read(reader: Kvig | Snapshot): Promise<[string, string][]> {
    return (await reader.range().toArray()).map(decoded);
  }

  #compare(entries: [string, string][], sequence: number, when: string): void {
    const wanted = expected(this.#contents(sequence), "", Infinity);
    const wrong = wanted.findIndex((pair, i) => pair.join("=") !== entries[i]?.join("="));
    if (wrong >= 0 || wanted.length !== entries.length) {
      fail(
        `${when}, commit ${sequence}: ${entries.length} entries of ${wanted.length}, at ${wrong}`,
      );
    }
  }
}

class Abort extends Error {}

/** True once `work` is over. */
const done = (work: Promise<void>): Promise<boolean> => work.then(() => true);

function decoded([key, value]: [Uint8Array, Uint8Array]): [string, string] {
  return [text.decode(key), text.decode(value)];
}

function expected(contents: Contents, gte: string, limit: number): [string, string][] {
  const keys = [...contents.keys()].filter((key) => key >= gte).toSorted();
  return keys.slice(0, limit).map((key) => [key, contents.get(key)!]);
}

/** The same promise without the failures that leave a store usable. */
async function harmless(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isKvigError(error, "KVIG_IO", "KVIG_FULL")) throw error;
  }
}
