/**
 * How bytes are written as text: on the command line, and in what is shown to people.
 *
 * Text that is read back means the same bytes or is refused; nothing is replaced in silence.
 *
 * @module
 */

import { Buffer, isUtf8 } from "node:buffer";

import { UsageError } from "./failures.ts";

/** Text as UTF-8, hexadecimal digits, or base64. */
export type Notation = "text" | "hex" | "base64";

/** Half of a surrogate pair without its other half: UTF-8 cannot express it. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether UTF-8 can express `text`. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

/** The bytes that base64 of the standard alphabet, padded, stands for; undefined for other text. */
export function fromBase64(text: string): Uint8Array | undefined {
  const decoded = Buffer.from(text, "base64");
  return decoded.toString("base64") === text ? decoded : undefined;
}

/** Base64 of `bytes`: the standard alphabet, padded. */
export function toBase64(bytes: Uint8Array): string {
  return view(bytes).toString("base64");
}

/**
 * The bytes that an argument of the command line stands for.
 * @param name what the argument is called in messages, which never repeat the argument.
 * @throws {UsageError} where it stands for none.
 */
export function bytesOfArgument(name: string, argument: string, notation: Notation): Uint8Array {
  if (notation === "hex") {
    if (argument.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(argument)) {
      throw new UsageError(`with --hex, ${name} is pairs of hexadecimal digits such as 00ff`);
    }
    return Buffer.from(argument, "hex");
  }
  if (notation === "base64") {
    const bytes = fromBase64(argument);
    if (bytes === undefined) {
      throw new UsageError(`with --base64, ${name} is base64 with its padding, such as AP8=`);
    }
    return bytes;
  }
  // Runtimes put U+FFFD where an argument's bytes are not UTF-8: the bytes themselves are lost.
  if (argument.includes("\uFFFD") || !isWellFormed(argument)) {
    throw new UsageError(`${name} is not UTF-8; write it in hexadecimal and add --hex`);
  }
  return Buffer.from(argument, "utf8");
}

/** Bytes for the eye, on one line; the inverse is unambiguous. */
export function toShown(bytes: Uint8Array, notation: Notation): string {
  if (notation === "hex") return view(bytes).toString("hex");
  if (notation === "base64") return toBase64(bytes);
  const text = isUtf8(bytes) ? toText(bytes) : view(bytes).toString("latin1");
  return isUtf8(bytes)
    ? text.replace(SPECIAL_IN_TEXT, escapeCharacter)
    : text.replace(SPECIAL_IN_BYTES, escapeCharacter);
}

/** The text that valid UTF-8 stands for, a byte order mark included. */
export function toText(bytes: Uint8Array): string {
  return view(bytes).toString("utf8");
}

/** A word of the command line as messages show it: quoted, on one line, not too long. */
export function quoted(word: string): string {
  const shown = word.length > 60 ? `${word.slice(0, 60)}…` : word;
  return JSON.stringify(shown);
}

/** What a terminal would act on, and what separates columns and lines. */
const SPECIAL_IN_TEXT = /[\\\p{Cc}\u2028\u2029]/gu;
const SPECIAL_IN_BYTES = /[\\\p{Cc}\x80-\xFF]/gu;

function escapeCharacter(character: string): string {
  if (character === "\\") return "\\\\";
  if (character === "\t") return "\\t";
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  const code = character.charCodeAt(0);
  return code < 256
    ? `\\x${code.toString(16).padStart(2, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
