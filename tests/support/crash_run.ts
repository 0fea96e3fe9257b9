/**
 * A store on a disk that loses power, played with random operations: at random steps it is looked
 * at what the disk could hold after a power cut, whether a store opens from that, and whether it
 * shows what it must.
 *
 * @module
 */

import { openSync } from "./runtime.ts";
import type { Kvig, OpenOptions } from "../../mod.ts";
import { assertEquals, fail } from "./assert.ts";
import { type Change, History } from "./history.ts";
import { KEY_SHAPES } from "./keys.ts";
import { Model } from "./model.ts";
import { PowerCutIo } from "./power_cut_io.ts";
import type { Random } from "./random.ts";
import { assertSound, PATH, SMALL } from "./store.ts";

const ROLL_BACK = new Error("rolled back on purpose");

/** What is played. */
export interface CrashPlay {
  /** Options of opening. */
  options?: OpenOptions;
  /** About how many different keys. */
  spread: number;
  /** Largest value. */
  maxValueBytes: number;
  /** Operations to play. */
  steps: number;
  /** One in so many steps of the Io is looked at. */
  every: number;
  /** Whether the system lives on: all completed writes are kept. */
  kill?: boolean;
}

/** One life, or several, of one store. */
export class CrashRun {
  /** Images looked at. */
  looked = 0;
  /** What may be shown. */
  history = new History();
  /** The last steps, for people. */
  readonly trace: string[] = [];
  #io = new PowerCutIo();
  #store: Kvig | undefined = undefined;
  readonly #random: Random;
  readonly #play: CrashPlay;
  readonly #options: OpenOptions;
  readonly #shape: string;
  readonly #inline: number;

  /** Plays with `random`. */
  constructor(random: Random, play: CrashPlay) {
    this.#random = random;
    this.#play = play;
    this.#options = { ...SMALL, ...play.options };
    this.#inline = this.#options.pageSize! / 2;
    this.#shape = random.pick(Object.keys(KEY_SHAPES));
  }

  /** Plays all steps. */
  run(): void {
    this.#watch();
    this.#open();
    for (let step = 0; step < this.#play.steps; step++) {
      this.#step();
      if (this.#random.oneIn(80)) this.#live(this.#io.cut(this.#random));
    }
    this.history.check(this.#store!);
    this.#store!.closeSync();
    this.history.acknowledge(this.history.issued);
    this.#look();
  }

  #watch(): void {
    this.#io.onStep = (words) => {
      this.#note(words);
      if (this.#random.oneIn(this.#play.every)) this.#look();
    };
  }

  #note(words: string): void {
    this.trace.push(words);
    if (this.trace.length > 40) this.trace.shift();
  }

