/**
 * Codecs: how keys and values become bytes and back.
 *
 * @module
 */

import { decodeText, textEncoder } from "./host.ts";
import { describe } from "./options.ts";

/** Turns values into bytes and back. For keys the order of the bytes is the order of the keys. */
export interface Codec<In, Out = In> {
  /** The bytes of `value`. kvig copies them before the write settles. */
  encode(value: In): Uint8Array;
  /** The value of `bytes`, which are the codec's to keep. */
  decode(bytes: Uint8Array): Out;
}

/** What the default codec takes: text stands for its UTF-8. */
export type Bytes = string | Uint8Array;

/** The default codec: text or bytes go in, bytes come out. */
export const bytes: Codec<Bytes, Uint8Array> = {
  encode(value: Bytes): Uint8Array {
    if (value instanceof Uint8Array) return value;
    if (typeof value === "string") return textEncoder.encode(value);
    throw new TypeError(`expected a string or a Uint8Array, got ${describe(value)}`);
  },
  decode(value: Uint8Array): Uint8Array {
    return value;
  },
};

/** Text as UTF-8; as keys it is ordered by code point. Lone surrogates are refused. */
export const utf8: Codec<string> = {
  encode(value: string): Uint8Array {
    if (typeof value !== "string") throw new TypeError(`expected a string, got ${describe(value)}`);
    if (!wellFormed(value)) throw new TypeError("expected a string without lone surrogates");
    return textEncoder.encode(value);
  },
  decode(value: Uint8Array): string {
    return decodeText(value, 0, value.length);
  },
};

/** Anything that JSON can express, as UTF-8. Meant for values: as keys it has no useful order. */
export const json: Codec<unknown> = {
  encode(value: unknown): Uint8Array {
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) {
      throw new TypeError(`expected a value that JSON can express, got ${describe(value)}`);
    }
    return textEncoder.encode(text);
  },
  decode(value: Uint8Array): unknown {
    return JSON.parse(decodeText(value, 0, value.length));
  },
};

/** Writes text of ASCII into `target` and returns its length; −1 where it is anything else. */
export function encodeAscii(text: string, target: Uint8Array): number {
  const { length } = text;
  if (length > target.length) return -1;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 127) return -1;
    target[i] = unit;
  }
  return length;
}

function wellFormed(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xD800 || unit > 0xDFFF) continue;
    const next = text.charCodeAt(i + 1);
    if (unit > 0xDBFF || !(next >= 0xDC00 && next <= 0xDFFF)) return false;
    i++;
  }
  return true;
}
