/**
 * Every operation of a store, in one table: the rules that hold for all of them are proved for each
 * row, and a case compares the table with the classes, so that no verb is forgotten.
 *
 * @module
 */

import type { Signalled } from "../../core/host.ts";
import type { TextReader, TextStore, TextTransaction } from "./store_place.ts";

/** What an operation is for. */
export type OperationKind = "read" | "write" | "upkeep";

/** What an operation is given. */
export interface Given {
  /** Options with a signal, for operations that take one; else without. */
  readonly options: {
    /** Stops the operation. */
    signal?: Signalled;
  };
  /** A path at which there is no file yet. */
  readonly path: string;
}

/** One operation of a `Target`: a store, a transaction, or anything that can be read. */
export interface Operation<Target> {
  /** Its name: that of the promise form, where it has one. */
  readonly name: string;
  /** What it is for. */
  readonly kind: OperationKind;
  /** The methods that it is about. */
  readonly methods: readonly PropertyKey[];
  /** Carries it out and returns a promise. */
  readonly promise?: (target: Target, given: Given) => Promise<unknown>;
  /** Carries it out at once. */
  readonly sync?: (target: Target, given: Given) => unknown;
  /** Whether the promise form takes a signal. */
  readonly takesSignal?: boolean;
  /** Whether a store that was opened for reading alone refuses it. */
  readonly needsWriting?: boolean;
}

/** Whatever can be read: a store, a snapshot, a transaction. */
export const READS: readonly Operation<TextReader>[] = [
  {
    name: "get",
    kind: "read",
    methods: ["get", "getSync"],
    promise: (reader) => reader.get("a"),
    sync: (reader) => reader.getSync("a"),
  },
  {
    name: "getInto",
    kind: "read",
    methods: ["getInto"],
    sync: (reader) => reader.getInto("a", new Uint8Array(1000)),
  },
  {
    name: "has",
    kind: "read",
    methods: ["has", "hasSync"],
    promise: (reader) => reader.has("a"),
    sync: (reader) => reader.hasSync("a"),
  },
  {
    name: "getMany",
    kind: "read",
    methods: ["getMany", "getManySync"],
    promise: (reader) => reader.getMany(["a", "b"]),
    sync: (reader) => reader.getManySync(["a", "b"]),
  },
  // Iterations have no Sync names: `for await` and toArray() wait, `for` and toArraySync() do not.
  {
    name: "range",
    kind: "read",
    methods: ["range"],
    promise: async (reader, { options }) => await reader.range(options).toArray(),
    sync: (reader) => reader.range().toArraySync(),
    takesSignal: true,
  },
  {
    name: "keys",
    kind: "read",
    methods: ["keys"],
    promise: async (reader, { options }) => await reader.keys(options).toArray(),
    sync: (reader) => [...reader.keys()],
    takesSignal: true,
  },
  {
    name: "values",
    kind: "read",
    methods: ["values"],
    promise: async (reader, { options }) => await reader.values(options).toArray(),
    sync: (reader) => [...reader.values()],
    takesSignal: true,
  },
  {
    name: "cursor",
    kind: "read",
    methods: ["cursor"],
    sync(reader) {
      const cursor = reader.cursor();
      try {
        return cursor.next();
      } finally {
        cursor.close();
      }
    },
  },
  {
    name: "count",
    kind: "read",
    methods: ["count", "countSync"],
    promise: (reader) => reader.count({ gte: "a" }),
    sync: (reader) => reader.countSync({ gte: "a" }),
  },
  {
    name: "first",
    kind: "read",
    methods: ["first", "firstSync"],
    promise: (reader) => reader.first(),
    sync: (reader) => reader.firstSync(),
  },
  {
    name: "last",
    kind: "read",
    methods: ["last", "lastSync"],
    promise: (reader) => reader.last(),
    sync: (reader) => reader.lastSync(),
  },
];

