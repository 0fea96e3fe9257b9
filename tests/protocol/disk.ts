/**
 * The disk of the model: two files with what is durable, what is visible and what is pending; calls
 * in flight that take effect late and in any order; a power cut that keeps any subset of what is
 * pending, torn to old, new, garbage, or a page that once stood elsewhere; a killed process.
 *
 * @module
 */

import type { Chooser } from "./chooser.ts";
import { type Content, describe, GARBAGE, MAX_PLACES, RING_BLOCKS } from "./contents.ts";

/** A write of one place, within a call. */
export interface Entry {
  place: number;
  readonly content: Content;
  /** Whether the disk says that it wrote it, and did not. */
  lost: boolean;
}

/** A call that was issued and has not taken effect. */
export interface Call {
  readonly kind: "write" | "sync" | "truncate" | "read";
  readonly file: DiskFile;
  readonly entries: readonly Entry[];
  readonly covers: readonly Pending[];
  readonly full: boolean;
  /** Size that it sets, or that a full sync makes durable. */
  readonly size: number;
  /** Whether it takes longer than others. */
  readonly slow: boolean;
  done: boolean;
  /** Why it failed. */
  failed: "" | "full" | "error";
}

/** A change since the last sync that covered it: of a place, or of the size. */
export interface Pending {
  readonly place: number;
  readonly content: Content;
  /** Whether a failed sync has reported it: no later one covers it. */
  reported: boolean;
}

const SIZE = -1;

/** One file. */
export class DiskFile {
  readonly name: string;
  readonly durable: Content[];
  readonly live: Content[];
  /** Sizes stand in it as changes of the place {@link SIZE}. */
  pending: (Pending & { readonly size: number })[] = [];
  size: number;
  durableSize: number;

  /** A file of `size` places full of zeros. */
  constructor(name: string, size: number) {
    this.name = name;
    this.size = this.durableSize = size;
    this.durable = new Array<Content>(size).fill(undefined);
    this.live = this.durable.slice();
  }

  /** Puts a content there, durably: how the model begins. */
  preset(place: number, content: Content): void {
    this.durable[place] = this.live[place] = content;
  }

  /** What a read finds. */
  at(place: number): Content {
    return place < this.size ? this.live[place] : undefined;
  }

  /** Sets the size that is visible. */
  resize(size: number): void {
    for (let place = size; place < this.size; place++) this.live[place] = undefined;
    for (let place = this.size; place < size; place++) this.live[place] = undefined;
    this.size = size;
    this.pending.push({ place: SIZE, content: undefined, size, reported: false });
  }

  /** Makes a write visible. */
  put(place: number, content: Content): void {
    if (place >= this.size) this.resize(place + 1);
    this.live[place] = content;
    this.pending.push({ place, content, size: 0, reported: false });
  }
}

/** Both files and the calls in flight. */
export class Disk {
  readonly data = new DiskFile("data", 12);
  readonly log = new DiskFile("log", RING_BLOCKS);
  calls: Call[] = [];
  /** Places that the data file can have. */
  capacity: number = MAX_PLACES;
  /** What was ever written, for places that come back with old contents. */
  readonly old: Content[] = [];
  readonly #chooser: Chooser;
  readonly #say: (text: string) => void;

  /** Chooses through `chooser`, and tells what happens. */
  constructor(chooser: Chooser, say: (text: string) => void) {
    this.#chooser = chooser;
    this.#say = say;
  }

  /** Issues a write of several places. */
  write(file: DiskFile, entries: readonly Entry[]): Call {
    return this.#issue({ kind: "write", file, entries });
  }

  /** Issues a sync of what is complete now. */
  sync(file: DiskFile, full: boolean): Call {
    // A size is no page of the cache: a later full sync makes it durable all the same.
    const covers = file.pending.filter(({ place, reported }) =>
      !reported || (full && place === SIZE)
    );
    return this.#issue({ kind: "sync", file, covers, full, size: file.size });
  }

  /** Issues a truncation. */
  truncate(file: DiskFile, size: number): Call {
    return this.#issue({ kind: "truncate", file, size });
  }

  /** Issues a read of a place; its result is what stands there when it takes effect. */
  read(file: DiskFile, place: number): Call {
    const entries = [{ place, content: undefined, lost: false }];
    return this.#issue({ kind: "read", file, entries });
  }

