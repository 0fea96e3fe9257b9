/**
 * An Io that nobody can hurry: it wraps another one and carries out each operation at a random
 * later moment, in any order, and tells even later. It cannot block.
 *
 * It watches the caller's side of the contract and remembers every breach in {@link SlowIo.faults}:
 * memory of a write that changes while the Io owns it, and overlapping operations in flight. Memory
 * to be read into is scribbled over first, because it belongs to the Io until the end.
 *
 * @module
 */

import { Buffer } from "node:buffer";

import {
  type CallOptions,
  Future,
  type Io,
  type IoFile,
  type IoOpenOptions,
  type WriteBatch,
} from "../../core/io.ts";
import { isKvigError } from "../../core/errors.ts";
import type { Random } from "./random.ts";

/** One operation under way: what it touches. */
interface Operation {
  readonly writes: boolean;
  readonly at: number;
  readonly end: number;
}

/** Where an Io stands that waits: how long each operation takes is drawn from `random`. */
export class SlowIo implements Io {
  /** Cannot block. */
  readonly canBlock = false;
  /** For people. */
  readonly description = "slow and in any order";
  /** What the caller did that the contract forbids. */
  readonly faults: string[] = [];
  /** Operations that are under way. */
  inFlight = 0;
  /** Once true nothing is carried out any more and no future settles: the process is dead. */
  dead = false;
  readonly #inner: Io;
  readonly #random: Random;

  /** Slows `inner` down, which must block. */
  constructor(inner: Io, random: Random) {
    this.#inner = inner;
    this.#random = random;
  }

  /** Opens a file, later. */
  open(path: string, options: IoOpenOptions = {}): Future<IoFile> {
    return this.later(() => {
      const file = this.#inner.open(path, { ...options, blocking: true }).take();
      return new SlowFile(this, file);
    });
  }

  /** Removes a file, later. */
  remove(path: string): Future<void> {
    return this.later(() => this.#inner.remove(path, { blocking: true }).take());
  }

  /** Syncs a directory, later. */
  syncDirectory(path: string): Future<void> {
    return this.later(() => this.#inner.syncDirectory(path, { blocking: true }).take());
  }

  /** Memory, at once. */
  allocate(bytes: number): Uint8Array {
    return this.#inner.allocate(bytes);
  }

  /** The time. */
  now(): number {
    return this.#inner.now();
  }

  /** Randomness of the inner Io. */
  random(bytes: Uint8Array): void {
    this.#inner.random(bytes);
  }

  /** Does `work` after a random while and settles with its result after another one. */
  later<T>(work: () => T, before: () => void = () => {}, after: () => void = () => {}): Future<T> {
    const future = new Future<T>();
    this.inFlight++;
    this.#wait(() => {
      before();
      let finish: () => void;
      try {
        const result = work();
        finish = () => future.settle(result);
      } catch (error) {
        if (!isKvigError(error)) throw error;
        const code = error.code as "KVIG_IO";
        finish = () => future.fail(code, error.message, error.cause);
      }
      this.#wait(() => {
        this.inFlight--;
        after();
        finish();
      });
    });
    return future;
  }

  #wait(work: () => void): void {
    const alive = (): void => {
      if (!this.dead) work();
    };
    const kind = this.#random.below(10);
    if (kind < 5) this.#ticks(this.#random.below(12), alive);
    else if (kind < 9) setImmediate(alive);
    else setImmediate(() => setImmediate(() => this.#ticks(this.#random.below(5), alive)));
  }

  #ticks(count: number, work: () => void): void {
    if (count === 0) queueMicrotask(work);
    else queueMicrotask(() => this.#ticks(count - 1, work));
  }
}

/** A file that can tell a write that is carried out from one that is complete. */
interface Ledger {
  delayCompletion(): () => void;
  beginSync(kind: "data" | "full"): () => void;
}

function isLedger(file: unknown): file is Ledger {
  return typeof (file as Partial<Ledger>).delayCompletion === "function";
}

class SlowFile implements IoFile {
  readonly path: string;
  readonly direct = false;
  readonly #io: SlowIo;
  readonly #file: IoFile;
  readonly #under = new Set<Operation>();

