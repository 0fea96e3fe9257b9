/**
 * JSON Lines, the form in which entries leave a store and come back: one object a line.
 *
 * Bytes that are UTF-8 stand as text in `key` and `value`, others as base64 in `key64` and
 * `value64`. What {@link formatEntry} writes, {@link parseEntry} reads back as the same bytes.
 *
 * @module
 */

import { Buffer, isUtf8 } from "node:buffer";

import { CommandError, LineError } from "./failures.ts";
import { fromBase64, isWellFormed, quoted, toBase64, toText } from "./notation.ts";

/** Longest value that fits on a line: as base64 it stays below the longest string of V8. */
export const MAX_LINE_VALUE_BYTES: number = 256 * 1024 * 1024;

/** Longest value written as text: each byte may take six characters, as in `\u0000`. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/** What a line may look like, for messages. */
export const LINE_FORM = `{"key": "text", "value": "text"}, or key64 and value64 with base64`;

/** One entry. */
export interface Entry {
  /** The key. */
  key: Uint8Array;
  /** The value. */
  value: Uint8Array;
}

/**
 * The line of an entry, without its end; without `value` that of a key alone.
 * @throws {CommandError} for a value that is too long for a line.
 */
export function formatEntry(key: Uint8Array, value?: Uint8Array): string {
  if (value === undefined) return `{${field("key", key)}}`;
  if (value.length > MAX_LINE_VALUE_BYTES) {
    throw new CommandError(
      `a value of ${value.length} bytes does not fit on a line of JSON, which takes up to ` +
        `${MAX_LINE_VALUE_BYTES}; kvig get --raw writes it, kvig backup copies the whole store`,
    );
  }
  return `{${field("key", key)},${field("value", value)}}`;
}

function field(name: "key" | "value", bytes: Uint8Array): string {
  return bytes.length <= MAX_TEXT_BYTES && isUtf8(bytes)
    ? `"${name}":${JSON.stringify(toText(bytes))}`
    : `"${name}64":"${toBase64(bytes)}"`;
}

/**
 * Reads the entry of a line.
 * @throws {LineError} where the line holds none; the message repeats nothing of a key or value.
 */
export function parseEntry(line: string): Entry {
  const fields = parseObject(line);
  for (const name of Object.keys(fields)) {
    if (!/^(key|value)(64)?$/.test(name)) {
      throw new LineError(`unknown field ${quoted(name)}; a line is ${LINE_FORM}`);
    }
  }
  return { key: bytesOf(fields, "key"), value: bytesOf(fields, "value") };
}

function parseObject(line: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The parser's own message repeats what stands on the line.
    const column = /position (\d+)/.exec(error.message)?.[1];
    const where = column === undefined ? "" : ` (see column ${Number(column) + 1})`;
    throw new LineError(`not JSON${where}; a line is ${LINE_FORM}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new LineError(`${kindOf(value)} and no object; a line is ${LINE_FORM}`);
  }
  return value as Record<string, unknown>;
}

function bytesOf(fields: Record<string, unknown>, name: "key" | "value"): Uint8Array {
  const name64 = `${name}64`;
  if (Object.hasOwn(fields, name) && Object.hasOwn(fields, name64)) {
    throw new LineError(`${name} and ${name64} exclude each other; a line is ${LINE_FORM}`);
  }
  const used = Object.hasOwn(fields, name64) ? name64 : name;
  const text = fields[used];
  if (text === undefined) {
    throw new LineError(`neither ${name} nor ${name64}; a line is ${LINE_FORM}`);
  }
  if (typeof text !== "string") {
    throw new LineError(`${used} must be a string, got ${kindOf(text)}`);
  }
  if (used === name64) {
    const bytes = fromBase64(text);
    if (bytes !== undefined) return bytes;
    throw new LineError(`${used} must be base64 with its padding, such as "AP8="`);
  }
  if (!isWellFormed(text)) {
    throw new LineError(`${used} has half a surrogate pair, which is no text; use ${name64}`);
  }
  return Buffer.from(text, "utf8");
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
