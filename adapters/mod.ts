/**
 * Chooses the adapter of the running runtime.
 *
 * @module
 */

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
  const adapter = await import("./node/mod.ts");
  return await adapter.open(path, options);
}
