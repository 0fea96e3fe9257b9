/**
 * The few universal things that the core may use, declared by shape: the core is compiled without
 * the types of any runtime, and the real ones of every runtime fit these.
 *
 * @module
 */

/** What the core needs of an `AbortSignal`. */
export interface Signalled {
  /** Whether it was aborted. */
  readonly aborted: boolean;
  /** Why. */
  readonly reason: unknown;
  /** Calls back when it is aborted. */
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  /** Takes the callback back. */
  removeEventListener(type: "abort", listener: () => void): void;
}

/** What the core needs of a `URL` that names a file. */
export interface Located {
  /** The whole URL. */
  readonly href: string;
  /** `"file:"` for a file. */
  readonly protocol: string;
  /** The path, percent-encoded. */
  readonly pathname: string;
}

/** Copies the bytes `from..to` of one array to another, at `at`. */
type CopyPart = (
  this: Uint8Array,
  target: Uint8Array,
  at: number,
  from: number,
  to: number,
) => number;

interface Encoder {
  encode(text: string): Uint8Array;
  encodeInto(text: string, target: Uint8Array): { read: number; written: number };
}

interface Decoder {
  decode(bytes: Uint8Array): string;
}

interface Host {
  /** On the runtimes that have it: turns a part of any bytes into text. */
  Buffer?: {
    prototype: {
      utf8Slice?: (this: Uint8Array, from: number, to: number) => string;
      copy?: CopyPart;
    };
  };
  Uint8Array: { fromBase64?: unknown };
  TextEncoder: new () => Encoder;
  TextDecoder: new (label: string, options: { fatal?: boolean; ignoreBOM?: boolean }) => Decoder;
}

const host = globalThis as unknown as Host;

/** Turns text into UTF-8. */
export const textEncoder: Encoder = new host.TextEncoder();

/** Turns UTF-8 into text and throws TypeError where it is not valid. */
const textDecoder: Decoder = new host.TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const utf8Slice = host.Buffer?.prototype.utf8Slice;

/**
 * Copies a part of any bytes without allocating, where the host has something for that. Older hosts
 * have it and make a view each time; what tells them apart is a method that came at the same time.
 */
export const copyPart: CopyPart | undefined = host.Uint8Array.fromBase64 === undefined
  ? undefined
  : host.Buffer?.prototype.copy;

/** What stands in text for bytes that are not UTF-8. */
const REPLACEMENT = "\uFFFD";

/** The text of `length` bytes of UTF-8 from `at` on. @throws {TypeError} where it is not valid. */
export function decodeText(bytes: Uint8Array, at: number, length: number): string {
  if (utf8Slice !== undefined) {
    const text = utf8Slice.call(bytes, at, at + length);
    if (!text.includes(REPLACEMENT)) return text;
  }
  return textDecoder.decode(bytes.subarray(at, at + length));
}

/** Calls `work` when the running tick of the event loop ends. */
export function atEndOfTick(work: () => void): void {
  settledPromise.then(work);
}

const settledPromise = Promise.resolve();
