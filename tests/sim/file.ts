/**
 * An open file of a simulated disk.
 *
 * It watches the caller's side of the contract: memory that changes while the Io owns it, and
 * overlapping operations in flight, are noted in {@link SimProcess.breaches}. Memory to be read
 * into is scribbled over first, because it belongs to the Io until the operation is over.
 *
 * @module
 */

import { checksum } from "../../core/checksum.ts";
import type { CallOptions, Future, IoFile, WriteBatch } from "../../core/io.ts";
import { type DiskFile, type Mutation, SECTOR_BYTES } from "./disk_file.ts";
import type { Fault, SimOperation } from "./faults.ts";
import type { Outcome, SimProcess } from "./process.ts";

const SCRIBBLE = 0xDB;
/** Largest file: it lies in memory. */
const MAX_FILE_BYTES = 2 ** 31;

/** A range of the file that an operation in flight uses. */
interface Range {
  readonly writes: boolean;
  readonly at: number;
  readonly end: number;
}

const refused = (path: string): Outcome<never> => ({
  code: "KVIG_CLOSED",
  message: `${path} is closed`,
});

const broken = (what: string, fault?: Fault): Outcome<never> => ({
  code: fault?.code ?? (fault?.kind === "full" ? "KVIG_FULL" : "KVIG_IO"),
  message: what,
});

/** An open file. */
export class SimFile implements IoFile {
  /** Its name. */
  readonly path: string;
  /** Never: there is no page cache to bypass. */
  readonly direct = false;
  /** Size as this opener knows it, in bytes. */
  size: number;
  readonly #io: SimProcess;
  readonly #file: DiskFile;
  readonly #readOnly: boolean;
  readonly #ranges = new Set<Range>();
  /** Whether closing was asked for: what is asked for later is refused. */
  #closed = false;
  #liesNextSync = false;

  /** Opens `file`. */
  constructor(io: SimProcess, path: string, file: DiskFile, readOnly: boolean) {
    this.#io = io;
    this.path = path;
    this.#file = file;
    this.#readOnly = readOnly;
    this.size = file.size;
  }

