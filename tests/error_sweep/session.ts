/**
 * One process that uses a store while something goes wrong: each call is judged by what the engine
 * owes in return for the fault, and what it gives is compared with the ledger.
 *
 * The same calls are made in two forms, the synchronous one and the one with promises.
 *
 * @module
 */

import type { Kvig } from "../../core/database.ts";
import type { Engine } from "../../core/engine.ts";
import { isKvigError } from "../../core/errors.ts";
import type { Snapshot } from "../../core/snapshot.ts";
import type { SimIo } from "../sim/io.ts";
import type { Phase } from "../sim/cells.ts";
import { openTiny, openTinySync, type TinyOptions } from "../sim/tiny_store.ts";
import type { Judge } from "./judge.ts";
import { type Change, type Commit, type Contents, entriesOf, type Ledger } from "./ledger.ts";
import { COPY, PATH } from "./paths.ts";
import { settled, STUCK } from "./settled.ts";

/** What a call gives that failed or will never be over. */
export const FAILED: unique symbol = Symbol("failed");

/** Puts that another call of the store follows at once. */
interface Breath {
  sync(store: Kvig): void;
  later(store: Kvig): void;
}

/** One call, in both forms. */
interface Call<T> {
  readonly phase: Phase;
  readonly name: string;
  /** The commit that it makes, if any. */
  readonly commit?: Commit | undefined;
  /** Whether everything applied before is durable when it succeeds. */
  readonly settles?: boolean;
  readonly sync: () => T;
  readonly later: () => Promise<T>;
}

/** A snapshot with what it must show. */
export interface Held {
  /** The snapshot. */
  readonly snapshot: Snapshot;
  /** What it shows. */
  readonly contents: Contents;
}

/** How a transaction ends, and what it does besides. */
export interface TransactionOptions {
  /** Throw at its end, so that all of it is taken back. */
  readonly abort?: boolean;
  /** Read each key back that was put. */
  readonly readBack?: boolean;
}

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : decoder.decode(bytes);
const decoder = new TextDecoder();

class TakeBack extends Error {}

/** The engine within an open store. */
export function engineOf(store: Kvig): Engine {
  return (store as unknown as { engine: Engine }).engine;
}

/** A process with a store. */
export class Session {
  /** Its Io. */
  readonly io: SimIo;
  /** Whether calls are made in their synchronous form. */
  readonly sync: boolean;
  /** What should be there. */
  readonly ledger: Ledger;
  /** Decides whether what happens is right. */
  readonly judge: Judge;
  /** How the store is opened. */
  readonly options: TinyOptions;
  /** The open store. */
  store: Kvig | undefined;
  /** Snapshots that are open. */
  readonly held: Set<Held> = new Set();
  #backups = 0;

  /** For a process that begins now. */
  constructor(io: SimIo, sync: boolean, ledger: Ledger, judge: Judge, options: TinyOptions) {
    this.io = io;
    this.sync = sync;
    this.ledger = ledger;
    this.judge = judge;
    this.options = options;
  }

