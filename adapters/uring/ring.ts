/**
 * One io_uring: its queues as typed arrays, the operations that are in flight, and nothing else.
 *
 * Invariants:
 * - At most as many operations are in flight as the ring has entries, and the completion queue is
 *   twice as long: it never overflows, so no completion is lost.
 * - An operation stands in its slot, and with it the memory that the kernel was given, from when
 *   its entry is filled until its completion was reaped.
 * - Nothing is allocated for an operation, and no BigInt is made: positions and addresses are
 *   numbers, which are written in two halves.
 *
 * @module
 */

import { assert } from "../../core/assert.ts";
import type { Ffi } from "./ffi.ts";

/** Operations of the ring that are used here: IORING_OP_…. */
export const OPERATION = { writev: 2, fsync: 3, read: 22, write: 23 } as const;

/** IOSQE_IO_DRAIN: begins when all entries before it are complete, and those behind it wait. */
export const DRAIN = 2;

/** IORING_FSYNC_DATASYNC. */
export const DATASYNC = 1;

const SQE_WORDS = 16;
const CQE_WORDS = 4;
const PARAMETERS_BYTES = 120;

/** IORING_OFF_SQES: where the entries lie, for mmap. */
const ENTRIES_OFFSET = 0x10000000;
/** IORING_FEAT_SINGLE_MMAP, IORING_FEAT_NODROP, IORING_FEAT_SUBMIT_STABLE. */
const FEATURES = 1 | 2 | 4;
/** IORING_REGISTER_EVENTFD. */
const REGISTER_EVENTFD = 4;
/** IORING_ENTER_GETEVENTS. */
const GET_EVENTS = 1;
/** IORING_CQ_EVENTFD_DISABLED. */
const EVENTFD_DISABLED = 1;

const EINTR = 4;
const EAGAIN = 11;
const EBUSY = 16;

const TWO_32 = 4_294_967_296;

/** Whoever waits for a completion. */
export interface Operation {
  /** The kernel's result: bytes or -errno. `at` and `length` are those of the entry. */
  complete(result: number, at: number, length: number): void;
}

/** Something that fills entries as soon as there is room. */
export interface Source {
  /** Fills what entries it can; true when it needs no more of them. Must not throw. */
  feed(ring: Ring): boolean;
}

/** What the ring was asked for and the kernel refused. */
export class RingRefused extends Error {
  /** Number of the system's error, 0 where there is none. */
  readonly errno: number;

  /** With the call and what is known of the error. */
  constructor(message: string, errno: number) {
    super(message);
    this.name = "RingRefused";
    this.errno = errno;
  }
}

/** A ring of the kernel. */
export class Ring {
  /** How many operations may be in flight at once. */
  readonly entries: number;
  /** Told when an entry was filled, to have it submitted. */
  readonly #filled: () => void;
  /** Where completions are reported. */
  readonly eventfd: number;
  readonly #ffi: Ffi;
  readonly #fd: number;
  /** Both queues with their counters. */
  #queues: Int32Array;
  /** The entries of the submission queue. */
  #sqes: Int32Array;
  readonly #mappings: [address: number, length: number][] = [];

  // Where the counters stand in the queues, in words.
  readonly #sqHead: number;
  readonly #sqTail: number;
  readonly #sqMask: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqMask: number;
  readonly #cqFlags: number;
  readonly #cqes: number;

  // What is known of each operation in flight, and the slots that are free.
  readonly #operations: (Operation | undefined)[];
  readonly #memories: (Uint8Array | undefined)[];
  readonly #at: Float64Array;
  readonly #lengths: Float64Array;
  readonly #free: Int32Array;
  #freeCount: number;

  /** The tail of the submission queue: what is behind the kernel's is not published yet. */
  #tail: number;
  /** Emptied when the kernel has taken what was filled. */
  pieces: { clear(): void } | undefined = undefined;
  /** How many operations in flight report to the eventfd themselves, by an entry behind them. */
  quiet = 0;
  readonly #waiting: Source[] = [];
  #feeding = false;
  #closed = false;

