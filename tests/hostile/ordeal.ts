/**
 * What a pair of hostile files is put through: opened, read, verified, written to, closed, opened
 * again. Whatever the bytes are, nothing but a KvigError may come of it, soon; and what verify()
 * calls sound must be sound and go on being it.
 *
 * @module
 */

import { checkedIo } from "../../core/checked_io.ts";
import { bytes } from "../../core/codec.ts";
import { Kvig } from "../../core/database.ts";
import { isKvigError } from "../../core/errors.ts";
import { CallMode } from "../../core/file_access.ts";
import { runSync } from "../../core/future.ts";
import { openEngine } from "../../core/opening.ts";
import { checkOptions } from "../../core/options.ts";
import { DATA } from "../damage/subject.ts";
import { newestMeta, reachOf } from "../support/image.ts";
import type { ImageIo } from "../support/image_io.ts";
import type { Random } from "../support/random.ts";
import type { Base } from "./bases.ts";

/** A violation that is no error of another kind: what should hold and does not. */
export class Broken extends Error {}

/** How an ordeal is carried out. */
export interface OrdealOptions {
  /** What the files were made of. */
  readonly base: Base;
  /** Whether what is read must be what the base showed: the checksums were left as they were. */
  readonly strict: boolean;
  /** Decides what is done. */
  readonly random: Random;
}

/** How far an ordeal went. */
export interface Course {
  /** The code with which opening refused the files, if it did. */
  refused: string;
  /** Calls that threw a KvigError. */
  errors: number;
  /** Whether verify() called the store sound. */
  sound: boolean;
}

const KEYS_READ = 4;

/** One ordeal. */
export class Ordeal {
  readonly #io: ImageIo;
  readonly #options: OrdealOptions;
  readonly #course: Course = { refused: "", errors: 0, sound: false };
  readonly #readOnly: boolean;
  readonly #createIfMissing: boolean;

  /** Of the files in `io`. */
  constructor(io: ImageIo, options: OrdealOptions) {
    this.#io = io;
    this.#options = options;
    this.#readOnly = options.random.oneIn(4);
    this.#createIfMissing = !options.strict && !this.#readOnly && options.random.oneIn(3);
  }

  /** Goes through all of it; throws what must not be thrown. */
  run(): Course {
    const store = this.#open();
    if (store === undefined) return this.#course;
    this.#readAll(store);
    if (this.#options.strict) this.#compare(store);
    const content = this.#verify(store);
    if (!this.#readOnly) this.#write(store, content);
    else this.#try(() => store.closeSync());
    return this.#course;
  }

  #open(readOnly = this.#readOnly): Kvig | undefined {
    const { base, random } = this.#options;
    // A cache for the largest pages costs more than all the rest.
    const anySize = random.oneIn(24);
    const block = base.pageBytes;
    const checked = {
      ...checkOptions({ readOnly, createIfMissing: this.#createIfMissing && !readOnly }),
      pageBytes: anySize ? undefined : base.pageBytes,
      logBlockBytes: block,
      cacheBytes: 128 * (anySize ? 65_536 : base.pageBytes),
      logBytes: 16 * block,
      maxBytes: Infinity,
      sizes: {
        leastLogBytes: 16 * block,
        logBufferBytes: 32 * block,
        stagingBytes: 16 * block,
        growthBytes: 16 * block,
        slicePages: 8,
      },
    };
    const io = checkedIo(this.#io);
    const mode = new CallMode(true);
    mode.blocking = true;
    try {
      const engine = runSync(openEngine(io, DATA, checked, mode));
      return new Kvig(engine, { key: bytes, value: bytes });
    } catch (error) {
      if (!isKvigError(error)) throw error;
      this.#course.refused = error.code;
      return undefined;
    } finally {
      mode.blocking = false;
    }
  }

  /** Carries something out that may throw a KvigError; undefined where it did. */
  #try<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!isKvigError(error)) throw error;
      this.#course.errors++;
      return undefined;
    }
  }

  #key(): string {
    const { keys } = this.#options.base;
    const { random } = this.#options;
    if (keys.length === 0 || random.oneIn(4)) return `new ${random.below(100)}`;
    return random.pick(keys);
  }

  #readAll(store: Kvig): void {
    const { random } = this.#options;
    for (let i = 0; i < KEYS_READ; i++) this.#try(() => store.getSync(this.#key()));
    this.#try(() => store.range().toArraySync());
    this.#try(() => store.range({ reverse: true }).toArraySync());
    if (random.oneIn(2)) this.#try(() => store.countSync({ gte: "" }));
    else this.#try(() => store.keys({ gt: this.#key(), limit: 5 }).toArraySync());
    this.#try(() => store.values({ lte: this.#key(), reverse: true, limit: 5 }).toArraySync());
    if (random.oneIn(16)) this.#try(() => store.backupSync("copy"));
    store.stats();
  }

