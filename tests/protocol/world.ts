/**
 * One run of the model: the disk, the opening that is up, processes under way, the history that
 * says what is right, the fault that was injected, and the trace of what happened.
 *
 * @module
 */

import type { Chooser } from "./chooser.ts";
import {
  type Block,
  type Content,
  describe,
  type Page,
  type Reference,
  type State,
} from "./contents.ts";
import { type Call, Disk, type DiskFile, type Entry } from "./disk.ts";
import { judge } from "./frames.ts";
import { type Damage, History, sameValues, Violation } from "./history.ts";
import type { Group } from "./parts.ts";
import { opening } from "./recovery.ts";
import type { Process, Task } from "./process.ts";
import type { RuleSet } from "./rules.ts";
import type { Store } from "./store.ts";

/** A silent fault of the disk: one a run. */
export interface Fault {
  readonly kind: "flip" | "lost" | "misdirected";
  readonly file: DiskFile;
  /** What was damaged, at the place where it belongs and where it landed. */
  readonly victims: readonly Content[];
  /** Whether it is one of two valid meta pages that flipped: then the other one must do. */
  readonly spareMeta: boolean;
}

const MAX_SETTLE = 2000;

/** What the store is doing. */
export type Status = "down" | "opening" | "up" | "failed";

/** One run. */
export class World {
  readonly rules: RuleSet;
  readonly chooser: Chooser;
  readonly disk: Disk;
  readonly history = new History();
  status: Status = "down";
  store: Store | undefined = undefined;
  processes: Process[] = [];
  fault: Fault | undefined = undefined;
  /** The fault that the next write meets. */
  nextFault: "" | "lost" | "misdirected" = "";
  /** The groups that the last sync of the log covered. */
  lastSync: readonly Group[] = [];
  /** Why a group counts that was never written so. */
  mixed = "";
  /** What happened, where it is to be told. */
  readonly trace: string[] | undefined;
  /** How often the store was opened to its end. */
  openings = 0;
  #sums = 0;
  readonly #written = new Map<number, string>();

  /** A new store, closed cleanly, under `rules`. */
  constructor(rules: RuleSet, chooser: Chooser, trace?: string[]) {
    this.rules = rules;
    this.chooser = chooser;
    this.trace = trace;
    this.disk = new Disk(chooser, (text) => this.say(() => text));
    this.#create();
  }

