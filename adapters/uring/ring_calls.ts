/**
 * Reading, writing and syncing one file through rings.
 *
 * Reads have a ring of their own: a sync that waits for the writes before it makes everything wait
 * that comes behind it in its ring. Each ring is opened with the first operation that wants it, and
 * closed with the file. Where none can be had any more, and for memory that does not come from
 * `allocate`, the calls of the portable Io are used.
 *
 * @module
 */

import fs from "node:fs";

import type { WriteBatch } from "../../core/io.ts";
import type { BatchPlan } from "../batch_plan.ts";
import type { BackgroundCalls, BatchCalls, BatchTarget, Done } from "../capabilities.ts";
import { fixedAddress, PieceTable } from "./fixed_memory.ts";
import { DATASYNC, DRAIN, OPERATION, type Operation, type Ring, type Source } from "./ring.ts";
import { RingBatch } from "./ring_batch.ts";
import type { RingHost } from "./ring_host.ts";
import { ringError } from "./system_error.ts";

/** Measured: half as many lose a fifth on reads, twice as many gain nothing. */
const READ_ENTRIES = 128;
/** Measured: as many as a slice of a checkpoint has, twice over. */
const WRITE_ENTRIES = 256;
/** Pieces of runs that do not lie in one piece in memory, between two submits. */
const PIECES = 4096;
/**
 * Up to so many bytes a write is carried out before returning: it takes less time than to be told
 * of its completion. A commit is one such write, and a sync.
 */
const SMALL_WRITE_BYTES = 16_384;

/** The calls for one open file. */
export class RingCalls implements BackgroundCalls {
  /** How batches are written. */
  readonly batches: BatchCalls;
  readonly #host: RingHost;
  readonly #portable: BackgroundCalls;
  readonly #refused: (error: unknown) => void;
  #reads: Ring | undefined = undefined;
  #writes: Ring | undefined = undefined;

  /** `portable` is used where no ring can be, which `refused` is told. */
  constructor(host: RingHost, portable: BackgroundCalls, refused: (error: unknown) => void) {
    this.#host = host;
    this.#portable = portable;
    this.#refused = refused;
    this.batches = new RingBatches(host, () => this.#writeRing());
  }

  read(
    fd: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    at: number,
    done: Done<number>,
  ): void {
    const address = fixedAddress(this.#host.ffi, memory);
    const ring = address === 0 ? undefined : this.#readRing();
    if (ring === undefined) this.#portable.read(fd, memory, offset, length, at, done);
    else ring.add(new RingTransfer(OPERATION.read, fd, at, address + offset, length, memory, done));
  }

  write(
    fd: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    at: number,
    done: Done<number>,
  ): void {
    const quiet = this.#writes === undefined || this.#writes.idle;
    if (quiet && length <= SMALL_WRITE_BYTES && this.#host.mayWriteAtOnce()) {
      done(null, fs.writeSync(fd, memory, offset, length, at));
      return;
    }
    const address = fixedAddress(this.#host.ffi, memory);
    const ring = address === 0 ? undefined : this.#writeRing();
    if (ring === undefined) this.#portable.write(fd, memory, offset, length, at, done);
    else {
      ring.add(new RingTransfer(OPERATION.write, fd, at, address + offset, length, memory, done));
    }
  }

  sync(fd: number, kind: "data" | "full", done: Done<void>): void {
    const ring = this.#writes;
    // With nothing before it, it is one call either way, and the pool of threads is nearer.
    if (ring === undefined || ring.idle) this.#portable.sync(fd, kind, done);
    else ring.add(new RingSync(fd, kind, done));
  }

  release(): void {
    for (const ring of [this.#reads, this.#writes]) {
      if (ring !== undefined) this.#host.close(ring);
    }
    this.#reads = undefined;
    this.#writes = undefined;
    this.#portable.release?.();
  }

  #readRing(): Ring | undefined {
    return this.#reads ??= this.#open(READ_ENTRIES);
  }

  #writeRing(): Ring | undefined {
    return this.#writes ??= this.#open(WRITE_ENTRIES);
  }

  #open(entries: number): Ring | undefined {
    try {
      return this.#host.open(entries);
    } catch (error) {
      this.#refused(error);
      return undefined;
    }
  }
}

/** One read or write. */
class RingTransfer implements Operation, Source {
  readonly #what: number;
  readonly #fd: number;
  readonly #at: number;
  readonly #address: number;
  readonly #length: number;
  readonly #memory: Uint8Array;
  readonly #done: Done<number>;

