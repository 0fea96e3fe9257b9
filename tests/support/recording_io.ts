/**
 * An Io over {@link memoryIo} that records every operation in its order, can make any of them fail
 * or wait, and knows at every moment what the files hold and what of them is durable.
 *
 * - The record keeps a copy of the bytes of every write, taken when it was issued.
 * - Rules ({@link RecordingIo.failWhen}) fail operations that match, before or after they took
 *   effect. After a failed sync what it should have covered never becomes durable.
 * - {@link RecordingIo.hold} says which operations wait until the test settles them. A write takes
 *   effect when it is settled, and a read finds what is there then.
 * - {@link RecordingIo.killed} copies the files as a killed process leaves them;
 *   {@link RecordingIo.powerCut} as a power cut does that loses whatever no sync has covered.
 * - It notes in {@link RecordingIo.violations} whatever breaks the contract of `core/io.ts`:
 *   overlapping operations in flight, memory that changes while the Io owns it.
 *
 * @module
 */

import { memoryIo } from "../../adapters/memory/mod.ts";
import {
  type CallOptions,
  Future,
  type Io,
  type IoErrorCode,
  type IoFile,
  type IoOpenOptions,
  KvigError,
  type WriteBatch,
} from "../../core/io.ts";
import {
  Content,
  type FailureRule,
  type Image,
  type InFlight,
  type Mutation,
  type Operation,
  type OperationKind,
  type Piece,
  type Region,
  Shadow,
} from "./recorded.ts";
import type { Random } from "./random.ts";

export type { FailureRule, Image, Operation, OperationKind, Piece } from "./recorded.ts";

const NO_BYTES = new Uint8Array(0);

/** How to make a {@link RecordingIo}. */
export interface RecordingOptions {
  /** Files that are there, durably. */
  image?: Image;
  /** Whether operations called with `blocking` settle at once even where they are held. */
  canBlock?: boolean;
  /** Most that all files may sum up to. */
  capacityBytes?: number;
  /** First byte of every random id. Default: 1. */
  idByte?: number;
}

/** The recording Io. */
export class RecordingIo implements Io {
  readonly description = "recording";
  readonly canBlock: boolean;
  /** Everything that was asked for, in its order. */
  readonly operations: Operation[] = [];
  /** Whatever breaks the contract. */
  readonly violations: string[] = [];
  /** Which operations wait for the test. Default: none. */
  hold: (operation: Operation) => boolean = () => false;
  /** Called before an operation takes effect. */
  onIssue: ((operation: Operation) => void) | undefined = undefined;
  /** Called when an operation is over. */
  onDone: ((operation: Operation) => void) | undefined = undefined;
  readonly #inner: Io;
  readonly #shadows = new Map<string, Shadow>();
  readonly #names = new Set<string>();
  readonly #durableNames = new Set<string>();
  readonly #inFlight: InFlight[] = [];
  #rules: (FailureRule & { seen: number })[] = [];
  #idByte: number;
  #now = 1_000_000;

  /** Makes one. */
  constructor(options: RecordingOptions = {}) {
    const { capacityBytes } = options;
    this.#inner = memoryIo(capacityBytes === undefined ? {} : { capacityBytes });
    this.canBlock = options.canBlock ?? true;
    this.#idByte = options.idByte ?? 1;
    for (const [path, bytes] of options.image ?? []) this.#place(path, bytes);
  }

