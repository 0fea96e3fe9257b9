/**
 * Opening, in both forms, over a given Io.
 *
 * @module
 */

import { type Bytes, bytes, type Codec } from "./codec.ts";
import { checkedIo } from "./checked_io.ts";
import { Kvig } from "./database.ts";
import { CallMode } from "./file_access.ts";
import { runAsync, runSync, type Task } from "./future.ts";
import type { Located } from "./host.ts";
import type { Io } from "./io.ts";
import { openEngine } from "./opening.ts";
import { checkOptions, describe, pathOf, type StoreOptions } from "./options.ts";

/** How to open a store, with the codecs of its keys and values. Sizes are in bytes. */
export interface OpenOptions<K = Bytes, V = Bytes, KO = Uint8Array, VO = Uint8Array>
  extends StoreOptions {
  /** How keys become bytes. Default: text or bytes go in, bytes come out. */
  key?: Codec<K, KO>;
  /** How values become bytes. Default: text or bytes go in, bytes come out. */
  value?: Codec<V, VO>;
}

/**
 * Opens the store at `path` with `io`, creating it if need be.
 * @throws {KvigError} `KVIG_NOT_FOUND`, `KVIG_EXISTS`, `KVIG_LOCKED`, `KVIG_FORMAT`,
 * `KVIG_CORRUPT`,
 *   `KVIG_ACCESS`, `KVIG_FULL`, `KVIG_IO`, `KVIG_UNSUPPORTED`, `KVIG_ABORTED`: files that were
 *   there are untouched.
 */
export async function openStore<K = Bytes, V = Bytes, KO = Uint8Array, VO = Uint8Array>(
  io: Io,
  path: string | Located,
  options: OpenOptions<K, V, KO, VO> = {},
): Promise<Kvig<K, V, KO, VO>> {
  const checked = checkedIo(io);
  return await runAsync(openTask(checked, path, options, new CallMode(checked.canBlock)));
}

/**
 * Like {@link openStore}, at once.
 * @throws {KvigError} also `KVIG_WOULD_BLOCK` with an Io that cannot block.
 */
export function openStoreSync<K = Bytes, V = Bytes, KO = Uint8Array, VO = Uint8Array>(
  io: Io,
  path: string | Located,
  options: OpenOptions<K, V, KO, VO> = {},
): Kvig<K, V, KO, VO> {
  const checked = checkedIo(io);
  const mode = new CallMode(checked.canBlock);
  mode.blocking = true;
  try {
    return runSync(openTask(checked, path, options, mode));
  } finally {
    mode.blocking = false;
  }
}

function* openTask<K, V, KO, VO>(
  io: Io,
  path: string | Located,
  options: OpenOptions<K, V, KO, VO>,
  mode: CallMode,
): Task<Kvig<K, V, KO, VO>> {
  const checked = checkOptions(options);
  const codecs = {
    key: checkCodec<K, KO>("key", options.key),
    value: checkCodec<V, VO>("value", options.value),
  };
  const engine = yield* openEngine(io, pathOf(path), checked, mode);
  return new Kvig(engine, codecs);
}

function checkCodec<In, Out>(name: string, codec: Codec<In, Out> | undefined): Codec<In, Out> {
  if (codec === undefined) return bytes as unknown as Codec<In, Out>;
  if (typeof codec?.encode === "function" && typeof codec.decode === "function") return codec;
  throw new TypeError(`${name} must be a codec with encode and decode, got ${describe(codec)}`);
}
