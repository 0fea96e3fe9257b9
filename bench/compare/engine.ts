/**
 * What the harness asks of a store, kvig or a peer. An engine wraps the store's own calls as thinly
 * as it can, and never does less than the method says: what a store cannot do is left out, and the
 * row is empty.
 *
 * @module
 */

/** A value to be had soon or at once. */
export type Eventually<T> = T | Promise<T>;

/** How an engine opens its store. */
export interface EngineOptions {
  /** A directory of the engine's own, which is there. */
  readonly directory: string;
  /** Memory for pages, where the store takes such a figure. */
  readonly cacheBytes: number;
  /** The log's size, where the store takes such a figure. */
  readonly logBytes: number;
  /** Whether commits will block the thread or be awaited; both are durable when they end. */
  readonly commits: "blocking" | "awaited";
  /** Whether keys and values are strings. */
  readonly text: boolean;
  /** Whether reads will go to random places of a cold file. */
  readonly cold: boolean;
  /** Whether the store fits the cache, so that reads never wait for the disk. */
  readonly fits: boolean;
  /** Kvig only: the root of the sources to load it from, instead of this repository. */
  readonly kvigRoot: string | undefined;
}

/** The writes of one transaction; keys and values are copied before a call returns. */
export interface Writes {
  /** Sets a key. */
  put(key: Uint8Array, value: Uint8Array): void;
  /** Removes a key that is there. */
  delete(key: Uint8Array): void;
}

/** A part of the keys, in order. */
export interface ScanRange {
  /** From the greatest to the least. */
  readonly reverse: boolean;
  /** The first key, or the last where it is reversed. */
  readonly from?: Uint8Array;
  /** How many entries at most. */
  readonly limit?: number;
}

/** What a scan hands over; the bytes stay valid and unchanged for as long as they are kept. */
export type See = (key: Uint8Array, value: Uint8Array) => void;

/** An open store. */
export interface Engine {
  /** How many writes a transaction has at most, where the store sets a limit. */
  readonly mostWrites?: number;
  /** The value in bytes of its own, which stay what they are. */
  get?(key: Uint8Array): Uint8Array | undefined;
  /**
   * Puts the value into `target`, or where the store does that, into a buffer of its own that the
   * next call may overwrite; returns the bytes that hold it, or undefined.
   */
  getInto?(key: Uint8Array, target: Uint8Array): Uint8Array | undefined;
  /** The value as a string; the store was opened with `text`. */
  getText?(key: string): string | undefined;
  /** The values of many keys, as {@link get} returns each. */
  getMany?(keys: readonly Uint8Array[]): (Uint8Array | undefined)[];
  /** The value, without blocking the thread while the disk is read. */
  getAwaited?(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Shows entries in order. */
  scan?(range: ScanRange, see: See): Eventually<void>;
  /** All or nothing, on the disk when it ends. */
  transaction(work: (writes: Writes) => void): Eventually<void>;
  /** Sets a key; on the disk when it returns. */
  putBlocking?(key: Uint8Array, value: Uint8Array): void;
  /** Sets a key; on the disk when the promise settles. The bytes stay unchanged until then. */
  putAwaited?(key: Uint8Array, value: Uint8Array): Promise<void>;
  /** Replaces a value by one made from it, with nothing in between; settles as `putAwaited`. */
  changeAwaited?(
    key: Uint8Array,
    change: (old: Uint8Array) => Uint8Array,
  ): Promise<void>;
  /** Merges the log into the data, where the store does that apart; returns the pages written. */
  checkpoint?(): Eventually<number>;
  /** How much of the log waits to be merged, from 0 to 1. */
  logShare?(): number;
  /** Bytes of the files as they are now. */
  sizes(): { dataBytes: number; logBytes: number };
  /** Closes the store. */
  close(): Eventually<void>;
}

/** Opens a store, creating it where there is none. */
export type OpenEngine = (options: EngineOptions) => Promise<Engine>;