  #place(path: string, bytes: Uint8Array): void {
    const file = this.#inner.open(path, { create: true }).take();
    file.write(0, bytes, 0, bytes.length).take();
    file.close().take();
    const shadow = this.#shadow(path);
    shadow.durable.write(0, bytes);
    shadow.live.write(0, bytes);
    this.#names.add(path);
    this.#durableNames.add(path);
  }

  // What the files hold

  /** The bytes of the file at `path` as a read finds them; valid until the next operation. */
  live(path: string): Uint8Array {
    return this.#shadow(path).live.view();
  }

  /** The bytes of the file at `path` that syncs have covered; valid until the next operation. */
  durable(path: string): Uint8Array {
    return this.#shadow(path).durable.view();
  }

  /** The files as a killed process leaves them: every write that was completed. */
  killed(): Image {
    return new Map([...this.#names].map((path) => [path, this.live(path).slice()]));
  }

  /**
   * The files after a power cut: what syncs have covered, and with `random` any part of what else
   * was written, torn at the borders of sectors.
   */
  powerCut(random?: Random, sectorBytes = 512): Image {
    const image = new Map<string, Uint8Array>();
    for (const [path, shadow] of this.#shadows) {
      const named = this.#names.has(path) && this.#durableNames.has(path);
      if (!named && (random === undefined || random.oneIn(2))) continue;
      const content = new Content();
      content.write(0, shadow.durable.view());
      if (random !== undefined) keepSome(content, shadow, random, sectorBytes);
      image.set(path, content.view().slice());
    }
    return image;
  }

  // Control

  /** Makes operations fail. */
  failWhen(rule: FailureRule): void {
    this.#rules.push({ ...rule, seen: 0 });
  }

  /** No operation fails any more. */
  failNothing(): void {
    this.#rules = [];
  }

  /** The operations in flight, in the order of their issue. */
  get inFlight(): readonly Operation[] {
    return this.#inFlight.map(({ operation }) => operation);
  }

  /** Completes an operation in flight. */
  settle(operation: Operation): void {
    const index = this.#inFlight.findIndex((entry) => entry.operation === operation);
    if (index < 0) throw new Error(`operation ${operation.index} is not in flight`);
    const [entry] = this.#inFlight.splice(index, 1);
    this.#checkMemory(entry);
    entry.run();
  }

  /** Completes every operation in flight, in their order, those included that follow at once. */
  settleAll(): void {
    while (this.#inFlight.length > 0) this.settle(this.#inFlight[0].operation);
  }

  /** Forgets the record, not what the files hold. */
  forget(): void {
    this.operations.length = 0;
  }

  /** Fails the test where the contract was broken. */
  check(): void {
    if (this.violations.length > 0) throw new Error(this.violations.join("\n"));
  }

  /** Records of one file, or of one kind, or both. */
  recorded(path?: string, ...kinds: OperationKind[]): Operation[] {
    return this.operations.filter((operation) =>
      (path === undefined || operation.path === path) &&
      (kinds.length === 0 || kinds.includes(operation.kind))
    );
  }

  // The contract

  /** Opens a file. */
  open(path: string, options: IoOpenOptions = {}): Future<IoFile> {
    const future = new Future<IoFile>();
    const operation = this.#record("open", path, { options, blocking: options.blocking === true });
    this.#issue(operation, [], future, () => {
      const file = this.#inner.open(path, options).take();
      if (!this.#names.has(path)) {
        this.#names.add(path);
        this.#durableNames.delete(path);
        this.#shadows.set(path, new Shadow());
      }
      return new RecordingFile(this, path, file);
    });
    return future;
  }

  /** Removes a name. */
  remove(path: string, options: CallOptions = {}): Future<void> {
    const future = new Future<void>();
    const operation = this.#record("remove", path, { blocking: options.blocking === true });
    this.#issue(operation, [], future, () => {
      this.#inner.remove(path).take();
      this.#names.delete(path);
    });
    return future;
  }

  /** Makes names durable. */
  syncDirectory(path: string, options: CallOptions = {}): Future<void> {
    const future = new Future<void>();
    const { blocking } = options;
    const operation = this.#record("syncDirectory", path, { blocking: blocking === true });
    const names = [...this.#names];
    this.#issue(operation, [], future, () => {
      this.#durableNames.clear();
      for (const name of names) this.#durableNames.add(name);
    });
    return future;
  }

  /** New memory; no need for it to lie anywhere. */
  allocate(bytes: number): Uint8Array {
    return new Uint8Array(bytes);
  }

  /** A clock that moves by a millisecond at each look. */
  now(): number {
    return this.#now++;
  }

  /** Bytes that differ from call to call, and are the same in every run. */
  random(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#idByte + 7 * i;
    this.#idByte++;
  }

  // For the files

  /** For {@link RecordingFile}: an operation on an open file. */
  operate<T>(
    kind: OperationKind,
    file: IoFile,
    details: Partial<Operation>,
    regions: readonly Region[],
    effect: () => T,
  ): Future<T> {
    const future = new Future<T>();
    const operation = this.#record(kind, file.path, { sizeBefore: file.size, ...details });
    this.#checkOverlap(operation, regions);
    if (kind === "sync") {
      const covered = this.#shadow(file.path).pending.filter(({ state }) => state === "done");
      this.#issue(operation, regions, future, () => {
        const result = effect();
        this.#cover(file.path, covered, operation.how === "full");
        return result;
      }, () => this.#lose(file.path, covered));
      return future;
    }
    const mutations = this.#mutations(operation);
    this.#issue(operation, regions, future, () => {
      const result = effect();
      this.#apply(file, mutations, result);
      return result;
    }, () => {
      for (const mutation of mutations) if (mutation.state !== "done") mutation.state = "failed";
      if (mutations.length > 0) this.#readBack(file);
    });
    return future;
  }

  #record(kind: OperationKind, path: string, details: Partial<Operation>): Operation {
    const operation: Operation = {
      index: this.operations.length,
      kind,
      path,
      pieces: [],
      how: "",
      size: 0,
      options: undefined,
      blocking: false,
      sizeBefore: 0,
      state: "in flight",
      ...details,
    };
    this.operations.push(operation);
    return operation;
  }

  #issue<T>(
    operation: Operation,
    regions: readonly Region[],
    future: Future<T>,
    effect: () => T,
    onFailure: () => void = nothing,
  ): void {
    this.onIssue?.(operation);
    const rule = this.#ruleFor(operation);
    const run = (): void => {
      if (rule === undefined) complete(operation, future, effect, onFailure);
      else {
        if (rule.effect === true) effect();
        operation.state = "failed";
        onFailure();
        future.fail(rule.code ?? "KVIG_IO", `made to fail: ${operation.kind} ${operation.path}`);
      }
      this.onDone?.(operation);
    };
    const waits = this.hold(operation) && !(this.canBlock && operation.blocking);
    if (!waits) return run();
    const before = regions.map(({ memory, offset, length }) =>
      memory.slice(offset, offset + length)
    );
    this.#inFlight.push({ operation, regions, before, run });
  }

  #ruleFor(operation: Operation): FailureRule | undefined {
    for (const rule of this.#rules) {
      if (!rule.match(operation)) continue;
      const seen = rule.seen++;
      const skip = rule.skip ?? 0;
      if (seen >= skip && seen < skip + (rule.times ?? 1)) return rule;
    }
    return undefined;
  }

  #shadow(path: string): Shadow {
    let shadow = this.#shadows.get(path);
    if (shadow === undefined) this.#shadows.set(path, shadow = new Shadow());
    return shadow;
  }

  #mutations(operation: Operation): Mutation[] {
    const { kind, pieces, size } = operation;
    const mutations: Mutation[] = [];
    if (kind === "write" || kind === "batch") {
      for (const { at, bytes } of pieces) {
        mutations.push({ at, bytes, size: -1, state: "in flight" });
      }
    } else if (kind === "truncate") {
      mutations.push({ at: 0, bytes: NO_BYTES, size, state: "in flight" });
    }
    if (mutations.length > 0) this.#shadow(operation.path).pending.push(...mutations);
    return mutations;
  }

  /** A write or truncate has taken effect; a write may have been cut short. */
  #apply(file: IoFile, mutations: readonly Mutation[], result: unknown): void {
    const { live } = this.#shadow(file.path);
    for (const mutation of mutations) {
      mutation.state = "done";
      if (mutation.size >= 0) live.resize(mutation.size);
      else if (typeof result === "number") {
        live.write(mutation.at, mutation.bytes.subarray(0, result));
      } else live.write(mutation.at, mutation.bytes);
    }
  }

  /** Something failed half-way: looks what the file holds now. */
  #readBack(file: IoFile): void {
    const { live } = this.#shadow(file.path);
    live.resize(file.size);
    file.read(0, live.bytes, 0, live.size).take();
  }

  /** A sync is over that covers `mutations`. */
  #cover(path: string, mutations: readonly Mutation[], full: boolean): void {
    const shadow = this.#shadow(path);
    const { durable } = shadow;
    const durableSize = durable.size;
    for (const { at, bytes, size } of mutations) {
      if (size < 0) durable.write(at, bytes.subarray(0, Math.max(0, shadow.live.size - at)));
      else if (full || size < durable.size) durable.resize(size);
    }
    const over = new Set(mutations);
    shadow.pending = shadow.pending.filter((each) => !over.has(each) && each.state !== "failed");
    if (full || durable.size <= durableSize) return;
    // The size stays until a full sync; what was written behind it waits for that.
    const tail = durable.bytes.slice(durableSize, durable.size);
    durable.resize(durableSize);
    shadow.pending.unshift({ at: durableSize, bytes: tail, size: -1, state: "done" });
  }

  /** A sync failed: what it should have covered is clean in the system's eyes, and lost. */
  #lose(path: string, mutations: readonly Mutation[]): void {
    const shadow = this.#shadow(path);
    const set = new Set(mutations);
    shadow.pending = shadow.pending.filter((each) => !set.has(each));
  }

  #checkOverlap(operation: Operation, regions: readonly Region[]): void {
    for (const { operation: other, regions: others } of this.#inFlight) {
      if (operation.kind !== "read" || other.kind !== "read") {
        if (other.path === operation.path && overlap(operation.pieces, other.pieces)) {
          this.#violation(operation, `overlaps ${other.kind} ${other.index} in flight`);
        }
        if (operation.kind !== "read" && other.kind !== "read") continue;
      }
      if (regions.some((a) => others.some((b) => sameMemory(a, b)))) {
        this.#violation(operation, `uses memory of ${other.kind} ${other.index} in flight`);
      }
    }
  }

  #checkMemory({ operation, regions, before }: InFlight): void {
    const changed = regions.some(({ memory, offset }, entry) =>
      before[entry].some((byte, i) => memory[offset + i] !== byte)
    );
    if (changed) this.#violation(operation, "has memory that changed while the Io owned it");
  }

  #violation({ kind, index, path, pieces }: Operation, what: string): void {
    this.violations.push(`${kind} ${index} of ${path} at ${pieces[0]?.at ?? 0} ${what}`);
  }
}

