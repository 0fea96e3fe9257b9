/**
 * Opening a store: finding its files, deciding what they are, locking, and building the engine.
 *
 * Files that are not what they should be are left untouched; every refusal has its code.
 *
 * @module
 */

import { Checkpointer } from "./checkpoint.ts";
import { type Shape, writeFirstMeta, writeLog } from "./creation.ts";
import { emptyFile } from "./empty_file.ts";
import { Engine } from "./engine.ts";
import { isKvigError, KvigError } from "./errors.ts";
import { Failure } from "./failure.ts";
import { allocate, attempt, type CallMode, readFully } from "./file_access.ts";
import type { Task } from "./future.ts";
import type { Io, IoFile } from "./io.ts";
import { littleEndian } from "./frames.ts";
import { DEFAULT_PAGE_BYTES, MAX_PAGE_BYTES, MIN_CACHE_FRAMES, MIN_PAGE_BYTES } from "./limits.ts";
import { Log } from "./log.ts";
import { BlockCodec } from "./log_block.ts";
import { LogReader } from "./log_reader.ts";
import { checkMeta, decodeMeta, fileSeed, FORMAT_VERSION, type Meta, META_BYTES } from "./meta.ts";
import { MetaPages } from "./meta_pages.ts";
import type { CheckedOptions } from "./options.ts";
import { PageCache } from "./page_cache.ts";
import { Pager } from "./pager.ts";
import { recover } from "./recovery.ts";
import { abortedBy } from "./turn.ts";

/** Path of the log of the store at `path`. */
export function logPath(path: string): string {
  return `${path}-wal`;
}

/** Scratch frames behind the cached pages: one for the tree, one for tools. */
const SCRATCH_FRAMES = 2;

/** The two meta pages as they were found, and which of them counts. */
interface FoundMeta {
  meta: Meta;
  slot: number;
  other: Meta | undefined;
}

/** Opens the store at `path`, creating it if need be. */
export function* openEngine(
  io: Io,
  path: string,
  options: CheckedOptions,
  mode: CallMode,
): Task<Engine> {
  const opening = new Opening(io, path, options, mode);
  try {
    return yield* opening.run();
  } catch (error) {
    yield* opening.undo();
    throw error;
  }
}

class Opening {
  readonly #io: Io;
  readonly #path: string;
  readonly #options: CheckedOptions;
  readonly #mode: CallMode;
  readonly #buffer: Uint8Array;
  readonly #zeros: Uint8Array;
  #data: IoFile | undefined = undefined;
  #log: IoFile | undefined = undefined;
  /** Whether this opening made the data file. */
  #isNew = false;
  /** Whether a store is being made in the data file. */
  #making = false;
  /** Why a meta page could not be read. */
  #unreadable: KvigError | undefined = undefined;
  /** What to remove when the opening fails: never before the lock shows that it is ours. */
  #created: string[] = [];

  constructor(io: Io, path: string, options: CheckedOptions, mode: CallMode) {
    if (!littleEndian()) {
      throw new KvigError("KVIG_UNSUPPORTED", "kvig needs a little-endian processor");
    }
    this.#io = io;
    this.#path = path;
    this.#options = options;
    this.#mode = mode;
    this.#buffer = allocate(io, options.sizes.logBufferBytes);
    this.#zeros = allocate(io, options.sizes.stagingBytes);
  }

