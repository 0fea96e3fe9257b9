/**
 * Standard output: gathered into large writes, with errors that reach the command.
 *
 * A reader that goes away, as in `kvig dump STORE | head`, ends the command with
 * {@link ReaderGone}; every other failed write is a {@link CommandError}.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";

import { codeOf, CommandError, ReaderGone } from "./failures.ts";

/** Bytes that are gathered before they are written. */
const GATHERED_BYTES = 64 * 1024;

/** Writes to a stream. Each promise settles before the next call. */
export class Output {
  readonly #stream: Writable & { readonly isTTY?: boolean };
  #text = "";
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #error: Error | undefined = undefined;

  /** Writes to `stream`, which stays the caller's to end. */
  constructor(stream: Writable & { readonly isTTY?: boolean }) {
    this.#stream = stream;
    // Without a listener the error would end the process with a stack.
    stream.on("error", (error: Error) => {
      this.#error = error;
    });
  }

  /** Whether it is a terminal. */
  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Takes text or bytes over; they are written when enough of them have come together. */
  async write(piece: string | Uint8Array): Promise<void> {
    if (typeof piece === "string") this.#text += piece;
    else {
      this.#textToBytes();
      this.#pieces.push(piece);
      this.#bytes += piece.length;
    }
    if (this.#full) await this.flush();
  }

  /** Takes a line of text; true when {@link flush} is due, so that most lines cost no wait. */
  line(text: string): boolean {
    this.#text += text;
    this.#text += "\n";
    return this.#full;
  }

  get #full(): boolean {
    return this.#bytes + this.#text.length >= GATHERED_BYTES;
  }

  #textToBytes(): void {
    if (this.#text === "") return;
    const bytes = Buffer.from(this.#text, "utf8");
    this.#text = "";
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
  }

  /**
   * Writes what was gathered.
   * @throws {ReaderGone} where nobody reads it any more, {CommandError} where it cannot be written.
   */
  async flush(): Promise<void> {
    this.#textToBytes();
    if (this.#bytes === 0) return;
    const [pieces, bytes] = [this.#pieces, this.#bytes];
    this.#pieces = [];
    this.#bytes = 0;
    try {
      if (this.#error !== undefined) throw this.#error;
      await this.#send(Buffer.concat(pieces, bytes));
    } catch (error) {
      const code = codeOf(error);
      if (code === "EPIPE") throw new ReaderGone("standard output was closed");
      throw new CommandError(`standard output cannot be written: ${code ?? String(error)}`);
    }
    // Writes to pipes and files do not give way to signals by themselves.
    await setImmediate();
  }

  #send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(bytes, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
  }
}
