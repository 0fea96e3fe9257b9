/**
 * kvig as an engine.
 *
 * @module
 */

import fs from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { type Adapter, runningAdapter } from "../../../adapters/mod.ts";
import type { Bytes, Codec, Kvig, OpenOptions, Transaction } from "../../../mod.ts";
import { fromSource } from "../../support/places.ts";
import type { Engine, EngineOptions, ScanRange, See, Writes } from "../engine.ts";

type Store = Kvig<Bytes, Bytes, Uint8Array, Uint8Array>;
type Inside = Transaction<Bytes, Bytes, Uint8Array, Uint8Array>;
type TextStore = Kvig<string, string, string, string>;
/** What is used of an adapter's entry. */
type Entry = Adapter & { readonly utf8: Codec<string> };

/** Opens kvig, with the Io that blocks or the one that does not. */
export async function openKvig(options: EngineOptions): Promise<Engine> {
  const adapter = await adapterOf(options.kvigRoot);
  const path = join(options.directory, "store.kvig");
  const how: OpenOptions = {
    cacheSize: options.cacheBytes,
    logSize: options.logBytes,
  };
  if (options.text) {
    const codecs = { key: adapter.utf8, value: adapter.utf8 };
    return textEngine(
      adapter.openSync<string, string, string, string>(path, {
        ...how,
        ...codecs,
      }),
    );
  }
  const store = options.commits === "blocking"
    ? adapter.openSync(path, how)
    : await adapter.open(path, how);
  return new KvigEngine(store, path, options);
}

async function adapterOf(kvigRoot: string | undefined): Promise<Entry> {
  if (kvigRoot === undefined) return await runningAdapter() as Entry;
  const file = join(
    kvigRoot,
    fromSource ? "adapters/mod.ts" : "dist/adapters/mod.js",
  );
  const { runningAdapter: running } = await import(
    pathToFileURL(file).href
  ) as {
    runningAdapter(): Promise<Entry>;
  };
  return await running();
}

function textEngine(store: TextStore): Engine {
  return {
    getText: (key) => store.getSync(key),
    transaction: () => {
      throw new Error("a store of text is only read here");
    },
    sizes: () => ({ dataBytes: 0, logBytes: 0 }),
    close: () => store.closeSync(),
  };
}

class KvigEngine implements Engine {
  readonly #store: Store;
  readonly #path: string;
  readonly #options: EngineOptions;

  constructor(store: Store, path: string, options: EngineOptions) {
    this.#store = store;
    this.#path = path;
    this.#options = options;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#store.getSync(key);
  }

  getInto(key: Uint8Array, target: Uint8Array): Uint8Array | undefined {
    return this.#store.getInto(key, target) < 0 ? undefined : target;
  }

  getMany(keys: readonly Uint8Array[]): (Uint8Array | undefined)[] {
    return this.#store.getManySync(keys);
  }

  getAwaited(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#store.get(key);
  }

  scan({ reverse, from, limit }: ScanRange, see: See): void {
    const bound = from === undefined ? {} : reverse ? { lte: from } : { gte: from };
    const range = {
      reverse,
      ...bound,
      ...(limit === undefined ? {} : { limit }),
    };
    for (const [key, value] of this.#store.range(range)) see(key, value);
  }

  transaction(work: (writes: Writes) => void): void | Promise<void> {
    const run = (tx: Inside): void =>
      work({
        put: (key, value) => tx.putSync(key, value),
        delete: (key) => void tx.deleteSync(key),
      });
    return this.#options.commits === "blocking"
      ? this.#store.transactionSync(run)
      : this.#store.transaction(run);
  }

  putBlocking(key: Uint8Array, value: Uint8Array): void {
    this.#store.putSync(key, value);
  }

  putAwaited(key: Uint8Array, value: Uint8Array): Promise<void> {
    return this.#store.put(key, value);
  }

  changeAwaited(
    key: Uint8Array,
    change: (old: Uint8Array) => Uint8Array,
  ): Promise<void> {
    if (!this.#options.fits) return this.#changeCold(key, change);
    return this.#store.transaction((tx) => {
      const old = tx.getSync(key);
      if (old === undefined) throw new Error("a key is missing");
      tx.putSync(key, change(old));
    });
  }

  /** The same where pages may have to be read. */
  #changeCold(key: Uint8Array, change: (old: Uint8Array) => Uint8Array): Promise<void> {
    return this.#store.transaction(async (tx) => {
      const old = await tx.get(key);
      if (old === undefined) throw new Error("a key is missing");
      await tx.put(key, change(old));
    });
  }

  logShare(): number {
    const { usedBlocks, blocks } = this.#store.stats().log;
    return usedBlocks / blocks;
  }

  async checkpoint(): Promise<number> {
    const pages = this.#store.stats().cache.dirty;
    await this.#store.checkpoint();
    return pages;
  }

  sizes(): { dataBytes: number; logBytes: number } {
    return {
      dataBytes: fs.statSync(this.#path).size,
      logBytes: fs.statSync(`${this.#path}-wal`).size,
    };
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
