/**
 * The one error class of kvig and its closed list of codes.
 *
 * Operating conditions are a {@link KvigError} with a stable `code`; wrong arguments are TypeError
 * or RangeError; broken invariants are an AssertionError (see assert.ts). Messages never contain
 * keys or values.
 *
 * @module
 */

/** Codes that an Io may fail a future with. An adapter maps every system error to one of these. */
export type IoErrorCode =
  | "KVIG_NOT_FOUND"
  | "KVIG_EXISTS"
  | "KVIG_LOCKED"
  | "KVIG_READ_ONLY"
  | "KVIG_UNSUPPORTED"
  | "KVIG_ACCESS"
  | "KVIG_FULL"
  | "KVIG_CLOSED"
  | "KVIG_WOULD_BLOCK"
  | "KVIG_IO";

/** Every code that a {@link KvigError} can carry. */
export type KvigErrorCode =
  | IoErrorCode
  | "KVIG_FORMAT"
  | "KVIG_CORRUPT"
  | "KVIG_ABORTED"
  | "KVIG_KEY_TOO_LARGE"
  | "KVIG_VALUE_TOO_LARGE"
  | "KVIG_CONFLICT"
  | "KVIG_FAILED"
  | "KVIG_FUTURE_TAKEN";

/** What a {@link KvigError} knows beyond its code and message. */
export interface KvigErrorDetails {
  /** The error that led to this one, often the system's own. */
  cause?: unknown;
  /** Path of the file that is meant. */
  file?: string;
  /** Number of the damaged page in the data file. */
  page?: number;
  /** Position of the damaged block in the log, counted in blocks since creation. */
  position?: number;
  /** Whether a write that was under way may have become durable. */
  outcome?: "unknown" | "none";
}

/**
 * An operating error: something that a correct program can meet. `code` is stable across releases.
 */
export class KvigError extends Error {
  /** Always `"KvigError"`. */
  override readonly name = "KvigError";
  /** The stable code. */
  readonly code: KvigErrorCode;
  /** Path of the file that is meant, where one is. */
  readonly file: string | undefined;
  /** Number of the damaged page in the data file, with `KVIG_CORRUPT`. */
  readonly page: number | undefined;
  /** Position of the damaged block in the log, counted in blocks, with `KVIG_CORRUPT`. */
  readonly position: number | undefined;
  /** With `KVIG_FAILED`: whether the write that was under way may have become durable. */
  readonly outcome: "unknown" | "none" | undefined;

  /** Makes an error; `message` is a sentence without a full stop, free of keys and values. */
  constructor(code: KvigErrorCode, message: string, details: KvigErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.file = details.file;
    this.page = details.page;
    this.position = details.position;
    this.outcome = details.outcome;
  }
}

/** Whether `error` is a {@link KvigError}, with one of `codes` when any are given. */
export function isKvigError(error: unknown, ...codes: KvigErrorCode[]): error is KvigError {
  return error instanceof KvigError && (codes.length === 0 || codes.includes(error.code));
}
