/**
 * Stores of the smallest sizes there are: a whole life of one takes a millisecond, and each of its
 * steps can be looked at. Their files are stores like any other; only the options of the public
 * `open` do not go down so far.
 *
 * @module
 */

import { checkedIo } from "../../core/checked_io.ts";
import { bytes } from "../../core/codec.ts";
import { Kvig } from "../../core/database.ts";
import { CallMode } from "../../core/file_access.ts";
import { runAsync, runSync, type Task } from "../../core/future.ts";
import type { Signalled } from "../../core/host.ts";
import type { Io } from "../../core/io.ts";
import type { WorkingSizes } from "../../core/limits.ts";
import { openEngine } from "../../core/opening.ts";
import { type CheckedOptions, checkOptions } from "../../core/options.ts";

/** Sizes of a tiny store, in bytes. */
export interface TinyOptions {
  /** Size of a page. Default: 512. */
  pageSize?: number;
  /** Size of the page cache. Default: 128 pages. */
  cacheSize?: number;
  /** Size of the log. Default: 64 blocks. */
  logSize?: number;
  /** Size of a block of the log. Default: 512. */
  logBlockSize?: number;
  /** Largest size of the data file. Default: unlimited. */
  maxSize?: number;
  /** Write nothing. Default: false. */
  readOnly?: boolean;
  /** Lock the file. Default: true. */
  lock?: boolean;
  /** Create the store where there is none. Default: true. */
  createIfMissing?: boolean;
  /** Stops the opening. */
  signal?: Signalled;
  /** Sizes that no file depends on. */
  sizes?: Partial<WorkingSizes>;
}

function tinySizes(blockBytes: number, pageBytes: number): WorkingSizes {
  return {
    leastLogBytes: 16 * blockBytes,
    logBufferBytes: 32 * blockBytes,
    stagingBytes: 16 * pageBytes,
    growthBytes: 16 * pageBytes,
    slicePages: 8,
  };
}

function tinyTask(io: Io, path: string, options: TinyOptions, mode: CallMode): Task<Kvig> {
  const { pageSize = 512, logBlockSize = 512, sizes } = options;
  const { cacheSize = 128 * pageSize, logSize = 64 * logBlockSize, maxSize = Infinity } = options;
  const checked: CheckedOptions = {
    ...checkOptions({
      pageSize,
      logBlockSize,
      readOnly: options.readOnly ?? false,
      lock: options.lock ?? true,
      createIfMissing: options.createIfMissing ?? true,
    }),
    cacheBytes: cacheSize,
    logBytes: logSize,
    maxBytes: maxSize,
    signal: options.signal,
    sizes: { ...tinySizes(logBlockSize, pageSize), ...sizes },
  };
  return (function* (): Task<Kvig> {
    const engine = yield* openEngine(io, path, checked, mode);
    return new Kvig(engine, { key: bytes, value: bytes });
  })();
}

/** Opens the tiny store at `path` in `io`, creating it if need be; throws what `open` throws. */
export async function openTiny(io: Io, path: string, options: TinyOptions = {}): Promise<Kvig> {
  const checked = checkedIo(io);
  return await runAsync(tinyTask(checked, path, options, new CallMode(checked.canBlock)));
}

/** Like {@link openTiny}, at once; for an Io that can block. */
export function openTinySync(io: Io, path: string, options: TinyOptions = {}): Kvig {
  const checked = checkedIo(io);
  const mode = new CallMode(checked.canBlock);
  mode.blocking = true;
  try {
    return runSync(tinyTask(checked, path, options, mode));
  } finally {
    mode.blocking = false;
  }
}
