/**
 * `Deno.openKv` as an engine. All of its calls are awaited; a transaction has a thousand writes at
 * most, which is why it takes no part in works with larger ones.
 *
 * @module
 */

import { join } from "node:path";

import type { Engine, EngineOptions, ScanRange, See, Writes } from "../engine.ts";
import { sizesOf } from "./file_sizes.ts";

type Key = readonly [Uint8Array];

interface Atomic {
  set(key: Key, value: Uint8Array): Atomic;
  delete(key: Key): Atomic;
  check(entry: unknown): Atomic;
  commit(): Promise<{ readonly ok: boolean }>;
}

interface Entry {
  readonly key: Key;
  readonly value: Uint8Array | null;
}

interface Database {
  get(key: Key): Promise<Entry>;
  set(key: Key, value: Uint8Array): Promise<unknown>;
  atomic(): Atomic;
  list(
    selector: Record<string, unknown>,
    options: Record<string, unknown>,
  ): AsyncIterable<Entry>;
  close(): void;
}

/** Opens a database file in the directory. */
export async function openDenoKv(options: EngineOptions): Promise<Engine> {
  const deno = Reflect.get(globalThis, "Deno") as
    | { openKv?(path: string): Promise<Database> }
    | undefined;
  if (deno?.openKv === undefined) throw new Error("this runtime has no Deno.openKv");
  const path = join(options.directory, "store.denokv");
  return new DenoKvEngine(await deno.openKv(path), path);
}

class DenoKvEngine implements Engine {
  readonly mostWrites = 1000;
  readonly #database: Database;
  readonly #path: string;

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
  }

  async getAwaited(key: Uint8Array): Promise<Uint8Array | undefined> {
    return (await this.#database.get([key])).value ?? undefined;
  }

  async scan({ reverse, from, limit }: ScanRange, see: See): Promise<void> {
    const start = from ?? new Uint8Array(0);
    const selector = reverse
      ? { prefix: [], ...(from === undefined ? {} : { end: [start] }) }
      : { prefix: [], start: [start] };
    const options = { reverse, batchSize: 500, ...(limit === undefined ? {} : { limit }) };
    for await (const { key, value } of this.#database.list(selector, options)) {
      if (value !== null) see(key[0], value);
    }
  }

  async transaction(work: (writes: Writes) => void): Promise<void> {
    const atomic = this.#database.atomic();
    work({
      put: (key, value) => void atomic.set([key.slice()], value),
      delete: (key) => void atomic.delete([key.slice()]),
    });
    await atomic.commit();
  }

  async putAwaited(key: Uint8Array, value: Uint8Array): Promise<void> {
    await this.#database.set([key], value);
  }

  sizes(): { dataBytes: number; logBytes: number } {
    return sizesOf(this.#path);
  }

  close(): void {
    this.#database.close();
  }
}