  #create(): void {
    const { data } = this.disk;
    const at = (place: number): Reference => ({ place, epoch: 1 });
    const reached = 0b1111100;
    const state: State = {
      generation: 0,
      root: at(2),
      index: at(5),
      reached,
      pageCount: data.size,
      sequence: 0,
    };
    data.preset(0, {
      kind: "meta",
      checkpoint: 1,
      state,
      group: 1,
      position: 0,
      salt: 1,
      epochLimit: 2,
    });
    const page = (place: number, body: Page["body"]): void => {
      data.preset(place, { kind: "page", place, epoch: 1, body });
    };
    page(2, { kind: "root", leaves: [at(3), at(4)] });
    page(3, { kind: "leaf", cells: [0, 0] });
    page(4, { kind: "leaf", cells: [0, 0] });
    page(5, { kind: "index", bitmaps: [at(6), undefined, undefined] });
    page(6, { kind: "bitmap", bits: reached });
  }

  /** Adds a line to the trace, if there is one. */
  say(text: () => string): void {
    this.trace?.push(text());
  }

  /** A checksum that no other block has. */
  newSum(): number {
    return ++this.#sums;
  }

  /** Notes that a page is written, and that no other one has its number and epoch. */
  checkOnce(place: number, epoch: number, content: string): void {
    const key = epoch * 64 + place;
    const before = this.#written.get(key);
    if (before === undefined) this.#written.set(key, content);
    else if (before !== content && !this.#metaNotWritten()) {
      throw new Violation("twice", `place ${place} is written twice with epoch ${epoch}`);
    }
  }

  /** A meta page that never arrived allowed epochs that nobody can know of. */
  #metaNotWritten(): boolean {
    const { fault } = this;
    return fault !== undefined && fault.kind !== "flip" &&
      fault.victims.some((victim) => victim?.kind === "meta");
  }

  /** Reads a page that is referred to. */
  pageAt(reference: Reference): Page {
    return judge(this, this.disk.data.at(reference.place), reference);
  }

  /** Issues a write, which may meet a fault. */
  write(file: DiskFile, entries: Entry[], why: string): Call {
    this.say(() => `${why} writes ${describeAll(entries)}`);
    if (this.nextFault !== "" && entries[0]?.content !== undefined) this.#injure(file, entries);
    return this.disk.write(file, entries);
  }

  #injure(file: DiskFile, entries: Entry[]): void {
    const entry = entries[this.chooser.pick(entries.length)];
    const { place, content } = entry;
    const victims: Content[] = [content];
    const kind = this.nextFault === "lost" ? "lost" : "misdirected";
    if (kind === "lost") entry.lost = true;
    else {
      entry.place = (place + 1 + this.chooser.pick(file.size - 1)) % file.size;
      victims.push(file.at(entry.place));
    }
    this.say(() => `FAULT: the write of the ${describe(content)} to ${place} is ${kind}`);
    this.fault = { kind, file, victims, spareMeta: false };
    this.nextFault = "";
  }

  /** A bit of a place flips: no checksum fits any more. */
  flip(file: DiskFile, place: number): void {
    const content = file.at(place);
    this.say(() => `FAULT: a bit of the ${describe(content)} at ${place} flips`);
    const spare = file.at(1 - place);
    const durable = spare?.kind === "meta" && file.durable[1 - place] === spare;
    const spareMeta = content?.kind === "meta" && durable;
    this.fault = { kind: "flip", file, victims: [content], spareMeta };
    file.live[place] = file.durable[place] = { kind: "garbage" };
    file.pending = file.pending.filter((pending) => pending.place !== place);
  }

  /** Tells the user that commits up to `sequence` are durable. */
  acknowledge(sequence: number): void {
    if (this.history.acknowledge(sequence)) this.say(() => `commit ${sequence} is acknowledged`);
  }

  /** Begins a process. */
  spawn(name: string, task: Task<void>): void {
    const process: Process = { name, task, waits: undefined };
    this.processes.push(process);
    this.advance(process);
  }

  /** Begins to open the store. */
  open(): void {
    this.status = "opening";
    this.say(() => "the store is being opened");
    this.spawn("opening", opening(this));
  }

  /** Lets a process go on until it waits. */
  advance(process: Process): void {
    const { done, value } = process.task.next();
    if (done !== true) {
      process.waits = value;
      return;
    }
    const index = this.processes.indexOf(process);
    if (index >= 0) this.processes.splice(index, 1);
  }

  /** Lets everything under way come to its end, in order; with `butSlow` not what takes longer. */
  settle(butSlow = false): void {
    for (let step = 0; step < MAX_SETTLE && this.status !== "failed"; step++) {
      const ready = this.processes.find(({ waits }) => waits === undefined || waits());
      if (ready !== undefined) this.advance(ready);
      else {
        const call = this.disk.calls.find(({ slow }) => !slow || !butSlow);
        if (call === undefined) return;
        this.disk.complete(call);
      }
    }
  }

  /** The store has failed: nothing but a crash helps. */
  fail(): void {
    this.status = "failed";
    this.say(() => "the store has failed");
  }

  /** The store was closed. */
  closed(): void {
    this.say(() => "the store is closed");
    this.lastSync = [];
    this.#down();
  }

  #down(): void {
    this.status = "down";
    this.store = undefined;
    this.processes = [];
  }

  /** The process or the machine ends. */
  crash(kind: "kill" | "cut"): void {
    this.say(() => kind === "cut" ? "POWER CUT" : "the process is KILLED");
    if (kind === "cut") this.disk.cut();
    else this.disk.kill();
    this.#down();
  }

  /** Opening is over: compares what was found with what may be. */
  opened(): void {
    const { store, history } = this;
    if (store === undefined) return;
    this.status = "up";
    this.openings++;
    for (const frame of [...store.frames.all()]) {
      if (!frame.dirty && !frame.busy) store.frames.drop(frame.place);
    }
    const values = store.tree.values(store.frames.work);
    const sequence = history.find(values);
    if (sequence < 0) {
      throw new Violation("prefix", `what is found, ${values.join(" ")}, was never there`);
    }
    if (!sameValues(values, history.after(sequence))) throw new Error("model: no such commit");
    if (sequence < history.acknowledged && sequence < this.#excused()) {
      const { acknowledged } = history;
      throw new Violation(
        "acknowledged",
        `commit ${sequence} is found, and ${acknowledged} was acknowledged`,
      );
    }
    const reached = store.tree.reached(store.frames.work);
    const marked = store.tree.marked(store.frames.work);
    if (reached !== marked) {
      throw new Violation("map", `the map marks ${bits(marked)}, and ${bits(reached)} are reached`);
    }
    if (this.mixed !== "") throw new Violation("mixed", this.mixed);
    const { issued } = history;
    this.say(() => `the store is open with commit ${sequence} of ${issued}`);
    history.recovered(sequence);
    this.lastSync = [];
  }

  /**
   * The exception: damage in what the last sync of a log covered that was not closed looks like a
   * torn tail. Returns the oldest commit that may be found.
   */
  #excused(): number {
    const { fault, lastSync } = this;
    if (fault === undefined || fault.file !== this.disk.log) return Infinity;
    const groups = fault.victims.filter((victim): victim is Block => victim?.kind === "block")
      .map(({ group }) => group);
    if (!lastSync.some(({ number }) => groups.includes(number))) return Infinity;
    return lastSync[0].first - 1;
  }

  /** What damage that the store reports means: detected, or a violation. */
  reported(damage: Damage): Violation | undefined {
    const { fault } = this;
    if (fault === undefined) return new Violation("false damage", damage.message);
    if (fault.spareMeta && damage.where === "pages") {
      return new Violation("refused", damage.message);
    }
    return undefined;
  }
}

/** What a call writes, pages of one epoch together. */
function describeAll(entries: readonly Entry[]): string {
  const first = entries[0]?.content;
  const isPages = entries.every(({ content }) =>
    content?.kind === "page" && first?.kind === "page" && content.epoch === first.epoch
  );
  if (!isPages || entries.length === 1) {
    return entries.map(({ content }) => `the ${describe(content)}`).join(", ");
  }
  const names = entries.map(({ place, content }) =>
    content?.kind === "page" ? `${content.body.kind} ${place}` : ""
  );
  return `${names.join(", ")} of epoch ${first?.kind === "page" ? first.epoch : 0}`;
}

function bits(places: number): string {
  const list: number[] = [];
  for (let place = 0; place < 32; place++) if (((places >>> place) & 1) !== 0) list.push(place);
  return list.join(" ");
}
