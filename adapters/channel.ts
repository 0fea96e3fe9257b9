/**
 * Moves bytes between memory and one open file: single reads and writes, each through the right
 * descriptor. Knows nothing of futures, locks and closing.
 *
 * A file has a buffered descriptor, and a direct one when the page cache is bypassed. What is
 * aligned in position, length and memory goes through the direct one, everything else through the
 * buffered one. The system keeps both in step, and a sync of one covers both.
 *
 * @module
 */

import fs from "node:fs";

import { ALIGNMENT_BYTES, isAligned } from "./aligned_memory.ts";
import type { BackgroundCalls, BatchCalls, BatchTarget } from "./capabilities.ts";
import { systemCode } from "./errno.ts";
import { isPassing, pauseBlocking } from "./system_calls.ts";
import type { Transfer, TransferChannel } from "./transfer.ts";

/** Most that one call asks of the system; a larger read or write is a short one. */
const CALL_BYTES_MAX = 1_073_741_824;

/** The descriptors of one file, and its size. */
export class Channel implements TransferChannel, BatchTarget {
  /** The buffered descriptor. */
  readonly fd: number;
  /** Size in bytes: at opening, moved by completed writes. */
  size: number;
  readonly #background: BackgroundCalls;
  /** Where aligned operations go, or -1. */
  #directFd: number;

  /** Works with descriptors that somebody else opened and will close; `directFd` may be -1. */
  constructor(fd: number, directFd: number, size: number, background: BackgroundCalls) {
    this.fd = fd;
    this.size = size;
    this.#directFd = directFd;
    this.#background = background;
  }

  /** Whether aligned operations bypass the page cache. */
  get direct(): boolean {
    return this.#directFd >= 0;
  }

  /** The runtime's own way to write batches, where it has one. */
  get batches(): BatchCalls | undefined {
    return this.#background.batches;
  }

  /** Reads once, before returning. Throws the system's error. */
  readNow(at: number, memory: Uint8Array, offset: number, length: number): number {
    const asked = Math.min(length, CALL_BYTES_MAX);
    for (let tries = 1;; tries++) {
      const fd = this.descriptor(at, memory, offset, asked);
      try {
        return fs.readSync(fd, memory, offset, asked, at);
      } catch (error) {
        this.#prepareRetry(error, fd, tries);
      }
    }
  }

  /** Writes once, before returning. Throws the system's error. */
  writeNow(at: number, memory: Uint8Array, offset: number, length: number): number {
    const asked = Math.min(length, CALL_BYTES_MAX);
    for (let tries = 1;; tries++) {
      const fd = this.descriptor(at, memory, offset, asked);
      try {
        const count = fs.writeSync(fd, memory, offset, asked, at);
        this.grow(at, count);
        return count;
      } catch (error) {
        this.#prepareRetry(error, fd, tries);
      }
    }
  }

  /** Notes that `count` bytes were written at `at`. */
  grow(at: number, count: number): void {
    if (count > 0 && at + count > this.size) this.size = at + count;
  }

  /** Begins `transfer` in the background. May throw what the runtime's call throws. */
  begin(transfer: Transfer): void {
    const { kind, at, memory, offset } = transfer;
    const length = Math.min(transfer.length, CALL_BYTES_MAX);
    transfer.fd = this.descriptor(at, memory, offset, length);
    this.#background[kind](transfer.fd, memory, offset, length, at, transfer.done);
  }

  /** The descriptor for so many bytes: the direct one where all of them are aligned. */
  descriptor(at: number, memory: Uint8Array, offset: number, length: number): number {
    if (this.#directFd < 0) return this.fd;
    const aligned = at % ALIGNMENT_BYTES === 0 && length % ALIGNMENT_BYTES === 0 &&
      isAligned(memory, offset);
    return aligned ? this.#directFd : this.fd;
  }

  /** Whether the system wants another alignment than ours. Then nothing goes directly any more. */
  refusesDirect(error: unknown, fd: number): boolean {
    if (fd === this.fd || systemCode(error) !== "EINVAL") return false;
    this.#directFd = -1;
    return true;
  }

  /** Returns when another try makes sense, and throws `error` when none does. */
  #prepareRetry(error: unknown, fd: number, tries: number): void {
    if (this.refusesDirect(error, fd)) return;
    if (!isPassing(error, tries)) throw error;
    pauseBlocking(error);
  }
}