function nothing(): void {
  // A failure that changes nothing.
}

function sameMemory(a: Region, b: Region): boolean {
  return a.memory.buffer === b.memory.buffer &&
    a.memory.byteOffset + a.offset < b.memory.byteOffset + b.offset + b.length &&
    b.memory.byteOffset + b.offset < a.memory.byteOffset + a.offset + a.length;
}

function complete<T>(
  operation: Operation,
  future: Future<T>,
  effect: () => T,
  onFailure: () => void,
): void {
  try {
    const result = effect();
    operation.state = "done";
    future.settle(result);
  } catch (error) {
    if (!(error instanceof KvigError)) throw error;
    operation.state = "failed";
    onFailure();
    future.fail(error.code as IoErrorCode, error.message, error);
  }
}

function overlap(some: readonly Piece[], others: readonly Piece[]): boolean {
  return some.some((a) => others.some((b) => a.at < b.at + b.length && b.at < a.at + a.length));
}

/** Applies a random part of what no sync has covered. */
function keepSome(content: Content, shadow: Shadow, random: Random, sectorBytes: number): void {
  const bias = random.below(4);
  for (const { at, bytes, size } of shadow.pending) {
    if (bias === 0 || (bias === 1 && random.oneIn(2))) continue;
    if (size >= 0) {
      content.resize(size);
      continue;
    }
    const torn = bias === 2 && random.oneIn(3);
    for (let from = 0; from < bytes.length;) {
      const to = Math.min(bytes.length, from + sectorBytes - ((at + from) % sectorBytes));
      if (!torn || random.oneIn(2)) content.write(at + from, bytes.subarray(from, to));
      from = to;
    }
  }
  if (random.oneIn(2) && shadow.live.size > content.size) content.resize(shadow.live.size);
}