/** What changes a store. */
export const WRITES: readonly Operation<TextStore>[] = [
  {
    name: "put",
    kind: "write",
    methods: ["put", "putSync"],
    promise: (store, { options }) => store.put("new", "1", options),
    sync: (store) => store.putSync("new", "1"),
    takesSignal: true,
    needsWriting: true,
  },
  {
    name: "delete",
    kind: "write",
    methods: ["delete", "deleteSync"],
    promise: (store, { options }) => store.delete("a", options),
    sync: (store) => store.deleteSync("a"),
    takesSignal: true,
    needsWriting: true,
  },
  {
    name: "batch",
    kind: "write",
    methods: ["batch", "batchSync"],
    promise: (store, { options }) => store.batch([{ type: "delete", key: "a" }], options),
    sync: (store) => store.batchSync([{ type: "delete", key: "a" }]),
    takesSignal: true,
    needsWriting: true,
  },
  {
    name: "clear",
    kind: "write",
    methods: ["clear", "clearSync"],
    promise: (store, { options }) => store.clear({ gte: "a" }, options),
    sync: (store) => store.clearSync({ gte: "a" }),
    takesSignal: true,
    needsWriting: true,
  },
  {
    name: "transaction",
    kind: "write",
    methods: ["transaction", "transactionSync"],
    promise: (store, { options }) => store.transaction((tx) => tx.put("new", "1"), options),
    sync: (store) => store.transactionSync((tx) => tx.putSync("new", "1")),
    takesSignal: true,
    needsWriting: true,
  },
];

/** What looks after a store. */
export const UPKEEP: readonly Operation<TextStore>[] = [
  {
    name: "flush",
    kind: "upkeep",
    methods: ["flush", "flushSync"],
    promise: (store) => store.flush(),
    sync: (store) => store.flushSync(),
    needsWriting: true,
  },
  {
    name: "checkpoint",
    kind: "upkeep",
    methods: ["checkpoint", "checkpointSync"],
    promise: (store) => store.checkpoint(),
    sync: (store) => store.checkpointSync(),
    needsWriting: true,
  },
  {
    name: "compact",
    kind: "upkeep",
    methods: ["compact", "compactSync"],
    promise: (store, { options }) => store.compact(options),
    sync: (store) => store.compactSync(),
    takesSignal: true,
    needsWriting: true,
  },
  {
    name: "backup",
    kind: "upkeep",
    methods: ["backup", "backupSync"],
    promise: (store, { path, options }) => store.backup(path, options),
    sync: (store, { path }) => store.backupSync(path),
    takesSignal: true,
  },
  {
    name: "verify",
    kind: "upkeep",
    methods: ["verify", "verifySync"],
    promise: (store, { options }) => store.verify(options),
    sync: (store) => store.verifySync(),
    takesSignal: true,
  },
  {
    name: "snapshot",
    kind: "upkeep",
    methods: ["snapshot"],
    sync: (store) => store.snapshot().close(),
  },
  {
    name: "stats",
    kind: "upkeep",
    methods: ["stats"],
    sync: (store) => store.stats(),
  },
];

/** Every operation of a store but for its end. */
export const OPERATIONS: readonly Operation<TextStore>[] = [...READS, ...WRITES, ...UPKEEP];

/** What changes a store within a transaction. */
export const TRANSACTION_WRITES: readonly Operation<TextTransaction>[] = [
  {
    name: "put",
    kind: "write",
    methods: ["put", "putSync"],
    promise: (tx) => tx.put("new", "1"),
    sync: (tx) => tx.putSync("new", "1"),
  },
  {
    name: "delete",
    kind: "write",
    methods: ["delete", "deleteSync"],
    promise: (tx) => tx.delete("a"),
    sync: (tx) => tx.deleteSync("a"),
  },
  {
    name: "batch",
    kind: "write",
    methods: ["batch", "batchSync"],
    promise: (tx) => tx.batch([{ type: "delete", key: "a" }]),
    sync: (tx) => tx.batchSync([{ type: "delete", key: "a" }]),
  },
  {
    name: "clear",
    kind: "write",
    methods: ["clear", "clearSync"],
    promise: (tx) => tx.clear({ gte: "a" }),
    sync: (tx) => tx.clearSync({ gte: "a" }),
  },
];

/** How a store ends: these work on a closed store too, and do nothing. */
export const ENDINGS: readonly PropertyKey[] = [
  "close",
  "closeSync",
  Symbol.asyncDispose,
  Symbol.dispose,
];

/** What a class has for other parts of kvig: it is no operation of its users. */
export const INTERNALS: readonly PropertyKey[] = [
  ...["constructor", "root", "check", "hold", "release"],
  ...["doom", "finish"],
];

/** What a snapshot tells about itself, open or closed. */
export const SNAPSHOT_FIGURES: readonly PropertyKey[] = ["sequence", "openedAt"];