  constructor(io: SlowIo, file: IoFile) {
    this.path = file.path;
    this.#io = io;
    this.#file = file;
  }

  get size(): number {
    return this.#file.size;
  }

  read(at: number, memory: Uint8Array, offset: number, length: number): Future<number> {
    const operation = this.#begin(false, at, length);
    memory.fill(0xDB, offset, offset + length);
    const scribbled = memory.slice(offset, offset + length);
    return this.#io.later(
      () => this.#file.read(at, memory, offset, length, { blocking: true }).take(),
      () => this.#unchanged("to be read into", memory, offset, scribbled, at),
      () => this.#under.delete(operation),
    );
  }

  write(at: number, memory: Uint8Array, offset: number, length: number): Future<number> {
    const operation = this.#begin(true, at, length);
    const bytes = memory.slice(offset, offset + length);
    let complete = (): void => {};
    return this.#io.later(
      () => {
        const count = this.#file.write(at, memory, offset, length, { blocking: true }).take();
        complete = this.#delayed();
        return count;
      },
      () => this.#unchanged("to be written", memory, offset, bytes, at),
      () => {
        this.#unchanged("being written", memory, offset, bytes, at);
        this.#under.delete(operation);
        complete();
      },
    );
  }

  writeBatch(batch: WriteBatch): Future<void> {
    const { memory, count, at, offset, length } = batch;
    const copies: Uint8Array[] = [];
    const operations: Operation[] = [];
    const positions = at.slice(0, count);
    for (let i = 0; i < count; i++) {
      operations.push(this.#begin(true, at[i], length[i]));
      copies.push(memory.slice(offset[i], offset[i] + length[i]));
    }
    const check = (): void => {
      if (batch.count !== count || positions.some((position, i) => position !== at[i])) {
        this.#io.faults.push("a batch changed while it was in flight");
      }
      for (let i = 0; i < count; i++) {
        this.#unchanged("of a batch", memory, offset[i], copies[i], at[i]);
      }
    };
    let complete = (): void => {};
    return this.#io.later(
      () => {
        this.#file.writeBatch(batch, { blocking: true }).take();
        complete = this.#delayed();
      },
      check,
      () => {
        check();
        for (const operation of operations) this.#under.delete(operation);
        complete();
      },
    );
  }

  sync(kind: "data" | "full"): Future<void> {
    // What it covers is decided now: writes that have completed.
    const file: unknown = this.#file;
    if (isLedger(file)) return this.#io.later(file.beginSync(kind));
    return this.#io.later(() => this.#file.sync(kind, { blocking: true }).take());
  }

  truncate(size: number): Future<void> {
    const operation = this.#begin(true, size, Number.MAX_SAFE_INTEGER - size);
    let complete = (): void => {};
    return this.#io.later(
      () => {
        this.#file.truncate(size, { blocking: true }).take();
        complete = this.#delayed();
      },
      () => {},
      () => {
        this.#under.delete(operation);
        complete();
      },
    );
  }

  lock(kind: "exclusive" | "shared"): Future<void> {
    return this.#io.later(() => this.#file.lock(kind, { blocking: true }).take());
  }

  close(_options?: CallOptions): Future<void> {
    return this.#io.later(() => this.#file.close({ blocking: true }).take());
  }

  #delayed(): () => void {
    const file: unknown = this.#file;
    return isLedger(file) ? file.delayCompletion() : () => {};
  }

  #begin(writes: boolean, at: number, length: number): Operation {
    const operation = { writes, at, end: at + length };
    for (const other of this.#under) {
      if ((writes || other.writes) && at < other.end && other.at < operation.end) {
        const verbs = `${other.writes ? "write" : "read"} and ${writes ? "write" : "read"}`;
        this.#io.faults.push(`${verbs} overlap in flight at ${at} of ${this.path}`);
      }
    }
    this.#under.add(operation);
    return operation;
  }

  #unchanged(
    what: string,
    memory: Uint8Array,
    offset: number,
    bytes: Uint8Array,
    at: number,
  ): void {
    if (Buffer.compare(memory.subarray(offset, offset + bytes.length), bytes) === 0) return;
    this.#io.faults.push(`memory ${what} at ${at} of ${this.path} changed while the Io owned it`);
  }
}
