/**
 * Backups: a held state written to one new file with an id of its own, which opens as a store.
 *
 * Every page is verified as it is read. Both meta pages come last, so a file that was not finished
 * is not taken for a backup.
 *
 * @module
 */

import type { Engine } from "./engine.ts";
import type { KvigError } from "./errors.ts";
import { attempt, writeFully } from "./file_access.ts";
import { sealPage } from "./frames.ts";
import type { Task } from "./future.ts";
import type { Signalled } from "./host.ts";
import type { IoFile } from "./io.ts";
import { FILE_ID_BYTES } from "./log_block.ts";
import { encodeMeta, fileSeed, type Meta } from "./meta.ts";
import type { OverflowReference } from "./overflow.ts";
import { PageSource } from "./page_source.ts";
import type { State } from "./state.ts";
import { type StateVisitor, StateWalk } from "./state_walk.ts";
import { abortedBy } from "./turn.ts";

/** How to back up. */
export interface BackupOptions {
  /** Stops it with `KVIG_ABORTED`; the unfinished file is removed. */
  signal?: Signalled;
  /** Called now and then with the number of pages written, and of all. */
  onProgress?: (done: number, total: number) => void;
}

const PROGRESS_PAGES = 256;

/**
 * Writes `state`, which the caller holds, to a new file at `path`.
 * @throws {KvigError} `KVIG_EXISTS` where there is a file; `KVIG_CORRUPT` where a page is damaged;
 *   `KVIG_FULL`, `KVIG_IO`, `KVIG_ACCESS`.
 */
export function* backupTask(
  engine: Engine,
  state: State,
  path: string,
  options: BackupOptions,
): Task<void> {
  const { io, mode } = engine.parts;
  const open = { ...mode.options, create: true, exclusive: true, direct: false };
  const file = yield* io.open(path, open);
  try {
    yield* new Backup(engine, state, file, options).write();
    yield* file.close(mode.options);
    yield* io.syncDirectory(path, mode.options);
  } catch (error) {
    yield* attempt(file.close(mode.options));
    yield* attempt(io.remove(path, mode.options));
    throw error;
  }
}

class Backup implements StateVisitor {
  readonly #engine: Engine;
  readonly #state: State;
  readonly #file: IoFile;
  readonly #options: BackupOptions;
  readonly #source: PageSource;
  readonly #fileId = new Uint8Array(FILE_ID_BYTES);
  readonly #seed: number;
  #pages = 0;

  constructor(engine: Engine, state: State, file: IoFile, options: BackupOptions) {
    this.#engine = engine;
    this.#state = state;
    this.#file = file;
    this.#options = options;
    this.#source = new PageSource(engine);
    engine.parts.io.random(this.#fileId);
    this.#seed = fileSeed(this.#fileId);
  }

  *write(): Task<void> {
    const { mode } = this.#engine.parts;
    const { pageBytes } = this.#source.frames;
    yield* new StateWalk(this.#engine, this.#source, this).all(this.#state);
    const bytes = Math.max(2, this.#state.highestPage + 1) * pageBytes;
    yield* this.#file.truncate(bytes, mode.options);
    yield* this.#file.sync("full", mode.options);
    yield* this.#writeMetas();
    yield* this.#file.sync("full", mode.options);
  }

  *page(page: number, epoch: number, frame: number): Task<boolean> {
    const { frames } = this.#source;
    this.#check(page, 1);
    sealPage(frames, frame, page, epoch, this.#seed);
    yield* this.#write(page * frames.pageBytes, frames.u8, frames.base(frame), frames.pageBytes);
    this.#step(1);
    return true;
  }

  *run(reference: OverflowReference, value: Uint8Array): Task<void> {
    const { pageBytes } = this.#source.frames;
    this.#check(reference.page, reference.pages(pageBytes));
    yield* this.#write(reference.page * pageBytes, value, 0, value.length);
    this.#step(reference.pages(pageBytes));
  }

  miscount(page: number, what: string): void {
    this.problem(page, what);
  }

  problem(page: number, what: string, cause?: KvigError): void {
    if (cause !== undefined) throw cause;
    throw this.#engine.pager.corrupt(page, what);
  }

  *#write(at: number, bytes: Uint8Array, offset: number, length: number): Task<void> {
    yield* writeFully(this.#file, at, bytes, offset, length, this.#engine.parts.mode);
  }

  /** A page that the state cannot reach would be cut off, or come again for ever. */
  #check(page: number, pages: number): void {
    const { highestPage, pageCount } = this.#state;
    if (page + pages - 1 > highestPage || this.#pages + pages > pageCount) {
      throw this.#engine.pager.corrupt(page, "more is reached than there are pages");
    }
  }

  #step(pages: number): void {
    const { signal, onProgress } = this.#options;
    if (signal?.aborted === true) throw abortedBy(signal);
    const before = Math.floor(this.#pages / PROGRESS_PAGES);
    this.#pages += pages;
    if (Math.floor(this.#pages / PROGRESS_PAGES) !== before) {
      onProgress?.(this.#pages, this.#state.usedPages);
    }
  }

  *#writeMetas(): Task<void> {
    const { frames } = this.#source;
    const { meta } = this.#engine.parts;
    const state = this.#state.clone();
    state.pageCount = Math.max(2, state.highestPage + 1);
    for (let slot = 0; slot < 2; slot++) {
      const copy: Meta = {
        ...meta.current,
        fileId: this.#fileId,
        noLog: true,
        checkpoint: slot + 1,
        state,
        group: 1,
        position: 0,
        salt: 1,
        // Above every epoch of the state; that of a read-only opening is none that can be written.
        epochLimit: this.#engine.pages.epoch + 1,
      };
      const page = frames.u8.subarray(0, frames.pageBytes);
      encodeMeta(copy, slot, page);
      yield* this.#write(slot * frames.pageBytes, page, 0, frames.pageBytes);
    }
  }
}
