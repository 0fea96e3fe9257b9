/**
 * What a {@link RecordingIo} keeps: operations as they were asked for, the bytes of files, changes
 * that no sync has covered.
 *
 * @module
 */

import type { IoErrorCode, IoOpenOptions } from "../../core/io.ts";

/** Operations of the contract. */
export type OperationKind =
  | "open"
  | "read"
  | "write"
  | "batch"
  | "sync"
  | "truncate"
  | "lock"
  | "close"
  | "remove"
  | "syncDirectory";

/** A piece of a file. */
export interface Piece {
  /** Position in the file. */
  readonly at: number;
  /** Length in bytes. */
  readonly length: number;
  /** What is written, as it was at the call; empty for a read. */
  readonly bytes: Uint8Array;
}

/** One operation as it was asked for, and how it went. */
export interface Operation {
  /** Its number, from 0. */
  readonly index: number;
  /** What it is. */
  readonly kind: OperationKind;
  /** The file, or the name, that it is about. */
  readonly path: string;
  /** What is read or written: each entry of a batch. */
  readonly pieces: readonly Piece[];
  /** For a sync its kind, for a lock its kind. */
  readonly how: string;
  /** For a truncate the size. */
  readonly size: number;
  /** For an open its options. */
  readonly options: IoOpenOptions | undefined;
  /** Whether it was asked to settle before it returned. */
  readonly blocking: boolean;
  /** Size of the file when it was issued. */
  readonly sizeBefore: number;
  /** How far it is. */
  state: "in flight" | "done" | "failed";
}

/** A rule for failures. */
export interface FailureRule {
  /** Which operations it is about. */
  match: (operation: Operation) => boolean;
  /** The code to fail with. Default: `KVIG_IO`. */
  code?: IoErrorCode;
  /** How many matching operations pass before. Default: 0. */
  skip?: number;
  /** How many fail. Default: 1. */
  times?: number;
  /** Whether the operation takes effect nevertheless. Default: false. */
  effect?: boolean;
}

/** Files by their names. */
export type Image = ReadonlyMap<string, Uint8Array>;

/** A change of a file. */
export interface Mutation {
  readonly at: number;
  readonly bytes: Uint8Array;
  /** For a change of size; −1 for a write. */
  readonly size: number;
  state: "in flight" | "done" | "failed";
}

/** Bytes that grow in steps. */
export class Content {
  bytes = new Uint8Array(0);
  size = 0;

  write(at: number, bytes: Uint8Array): void {
    this.resize(Math.max(this.size, at + bytes.length));
    this.bytes.set(bytes, at);
  }

  resize(size: number): void {
    if (size > this.bytes.length) {
      const grown = new Uint8Array(Math.max(size, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, this.size));
      this.bytes = grown;
    }
    if (size < this.size) this.bytes.fill(0, size, this.size);
    this.size = size;
  }

  view(): Uint8Array {
    return this.bytes.subarray(0, this.size);
  }
}

/** What is known of a file beside its bytes in the memory Io. */
export class Shadow {
  /** The bytes that a sync has covered; its size is what a full sync has covered. */
  readonly durable = new Content();
  /** Changes that no sync has covered, in the order of their completion or issue. */
  pending: Mutation[] = [];
  /** What a read finds. */
  readonly live = new Content();
}

/** Memory that an operation uses. */
export interface Region {
  readonly memory: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

/** An operation that is not over. */
export interface InFlight {
  readonly operation: Operation;
  readonly regions: readonly Region[];
  /** What the regions held when the operation was issued. */
  readonly before: readonly Uint8Array[];
  readonly run: () => void;
}