  /** Reads. */
  read(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    checkRange(at, memory, offset, length);
    const operation = this.#io.begin("read", this.path, at, length, 1, this.size);
    const range = this.#enter(false, at, length);
    // What the Io owns it may use as it likes, but in the end only what was read is changed.
    const before = this.#io.atOnce(options) ? undefined : memory.slice(offset, offset + length);
    if (before !== undefined) memory.fill(SCRIBBLE, offset, offset + length);
    const closed = this.#closed;
    return this.#io.perform<number>(operation, options, (fault) => {
      if (before !== undefined) memory.set(before, offset);
      if (closed) return refused(this.path);
      return this.#read(at, memory, offset, length, fault);
    }, () => this.#ranges.delete(range));
  }

  #read(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    fault: Fault | undefined,
  ): Outcome<number> {
    const { kind, part = 0.5 } = fault ?? {};
    if (kind === "read error") return broken(`${this.path} cannot be read at ${at}`);
    if (kind === "empty read") return { value: 0 };
    this.#spoil(at, length, fault);
    let from = at;
    if (kind === "misdirected read") {
      const pages = Math.max(1, Math.floor(this.#file.size / Math.max(1, length)));
      from = Math.floor(part * pages) * length;
    }
    const wanted = kind === "short read" ? Math.max(1, Math.ceil(length * part)) : length;
    const count = this.#file.read(from, memory, offset, wanted);
    if (count < 0) return broken(`a sector of ${this.path} from ${at} on cannot be read`);
    if (kind === "changed buffer" && count > 0) memory[offset + Math.floor(part * count)] ^= 1;
    return { value: count };
  }

  /** Damages a sector that a read is about to touch. */
  #spoil(at: number, length: number, fault: Fault | undefined): void {
    const { kind, part = 0.5 } = fault ?? {};
    if (kind !== "flipped bit" && kind !== "zeroed sector" && kind !== "unreadable sector") return;
    const end = Math.min(at + length, this.#file.size);
    if (end <= at) return;
    const place = at + Math.floor(part * (end - at));
    const sector = Math.floor(place / SECTOR_BYTES);
    if (kind === "unreadable sector") this.#file.flaws.set(sector, undefined);
    else if (kind === "zeroed sector") this.#file.flaws.set(sector, new Uint8Array(SECTOR_BYTES));
    else {
      const bytes = this.#file.peek(sector * SECTOR_BYTES, SECTOR_BYTES);
      const bit = Math.floor(part * 1e6) & 7;
      bytes[place - sector * SECTOR_BYTES] ^= 1 << bit;
      this.#file.flaws.set(sector, bytes);
    }
  }

  /** Writes. */
  write(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options?: CallOptions,
  ): Future<number> {
    checkRange(at, memory, offset, length);
    const operation = this.#io.begin("write", this.path, at, length, 1, this.size);
    this.#io.trace.mixBytes(memory, offset, length);
    const pieces: Piece[] = [{ at, offset, length }];
    return this.#io.perform<number>(
      operation,
      options,
      ...this.#writing(operation, memory, pieces, options, (fault) => {
        const { kind, part = 0.5 } = fault ?? {};
        if (kind === "empty write") return 0;
        const most = this.#fitting(at, length);
        const bytes = Math.max(1, Math.ceil(length * part));
        return kind === "short write" ? Math.min(most, bytes) : most;
      }),
    );
  }

  /** Writes a batch. */
  writeBatch(batch: WriteBatch, options?: CallOptions): Future<void> {
    const { memory, count } = batch;
    const pieces: Piece[] = [];
    let bytes = 0;
    for (let i = 0; i < count; i++) {
      const piece = { at: batch.at[i], offset: batch.offset[i], length: batch.length[i] };
      checkRange(piece.at, memory, piece.offset, piece.length);
      this.#io.trace.mixBytes(memory, piece.offset, piece.length);
      pieces.push(piece);
      bytes += piece.length;
    }
    const operation = this.#io.begin(
      "batch",
      this.path,
      pieces[0]?.at ?? 0,
      bytes,
      count,
      this.size,
    );
    const [effect, over] = this.#writing(
      operation,
      memory,
      pieces,
      options,
      () =>
        pieces.every((piece) => this.#fitting(piece.at, piece.length) === piece.length)
          ? Infinity
          : 0,
    );
    return this.#io.perform<void>(operation, options, (fault) => {
      const { code, message } = effect(fault);
      return code === undefined ? { value: undefined } : broken(message ?? "", { ...fault!, code });
    }, (outcome) => over(outcome.code === undefined ? { value: 0 } : outcome as Outcome<never>));
  }

  /** How many bytes of a write there is room for. */
  #fitting(at: number, length: number): number {
    const { capacityBytes, usedBytes } = this.#io.disk;
    const end = Math.min(this.#file.size + Math.max(0, capacityBytes - usedBytes), MAX_FILE_BYTES);
    return Math.max(0, Math.min(length, end - at));
  }

  /** What a write does when it happens, and when it is over. */
  #writing(
    operation: SimOperation,
    memory: Uint8Array,
    pieces: readonly Piece[],
    options: CallOptions | undefined,
    most: (fault: Fault | undefined) => number,
  ): [(fault: Fault | undefined) => Outcome<number>, (outcome: Outcome<number>) => void] {
    const ranges = pieces.map(({ at, length }) => this.#enter(true, at, length));
    const bytes = pieces.map(({ offset, length }) => memory.subarray(offset, offset + length));
    // An operation that is over when it returns leaves nobody the time to change its memory.
    const sums = this.#io.atOnce(options) ? [] : bytes.map(sumOf);
    let mutations: Mutation[] = [];
    let end = 0;
    const unchanged = (): void => {
      sums.forEach((sum, i) => {
        if (sum === sumOf(bytes[i])) return;
        const { at } = pieces[i];
        this.#io.breaches.push(`memory being written at ${at} of ${this.path} changed meanwhile`);
      });
    };
    const closed = this.#closed;
    const effect = (fault: Fault | undefined): Outcome<number> => {
      if (closed) return refused(this.path);
      if (this.#readOnly) return { code: "KVIG_READ_ONLY", message: `${this.path} is read-only` };
      unchanged();
      const length = most(fault);
      if (length === 0 && pieces[0].length > 0 && fault?.kind !== "empty write") {
        return { code: "KVIG_FULL", message: "the disk is full" };
      }
      mutations = this.#mutate(operation, pieces, bytes, length, fault);
      for (const { at, bytes } of mutations) end = Math.max(end, at + bytes!.length);
      if (fault?.kind === "write error" || fault?.kind === "full") {
        return broken(`${this.path} cannot be written at ${operation.at}`, fault);
      }
      if (fault?.kind === "failed, done") return broken("the write was cancelled");
      return { value: Math.min(length, pieces[0]?.length ?? 0) };
    };
    const over = (outcome: Outcome<number>): void => {
      unchanged();
      for (const range of ranges) this.#ranges.delete(range);
      for (const mutation of mutations) mutation.completed = true;
      if (outcome.code === undefined && end > this.size) this.size = end;
    };
    return [effect, over];
  }

  /** Writes the pieces, or what the fault leaves of them. */
  #mutate(
    operation: SimOperation,
    pieces: readonly Piece[],
    bytes: readonly Uint8Array[],
    most: number,
    fault: Fault | undefined,
  ): Mutation[] {
    const { kind, part = 0.5 } = fault ?? {};
    const odd = Math.floor(part * pieces.length);
    const done: Mutation[] = [];
    pieces.forEach(({ at, length }, i) => {
      const put = (place: number, bytes: Uint8Array, count: number): void => {
        if (count > 0) done.push(this.#file.write(place, bytes, 0, count, operation.number));
      };
      if ((kind === "write error" || kind === "full") && i >= odd) {
        if (i === odd && part >= 0.5) put(at, bytes[i], Math.floor(length * (part - 0.5)));
      } else if (kind === "lost write" && i === odd) {
        this.#lose(at, bytes[i], operation.number, done);
      } else if (kind === "misdirected write" && i === odd) {
        this.#lose(at, bytes[i], operation.number, done);
        this.#misdirect(bytes[i], part * pieces.length - odd);
      } else put(at, bytes[i], Math.min(length, most));
    });
    return done;
  }

  /** A write that the disk acknowledges and forgets: its sectors show what they had before. */
  #lose(at: number, bytes: Uint8Array, operation: number, done: Mutation[]): void {
    const old = this.#file.peek(at, bytes.length);
    done.push(this.#file.write(at, bytes, 0, bytes.length, operation));
    this.#flaw(at, old);
  }

  /** Bytes that landed in another place. */
  #misdirect(bytes: Uint8Array, part: number): void {
    const places = Math.floor((this.#file.size - bytes.length) / bytes.length);
    if (places > 0) this.#flaw(Math.floor(part * places) * bytes.length, bytes);
  }

  #flaw(at: number, bytes: Uint8Array): void {
    const last = Math.floor((at + bytes.length) / SECTOR_BYTES);
    for (let sector = Math.ceil(at / SECTOR_BYTES); sector < last; sector++) {
      const from = sector * SECTOR_BYTES - at;
      this.#file.flaws.set(sector, bytes.slice(from, from + SECTOR_BYTES));
    }
  }

  /** Syncs what is complete now. */
  sync(kind: "data" | "full", options?: CallOptions): Future<void> {
    const operation = this.#io.begin(`sync ${kind}`, this.path, 0, 0, 1, this.size);
    const covered = this.#file.covered();
    const closed = this.#closed;
    return this.#io.perform<void>(operation, options, (fault) => {
      if (closed) return refused(this.path);
      const late = this.#liesNextSync;
      this.#liesNextSync = fault?.kind === "late sync error";
      if (late || fault?.kind === "sync error" || fault?.kind === "sync error, reverted") {
        this.#file.forget(covered, fault?.kind === "sync error, reverted");
        return broken(`${this.path} cannot be synced`, fault);
      }
      const { profile } = this.#io.disk;
      if (this.#liesNextSync) this.#file.forget(covered, false);
      else if (!profile.lies) this.#file.promote(covered, kind === "full", profile);
      return { value: undefined };
    });
  }

  /** Sets the size. */
  truncate(size: number, options?: CallOptions): Future<void> {
    checkPosition(size);
    const operation = this.#io.begin("truncate", this.path, size, 0, 1, this.size);
    const range = this.#enter(true, size, Number.MAX_SAFE_INTEGER - size);
    let mutation: Mutation | undefined;
    const closed = this.#closed;
    return this.#io.perform<void>(operation, options, (fault) => {
      if (closed) return refused(this.path);
      if (this.#readOnly) return { code: "KVIG_READ_ONLY", message: `${this.path} is read-only` };
      if (fault?.kind === "truncate error" || fault?.kind === "full") {
        return broken(`${this.path} cannot be truncated`, fault);
      }
      const half = fault?.kind === "half a truncate";
      const wanted = half ? Math.ceil((this.#file.size + size) / 2) : size;
      const growth = wanted - this.#file.size;
      if (growth > 0 && this.#fitting(this.#file.size, growth) < growth) {
        return { code: "KVIG_FULL", message: "the disk is full" };
      }
      mutation = this.#file.truncate(wanted, operation.number);
      return half ? broken("half of the truncate is done") : { value: undefined };
    }, (outcome) => {
      this.#ranges.delete(range);
      if (mutation !== undefined) mutation.completed = true;
      if (outcome.code === undefined) this.size = size;
    });
  }

  /** Takes the lock. */
  lock(kind: "exclusive" | "shared", options?: CallOptions): Future<void> {
    const operation = this.#io.begin("lock", this.path, 0, 0, 1, this.size);
    const closed = this.#closed;
    return this.#io.perform<void>(operation, options, (fault) => {
      if (closed) return refused(this.path);
      if (fault?.kind === "no locks") {
        return { code: "KVIG_UNSUPPORTED", message: `${this.path} cannot be locked` };
      }
      const { holders } = this.#file;
      const others = holders.size - (holders.has(this) ? 1 : 0);
      const busy = others > 0 && (kind === "exclusive" || this.#file.exclusive);
      const renamed = this.#io.disk.files.get(this.path) !== this.#file;
      if (busy || renamed || fault?.kind === "lock held") {
        return { code: "KVIG_LOCKED", message: `${this.path} is locked by another opener` };
      }
      holders.add(this);
      this.#file.exclusive = kind === "exclusive";
      return { value: undefined };
    });
  }

  /** Closes. */
  close(options?: CallOptions): Future<void> {
    const operation = this.#io.begin("close", this.path, 0, 0, 1, this.size);
    const again = this.#closed;
    this.#closed = true;
    return this.#io.perform<void>(operation, options, (fault) => {
      this.#file.holders.delete(this);
      if (fault?.kind === "close error" && !again) return broken(`closing ${this.path} failed`);
      return { value: undefined };
    });
  }

  #enter(writes: boolean, at: number, length: number): Range {
    const range = { writes, at, end: at + length };
    // Nothing that a dead process begins happens, and what it had begun never ends.
    if (this.#io.dead) return range;
    for (const other of this.#ranges) {
      if ((writes || other.writes) && at < other.end && other.at < range.end) {
        const verbs = `a ${other.writes ? "write" : "read"} and a ${writes ? "write" : "read"}`;
        this.#io.breaches.push(`${verbs} overlap in flight at ${at} of ${this.path}`);
      }
    }
    this.#ranges.add(range);
    return range;
  }
}

interface Piece {
  readonly at: number;
  readonly offset: number;
  readonly length: number;
}

function sumOf(bytes: Uint8Array): number {
  return checksum(bytes, 0, bytes.length, 0);
}

function checkPosition(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`a position is a whole number of at least 0, got ${value}`);
  }
}

function checkRange(at: number, memory: Uint8Array, offset: number, length: number): void {
  checkPosition(at);
  checkPosition(offset);
  checkPosition(length);
  checkPosition(at + length);
  if (offset + length > memory.length) {
    throw new RangeError(`${length} bytes from ${offset} on are not in ${memory.length} bytes`);
  }
}