class RecordingFile implements IoFile {
  readonly path: string;
  readonly direct = false;
  readonly #io: RecordingIo;
  readonly #file: IoFile;

  constructor(io: RecordingIo, path: string, file: IoFile) {
    this.#io = io;
    this.path = path;
    this.#file = file;
  }

  get size(): number {
    return this.#file.size;
  }

  read(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options: CallOptions = {},
  ): Future<number> {
    const pieces = [{ at, length, bytes: NO_BYTES }];
    const regions = [{ memory, offset, length }];
    const effect = (): number => this.#file.read(at, memory, offset, length).take();
    return this.#operate("read", options, { pieces }, effect, regions);
  }

  write(
    at: number,
    memory: Uint8Array,
    offset: number,
    length: number,
    options: CallOptions = {},
  ): Future<number> {
    const bytes = memory.slice(offset, offset + length);
    const pieces = [{ at, length, bytes }];
    const regions = [{ memory, offset, length }];
    const effect = (): number => this.#file.write(at, bytes, 0, length).take();
    return this.#operate("write", options, { pieces }, effect, regions);
  }

  writeBatch(batch: WriteBatch, options: CallOptions = {}): Future<void> {
    const pieces: Piece[] = [];
    const regions: Region[] = [];
    for (let entry = 0; entry < batch.count; entry++) {
      const offset = batch.offset[entry];
      const length = batch.length[entry];
      const bytes = batch.memory.slice(offset, offset + length);
      pieces.push({ at: batch.at[entry], length, bytes });
      regions.push({ memory: batch.memory, offset, length });
    }
    const effect = (): void => {
      for (const { at, bytes } of pieces) this.#file.write(at, bytes, 0, bytes.length).take();
    };
    return this.#operate("batch", options, { pieces }, effect, regions);
  }

  sync(how: "data" | "full", options: CallOptions = {}): Future<void> {
    return this.#operate("sync", options, { how }, () => this.#file.sync(how).take());
  }

  truncate(size: number, options: CallOptions = {}): Future<void> {
    return this.#operate("truncate", options, { size }, () => this.#file.truncate(size).take());
  }

  lock(how: "exclusive" | "shared", options: CallOptions = {}): Future<void> {
    return this.#operate("lock", options, { how }, () => this.#file.lock(how).take());
  }

  close(options: CallOptions = {}): Future<void> {
    return this.#operate("close", options, {}, () => this.#file.close().take());
  }

  #operate<T>(
    kind: OperationKind,
    options: CallOptions,
    details: Partial<Operation>,
    effect: () => T,
    regions: readonly Region[] = [],
  ): Future<T> {
    const blocking = options.blocking === true;
    return this.#io.operate(kind, this.#file, { blocking, ...details }, regions, effect);
  }
}
