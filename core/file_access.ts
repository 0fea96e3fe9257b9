/**
 * What the contract leaves to its user: going on after short transfers, trying again after a
 * passing fault, and the blocking hint of the call that is being served.
 *
 * @module
 */

import { KvigError } from "./errors.ts";
import type { Future, Task } from "./future.ts";
import type { CallOptions, Io, IoFile } from "./io.ts";

/** How often a read is tried that fails. */
export const READ_TRIES = 3;
const EMPTY_WRITE_TRIES = 3;

const BLOCKING: CallOptions = { blocking: true };
const WAITING: CallOptions = {};

/** Says how the operations issued now want to be carried out. */
export class CallMode {
  /** Whether a synchronous call is being served. */
  blocking = false;
  readonly #canBlock: boolean;

  /** For an Io that can or cannot block. */
  constructor(canBlock: boolean) {
    this.#canBlock = canBlock;
  }

  /** Throws where {@link options} would, before anything of an operation was begun. */
  checkMayWait(): void {
    void this.options;
  }

  /**
   * Passed with every operation of the Io.
   * @throws {KvigError} `KVIG_WOULD_BLOCK` before anything is issued, where a synchronous call is
   *   served on an Io that cannot block: so nothing of it is ever in flight when it gives up.
   */
  get options(): CallOptions {
    if (!this.blocking) return WAITING;
    if (this.#canBlock) return BLOCKING;
    throw new KvigError(
      "KVIG_WOULD_BLOCK",
      "a synchronous call needs the disk, and this Io cannot block: use the promise form",
    );
  }
}

/**
 * Reads `length` bytes at `at`; returns how many there were before the end of the file. A read that
 * fails is tried again, `tries` times in all.
 */
export function* readFully(
  file: IoFile,
  at: number,
  memory: Uint8Array,
  offset: number,
  length: number,
  mode: CallMode,
  tries = READ_TRIES,
): Task<number> {
  let done = 0;
  let tried = 1;
  while (done < length) {
    let count: number;
    try {
      count = yield* file.read(at + done, memory, offset + done, length - done, mode.options);
    } catch (error) {
      if (!(error instanceof KvigError && error.code === "KVIG_IO") || tried++ >= tries) {
        throw error;
      }
      continue;
    }
    if (count === 0) return done;
    done += count;
  }
  return done;
}

/**
 * New memory.
 * @throws {KvigError} `KVIG_IO` where it cannot be had, with the reason as its cause.
 */
export function allocate(io: Io, bytes: number): Uint8Array {
  try {
    return io.allocate(bytes);
  } catch (cause) {
    throw new KvigError("KVIG_IO", `${bytes} bytes of memory cannot be had`, { cause });
  }
}

/**
 * Waits for an operation whose failure changes nothing, because another one is reported already;
 * returns whether it succeeded.
 */
export function* attempt(future: Future<unknown>): Task<boolean> {
  try {
    yield* future;
    return true;
  } catch (error) {
    if (!(error instanceof KvigError)) throw error;
    return false;
  }
}

/** Writes `length` bytes at `at`, going on after short writes. */
export function* writeFully(
  file: IoFile,
  at: number,
  memory: Uint8Array,
  offset: number,
  length: number,
  mode: CallMode,
): Task<void> {
  let done = 0;
  let empty = 0;
  while (done < length) {
    const count = yield* file.write(
      at + done,
      memory,
      offset + done,
      length - done,
      mode.options,
    );
    if (count === 0 && ++empty >= EMPTY_WRITE_TRIES) {
      throw new KvigError("KVIG_IO", `writing ${file.path} makes no progress`, { file: file.path });
    }
    done += count;
  }
}
