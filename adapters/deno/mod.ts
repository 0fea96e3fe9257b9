/// <reference lib="esnext.disposable" preserve="true" />
/**
 * kvig on Deno: `open`, `openSync` and the Io.
 *
 * @example
 * ```ts
 * import { open } from "kvig/deno";
 * await using store = await open("example.kvig");
 * await store.put("hello", "world");
 * ```
 *
 * @module
 */

import type { Bytes } from "../../core/codec.ts";
import type { Kvig } from "../../core/database.ts";
import type { Located } from "../../core/host.ts";
import { type OpenOptions, openStore, openStoreSync } from "../../core/open_store.ts";
import { denoIo } from "./io.ts";

export * from "../../core/public.ts";
export { denoIo, type DenoIoOptions } from "./io.ts";

/**
 * Opens the store at `path`, creating it if need be; two files belong to it, `path` and `path-wal`.
 * @throws {KvigError} see the table of errors in the README.
 */
export function open<K = Bytes, V = Bytes, KO = Uint8Array, VO = Uint8Array>(
  path: string | Located,
  options: OpenOptions<K, V, KO, VO> = {},
): Promise<Kvig<K, V, KO, VO>> {
  return openStore(options.io ?? denoIo(), path, options);
}

/**
 * Opens the store at `path` with an Io that blocks, so that every synchronous verb works at once
 * and never throws `KVIG_WOULD_BLOCK` for a page or a flush.
 * @throws {KvigError} see the table of errors in the README.
 */
export function openSync<K = Bytes, V = Bytes, KO = Uint8Array, VO = Uint8Array>(
  path: string | Located,
  options: OpenOptions<K, V, KO, VO> = {},
): Kvig<K, V, KO, VO> {
  return openStoreSync(options.io ?? denoIo({ blocking: true }), path, options);
}
