/**
 * Chooses the adapter of the running runtime.
 *
 * @module
 */

import process from "node:process";

import type { Bytes } from "../core/codec.ts";
import type { Kvig } from "../core/database.ts";
import type { Located } from "../core/host.ts";
import type { OpenOptions } from "../core/open_store.ts";

/**
 * Opens the store at `path` on whichever runtime runs this, creating it if need be; two files
 * belong to it, `path` and `path-wal`.
 * @throws {KvigError} see the table of errors in the README.
 */
export async function open<K = Bytes, V = Bytes, KO = Uint8Array, VO = Uint8Array>(
  path: string | Located,
  options: OpenOptions<K, V, KO, VO> = {},
): Promise<Kvig<K, V, KO, VO>> {
  const adapter = await runningAdapter();
  return await adapter.open(path, options);
}

/** What every adapter has. */
export interface Adapter {
  /** Opens a store. */
  open: typeof open;
  /** Opens a store with an Io that blocks. */
  openSync<K = Bytes, V = Bytes, KO = Uint8Array, VO = Uint8Array>(
    path: string | Located,
    options?: OpenOptions<K, V, KO, VO>,
  ): Kvig<K, V, KO, VO>;
}

/** The adapter of the running runtime. */
export function runningAdapter(): Promise<Adapter> {
  // Literal imports: bundlers follow them, and only the one that is needed is loaded.
  if ("Deno" in globalThis) return import("./deno/mod.ts");
  if (process.versions["bun"] !== undefined) return import("./bun/mod.ts");
  return import("./node/mod.ts");
}
