/**
 * What a simulated Io did: a hash of it always, and words where somebody wants to read them.
 *
 * @module
 */

import { checksum } from "../../core/checksum.ts";
import type { Fault, SimOperation } from "./faults.ts";

/** The trace of one run. */
export class Trace {
  /** Lines for people; empty unless they are kept. */
  readonly lines: string[] = [];
  readonly #keep: boolean;
  #hash = 0x9E3779B9;

  /** Begins; with `keep` lines are kept. */
  constructor(keep: boolean) {
    this.#keep = keep;
  }

  /** A hash of everything so far, of 32 bits. */
  get hash(): number {
    return this.#hash >>> 0;
  }

  /** Mixes a number in. */
  mix(value: number): void {
    const mixed = Math.imul(this.#hash ^ (value | 0), 0x85EBCA6B);
    this.#hash = Math.imul(mixed ^ (mixed >>> 13), 0xC2B2AE35) ^ (mixed >>> 16);
  }

  /** Mixes text in. */
  mixText(text: string): void {
    for (let i = 0; i < text.length; i++) this.mix(text.charCodeAt(i));
  }

  /** Mixes bytes in. */
  mixBytes(bytes: Uint8Array, offset: number, length: number): void {
    this.mix(checksum(bytes, offset, length, length));
  }

  /** Notes that an operation was issued. */
  issued(operation: SimOperation, fault: Fault | undefined): void {
    const { number, kind, path, at, length } = operation;
    this.mixText(kind);
    this.mix(path.length);
    this.mix(at);
    this.mix(length);
    if (fault !== undefined) this.mixText(fault.kind);
    if (!this.#keep) return;
    const where = path === "" ? "" : ` of ${path}`;
    const wrong = fault === undefined ? "" : `, fault: ${fault.kind}`;
    this.note(`${number} ${kind}${where} at ${at}, ${length} bytes${wrong}`);
  }

  /** Notes that an operation is complete; `code` is that of its error, or "". */
  completed({ number, kind }: SimOperation, code: string): void {
    this.mix(number);
    if (code !== "") this.mixText(code);
    if (this.#keep) this.note(`${number} ${kind} is over${code === "" ? "" : `: ${code}`}`);
  }

  /** Adds a line for people. */
  note(line: string): void {
    if (this.#keep) this.lines.push(line);
  }
}