  #open(): Kvig {
    this.#note("— open");
    return this.#store = openSync(PATH, { ...this.#options, io: this.#io });
  }

  /** Goes on with what a power cut left. */
  #live(io: PowerCutIo): void {
    this.#note("— power cut");
    this.#io = io;
    const store = this.#open();
    this.history.check(store);
    const model = new Model();
    for (const [key, value] of store.range()) model.put(key, value);
    this.history = new History(model);
    this.#watch();
  }

  /** Looks whether a store opens from what a power cut would leave now. */
  #look(): void {
    this.looked++;
    const options = { keepAll: this.#play.kill === true };
    this.#recover(this.#io.cut(this.#random, options), 0, undefined);
  }

  /** Opens what is left, with more power cuts meanwhile, which must not change what is shown. */
  #recover(io: PowerCutIo, depth: number, expected: number | undefined): number {
    const before = depth < 3 ? new PowerCutIo(io.image()) : undefined;
    const store = openSync(PATH, { ...this.#options, io });
    const commit = this.history.check(store);
    if (expected !== undefined) assertEquals(commit, expected, "recovery shows the same again");
    assertSound(store.verifySync());
    if (this.#random.oneIn(4)) this.#goOn(store, io);
    if (before !== undefined && this.#random.oneIn(2)) this.#cutRecovery(before, depth, commit);
    return commit;
  }

  /** Opens the same image once more, and cuts the power at one of the steps of that. */
  #cutRecovery(io: PowerCutIo, depth: number, commit: number): void {
    const found: PowerCutIo[] = [];
    const chance = this.#random.between(1, 8);
    io.onStep = () => {
      if (found.length < 2 && this.#random.oneIn(chance)) found.push(io.cut(this.#random));
    };
    openSync(PATH, { ...this.#options, io });
    io.onStep = () => {};
    for (const image of found) this.#recover(image, depth + 1, commit);
  }

  /** A store that came back works like any other. */
  #goOn(store: Kvig, io: PowerCutIo): void {
    const before = store.countSync();
    const had = store.hasSync("after the cut");
    for (let i = this.#random.below(20); i >= 0; i--) store.putSync("after the cut", `${i}`);
    if (this.#random.oneIn(2)) store.closeSync();
    const again = openSync(PATH, { ...this.#options, io: io.cut(this.#random) });
    assertEquals(again.countSync(), before + (had ? 0 : 1));
    assertSound(again.verifySync());
  }

  #key(): Uint8Array {
    const { model } = this.history;
    const there = this.#random.oneIn(2)
      ? model.keyAt(this.#random.below(model.size + 1))
      : undefined;
    const maxBytes = this.#options.pageSize! / 4;
    return there ?? KEY_SHAPES[this.#shape](this.#random, maxBytes, this.#play.spread);
  }

  #value(): Uint8Array {
    const random = this.#random;
    const large = random.oneIn(12) ? random.below(this.#play.maxValueBytes) : 0;
    return random.bytes(large > 0 ? large : random.below(random.oneIn(3) ? this.#inline : 40));
  }

  #changes(count: number): Change[] {
    return Array.from({ length: count }, () => {
      return { key: this.#key(), value: this.#random.oneIn(4) ? undefined : this.#value() };
    });
  }

  /** Plays one random operation. */
  #step(): void {
    const kind = this.#random.below(14);
    if (kind < 3) this.#put();
    else if (kind < 5) this.#deferredPuts();
    else if (kind === 5) this.#delete();
    else if (kind === 6) this.#batch();
    else if (kind < 10) this.#transact();
    else if (kind === 10) this.#clear();
    else if (kind === 11) this.#checkpoint();
    else if (kind === 12) this.#rest();
    else this.history.check(this.#store!);
  }

  #put(): void {
    for (let i = this.#random.below(6); i >= 0; i--) {
      const [key, value] = [this.#key(), this.#value()];
      this.#note("— put");
      const commit = this.history.issue([{ key, value }]);
      this.#store!.putSync(key, value);
      this.history.acknowledge(commit);
    }
  }

  #deferredPuts(): void {
    this.#note("— deferred puts");
    for (let i = this.#random.below(60); i >= 0; i--) {
      const [key, value] = [this.#key(), this.#value()];
      this.history.issue([{ key, value }]);
      this.#store!.putSync(key, value, { durability: "deferred" });
    }
    if (this.#random.oneIn(2)) {
      this.#note("— flush");
      this.#store!.flushSync();
      this.history.acknowledge(this.history.issued);
    }
  }

  #delete(): void {
    const { history } = this;
    const key = this.#key();
    this.#note("— delete");
    const there = history.model.get(key) !== undefined;
    if (there) history.issue([{ key, value: undefined }]);
    assertEquals(this.#store!.deleteSync(key), there);
    if (there) history.acknowledge(history.issued);
  }

  #batch(): void {
    const changes = this.#changes(this.#random.below(30));
    this.#note("— batch");
    const commit = this.history.issue(changes);
    this.#store!.batchSync(
      changes.map(({ key, value }) =>
        value === undefined ? { type: "delete", key } : { type: "put", key, value }
      ),
    );
    this.history.acknowledge(commit);
  }

  #clear(): void {
    const { history } = this;
    const range = { gte: this.#key(), lt: this.#key() };
    this.#note("— clear");
    const keys = history.model.keys(range);
    const commit = history.issue(keys.map((key) => ({ key, value: undefined })));
    assertEquals(this.#store!.clearSync(range), keys.length);
    if (keys.length > 0) history.acknowledge(commit);
  }

  #checkpoint(): void {
    this.#note("— checkpoint");
    this.#store!.checkpointSync();
    this.history.acknowledge(this.history.issued);
  }

  #rest(): void {
    if (this.#random.oneIn(3)) {
      this.#note("— compact");
      this.#store!.compactSync();
      return;
    }
    this.#note("— close");
    this.#store!.closeSync();
    this.history.acknowledge(this.history.issued);
    this.#open();
  }

  #transact(): void {
    const { history } = this;
    const random = this.#random;
    const commit = !random.oneIn(3);
    // Now and then more than a quarter of the log takes.
    const changes = this.#changes(random.oneIn(5) ? random.below(1500) : random.below(40));
    this.#note(`— transaction of ${changes.length}, ${commit ? "kept" : "rolled back"}`);
    const number = commit ? history.issue(changes) : 0;
    try {
      this.#store!.transactionSync((tx) => {
        for (const { key, value } of changes) {
          if (value === undefined) tx.deleteSync(key);
          else tx.putSync(key, value);
        }
        if (!commit) throw ROLL_BACK;
      });
    } catch (error) {
      if (error !== ROLL_BACK) throw error;
    }
    if (commit && changes.length > 0) history.acknowledge(number);
  }
}

/** Fails with the steps that led there. */
export function runAndTell(run: CrashRun): void {
  try {
    run.run();
  } catch (error) {
    console.log(`the last steps:\n${run.trace.join("\n")}`);
    if (error instanceof Error) throw error;
    fail(String(error));
  }
}
