/**
 * One read or write in the background: tried again where that is right, and reported once.
 *
 * There is one for each operation, because they are many: it is everything that the operation
 * needs, so that no closures and words are made for it.
 *
 * @module
 */

import type { Done } from "./capabilities.ts";
import { isFailure, isPassing, passingPauseMs } from "./system_calls.ts";

/** What a transfer goes through. */
export interface TransferChannel {
  /** Begins `transfer` in the background. May throw what the runtime's call throws. */
  begin(transfer: Transfer): void;
  /** Notes that `count` bytes were written at `at`. */
  grow(at: number, count: number): void;
  /** Whether the system wants another alignment than ours. Then nothing goes directly any more. */
  refusesDirect(error: unknown, fd: number): boolean;
}

/** A read or write of one channel. */
export abstract class Transfer {
  /** What it does. */
  readonly kind: "read" | "write";
  /** Where the bytes go to, or come from. */
  readonly memory: Uint8Array;
  /** Position in the file. */
  at: number;
  /** Position in the memory. */
  offset: number;
  /** How many bytes are asked for. */
  length: number;
  /** For the channel: the descriptor that it goes through. */
  fd = -1;
  /** For the channel: called once when the system has answered. */
  readonly done: Done<number>;
  readonly #channel: TransferChannel;
  #tries = 0;
  /** Whether the system's answer is waited for. */
  #running = false;

  /** Not begun yet. */
  constructor(
    channel: TransferChannel,
    kind: "read" | "write",
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
  ) {
    this.#channel = channel;
    this.kind = kind;
    this.at = at;
    this.memory = memory;
    this.offset = offset;
    this.length = length;
    this.done = (error, count) => this.#answered(error, count);
  }

  /** Begins it, also anew for what is left; {@link ended} is called once. Throws nothing. */
  begin(): void {
    this.#tries = 1;
    this.#try();
  }

  /** It is over: `error` is null or undefined when it succeeded with `count` bytes. */
  protected abstract ended(error: unknown, count: number): void;

  #try(): void {
    this.#running = true;
    try {
      this.#channel.begin(this);
    } catch (error) {
      this.#answered(error, 0);
    }
  }

  #answered(error: unknown, count: number): void {
    if (!this.#running) return;
    this.#running = false;
    if (!isFailure(error)) {
      if (this.kind === "write") this.#channel.grow(this.at, count);
      this.ended(error, count);
    } else if (this.#channel.refusesDirect(error, this.fd)) {
      this.#try();
    } else if (isPassing(error, this.#tries)) {
      this.#tries++;
      setTimeout(() => this.#try(), passingPauseMs(error));
    } else {
      this.ended(error, count);
    }
  }
}