  /** Without repaired checksums every answer must be that of the store before the damage. */
  #compare(store: Kvig): void {
    const { models } = this.#options.base;
    const { sequence } = store.stats();
    const model = models.get(sequence);
    if (model === undefined) throw new Broken(`it shows ${sequence} commits`);
    const expected = new Map(model);
    for (const [key, value] of model) {
      const found = this.#try(() => ({ value: store.getSync(key) }));
      if (found !== undefined && !sameBytes(found.value, value)) throw new Broken("a wrong value");
    }
    const entries = this.#try(() => store.range().toArraySync());
    if (entries === undefined) return;
    if (entries.length !== model.length) throw new Broken(`a range of ${entries.length} entries`);
    for (const [key, value] of entries) {
      if (!sameBytes(expected.get(textOf(key)), value)) throw new Broken("a wrong entry");
    }
  }

  /** Verifies; where nothing is wrong, returns the content after an independent look at it. */
  #verify(store: Kvig): Map<string, Uint8Array> | undefined {
    if (!this.#readOnly) this.#try(() => store.checkpointSync());
    const report = this.#try(() => store.verifySync());
    if (report === undefined || !report.ok) return undefined;
    this.#course.sound = true;
    const entries = this.#try(() => store.range().toArraySync());
    if (entries === undefined) throw new Broken("verify() finds nothing, and a range fails");
    const content = this.#contentOf(store, entries);
    if (!this.#readOnly) this.#look(content);
    return content;
  }

  #contentOf(store: Kvig, entries: [Uint8Array, Uint8Array][]): Map<string, Uint8Array> {
    const content = new Map<string, Uint8Array>();
    let last: string | undefined;
    for (const [key, value] of entries) {
      const text = textOf(key);
      if (last !== undefined && text <= last) throw new Broken("verified keys do not ascend");
      last = text;
      content.set(text, value);
      const found = this.#try(() => ({ value: store.getSync(key) }));
      if (found === undefined) throw new Broken("verify() finds nothing, and a get fails");
      if (!sameBytes(found.value, value)) throw new Broken("get and range disagree, verified");
    }
    if (store.countSync() !== content.size) throw new Broken("verified, and count() is wrong");
    return content;
  }

  /** What verify() calls sound must be sound for a reader that shares nothing with the engine. */
  #look(content: ReadonlyMap<string, Uint8Array>): void {
    const data = this.#io.file(DATA).bytes();
    const meta = newestMeta(data);
    let problems: string[];
    let count: number;
    try {
      const reach = reachOf(data, meta);
      problems = reach.problems;
      count = reach.entries.size;
    } catch (error) {
      throw new Broken(`verify() finds nothing, and another reader fails: ${String(error)}`);
    }
    if (problems.length > 0) throw new Broken(`verify() does not find: ${problems[0]}`);
    if (count !== content.size) throw new Broken(`verify() finds nothing, ${count} are there`);
  }

  /** Writes, whatever the store is; what was sound must stay it and hold what was written. */
  #write(store: Kvig, before: Map<string, Uint8Array> | undefined): void {
    const content = before;
    const errors = this.#course.errors;
    for (let i = this.#options.random.between(2, 8); i > 0; i--) this.#change(store, content);
    if (content !== undefined) this.#checkSound(store, content, errors);
    else this.#try(() => store.verifySync());
    this.#try(() => store.closeSync());
    const again = this.#open() ?? this.#openUsedUp();
    if (again === undefined) {
      if (content !== undefined && this.#course.errors === errors) {
        throw new Broken(`a verified store cannot be opened again: ${this.#course.refused}`);
      }
      return;
    }
    this.#try(() => again.range().toArraySync());
    if (content !== undefined) this.#checkSound(again, content, errors);
    else this.#try(() => again.verifySync());
    this.#try(() => again.closeSync());
  }

  /** A store whose numbers are used up is refused for writing, and can still be read and dumped. */
  #openUsedUp(): Kvig | undefined {
    return this.#course.refused === "KVIG_UNSUPPORTED" ? this.#open(true) : undefined;
  }

  #checkSound(store: Kvig, content: ReadonlyMap<string, Uint8Array>, errors: number): void {
    const report = this.#try(() => store.verifySync());
    if (this.#course.errors > errors) {
      // The one error that a sound store may give here.
      return;
    }
    if (report?.ok !== true) {
      const what = report?.problems[0]?.what;
      throw new Broken(`a verified store is not sound any more: ${what}`);
    }
    const entries = store.range().toArraySync();
    if (entries.length !== content.size) throw new Broken("a verified store lost or made entries");
    for (const [key, value] of entries) {
      if (!sameBytes(content.get(textOf(key)), value)) {
        throw new Broken("a verified store is wrong");
      }
    }
  }

  #change(store: Kvig, content: Map<string, Uint8Array> | undefined): void {
    const { random, base } = this.#options;
    const key = this.#key();
    const kind = random.below(12);
    if (kind < 5) {
      const large = random.oneIn(3);
      const value = random.bytes(random.below((large ? 5 : 0.4) * base.pageBytes));
      this.#try(() => {
        store.putSync(key, value, { durability: random.oneIn(2) ? "sync" : "deferred" });
        content?.set(key, value);
      });
    } else if (kind < 7) {
      this.#try(() => {
        store.deleteSync(key);
        content?.delete(key);
      });
    } else if (kind === 7) {
      const to = this.#key();
      if (to <= key) return;
      this.#try(() => {
        store.clearSync({ gte: key, lt: to });
        for (const other of content?.keys() ?? []) {
          if (other >= key && other < to) content?.delete(other);
        }
      });
    } else if (kind === 8) this.#batch(store, content);
    else if (kind === 9) this.#try(() => store.checkpointSync());
    else if (kind === 10) this.#try(() => store.compactSync());
    else {
      const snapshot = this.#try(() => store.snapshot());
      if (snapshot === undefined) return;
      this.#try(() => snapshot.getSync(key));
      this.#try(() => snapshot.firstSync());
      snapshot.close();
    }
  }

  #batch(store: Kvig, content: Map<string, Uint8Array> | undefined): void {
    const { random } = this.#options;
    const puts = Array.from({ length: random.between(1, 12) }, () => {
      return [this.#key(), random.bytes(random.below(150))] as const;
    });
    this.#try(() => {
      store.batchSync(puts.map(([key, value]) => ({ type: "put", key, value })));
      for (const [key, value] of puts) content?.set(key, value);
    });
  }
}

function textOf(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined || a.length !== b.length) return a === b;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
