/**
 * The verbs of a store behind one interface, whichever form carries them out: a case that is
 * written once is proved in both.
 *
 * @module
 */

import type { BackupOptions } from "../../core/backup.ts";
import type { CompactReport } from "../../core/compact.ts";
import type { Kvig } from "../../core/database.ts";
import type { KeyRange, RangeOptions } from "../../core/range.ts";
import type { Reader } from "../../core/reader.ts";
import type { VerifyReport } from "../../core/verify.ts";
import type { BatchOperation, WriteOptions } from "../../core/write_input.ts";

/** A key and its value. */
export type Entry = [key: string, value: string];
/** One operation of a batch of text. */
export type Operation = BatchOperation<string, string>;

/** The verbs of reading, of a store, a snapshot or a transaction. */
export interface ReadVerbs {
  /** `get` or `getSync`. */
  get(key: string): Promise<string | undefined>;
  /** `has` or `hasSync`. */
  has(key: string): Promise<boolean>;
  /** `getMany` or `getManySync`. */
  getMany(keys: Iterable<string>): Promise<(string | undefined)[]>;
  /** `range`, iterated or as an array. */
  range(options?: RangeOptions<string>): Promise<Entry[]>;
  /** `keys`, iterated or as an array. */
  keys(options?: RangeOptions<string>): Promise<string[]>;
  /** `values`, iterated or as an array. */
  values(options?: RangeOptions<string>): Promise<string[]>;
  /** `count` or `countSync`. */
  count(range?: KeyRange<string>): Promise<number>;
  /** `first` or `firstSync`. */
  first(range?: KeyRange<string>): Promise<Entry | undefined>;
  /** `last` or `lastSync`. */
  last(range?: KeyRange<string>): Promise<Entry | undefined>;
}

/** All verbs of a store that have two forms, but for `transaction`. */
export interface Verbs extends ReadVerbs {
  /** `put` or `putSync`. */
  put(key: string, value: string, options?: WriteOptions): Promise<void>;
  /** `delete` or `deleteSync`. */
  delete(key: string, options?: WriteOptions): Promise<boolean>;
  /** `batch` or `batchSync`. */
  batch(operations: Iterable<Operation>, options?: WriteOptions): Promise<void>;
  /** `clear` or `clearSync`. */
  clear(range?: KeyRange<string>, options?: WriteOptions): Promise<number>;
  /** `flush` or `flushSync`. */
  flush(): Promise<void>;
  /** `checkpoint` or `checkpointSync`. */
  checkpoint(): Promise<void>;
  /** `compact` or `compactSync`. */
  compact(): Promise<CompactReport>;
  /** `backup` or `backupSync`. */
  backup(path: string, options?: BackupOptions): Promise<void>;
  /** `verify` or `verifySync`. */
  verify(): Promise<VerifyReport>;
  /** `close` or `closeSync`. */
  close(): Promise<void>;
}

type TextStore = Kvig<string, string, string, string>;
type TextReader = Reader<string, string, string, string>;

/** What `work` does at once, as a promise. */
function now<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** The verbs of reading that return promises. */
export function waitingReadVerbs(reader: TextReader): ReadVerbs {
  return {
    get: (key) => reader.get(key),
    has: (key) => reader.has(key),
    getMany: (keys) => reader.getMany(keys),
    range: (options) => reader.range(options).toArray(),
    keys: (options) => reader.keys(options).toArray(),
    values: (options) => collect(reader.values(options)),
    count: (range) => reader.count(range),
    first: (range) => reader.first(range),
    last: (range) => reader.last(range),
  };
}

/** The verbs of reading that end in `Sync`, and the synchronous forms of iterating. */
export function synchronousReadVerbs(reader: TextReader): ReadVerbs {
  return {
    get: (key) => now(() => reader.getSync(key)),
    has: (key) => now(() => reader.hasSync(key)),
    getMany: (keys) => now(() => reader.getManySync(keys)),
    range: (options) => now(() => reader.range(options).toArraySync()),
    keys: (options) => now(() => reader.keys(options).toArraySync()),
    values: (options) => now(() => [...reader.values(options)]),
    count: (range) => now(() => reader.countSync(range)),
    first: (range) => now(() => reader.firstSync(range)),
    last: (range) => now(() => reader.lastSync(range)),
  };
}

/** The verbs of a store that return promises. */
export function waitingVerbs(store: TextStore): Verbs {
  return {
    ...waitingReadVerbs(store),
    put: (key, value, options) => store.put(key, value, options),
    delete: (key, options) => store.delete(key, options),
    batch: (operations, options) => store.batch(operations, options),
    clear: (range, options) => store.clear(range, options),
    flush: () => store.flush(),
    checkpoint: () => store.checkpoint(),
    compact: () => store.compact(),
    backup: (path, options) => store.backup(path, options),
    verify: () => store.verify(),
    close: () => store.close(),
  };
}

/** The verbs of a store that end in `Sync`. */
export function synchronousVerbs(store: TextStore): Verbs {
  return {
    ...synchronousReadVerbs(store),
    put: (key, value, options) => now(() => store.putSync(key, value, options)),
    delete: (key, options) => now(() => store.deleteSync(key, options)),
    batch: (operations, options) => now(() => store.batchSync(operations, options)),
    clear: (range, options) => now(() => store.clearSync(range, options)),
    flush: () => now(() => store.flushSync()),
    checkpoint: () => now(() => store.checkpointSync()),
    compact: () => now(() => store.compactSync()),
    backup: (path, options) => now(() => store.backupSync(path, options)),
    verify: () => now(() => store.verifySync()),
    close: () => now(() => store.closeSync()),
  };
}
