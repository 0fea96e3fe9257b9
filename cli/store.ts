/**
 * Opens the store of a command, and sees to it that it is closed again.
 *
 * @module
 */

import { isKvigError, KvigError } from "../core/errors.ts";
import { type Bytes, type Kvig, open, type OpenOptions } from "../mod.ts";
import type { Call } from "./command.ts";

/** A store as the commands use it: bytes in and out. */
export type Store = Kvig<Bytes, Bytes, Uint8Array, Uint8Array>;

/** How a command wants its store. */
export type How = Pick<OpenOptions, "readOnly" | "createIfMissing" | "pageSize" | "logSize">;

/**
 * Opens the store that the command line names first, lets `work` use it, and closes it whatever
 * happens. Without `createIfMissing` a store that is not there is an error.
 */
export async function withStore<T>(
  call: Call,
  how: How,
  work: (store: Store) => Promise<T>,
): Promise<T> {
  const path = call.given.operands[0];
  const cacheSize = call.given.size("cache-size");
  await using store = await openStore(path, {
    createIfMissing: false,
    ...how,
    ...(cacheSize === undefined ? {} : { cacheSize }),
    signal: call.signal,
  });
  return await work(store);
}

async function openStore(path: string, options: OpenOptions): Promise<Store> {
  try {
    return await open(path, options);
  } catch (error) {
    if (!isKvigError(error, "KVIG_NOT_FOUND")) throw error;
    const hint = options.createIfMissing === true
      ? "the directory it should go into is not there"
      : "kvig load makes one, and so does kvig put --create";
    throw new KvigError("KVIG_NOT_FOUND", `there is no store at ${path}; ${hint}`, {
      cause: error,
    });
  }
}