  #issue(call: Pick<Call, "kind" | "file"> & Partial<Call>): Call {
    const issued: Call = {
      entries: [],
      covers: [],
      full: false,
      size: 0,
      slow: this.#chooser.once(call.kind === "read" ? 2 : 12),
      done: false,
      failed: "",
      ...call,
    };
    this.calls.push(issued);
    return issued;
  }

  /** Lets a call take effect. */
  complete(call: Call): void {
    this.calls.splice(this.calls.indexOf(call), 1);
    call.done = true;
    if (call.kind === "write") this.#write(call);
    else if (call.kind === "truncate") {
      if (call.size < call.file.size) call.file.resize(call.size);
    } else if (call.kind === "sync") this.#sync(call);
  }

  #write(call: Call): void {
    if (call.failed !== "") return;
    const { file } = call;
    const end = call.entries.reduce((most, entry) => Math.max(most, entry.place + 1), 0);
    if (file === this.data && end > Math.max(file.size, this.capacity)) {
      call.failed = "full";
      return;
    }
    for (const { place, content, lost } of call.entries) {
      if (content !== undefined) this.old.push(content);
      if (!lost) file.put(place, content);
    }
  }

  #sync(call: Call): void {
    const { file } = call;
    if (call.failed !== "") {
      for (const pending of file.pending) pending.reported = true;
      return;
    }
    for (const { place, content } of call.covers) {
      if (place !== SIZE) file.durable[place] = content;
    }
    // What is older than something that is durable now can no longer come back.
    const newest = new Map<number, number>();
    const covered = new Set<Pending>(call.covers);
    file.pending.forEach((pending, at) => {
      if (covered.has(pending)) newest.set(pending.place, at);
    });
    file.pending = file.pending.filter(({ place }, at) =>
      at > (newest.get(place) ?? -1) || (place === SIZE && !call.full)
    );
    if (!call.full) return;
    for (let place = call.size; place < file.durableSize; place++) file.durable[place] = undefined;
    file.durableSize = call.size;
  }

  /** The process is killed: calls in flight took effect, did not, or left garbage. */
  kill(): void {
    for (const call of this.calls) {
      if (call.kind === "truncate" && this.#chooser.pick(2) === 1) {
        if (call.size < call.file.size) call.file.resize(call.size);
      }
      if (call.kind !== "write") continue;
      for (const { place, content, lost } of call.entries) {
        const fate = this.#chooser.pick(3);
        if (lost || fate === 0 || (place >= call.file.size && place >= this.capacity)) continue;
        call.file.put(place, fate === 1 ? content : GARBAGE);
        this.#tell(place, content, fate === 1 ? "arrives" : "is torn");
      }
    }
    this.calls = [];
  }

  /** The power is cut: what no sync has covered survives, or not, each on its own. */
  cut(): void {
    const style = this.#chooser.pick(3);
    for (const file of [this.data, this.log]) this.#cutFile(file, style);
    this.calls = [];
  }

  #cutFile(file: DiskFile, style: number): void {
    const size = this.#sizeAfterCut(file, style);
    for (let place = file.durableSize; place < size; place++) this.#grown(file, place, style);
    const loose = new Map<number, Content[]>();
    const whole = new Set<number>();
    const add = (place: number, content: Content): void => {
      const contents = loose.get(place);
      if (contents === undefined) loose.set(place, [content]);
      else contents.push(content);
      whole.delete(place);
    };
    for (const { place, content, reported } of file.pending) {
      if (place === SIZE) continue;
      add(place, content);
      if (reported) whole.add(place);
    }
    for (const call of this.calls) {
      if (call.kind !== "write" || call.file !== file) continue;
      for (const { place, content, lost } of call.entries) if (!lost) add(place, content);
    }
    for (const [place, contents] of loose) {
      if (place >= size) {
        const last = contents[contents.length - 1];
        if (last !== undefined) this.#say(`the ${describe(last)} lies behind the end of the file`);
        continue;
      }
      this.#settle(file, place, contents, style, whole.has(place));
    }
    if (size !== file.size || size !== file.durableSize) {
      this.#say(`the size of the ${file.name} file is ${size} (it was ${file.size})`);
    }
    file.size = file.durableSize = size;
    file.durable.length = Math.max(size, 0);
    file.live.length = 0;
    for (let place = 0; place < size; place++) file.live.push(file.durable[place]);
    file.pending = [];
  }

  #settle(
    file: DiskFile,
    place: number,
    contents: readonly Content[],
    style: number,
    whole: boolean,
  ): void {
    const { length } = contents;
    // 0: not written; then the writes, newest first; then torn.
    let fate = style;
    // What a failed sync reported long ago is not torn now: it is there or not.
    if (style === 2) fate = this.#chooser.pick(length + (whole ? 1 : 2));
    if (fate === 0) {
      this.#tell(place, contents[length - 1], "is lost");
    } else if (fate <= length) {
      file.durable[place] = contents[length - fate];
      this.#tell(place, contents[length - fate], "is kept");
    } else {
      file.durable[place] = GARBAGE;
      this.#tell(place, contents[length - 1], "is torn");
    }
  }

  #tell(place: number, content: Content, fate: string): void {
    if (content !== undefined) this.#say(`the ${describe(content)}, written to ${place}, ${fate}`);
  }

  #sizeAfterCut(file: DiskFile, style: number): number {
    const sizes = [file.durableSize];
    for (const { place, size } of file.pending) if (place === SIZE) sizes.push(size);
    for (const call of this.calls) {
      if (call.file === file && call.kind === "truncate") sizes.push(call.size);
    }
    if (style === 0) return sizes[0];
    if (style === 1) return file.size;
    return sizes[this.#chooser.pick(sizes.length)];
  }

  /** A place that the file got with no full sync: as written, zeros, garbage, an old page. */
  #grown(file: DiskFile, place: number, style: number): void {
    const fate = style === 2 ? this.#chooser.pick(4) : 0;
    if (fate === 1) file.durable[place] = undefined;
    else if (fate === 2) file.durable[place] = GARBAGE;
    else if (fate === 3 && this.old.length > 0) {
      file.durable[place] = this.old[this.#chooser.pick(this.old.length)];
    }
  }
}