  /** Opens the store; false where that failed. */
  async open(phase: Phase, more: TinyOptions = {}): Promise<boolean> {
    const options = { ...this.options, ...more };
    const before = this.judge.beginOpening();
    this.ledger.showAll();
    const opened = await this.#call<Kvig>({
      phase,
      name: "open()",
      sync: () => openTinySync(this.io, PATH, options),
      later: () => openTiny(this.io, PATH, options),
    });
    if (opened === FAILED) {
      this.judge.endOpening(before);
      return false;
    }
    this.store = opened;
    if (this.ledger.uncertain || this.judge.damaged || this.judge.hidden) await this.#adopt(opened);
    return true;
  }

  /** Finds out which of the commits that are in doubt are there. */
  async #adopt(store: Kvig): Promise<void> {
    const entries = await this.#call({
      phase: this.io.phase as Phase,
      name: "range() behind open()",
      sync: () => store.range().toArraySync().map(asText),
      later: async () => (await store.range().toArray()).map(asText),
    });
    if (entries === FAILED) return;
    const found = new Map(entries);
    const right = this.options.readOnly === true
      ? this.ledger.show(found, this.judge.leastShown)
      : this.ledger.adopt(found, this.judge.least);
    if (!right) {
      this.judge.violate(
        `after open() there are ${entries.length} entries, of no state to be found`,
      );
    }
  }

  /** Sets a key. */
  async put(key: string, value: string, deferred = false): Promise<void> {
    const options = { durability: deferred ? "deferred" : "sync" } as const;
    await this.#write("put()", [{ kind: "put", key, value }], deferred, {
      sync: (store) => store.putSync(key, value, options),
      later: (store) => store.put(key, value, options),
    });
  }

  /** Removes a key. */
  async delete(key: string): Promise<void> {
    const there = this.ledger.visible().has(key);
    const found = await this.#write("delete()", [{ kind: "delete", key }], false, {
      sync: (store) => store.deleteSync(key),
      later: (store) => store.delete(key),
    });
    if (found !== FAILED && found !== there) this.judge.violate(`delete() of ${key} says ${found}`);
  }

  /** Carries out puts and deletes as one. */
  async batch(changes: readonly Change[]): Promise<void> {
    const operations = changes.map((change) =>
      change.kind === "put"
        ? { type: "put" as const, key: change.key, value: change.value }
        : { type: "delete" as const, key: change.kind === "delete" ? change.key : change.from }
    );
    await this.#write("batch()", changes, false, {
      sync: (store) => store.batchSync(operations),
      later: (store) => store.batch(operations),
    });
  }

  /** Removes a range of keys. */
  async clear(from: string, to: string): Promise<void> {
    const range = { gte: from, lt: to };
    await this.#write("clear()", [{ kind: "clear", from, to }], false, {
      sync: (store) => store.clearSync(range),
      later: (store) => store.clear(range),
    });
  }

  /** Runs a transaction of puts and deletes. */
  async transaction(changes: readonly Change[], options: TransactionOptions = {}): Promise<void> {
    const { abort = false, readBack = false } = options;
    const commit = abort ? undefined : this.ledger.issue(changes);
    await this.#use({
      phase: "transaction",
      name: "transaction()",
      commit,
      settles: !abort,
      sync: (store) =>
        takenBack(() =>
          store.transactionSync((tx) => {
            for (const change of changes) {
              if (change.kind === "put") tx.putSync(change.key, change.value);
              else if (change.kind === "delete") tx.deleteSync(change.key);
              else tx.clearSync({ gte: change.from, lt: change.to });
            }
            if (readBack) this.#compareBack(changes, (key) => tx.getSync(key));
            if (abort) throw new TakeBack();
          })
        ),
      later: (store) =>
        store.transaction(async (tx) => {
          for (const change of changes) {
            if (change.kind === "put") await tx.put(change.key, change.value);
            else if (change.kind === "delete") await tx.delete(change.key);
            else await tx.clear({ gte: change.from, lt: change.to });
          }
          if (readBack) {
            for (const change of changes) {
              if (change.kind !== "put") continue;
              const value = await tx.get(change.key);
              this.#compareBack([change], () => value);
            }
          }
          if (abort) throw new TakeBack();
        }).catch((error) => {
          if (!(error instanceof TakeBack)) throw error;
        }),
    });
  }

  #compareBack(
    changes: readonly Change[],
    get: (key: string) => Uint8Array | undefined,
  ): void {
    for (const change of changes) {
      if (change.kind !== "put") continue;
      if (text(get(change.key)) !== change.value) {
        this.judge.violate(`a transaction reads another ${change.key} than it wrote`);
      }
    }
  }

  async #write<T>(
    name: string,
    changes: readonly Change[],
    deferred: boolean,
    forms: { sync: (store: Kvig) => T; later: (store: Kvig) => Promise<T> },
  ): Promise<T | typeof FAILED> {
    const commit = this.ledger.issue(changes);
    return await this.#use({ phase: "run", name, commit, settles: !deferred, ...forms });
  }

  /** Reads one key and compares. */
  async get(key: string): Promise<void> {
    const value = await this.#use({
      phase: "run",
      name: `get(${key})`,
      sync: (store) => text(store.getSync(key)),
      later: async (store) => text(await store.get(key)),
    });
    if (value === FAILED) return;
    const expected = this.ledger.visible().get(key);
    // A write that is stuck may be visible, or not yet.
    if (this.judge.stuckCalls > 0 && this.ledger.everHeld(key).has(value)) return;
    if (value !== expected) this.judge.violate(wrong(`get(${key})`, value, expected));
  }

  /** Reads the entries whose key begins with `prefix`, from a snapshot or from the store. */
  async scan(prefix: string, reverse = false, held?: Held): Promise<void> {
    if (held !== undefined && !this.held.has(held)) return;
    const reader = held?.snapshot ?? this.store;
    if (reader === undefined) return;
    const before = this.ledger.issued;
    const entries = reader.range.bind(reader);
    const options = { gte: prefix, lt: `${prefix}~`, reverse };
    const found = await this.#use({
      phase: "run",
      name: held === undefined ? "range()" : "range() of a snapshot",
      sync: () => entries(options).toArraySync().map(asText),
      later: async () => (await entries(options).toArray()).map(asText),
    });
    if (found === FAILED) return;
    if (this.judge.stuckCalls > 0) return this.#checkEach(found);
    const contents = held?.contents ?? this.ledger.visible();
    const expected = entriesOf(contents, prefix, reverse);
    if (before !== this.ledger.issued && held === undefined && prefix === "") return;
    if (JSON.stringify(found) !== JSON.stringify(expected)) {
      const name = held === undefined ? "range()" : "range() of a snapshot";
      this.judge.violate(
        `${name} from ${prefix} on gives ${found.length} entries that are not the ` +
          `${expected.length} expected ones`,
      );
    }
  }

  /** Beside writes that are stuck each entry is one that was written at some time. */
  #checkEach(found: readonly (readonly [string, string])[]): void {
    for (const [key, value] of found) {
      if (this.ledger.everHeld(key).has(value)) continue;
      this.judge.violate(wrong(`range(), for ${key},`, value, this.ledger.visible().get(key)));
    }
  }

  /** Steps through the entries with a cursor; in its synchronous form only. */
  async cursor(prefix: string, reverse = false): Promise<void> {
    if (!this.sync) return await this.scan(prefix, reverse);
    await this.#use({
      phase: "run",
      name: "cursor()",
      sync: (store) => {
        using cursor = store.cursor({ gte: prefix, lt: `${prefix}~`, reverse });
        const expected = entriesOf(this.ledger.visible(), prefix, reverse);
        const key = new Uint8Array(64);
        let count = 0;
        for (; cursor.next(); count++) {
          if (text(key.subarray(0, cursor.keyInto(key))) !== expected[count]?.[0]) {
            this.judge.violate(`a cursor stands at another key than expected`);
          }
        }
        if (count !== expected.length) this.judge.violate(`a cursor gives ${count} entries`);
      },
      later: () => Promise.resolve(),
    });
  }

  /** Holds a snapshot; undefined where that failed. */
  snapshot(): Held | undefined {
    const { store } = this;
    if (store === undefined) return undefined;
    try {
      const held = { snapshot: store.snapshot(), contents: this.ledger.visible() };
      this.held.add(held);
      return held;
    } catch (error) {
      this.judge.failed("snapshot()", error, this.judge.struck, this.judge.hasFailed);
      return undefined;
    }
  }

  /** Ends a snapshot. */
  release(held: Held | undefined): void {
    if (held === undefined) return;
    this.held.delete(held);
    held.snapshot.close();
  }

  /** Makes everything durable. */
  async flush(): Promise<void> {
    await this.#use({
      phase: "run",
      name: "flush()",
      settles: true,
      sync: (store) => store.flushSync(),
      later: (store) => store.flush(),
    });
  }

  /** Makes a checkpoint; the deferred `last` changes are put in the same breath. */
  async checkpoint(last: readonly Change[] = []): Promise<void> {
    const puts = this.#deferred(last);
    await this.#use({
      phase: "checkpoint",
      name: "checkpoint()",
      settles: true,
      sync: (store) => {
        puts.sync(store);
        store.checkpointSync();
      },
      later: (store) => {
        puts.later(store);
        return store.checkpoint();
      },
    });
  }

  /** Compacts. */
  async compact(): Promise<void> {
    await this.#use({
      phase: "compact",
      name: "compact()",
      sync: (store) => void store.compactSync(),
      later: async (store) => void await store.compact(),
    });
  }

  /** Makes a backup and keeps what it must hold. */
  async backup(): Promise<void> {
    const path = `${COPY}${this.#backups++}`;
    const contents = this.ledger.visible();
    const done = await this.#use({
      phase: "backup",
      name: "backup()",
      sync: (store) => store.backupSync(path),
      later: (store) => store.backup(path),
    });
    this.judge.backedUp(path, done !== FAILED, contents);
  }

  /** Begins what `options.signal` stops at once: it gives up, and takes back what it made. */
  async giveUp(what: "create" | "backup"): Promise<void> {
    const stop = new AbortController();
    this.judge.expectAborted(true);
    if (what === "create") {
      stop.abort();
      await this.open("create", { signal: stop.signal });
    } else {
      const path = `${COPY}${this.#backups++}`;
      const options = { signal: stop.signal };
      const done = await this.#use({
        phase: "backup",
        name: "backup()",
        sync: (store) => {
          stop.abort();
          return store.backupSync(path, options);
        },
        later: (store) => {
          stop.abort();
          return store.backup(path, options);
        },
      });
      this.judge.backedUp(path, done !== FAILED, this.ledger.visible());
    }
    this.judge.expectAborted(false);
  }

  /** Verifies. */
  async verify(): Promise<void> {
    const report = await this.#use({
      phase: "verify",
      name: "verify()",
      sync: (store) => store.verifySync(),
      later: (store) => store.verify(),
    });
    if (report !== FAILED) this.judge.verified("verify()", report);
  }

  /**
   * Closes the store, after its snapshots; true where that went well. The deferred `last` changes
   * are put in the same breath.
   */
  async close(last: readonly Change[] = []): Promise<boolean> {
    const { store } = this;
    if (store === undefined) return false;
    for (const held of [...this.held]) this.release(held);
    const puts = this.#deferred(last);
    const closed = await this.#use({
      phase: "close",
      name: "close()",
      settles: true,
      sync: () => {
        puts.sync(store);
        store.closeSync();
      },
      later: () => {
        puts.later(store);
        return store.close();
      },
    });
    this.store = undefined;
    return closed !== FAILED;
  }

  /** Deferred puts in the same breath as another call, which then finds something to write. */
  #deferred(last: readonly Change[]): Breath {
    const deferred = { durability: "deferred" } as const;
    const puts = last.filter((change) => change.kind === "put");
    const commit = puts.length > 0 ? this.ledger.issue(puts) : undefined;
    const applied = (): void => {
      if (commit !== undefined) commit.fate = "applied";
    };
    const refused = (error: unknown): void => {
      const unknown = isKvigError(error, "KVIG_FAILED") && error.outcome === "unknown";
      if (commit !== undefined) commit.fate = unknown ? "unknown" : "aborted";
    };
    return {
      sync(store) {
        try {
          for (const { key, value } of puts) store.putSync(key, value, deferred);
          applied();
        } catch (error) {
          refused(error);
        }
      },
      later(store) {
        for (const { key, value } of puts) {
          store.put(key, value, deferred).then(applied, refused);
        }
      },
    };
  }

  async #use<T>(
    call: Omit<Call<T>, "sync" | "later"> & {
      sync: (store: Kvig) => T;
      later: (store: Kvig) => Promise<T>;
    },
  ): Promise<T | typeof FAILED> {
    const { store } = this;
    if (store === undefined) {
      if (call.commit !== undefined) call.commit.fate = "aborted";
      return FAILED;
    }
    return await this.#call({
      ...call,
      sync: () => call.sync(store),
      later: () => call.later(store),
    });
  }

  async #call<T>(call: Call<T>): Promise<T | typeof FAILED> {
    const { judge, io } = this;
    const { struck, hasFailed } = judge;
    io.phase = call.phase;
    judge.called(call.name);
    try {
      const result = this.sync ? call.sync() : await settled(call.later(), io);
      if (result === STUCK) {
        judge.stuck(call.name);
        return FAILED;
      }
      judge.succeeded(call.name, hasFailed, call.commit, call.settles === true);
      return result as T;
    } catch (error) {
      judge.failed(call.name, error, struck, hasFailed);
      const unknown = isKvigError(error, "KVIG_FAILED") && error.outcome === "unknown";
      if (call.commit !== undefined && !unknown) call.commit.fate = "aborted";
      return FAILED;
    }
  }
}

function takenBack(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof TakeBack)) throw error;
  }
}

function asText([key, value]: [Uint8Array, Uint8Array]): [string, string] {
  return [decoder.decode(key), decoder.decode(value)];
}

/** What is wrong with a value. */
export function wrong(
  name: string,
  value: string | undefined,
  expected: string | undefined,
): string {
  const short = (given: string | undefined): string =>
    given === undefined ? "nothing" : `${given.length} characters "${given.slice(0, 12)}"`;
  return `${name} gives ${short(value)}, expected ${short(expected)}`;
}
