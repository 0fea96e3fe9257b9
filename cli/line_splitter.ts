/**
 * Cuts a stream of bytes into lines, without ever copying a byte more than once.
 *
 * @module
 */

import { Buffer } from "node:buffer";

import { LineError } from "./failures.ts";

const NEWLINE = 10;

/** Longest line: its text stays below the longest string of V8. */
export const MAX_LINE_BYTES: number = 500 * 1024 * 1024;

/** Cuts chunks of bytes into lines of text. A chunk belongs to the splitter from its push on. */
export class LineSplitter {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  /** Number of the line that was handed out last, counted from 1. */
  line = 0;

  /** A splitter that refuses lines over `maxBytes`. */
  constructor(maxBytes: number = MAX_LINE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The lines that end in `chunk`, without their ends.
   * @throws {LineError} for a line that is too long or no UTF-8; `line` is its number.
   */
  *push(chunk: Uint8Array): Generator<string, void, void> {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      yield this.#take(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start === chunk.length) return;
    this.#pieces.push(chunk.subarray(start));
    this.#bytes += chunk.length - start;
    if (this.#bytes > this.#maxBytes) {
      this.line++;
      throw this.#tooLong();
    }
  }

  /** The last line, where the stream does not end in a newline. */
  *end(): Generator<string, void, void> {
    if (this.#bytes > 0) yield this.#take(new Uint8Array(0));
  }

  #take(tail: Uint8Array): string {
    this.line++;
    let whole = tail;
    if (this.#bytes > 0) {
      whole = Buffer.concat([...this.#pieces, tail]);
      this.#pieces = [];
      this.#bytes = 0;
    }
    if (whole.length > this.#maxBytes) throw this.#tooLong();
    const text = this.#decode(whole);
    return this.line === 1 && text.startsWith("\uFEFF") ? text.slice(1) : text;
  }

  #decode(bytes: Uint8Array): string {
    try {
      return this.#decoder.decode(bytes);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw new LineError("not UTF-8; bytes that are no text go into key64 and value64");
    }
  }

  #tooLong(): LineError {
    return new LineError(`longer than ${this.#maxBytes} bytes, the most that a line may have`);
  }
}
