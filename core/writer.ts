/**
 * Writes that may have to wait, as tasks: they try, provide what is missing, and try again.
 *
 * The caller has the turn. Large values and everything of more than one step run within a scope, so
 * that they can be taken back.
 *
 * @module
 */

import { DONE } from "./btree.ts";
import { DEFAULT_KEYSPACE } from "./catalogue_entry.ts";
import { CATALOGUE_COPIES, type Engine } from "./engine.ts";
import { writeFully } from "./file_access.ts";
import type { Task } from "./future.ts";
import { OVERFLOW_FLAG } from "./leaf.ts";
import { Log } from "./log.ts";
import { replayTooLarge } from "./pager.ts";
import { CLEAR_RECORD, CLEAR_TO_END_RECORD, PUT_RECORD } from "./log_record.ts";
import { OVERFLOW_REFERENCE_BYTES, OverflowReference } from "./overflow.ts";
import { KeyBuffer } from "./rebuild.ts";

const NO_BYTES = new Uint8Array(0);

/** Sets a key to a value of any length. */
export function* putTask(engine: Engine, key: Uint8Array, value: Uint8Array): Task<void> {
  if (key.length + value.length <= engine.maxInlineBytes) {
    yield* putCell(engine, key, value, 0);
    return;
  }
  const reference = new Uint8Array(OVERFLOW_REFERENCE_BYTES);
  yield* writeRun(engine, value, reference);
  yield* putCell(engine, key, reference, OVERFLOW_FLAG);
  yield* logLarge(engine, key, value);
}

function* putCell(
  engine: Engine,
  key: Uint8Array,
  value: Uint8Array,
  flags: number,
): Task<void> {
  const bytes = Log.RECORD_OVERHEAD_BYTES + key.length + value.length;
  for (;;) {
    const status = engine.putNow(key, key.length, value, 0, value.length, flags);
    if (status === DONE) return;
    yield* engine.supply(status, bytes);
  }
}

/** Writes a value to a run of free places and fills in its reference. */
function* writeRun(engine: Engine, value: Uint8Array, bytes: Uint8Array): Task<void> {
  engine.parts.mode.checkMayWait();
  const { pager, pages } = engine;
  const { pageBytes } = engine.cache.frames;
  const reference = new OverflowReference();
  reference.length = value.length;
  const count = reference.pages(pageBytes);
  reference.page = yield* takeRun(engine, count);
  reference.epoch = pages.epoch;
  reference.sum = reference.checksumOf(value);
  pages.epochWritten = true;
  reference.write(bytes, 0);
  if (engine.parts.readOnly) {
    keepInMemory(engine, reference.page, value);
    return;
  }
  const at = reference.page * pageBytes;
  // A failed store may have a meta page on its way that nobody counts any more, and the places of
  // its state look free.
  engine.checkFailure();
  yield* writeFully(pager.file, at, value, 0, value.length, engine.parts.mode);
}

/**
 * A read-only opening writes nothing: large values of the log stay in memory, within the budget.
 */
function keepInMemory(engine: Engine, page: number, value: Uint8Array): void {
  engine.replayedRuns.set(page, value);
  let kept = 0;
  for (const run of engine.replayedRuns.values()) kept += run.length;
  if (kept > engine.cache.capacity * engine.cache.frames.pageBytes) throw replayTooLarge();
}

/** Hands out `count` adjacent places and returns the first one. */
function* takeRun(engine: Engine, count: number): Task<number> {
  const { tree, free, pager, pages } = engine;
  for (let tries = 0;;) {
    const ready = engine.readyToChange(true);
    if (ready !== DONE) {
      yield* engine.supply(ready, 0);
      continue;
    }
    const page = yield* pager.findRun(count, tree.reserve + (tries > 0 ? CATALOGUE_COPIES : 0));
    if (page < 0) {
      if (tries++ === 2 || engine.parts.readOnly) throw engine.full();
      if (!engine.recovering) yield* engine.checkpoint();
      yield* engine.parts.meta.raiseLimit();
      continue;
    }
    free.pinRun(page, count);
    try {
      yield* readyForRun(engine, page, count);
      pages.freshEpoch();
      free.takeRun();
      return page;
    } finally {
      free.unpinRun();
    }
  }
}

/** Brings what handing out a pinned run needs. */
function* readyForRun(engine: Engine, page: number, count: number): Task<void> {
  for (;;) {
    let status = engine.readyToChange(true);
    if (status === DONE) status = engine.tree.readyForRun(page, count);
    if (status === DONE) return;
    yield* engine.supply(status, 0);
  }
}

/** Logs a large value piece by piece, as far as the transaction still logs. */
function* logLarge(engine: Engine, key: Uint8Array, value: Uint8Array): Task<void> {
  const { log, scope } = engine;
  if (engine.recovering || scope === undefined || !scope.logged) return;
  const bytes = Log.RECORD_OVERHEAD_BYTES + key.length + value.length;
  if (engine.overShare(bytes) || !log.fitsRing(bytes)) {
    engine.stopLogging();
    return;
  }
  const head = Log.RECORD_OVERHEAD_BYTES + key.length;
  yield* log.makeRoom(head);
  log.appendHead(PUT_RECORD, DEFAULT_KEYSPACE, key, key.length, value.length);
  for (let done = 0; done < value.length; done += log.pieceBytes) {
    const length = Math.min(log.pieceBytes, value.length - done);
    yield* log.makeRoom(length);
    log.appendMore(value, done, length);
  }
}

/** Removes a key; returns whether it was there. */
export function* removeTask(engine: Engine, key: Uint8Array): Task<boolean> {
  const bytes = Log.RECORD_OVERHEAD_BYTES + key.length;
  for (;;) {
    const status = engine.removeNow(key, key.length);
    if (status === DONE) return engine.tree.changed > 0;
    yield* engine.supply(status, bytes);
  }
}

/** Removes every key from `from` on, below `to` if given; returns how many went. */
export function* clearTask(
  engine: Engine,
  from: Uint8Array,
  to: Uint8Array | undefined,
): Task<number> {
  // A bound longer than any key tells the same keys apart when it is cut right behind that length.
  const low = from.subarray(0, engine.maxKeyBytes + 1);
  const high = to?.subarray(0, engine.maxKeyBytes + 1);
  const count = yield* clearEntries(engine, low, high);
  if (count === 0 || engine.recovering) return count;
  const type = high === undefined ? CLEAR_TO_END_RECORD : CLEAR_RECORD;
  const end = high ?? NO_BYTES;
  const bytes = Log.RECORD_OVERHEAD_BYTES + low.length + end.length;
  while (engine.scope?.logged === true) {
    const status = engine.roomToLog(bytes);
    if (status === DONE) {
      engine.log.append(type, DEFAULT_KEYSPACE, low, low.length, end, 0, end.length);
      break;
    }
    yield* engine.supply(status, bytes);
  }
  return count;
}

function* clearEntries(
  engine: Engine,
  low: Uint8Array,
  high: Uint8Array | undefined,
): Task<number> {
  const from = new KeyBuffer(engine.maxKeyBytes);
  const to = new KeyBuffer(engine.maxKeyBytes);
  from.set(low, low.length);
  if (high === undefined) to.length = -1;
  else to.set(high, high.length);
  let count = 0;
  while (from.length >= 0) {
    const ready = engine.readyToChange(false);
    const status = ready !== DONE
      ? ready
      : engine.tree.removeSome(engine.pages.work.tree, from, to);
    if (status === DONE) count += engine.tree.changed;
    else yield* engine.supply(status, 0);
  }
  return count;
}
