/**
 * The package `lmdb` as an engine: keys and values are binary, or strings where the rows are about
 * strings. The map may grow as it likes.
 *
 * @module
 */

import fs from "node:fs";
import { join } from "node:path";

import { benchPackage } from "../../support/places.ts";
import type { Engine, EngineOptions, ScanRange, See, Writes } from "../engine.ts";

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** What is used of lmdb's database. */
interface Database {
  readonly flushed: Promise<unknown>;
  get(key: Uint8Array): Uint8Array | undefined;
  getBinaryFast(key: Uint8Array): Uint8Array | undefined;
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  prefetch(keys: readonly Uint8Array[]): Promise<unknown>;
  getRange(
    range: { reverse: boolean; start?: Uint8Array; limit?: number },
  ): Iterable<Entry>;
  putSync(key: Uint8Array, value: Uint8Array): void;
  put(
    key: Uint8Array,
    value: Uint8Array,
  ): Promise<unknown> & { readonly flushed?: Promise<unknown> };
  removeSync(key: Uint8Array): boolean;
  transaction(
    work: () => void,
  ): Promise<unknown> & { readonly flushed?: Promise<unknown> };
  transactionSync(work: () => void): void;
  close(): Promise<void>;
}

interface TextDatabase {
  get(key: string): string | undefined;
  close(): Promise<void>;
}

interface Lmdb {
  open(options: Record<string, unknown>): unknown;
}

/** Opens an environment of lmdb in a directory. */
export function openLmdb(options: EngineOptions): Promise<Engine> {
  const { open } = benchPackage("lmdb") as Lmdb;
  const path = join(options.directory, "store.lmdb");
  const common = {
    path,
    noSubdir: true,
    noReadAhead: options.cold,
    mapSize: 2 ** 30,
  };
  if (options.text) {
    // The bytes of a string key and value are those of the binary ones.
    const database = open({ ...common, encoding: "string" }) as TextDatabase;
    return Promise.resolve(textEngine(database));
  }
  const database = open({
    ...common,
    encoding: "binary",
    keyEncoding: "binary",
    // Where the thread waits for the sync anyhow, overlapping it with the next commit only costs.
    ...(options.commits === "blocking" ? { overlappingSync: false } : {}),
  }) as Database;
  return Promise.resolve(new LmdbEngine(database, path, options.cold));
}

function textEngine(database: TextDatabase): Engine {
  return {
    getText: (key) => database.get(key),
    transaction: () => {
      throw new Error("a store of text is only read here");
    },
    sizes: () => ({ dataBytes: 0, logBytes: 0 }),
    close: () => database.close(),
  };
}

class LmdbEngine implements Engine {
  readonly #database: Database;
  readonly #path: string;
  readonly #cold: boolean;
  readonly #writes: Writes;

  constructor(database: Database, path: string, cold: boolean) {
    this.#database = database;
    this.#path = path;
    this.#cold = cold;
    this.#writes = {
      put: (key, value) => database.putSync(key, value),
      delete: (key) => void database.removeSync(key),
    };
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#database.get(key);
  }

  getInto(key: Uint8Array): Uint8Array | undefined {
    return this.#database.getBinaryFast(key);
  }

  getMany(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    const values: (Uint8Array | undefined)[] = [];
    for (const key of keys) values.push(this.#database.get(key));
    return values;
  }

  async getAwaited(key: Uint8Array): Promise<Uint8Array | undefined> {
    // Reads the pages in a thread of lmdb's, so that other tasks go on.
    if (this.#cold) await this.#database.prefetch([key]);
    return this.#database.get(key);
  }

  scan({ reverse, from, limit }: ScanRange, see: See): void {
    const start = from === undefined ? {} : { start: from };
    const range = {
      reverse,
      ...start,
      ...(limit === undefined ? {} : { limit }),
    };
    for (const { key, value } of this.#database.getRange(range)) {
      see(key, value);
    }
  }

  transaction(work: (writes: Writes) => void): void {
    this.#database.transactionSync(() => work(this.#writes));
  }

  putBlocking(key: Uint8Array, value: Uint8Array): void {
    this.#database.putSync(key, value);
  }

  async putAwaited(key: Uint8Array, value: Uint8Array): Promise<void> {
    const committed = this.#database.put(key, value);
    await (committed.flushed ?? committed);
  }

  async changeAwaited(
    key: Uint8Array,
    change: (old: Uint8Array) => Uint8Array,
  ): Promise<void> {
    const committed = this.#database.transaction(() => {
      const old = this.#database.get(key);
      if (old === undefined) throw new Error("a key is missing");
      void this.#database.put(key, change(old));
    });
    await committed;
    await this.#database.flushed;
  }

  sizes(): { dataBytes: number; logBytes: number } {
    return { dataBytes: fs.statSync(this.#path).size, logBytes: 0 };
  }

  async close(): Promise<void> {
    await this.#database.flushed;
    await this.#database.close();
  }
}
