/**
 * The package `classic-level` as an engine: LevelDB. Writes are awaited only, and each that counts
 * as durable is written with `sync`.
 *
 * @module
 */

import fs from "node:fs";
import { join } from "node:path";

import { benchPackage } from "../../support/places.ts";
import type { Engine, EngineOptions, ScanRange, See, Writes } from "../engine.ts";

type Pair = [Uint8Array, Uint8Array];

interface Iterator {
  nextv(size: number): Promise<Pair[]>;
  close(): Promise<void>;
}

interface Batch {
  put(key: Uint8Array, value: Uint8Array): Batch;
  del(key: Uint8Array): Batch;
  write(options: { sync: boolean }): Promise<void>;
}

interface Database {
  open(options: Record<string, unknown>): Promise<void>;
  getSync(key: Uint8Array): Uint8Array | undefined;
  getSync(key: string): string | undefined;
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  put(key: Uint8Array, value: Uint8Array, options: { sync: boolean }): Promise<void>;
  batch(): Batch;
  iterator(range: Record<string, unknown>): Iterator;
  close(): Promise<void>;
}

const MOST_ENTRIES_AT_ONCE = 1000;
const SCANNED_BYTES_AT_ONCE = 2 ** 18;
const WRITE_BUFFER_BYTES = 64 * 2 ** 20;

/** Opens a database in the directory. */
export async function openLevel(options: EngineOptions): Promise<Engine> {
  const { ClassicLevel } = benchPackage("classic-level") as {
    ClassicLevel: new (path: string, options: Record<string, unknown>) => Database;
  };
  const path = join(options.directory, "store.level");
  const encoding = options.text ? "utf8" : "buffer";
  const database = new ClassicLevel(path, { keyEncoding: encoding, valueEncoding: encoding });
  const writeBufferSize = Math.min(WRITE_BUFFER_BYTES, options.cacheBytes);
  await database.open({ cacheSize: options.cacheBytes, writeBufferSize });
  return new LevelEngine(database, path);
}

class LevelEngine implements Engine {
  readonly #database: Database;
  readonly #path: string;

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#database.getSync(key);
  }

  getText(key: string): string | undefined {
    return this.#database.getSync(key);
  }

  getMany(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return keys.map((key) => this.#database.getSync(key));
  }

  getAwaited(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#database.get(key);
  }

  async scan({ reverse, from, limit = -1 }: ScanRange, see: See): Promise<void> {
    const bound = from === undefined ? {} : reverse ? { lte: from } : { gte: from };
    // A batch ends at this size too.
    const highWaterMarkBytes = limit < 0 ? SCANNED_BYTES_AT_ONCE : 16 * 2 ** 10;
    const iterator = this.#database.iterator({ reverse, limit, ...bound, highWaterMarkBytes });
    const size = limit < 0 ? MOST_ENTRIES_AT_ONCE : limit;
    for (;;) {
      const pairs = await iterator.nextv(size);
      for (const [key, value] of pairs) see(key, value);
      if (pairs.length === 0) break;
    }
    await iterator.close();
  }

  async transaction(work: (writes: Writes) => void): Promise<void> {
    const batch = this.#database.batch();
    work({
      put: (key, value) => void batch.put(key, value),
      delete: (key) => void batch.del(key),
    });
    await batch.write({ sync: true });
  }

  putAwaited(key: Uint8Array, value: Uint8Array): Promise<void> {
    return this.#database.put(key, value, { sync: true });
  }

  sizes(): { dataBytes: number; logBytes: number } {
    let dataBytes = 0;
    let logBytes = 0;
    for (const name of fs.readdirSync(this.#path)) {
      const { size } = fs.statSync(join(this.#path, name));
      if (name.endsWith(".log")) logBytes += size;
      else dataBytes += size;
    }
    return { dataBytes, logBytes };
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}
