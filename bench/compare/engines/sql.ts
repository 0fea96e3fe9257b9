/**
 * SQLite as an engine, whoever binds it: one table without row numbers, in WAL mode, every commit
 * synced. All calls block, so a task that awaits a commit keeps the others waiting too.
 *
 * @module
 */

import { join } from "node:path";

import type { Engine, EngineOptions, ScanRange, See, Writes } from "../engine.ts";
import { sizesOf } from "./file_sizes.ts";

/** A prepared statement, as all of the bindings have it. */
export interface Statement {
  /** The first row. */
  get(...values: unknown[]): unknown;
  /** No rows. */
  run(...values: unknown[]): unknown;
  /** The rows, one after another. */
  iterate(...values: unknown[]): Iterable<unknown>;
}

/** An open database, as all of the bindings have it. */
export interface SqlDatabase {
  /** Compiles a statement. */
  prepare(sql: string): Statement;
  /** Runs statements without values. */
  exec(sql: string): unknown;
  /** Closes it. */
  close(): void;
}

/** What differs between the bindings. */
export interface Binding {
  /** Opens a file. */
  open(path: string): SqlDatabase;
  /** Whether rows of one column come as the bare value, once {@link prepare} saw to it. */
  readonly plucks: boolean;
  /** Lets a statement hand over rows in the cheapest form: an array, or the bare value. */
  prepare(statement: Statement, columns: number): Statement;
}

const PAGE_BYTES = 4096;

/** Opens the database file in the directory. */
export function openSql(binding: Binding, options: EngineOptions): Promise<Engine> {
  const path = join(options.directory, "store.sqlite");
  const database = binding.open(path);
  database.exec(`
    PRAGMA page_size = ${PAGE_BYTES};
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -${Math.floor(options.cacheBytes / 1024)};
    PRAGMA wal_autocheckpoint = ${Math.floor(options.logBytes / PAGE_BYTES)};
    CREATE TABLE IF NOT EXISTS entries (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID;
  `);
  return Promise.resolve(new SqlEngine(database, binding, path));
}

class SqlEngine implements Engine {
  readonly #database: SqlDatabase;
  readonly #plucks: boolean;
  readonly #path: string;
  readonly #get: Statement;
  readonly #getText: Statement;
  readonly #put: Statement;
  readonly #scans: Readonly<Record<string, Statement>>;
  readonly #checkpoint: Statement;
  readonly #writes: Writes;

  constructor(database: SqlDatabase, binding: Binding, path: string) {
    const prepare = (sql: string, columns: number): Statement =>
      binding.prepare(database.prepare(sql), columns);
    this.#database = database;
    this.#plucks = binding.plucks;
    this.#path = path;
    this.#get = prepare("SELECT v FROM entries WHERE k = ?", 1);
    this.#getText = prepare("SELECT CAST(v AS TEXT) FROM entries WHERE k = CAST(? AS BLOB)", 1);
    this.#put = database.prepare("INSERT OR REPLACE INTO entries VALUES (?, ?)");
    const scan = "SELECT k, v FROM entries";
    this.#scans = {
      all: prepare(`${scan} ORDER BY k LIMIT ?`, 2),
      allReverse: prepare(`${scan} ORDER BY k DESC LIMIT ?`, 2),
      from: prepare(`${scan} WHERE k >= ? ORDER BY k LIMIT ?`, 2),
      fromReverse: prepare(`${scan} WHERE k <= ? ORDER BY k DESC LIMIT ?`, 2),
    };
    this.#checkpoint = prepare("PRAGMA wal_checkpoint(TRUNCATE)", 3);
    const remove = database.prepare("DELETE FROM entries WHERE k = ?");
    this.#writes = {
      put: (key, value) => void this.#put.run(key, value),
      delete: (key) => void remove.run(key),
    };
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#only(this.#get.get(key)) as Uint8Array | undefined;
  }

  getText(key: string): string | undefined {
    return this.#only(this.#getText.get(key)) as string | undefined;
  }

  #only(row: unknown): unknown {
    return this.#plucks || row === undefined || row === null ? row ?? undefined : columns(row)[0];
  }

  getMany(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return keys.map((key) => this.get(key));
  }

  scan({ reverse, from, limit = -1 }: ScanRange, see: See): void {
    const { all, allReverse, from: start, fromReverse } = this.#scans;
    const rows = from === undefined
      ? (reverse ? allReverse : all).iterate(limit)
      : (reverse ? fromReverse : start).iterate(from, limit);
    for (const row of rows) {
      const [key, value] = columns(row) as [Uint8Array, Uint8Array];
      see(key, value);
    }
  }

  transaction(work: (writes: Writes) => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    work(this.#writes);
    this.#database.exec("COMMIT");
  }

  putBlocking(key: Uint8Array, value: Uint8Array): void {
    this.#put.run(key, value);
  }

  putAwaited(key: Uint8Array, value: Uint8Array): Promise<void> {
    this.#put.run(key, value);
    return Promise.resolve();
  }

  changeAwaited(key: Uint8Array, change: (old: Uint8Array) => Uint8Array): Promise<void> {
    this.transaction((writes) => {
      const old = this.get(key);
      if (old === undefined) throw new Error("a key is missing");
      writes.put(key, change(old));
    });
    return Promise.resolve();
  }

  checkpoint(): number {
    const [, , pages] = columns(this.#checkpoint.get()) as number[];
    return pages;
  }

  sizes(): { dataBytes: number; logBytes: number } {
    return sizesOf(this.#path);
  }

  close(): void {
    this.#database.close();
  }
}

/** The columns of a row that is an array or an object. */
function columns(row: unknown): unknown[] {
  return Array.isArray(row) ? row : Object.values(row as Record<string, unknown>);
}