  constructor(
    what: number,
    fd: number,
    at: number,
    address: number,
    length: number,
    memory: Uint8Array,
    done: Done<number>,
  ) {
    this.#what = what;
    this.#fd = fd;
    this.#at = at;
    this.#address = address;
    this.#length = length;
    this.#memory = memory;
    this.#done = done;
  }

  feed(ring: Ring): boolean {
    if (ring.room === 0) return false;
    const length = this.#length;
    const [fd, at, address] = [this.#fd, this.#at, this.#address];
    ring.fill(this.#what, 0, fd, at, address, length, 0, length, this.#memory, this);
    return true;
  }

  complete(result: number): void {
    if (result < 0) this.#done(ringError(-result), 0);
    else this.#done(null, result);
  }
}

/** A sync behind the writes that are in the ring before it. */
class RingSync implements Operation, Source {
  readonly #fd: number;
  readonly #kind: "data" | "full";
  readonly #done: Done<void>;

  constructor(fd: number, kind: "data" | "full", done: Done<void>) {
    this.#fd = fd;
    this.#kind = kind;
    this.#done = done;
  }

  feed(ring: Ring): boolean {
    if (ring.room === 0) return false;
    const flags = this.#kind === "data" ? DATASYNC : 0;
    ring.fill(OPERATION.fsync, DRAIN, this.#fd, 0, 0, 0, flags, 0, undefined, this);
    return true;
  }

  complete(result: number): void {
    this.#done(result < 0 ? ringError(-result) : null, undefined);
  }
}

/** Batches of one file. */
class RingBatches implements BatchCalls {
  readonly #host: RingHost;
  readonly #ring: () => Ring | undefined;
  readonly #free: RingBatch[] = [];
  #pieces: PieceTable | undefined = undefined;

  constructor(host: RingHost, ring: () => Ring | undefined) {
    this.#host = host;
    this.#ring = ring;
  }

  later(target: BatchTarget, batch: WriteBatch, plan: BatchPlan, done: Done<boolean>): boolean {
    const address = fixedAddress(this.#host.ffi, batch.memory);
    const ring = address === 0 ? undefined : this.#ring();
    if (ring === undefined) return false;
    const flight = this.#take(ring);
    flight.begin(target, batch, plan, address, true);
    flight.ended = () => {
      this.#free.push(flight);
      done(flight.error, flight.whole);
    };
    ring.add(flight);
    return true;
  }

  now(target: BatchTarget, batch: WriteBatch, plan: BatchPlan): boolean {
    const address = fixedAddress(this.#host.ffi, batch.memory);
    const ring = address === 0 ? undefined : this.#ring();
    if (ring === undefined) return false;
    const flight = this.#take(ring);
    flight.begin(target, batch, plan, address, false);
    flight.ended = ignore;
    ring.add(flight);
    while (!flight.over) {
      if (!ring.submit(ring.inFlight)) Atomics.wait(pauseCell, 0, 0, SHORTAGE_PAUSE_MS);
      ring.reap();
    }
    this.#free.push(flight);
    if (flight.error !== undefined) throw flight.error;
    return flight.whole;
  }

  #take(ring: Ring): RingBatch {
    this.#pieces ??= new PieceTable(this.#host.ffi, PIECES);
    ring.pieces = this.#pieces;
    return this.#free.pop() ?? new RingBatch(this.#pieces);
  }
}

function ignore(): void {
  // It is waited for in place.
}

const SHORTAGE_PAUSE_MS = 1;
const pauseCell = new Int32Array(new SharedArrayBuffer(4));
