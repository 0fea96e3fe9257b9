/**
 * Closing a store: what was committed goes into the data file, the file is cut to what is reached,
 * the files are closed.
 *
 * @module
 */

import { bitmapAt } from "./bitmap.ts";
import type { Engine } from "./engine.ts";
import { isKvigError } from "./errors.ts";
import type { Task } from "./future.ts";
import { BUSY } from "./page_cache.ts";

/** Closes the store once writers that came before are done. */
export function* closeTask(engine: Engine): Task<void> {
  const inTurn = engine.failure === undefined;
  if (inTurn) yield* engine.turn.take();
  engine.closed = true;
  try {
    if (engine.failure === undefined && !engine.parts.readOnly) yield* settle(engine);
  } catch (error) {
    yield* letGo(engine, inTurn, error);
  }
  yield* letGo(engine, inTurn, engine.failure);
}

/** Closes the files and passes the turn on; then throws `reason`, or why they stayed open. */
function* letGo(engine: Engine, inTurn: boolean, reason: unknown): Task<void> {
  try {
    yield* engine.closeFiles();
  } catch (error) {
    throw reason ?? error;
  } finally {
    if (inTurn) engine.turn.release();
  }
  if (reason !== undefined) throw reason;
}

function* settle(engine: Engine): Task<void> {
  const { log, parts } = engine;
  yield* parts.checkpointer.settled();
  while (log.flushing) yield* log.idle.wait();
  try {
    yield* trim(engine);
    yield* engine.checkpoint();
  } catch (error) {
    if (!isKvigError(error, "KVIG_IO", "KVIG_FULL", "KVIG_CORRUPT")) throw error;
    while (log.flushing) yield* log.idle.wait();
    yield* log.flush(true);
    return;
  }
  yield* cut(engine);
}

/** Lowers the page count of the working state to behind the last page that it reaches. */
export function* trim(engine: Engine): Task<void> {
  const { work } = engine.pages;
  const last = yield* lastPage(engine);
  let end = last + 1;
  // What grows again is zero-written: nothing that a snapshot reaches may lie there.
  for (const state of engine.pages.holds.states) end = Math.max(end, state.highestPage + 1);
  if (last === work.highestPage && end >= work.pageCount) return;
  work.highestPage = last;
  work.pageCount = Math.min(work.pageCount, end);
  engine.pages.touchState();
  engine.free.setCeiling(Infinity);
}

function* lastPage(engine: Engine): Task<number> {
  const { pager, free, pages } = engine;
  const { frames } = engine.cache;
  for (let segment = free.segmentOf(pages.work.pageCount - 1); segment >= 0; segment--) {
    const frame = yield* pager.mapFrame(pages.work, segment);
    if (frame < 0) continue;
    const at = bitmapAt(frames, frame);
    for (let word = free.mask.length - 1; word >= 0; word--) {
      const bits = frames.u32[at + word];
      if (bits !== 0) return segment * free.places + word * 32 + 31 - Math.clz32(bits);
    }
  }
  return 1;
}

/** Cuts the file behind the last page that a meta page or a held state reaches, or that is used. */
export function* cut(engine: Engine): Task<void> {
  const { pager, pages, parts } = engine;
  const { pageBytes } = engine.cache.frames;
  const current = parts.meta.current.state;
  const wanted = (current.highestPage + 1) * pageBytes;
  if (pager.file.size - wanted >= pager.sizes.growthBytes) yield* parts.meta.raiseLimit();
  let last = Math.max(1, pages.work.pageCount - 1);
  for (const state of [...pager.metaStates, ...pages.holds.states]) {
    if (state !== undefined && state.highestPage > last) last = state.highestPage;
  }
  last = Math.max(last, lastPageInUse(engine));
  const bytes = (last + 1) * pageBytes;
  if (bytes >= pager.file.size) return;
  try {
    yield* pager.file.truncate(bytes, parts.mode.options);
  } catch (error) {
    // A file that stays longer is legal, but nobody knows how long it is now.
    if (!isKvigError(error)) throw error;
    pager.sureBytes = bytes;
  }
}

/**
 * The last page that the Io reads or writes right now, 1 where there is none. No state may reach it
 * any more: a reader begins to load a page, and goes on only when it has found it.
 */
function lastPageInUse({ cache }: Engine): number {
  let last = 1;
  if (cache.inFlight === 0) return last;
  for (let frame = 0; frame < cache.capacity; frame++) {
    if ((cache.flags[frame] & BUSY) !== 0 && cache.page[frame] > last) last = cache.page[frame];
  }
  return last;
}