  /**
   * Makes a ring that reports to `eventfd`.
   *
   * @throws {RingRefused} when the kernel refuses it.
   */
  constructor(ffi: Ffi, entries: number, eventfd: number, filled: () => void) {
    this.#ffi = ffi;
    this.eventfd = eventfd;
    this.#filled = filled;
    const bytes = new Uint8Array(PARAMETERS_BYTES);
    this.#fd = ffi.setup(entries, bytes);
    if (this.#fd < 0) throw refusal(ffi, "io_uring_setup");
    const parameters = new Int32Array(bytes.buffer);
    this.entries = parameters[0];
    try {
      const [sq, cq] = [parameters.subarray(10), parameters.subarray(20)];
      if ((parameters[5] & FEATURES) !== FEATURES) {
        throw new RingRefused("this kernel's io_uring is too old", 0);
      }
      const cqBytes = cq[5] + parameters[1] * CQE_WORDS * 4;
      const queueBytes = Math.max(sq[6] + this.entries * 4, cqBytes);
      this.#queues = this.#map(queueBytes, 0);
      this.#sqes = this.#map(this.entries * SQE_WORDS * 4, ENTRIES_OFFSET);
      [this.#sqHead, this.#sqTail, this.#sqMask] = [sq[0] / 4, sq[1] / 4, sq[2] / 4];
      [this.#cqHead, this.#cqTail, this.#cqMask] = [cq[0] / 4, cq[1] / 4, cq[2] / 4];
      [this.#cqes, this.#cqFlags] = [cq[5] / 4, cq[6] / 4];
      for (let i = 0; i < this.entries; i++) this.#queues[sq[6] / 4 + i] = i;
      if (ffi.register(this.#fd, REGISTER_EVENTFD, Int32Array.of(eventfd), 1) < 0) {
        throw refusal(ffi, "io_uring_register");
      }
    } catch (error) {
      this.#unmap();
      throw error;
    }
    this.#tail = this.#queues[this.#sqTail];
    this.#operations = new Array<Operation | undefined>(this.entries).fill(undefined);
    this.#memories = new Array<Uint8Array | undefined>(this.entries).fill(undefined);
    this.#at = new Float64Array(this.entries);
    this.#lengths = new Float64Array(this.entries);
    this.#free = Int32Array.from({ length: this.entries }, (_, slot) => slot);
    this.#freeCount = this.entries;
    this.notify(false);
  }

  /** How many entries can be filled now. */
  get room(): number {
    return this.#freeCount;
  }

  /** How many operations stand in slots: in flight, or filled and not submitted. */
  get inFlight(): number {
    return this.entries - this.#freeCount;
  }

  /** Whether completions have to be reported: of operations that do not do so themselves. */
  get wantsNotice(): boolean {
    return this.inFlight > this.quiet;
  }

  /** Whether nothing is in flight and nobody waits for room. */
  get idle(): boolean {
    return this.#freeCount === this.entries && this.#waiting.length === 0;
  }

  /** Lets `source` fill entries, in the order in which sources were added. */
  add(source: Source): void {
    if (this.#waiting.length > 0 || this.#feeding || !this.#feed(source)) {
      this.#waiting.push(source);
    } else this.#feedWaiting();
  }

  /**
   * Fills an entry; there must be room. `memory` is what the kernel reads or writes, kept until the
   * completion; `address` is where.
   */
  fill(
    what: number,
    flags: number,
    fd: number,
    at: number,
    address: number,
    length: number,
    extra: number,
    bytes: number,
    memory: Uint8Array | undefined,
    operation: Operation,
  ): void {
    assert(this.#freeCount > 0, "an entry is filled where there is room");
    const slot = this.#free[--this.#freeCount];
    this.#operations[slot] = operation;
    this.#memories[slot] = memory;
    this.#at[slot] = at;
    this.#lengths[slot] = bytes;
    const sqes = this.#sqes;
    const word = (this.#tail & this.#queues[this.#sqMask]) * SQE_WORDS;
    const atHigh = Math.floor(at / TWO_32);
    const addressHigh = Math.floor(address / TWO_32);
    sqes[word] = what | (flags << 8);
    sqes[word + 1] = fd;
    sqes[word + 2] = at - atHigh * TWO_32;
    sqes[word + 3] = atHigh;
    sqes[word + 4] = address - addressHigh * TWO_32;
    sqes[word + 5] = addressHigh;
    sqes[word + 6] = length;
    sqes[word + 7] = extra;
    sqes[word + 8] = slot;
    for (let rest = 9; rest < SQE_WORDS; rest++) sqes[word + rest] = 0;
    this.#tail = (this.#tail + 1) | 0;
    this.#filled();
  }

  /**
   * Submits all that was filled, and waits until `wait` operations are complete. False when the
   * kernel is short of something, and it has to be tried again later.
   */
  submit(wait: number): boolean {
    const queues = this.#queues;
    Atomics.store(queues, this.#sqTail, this.#tail);
    for (;;) {
      const pending = (this.#tail - Atomics.load(queues, this.#sqHead)) | 0;
      if (pending === 0) this.pieces?.clear();
      if (pending === 0 && this.#completed() >= wait) return true;
      const taken = this.#ffi.enter(this.#fd, pending, wait, wait > 0 ? GET_EVENTS : 0);
      if (taken >= 0) {
        if (taken < pending) continue;
        this.pieces?.clear();
        return true;
      }
      const error = this.#ffi.lastError();
      if (error === EINTR) continue;
      if (error === EAGAIN || error === EBUSY) return false;
      this.#withdraw(error);
      return true;
    }
  }

  /** Hands out every completion there is; tells how many there were. */
  reap(): number {
    let count = 0;
    while (!this.#closed) {
      const queues = this.#queues;
      const head = queues[this.#cqHead];
      if (head === Atomics.load(queues, this.#cqTail)) break;
      const word = this.#cqes + (head & queues[this.#cqMask]) * CQE_WORDS;
      const slot = queues[word];
      const result = queues[word + 2];
      Atomics.store(queues, this.#cqHead, (head + 1) | 0);
      count++;
      this.#finish(slot, result);
    }
    if (count > 0 && !this.#closed) this.#feedWaiting();
    return count;
  }

  /** Whether completions are to be reported through the eventfd. */
  notify(on: boolean): void {
    Atomics.store(this.#queues, this.#cqFlags, on ? 0 : EVENTFD_DISABLED);
  }

  /** Gives it back to the kernel. Nothing may be in flight. */
  close(): void {
    assert(this.idle, "a ring is closed when nothing is in flight");
    this.#closed = true;
    this.#unmap();
  }

  /** How many completions wait to be reaped. */
  #completed(): number {
    return (Atomics.load(this.#queues, this.#cqTail) - this.#queues[this.#cqHead]) | 0;
  }

  #finish(slot: number, result: number): void {
    const operation = this.#operations[slot];
    assert(operation !== undefined, "a completion is that of an operation in flight");
    this.#operations[slot] = undefined;
    this.#memories[slot] = undefined;
    this.#free[this.#freeCount++] = slot;
    operation.complete(result, this.#at[slot], this.#lengths[slot]);
  }

  #feed(source: Source): boolean {
    this.#feeding = true;
    try {
      return source.feed(this);
    } finally {
      this.#feeding = false;
    }
  }

  #feedWaiting(): void {
    if (this.#feeding) return;
    while (this.#waiting.length > 0 && this.#freeCount > 0) {
      if (!this.#feed(this.#waiting[0])) break;
      this.#waiting.shift();
    }
  }

  /** Takes back what the kernel did not take, because of `error`. */
  #withdraw(error: number): void {
    const mask = this.#queues[this.#sqMask];
    const slots: number[] = [];
    const head = Atomics.load(this.#queues, this.#sqHead);
    for (let at = head; at !== this.#tail; at = (at + 1) | 0) {
      slots.push(this.#sqes[(at & mask) * SQE_WORDS + 8]);
    }
    this.#tail = head;
    this.pieces?.clear();
    Atomics.store(this.#queues, this.#sqTail, head);
    for (const slot of slots) this.#finish(slot, -error);
    this.#feedWaiting();
  }

  #map(bytes: number, offset: number): Int32Array {
    const address = this.#ffi.map(bytes, this.#fd, offset);
    if (address === 0) throw refusal(this.#ffi, "mmap");
    this.#mappings.push([address, bytes]);
    return new Int32Array(this.#ffi.view(address, bytes));
  }

  #unmap(): void {
    // No view of what is unmapped may be left to be touched by mistake.
    this.#queues = EMPTY;
    this.#sqes = EMPTY;
    for (const [address, length] of this.#mappings) this.#ffi.unmap(address, length);
    this.#ffi.close(this.#fd);
  }
}

const EMPTY = new Int32Array(0);

function refusal(ffi: Ffi, call: string): RingRefused {
  const errno = ffi.lastError();
  return new RingRefused(`${call} failed`, errno);
}