  *run(): Task<Engine> {
    const data = yield* this.#openData();
    if (this.#options.lock) {
      const kind = this.#options.readOnly ? "shared" : "exclusive";
      yield* data.lock(kind, this.#mode.options);
    }
    if (this.#isNew) this.#created.push(this.#path);
    this.#checkSignal();
    let found = yield* this.#readMetas(data);
    if (found === undefined) {
      yield* this.#create(data);
      found = yield* this.#readMetas(data);
      if (found === undefined) throw this.#corrupt("its first meta page cannot be read back");
    } else if (this.#options.errorIfExists) {
      throw new KvigError("KVIG_EXISTS", `the store ${this.#path} exists`, { file: this.#path });
    }
    this.#checkFound(data, found);
    const log = yield* this.#openLog(found.meta);
    const engine = this.#assemble(data, log, found);
    const ringBlocks = found.meta.logBytes / found.meta.logBlockBytes;
    const codec = this.#codec(found.meta);
    const reader = new LogReader(log, this.#mode, this.#buffer, ringBlocks, codec);
    try {
      yield* recover(engine, reader, log.size > 0);
    } catch (error) {
      throw reader.provesLostMeta ? (this.#unread(error) ?? error) : error;
    }
    this.#checkSignal();
    return engine;
  }

  /** The error where the meta page that the log proves is there, and could not be read. */
  #unread(error: unknown): KvigError | undefined {
    if (this.#unreadable === undefined || !isKvigError(error, "KVIG_CORRUPT")) return undefined;
    const what = `the newest meta page of ${this.#path} cannot be read: ${error.message}`;
    return new KvigError("KVIG_IO", what, { file: this.#path, cause: this.#unreadable });
  }

  #checkSignal(): void {
    if (this.#options.signal?.aborted === true) throw abortedBy(this.#options.signal);
  }

  /**
   * Closes what was opened, removes what was created: the data file first, and for good before the
   * log goes. A part of a meta page without a log beside it would be taken for a file of somebody
   * else, and neither opened nor made anew; both files together are made anew. Nothing is written
   * or synced any more: that may be what failed.
   */
  *undo(): Task<void> {
    const { options } = this.#mode;
    for (const file of [this.#data, this.#log]) {
      if (file !== undefined) yield* attempt(file.close(options));
    }
    if (this.#making && !this.#created.includes(this.#path)) return;
    for (const path of this.#created) {
      if (!(yield* attempt(this.#io.remove(path, options)))) return;
      if (!(yield* attempt(this.#io.syncDirectory(path, options)))) return;
    }
  }

  *#openData(): Task<IoFile> {
    const { readOnly, createIfMissing, direct } = this.#options;
    const hint = direct === undefined ? {} : { direct };
    const open = { ...this.#mode.options, readOnly, ...hint };
    try {
      return this.#data = yield* this.#io.open(this.#path, open);
    } catch (error) {
      if (!isKvigError(error, "KVIG_NOT_FOUND") || !createIfMissing) throw error;
    }
    if (yield* this.#strayLog()) throw this.#corrupt("its log is there and it is not");
    try {
      this.#data = yield* this.#io.open(this.#path, { ...open, create: true, exclusive: true });
      this.#isNew = true;
    } catch (error) {
      if (!isKvigError(error, "KVIG_EXISTS")) throw error;
      this.#data = yield* this.#io.open(this.#path, open);
    }
    return this.#data;
  }

  /** Whether there is a log with valid blocks, whatever file they belong to. */
  *#strayLog(): Task<boolean> {
    const file = yield* this.#openIfThere(logPath(this.#path), true);
    if (file === undefined) return false;
    try {
      for (const logBlockBytes of [4096, 512]) {
        const ringBlocks = Math.floor(file.size / logBlockBytes);
        const reader = new LogReader(
          file,
          this.#mode,
          this.#buffer,
          ringBlocks,
          new BlockCodec(this.#buffer, logBlockBytes, undefined, 0),
        );
        if (ringBlocks > 0 && (yield* reader.anyValid())) return true;
      }
      return false;
    } finally {
      yield* file.close(this.#mode.options);
    }
  }

  *#openIfThere(path: string, readOnly: boolean): Task<IoFile | undefined> {
    try {
      const direct = this.#options.direct ?? true;
      return yield* this.#io.open(path, { ...this.#mode.options, readOnly, direct });
    } catch (error) {
      if (isKvigError(error, "KVIG_NOT_FOUND")) return undefined;
      throw error;
    }
  }

  /** Reads both meta pages; undefined where there is no valid one and the store is to be made. */
  *#readMetas(data: IoFile): Task<FoundMeta | undefined> {
    const metas: (Meta | undefined)[] = [undefined, undefined];
    metas[0] = yield* this.#readMeta(data, 0, 0);
    if (metas[0] !== undefined) {
      metas[1] = yield* this.#readMeta(data, metas[0].pageBytes, 1);
    } else {
      for (let bytes = MIN_PAGE_BYTES; bytes <= MAX_PAGE_BYTES; bytes *= 2) {
        metas[1] ??= yield* this.#readMeta(data, bytes, 1);
      }
    }
    const [first, second] = metas;
    if (first === undefined && second === undefined) {
      if (this.#unreadable !== undefined) throw this.#unreadable;
      yield* this.#checkHalfCreated(data);
      return undefined;
    }
    if (first !== undefined && second !== undefined) {
      const same = first.fileId.every((byte, i) => byte === second.fileId[i]);
      if (!same) throw this.#corrupt("its meta pages belong to different files");
    }
    const slot = (first?.checkpoint ?? -1) > (second?.checkpoint ?? -1) ? 0 : 1;
    const meta = metas[slot];
    if (meta === undefined) throw this.#corrupt("its meta pages are damaged");
    return { meta, slot, other: metas[1 - slot] };
  }

  /** Reads a meta page; one that cannot be read is not valid either. */
  *#readMeta(data: IoFile, at: number, slot: number): Task<Meta | undefined> {
    // What came from a wrong place by a passing fault is right the second time.
    for (let tries = 0; tries < 2 && at + META_BYTES <= data.size; tries++) {
      try {
        const read = yield* readFully(data, at, this.#buffer, 0, META_BYTES, this.#mode);
        if (read < META_BYTES) continue;
      } catch (error) {
        if (!isKvigError(error, "KVIG_IO")) throw error;
        this.#unreadable = error;
        return undefined;
      }
      const meta = decodeMeta(this.#buffer.subarray(0, META_BYTES), slot);
      if (meta !== undefined && (slot === 0 || meta.pageBytes === at)) return meta;
    }
    return undefined;
  }

  /** Passes where the data file is one that creation did not finish; throws otherwise. */
  *#checkHalfCreated(data: IoFile): Task<void> {
    const log = yield* this.#openIfThere(logPath(this.#path), true);
    let blank = false;
    if (log !== undefined) {
      const ringBlocks = Math.floor(log.size / 4096);
      const codec = new BlockCodec(this.#buffer, 4096, undefined, 0);
      const reader = new LogReader(log, this.#mode, this.#buffer, ringBlocks, codec);
      blank = log.size >= this.#options.sizes.leastLogBytes && (yield* reader.blank());
      yield* log.close(this.#mode.options);
    }
    const pageBytes = this.#options.pageBytes ?? MAX_PAGE_BYTES;
    const half = data.size === 0
      ? log === undefined || !(yield* this.#strayLog())
      : data.size <= 2 * pageBytes && blank;
    if (half) {
      if (this.#options.createIfMissing) return;
      throw new KvigError("KVIG_NOT_FOUND", `there is no store at ${this.#path}`, {
        file: this.#path,
      });
    }
    if (log !== undefined) throw this.#corrupt("neither of its meta pages is valid");
    throw this.#formatError("it is not a kvig file");
  }

  *#create(data: IoFile): Task<void> {
    this.#making = true;
    const shape: Shape = {
      pageBytes: this.#options.pageBytes ?? DEFAULT_PAGE_BYTES,
      logBytes: this.#options.logBytes,
      logBlockBytes: this.#options.logBlockBytes,
    };
    if (data.size > 0) {
      // What an earlier creation left must not outlive the blank log beside it, should this be cut.
      yield* data.truncate(0, this.#mode.options);
      yield* data.sync("full", this.#mode.options);
    }
    yield* this.#makeLog(shape.logBytes);
    if (this.#log !== undefined) yield* this.#log.close(this.#mode.options);
    this.#log = undefined;
    const memory = this.#buffer;
    yield* writeFirstMeta(this.#io, data, shape, memory, this.#mode);
    this.#making = false;
    this.#created = [];
  }

  /** Makes a log full of zeros, durable with its name. */
  *#makeLog(logBytes: number): Task<IoFile> {
    const path = logPath(this.#path);
    const options = { ...this.#mode.options, direct: this.#options.direct ?? true };
    let log = yield* this.#openIfThere(path, false);
    if (log === undefined) {
      log = yield* this.#io.open(path, { ...options, create: true, exclusive: true });
      this.#created.push(path);
    }
    this.#log = log;
    yield* writeLog(log, logBytes, this.#zeros, this.#mode);
    yield* this.#io.syncDirectory(path, this.#mode.options);
    return log;
  }

  #checkFound(data: IoFile, found: FoundMeta): void {
    const { meta, other } = found;
    this.#checkVersion(meta);
    const odd = checkMeta(meta) || (other === undefined ? "" : checkOther(meta, other));
    if (odd !== "") throw this.#corrupt(odd);
    if (meta.logBytes < this.#options.sizes.leastLogBytes) {
      throw this.#corrupt(`its log of ${meta.logBytes} bytes is too small`);
    }
    const wanted = this.#options.pageBytes;
    if (wanted !== undefined && wanted !== meta.pageBytes) {
      throw this.#formatError(
        `its page size is ${meta.pageBytes} bytes, and ${wanted} was asked for`,
      );
    }
    const fellBack = other === undefined && meta.checkpoint > 1;
    const pages = fellBack ? meta.state.highestPage + 1 : meta.state.pageCount;
    if (data.size < Math.max(2, pages) * meta.pageBytes) {
      throw this.#corrupt(`it has ${data.size} bytes where ${pages * meta.pageBytes} are reached`);
    }
    meta.state.pageCount = Math.max(
      Math.min(meta.state.pageCount, Math.floor(data.size / meta.pageBytes)),
      2,
    );
    if (this.#options.cacheBytes < MIN_CACHE_FRAMES * meta.pageBytes) {
      throw new RangeError(
        `cacheSize must be at least ${MIN_CACHE_FRAMES * meta.pageBytes} for pages of ` +
          `${meta.pageBytes} bytes, got ${this.#options.cacheBytes}`,
      );
    }
  }

  #checkVersion(meta: Meta): void {
    if (meta.version !== FORMAT_VERSION || meta.incompatible !== 0) {
      throw this.#formatError(
        `it has format version ${meta.version} with features ${meta.incompatible}, ` +
          `and this program knows version ${FORMAT_VERSION} without any: update kvig`,
      );
    }
    if (meta.readOnlyCompatible !== 0 && !this.#options.readOnly) {
      throw this.#formatError(
        "it uses features that this program can only read: open it read-only",
      );
    }
  }

  *#openLog(meta: Meta): Task<IoFile> {
    const path = logPath(this.#path);
    const log = yield* this.#openIfThere(path, this.#options.readOnly);
    if (!meta.noLog) {
      if (log === undefined) throw this.#corrupt("its log is missing");
      this.#log = log;
      if (log.size !== meta.logBytes) {
        throw this.#corrupt(`its log has ${log.size} bytes where ${meta.logBytes} belong`);
      }
      return log;
    }
    this.#log = log;
    if (log !== undefined && (yield* this.#holdsOwnBlocks(log, meta))) {
      throw this.#corrupt("it says that it has no log, and its log is there");
    }
    if (log !== undefined) yield* log.close(this.#mode.options);
    this.#log = undefined;
    if (this.#options.readOnly) return emptyFile(path);
    const made = yield* this.#makeLog(meta.logBytes);
    this.#created = [];
    return made;
  }

  *#holdsOwnBlocks(log: IoFile, meta: Meta): Task<boolean> {
    const ringBlocks = Math.floor(log.size / meta.logBlockBytes);
    const codec = this.#codec(meta);
    const reader = new LogReader(log, this.#mode, this.#buffer, ringBlocks, codec);
    return yield* reader.anyValid();
  }

  #codec(meta: Meta): BlockCodec {
    return new BlockCodec(this.#buffer, meta.logBlockBytes, meta.fileId, fileSeed(meta.fileId));
  }

  #assemble(data: IoFile, log: IoFile, found: FoundMeta): Engine {
    const { meta, slot, other } = found;
    const { readOnly, cacheBytes, maxBytes, sync } = this.#options;
    const frames = Math.floor(cacheBytes / meta.pageBytes);
    const arena = allocate(this.#io, frames * meta.pageBytes);
    const cache = new PageCache(arena, meta.pageBytes, frames - SCRATCH_FRAMES);
    const failure = new Failure(this.#path);
    const pager = new Pager(cache, data, this.#mode, this.#zeros, {
      seed: fileSeed(meta.fileId),
      readOnly,
      maxPages: Math.floor(maxBytes / meta.pageBytes),
      sizes: this.#options.sizes,
      failure,
    });
    pager.metaStates[slot] = meta.state;
    pager.metaStates[1 - slot] = other?.state;
    const metaBytes = Math.max(4096, meta.pageBytes);
    const metaMemory = allocate(this.#io, metaBytes).subarray(0, meta.pageBytes);
    const metaPages = new MetaPages(pager, this.#mode, metaMemory, meta, slot, failure);
    const ringBlocks = meta.logBytes / meta.logBlockBytes;
    const ring = new Log(log, this.#mode, this.#buffer, ringBlocks, this.#codec(meta), failure);
    return new Engine({
      io: this.#io,
      path: this.#path,
      mode: this.#mode,
      pager,
      log: ring,
      meta: metaPages,
      checkpointer: new Checkpointer(pager, ring, metaPages, failure, this.#mode),
      failure,
      readOnly,
      sync,
      reservedBytes: arena.length + this.#buffer.length + this.#zeros.length + metaMemory.length,
    });
  }

  #corrupt(what: string): KvigError {
    return new KvigError("KVIG_CORRUPT", `the store ${this.#path} is damaged: ${what}`, {
      file: this.#path,
    });
  }

  #formatError(what: string): KvigError {
    return new KvigError("KVIG_FORMAT", `${this.#path} cannot be opened: ${what}`, {
      file: this.#path,
    });
  }
}

/** What is wrong with the other meta page beside the one that counts; "" if nothing. */
function checkOther(meta: Meta, other: Meta): string {
  const odd = checkMeta(other);
  if (odd !== "") return odd;
  const same = meta.pageBytes === other.pageBytes && meta.logBytes === other.logBytes &&
    meta.logBlockBytes === other.logBlockBytes && meta.checkpoint !== other.checkpoint;
  return same ? "" : "its meta pages contradict each other";
}
