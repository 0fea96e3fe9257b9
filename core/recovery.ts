/**
 * Recovery: what stands in the log behind the meta page is done again, through the ordinary way of
 * writing, with checkpoints whenever a running store would make one, and one at the end.
 *
 * It may be cut off at any point and then starts again from the last checkpoint: until the meta
 * page that ends it, the salt of the replayed groups stays. No group is accepted before that.
 *
 * @module
 */

import { ABSENT, FOUND } from "./btree.ts";
import { CATALOGUE_ENTRY_BYTES, decodeEntry, DEFAULT_KEYSPACE } from "./catalogue_entry.ts";
import type { ClosedState } from "./checkpoint.ts";
import type { Engine } from "./engine.ts";
import { KvigError } from "./errors.ts";
import type { Task } from "./future.ts";
import { valueAt, valueLength } from "./leaf.ts";
import { EPOCH_STEP, MAX_EPOCH, reservedPlaces } from "./limits.ts";
import type { LogPosition, LogReader, LogRecord } from "./log_reader.ts";
import {
  CLEAR_RECORD,
  CLEAR_TO_END_RECORD,
  COMMIT_RECORD,
  DELETE_RECORD,
  PUT_RECORD,
} from "./log_record.ts";
import { cellAt } from "./slots.ts";
import { clearTask, putTask, removeTask } from "./writer.ts";

const NO_BYTES = new Uint8Array(0);

/** Brings the engine to the state that the files hold, and readies it for use. */
export function* recover(engine: Engine, reader: LogReader, hasLog: boolean): Task<void> {
  const { meta, readOnly, mode, pager } = engine.parts;
  const { pages, log } = engine;
  if (!readOnly) {
    yield* pager.file.sync("full", mode.options);
    yield* log.file.sync("full", mode.options);
  }
  const found = meta.current;
  const start: LogPosition = { group: found.group, position: found.position };
  const end = hasLog ? yield* reader.scan(start, found.salt) : start;
  const { generation } = pages.work;
  pages.work.assign(found.state);
  pages.work.generation = generation;
  // The page of a lost meta page may carry epochs up to one step above the limit of the other one.
  const alone = pager.metaStates.includes(undefined);
  pages.epoch = found.epochLimit + (alone ? EPOCH_STEP : 0);
  pages.epochLimit = readOnly ? 2 ** 32 : pages.epoch;
  yield* readCatalogue(engine);
  const empty = end.group === start.group;
  const salt = found.salt + 1;
  if (!readOnly) {
    // Counting from there on, no opening reaches what the next one would refuse.
    const most = Math.max(found.position, found.group, found.checkpoint, found.state.sequence);
    if (salt >= 2 ** 32 || most >= 2 ** 51) {
      throw new KvigError(
        "KVIG_UNSUPPORTED",
        "the store was opened too often: dump it and load it into a new one",
      );
    }
    if (pages.epoch > MAX_EPOCH) yield* meta.raiseLimit();
    const first = empty ? salt : found.salt;
    yield* meta.write(found.state, start.group, start.position, first);
    // That one allows two steps above the old limit; were it lost, nobody would know: so both do.
    if (alone) yield* meta.raiseLimit();
  }
  log.reset(end.position, end.group, salt);
  engine.recovering = true;
  if (!empty) yield* replay(engine, reader, start, end);
  if (!empty && !readOnly) {
    const close = (): ClosedState => ({ state: engine.workingState(), ...end });
    yield* engine.parts.checkpointer.run(close, salt);
  }
  engine.recovering = false;
}

/** Reads where the tree of the default keyspace begins. */
function* readCatalogue(engine: Engine): Task<void> {
  const { tree, pages, pager } = engine;
  for (;;) {
    const status = tree.find(pages.work.catalogue, NO_BYTES, 0);
    if (status === ABSENT) return;
    if (status !== FOUND) {
      yield* pager.load(pages.missPage, pages.missEpoch);
      continue;
    }
    const { frames } = engine.cache;
    const cell = cellAt(frames, tree.frame, tree.slot);
    if (valueLength(frames, cell) !== CATALOGUE_ENTRY_BYTES) {
      throw pager.corrupt(engine.cache.page[tree.frame], "an entry of the catalogue is malformed");
    }
    if (!decodeEntry(frames.u8, valueAt(frames, cell), pages.work.tree, DEFAULT_KEYSPACE)) {
      throw pager.corrupt(engine.cache.page[tree.frame], "an entry of the catalogue is malformed");
    }
    return;
  }
}

function* replay(
  engine: Engine,
  reader: LogReader,
  start: LogPosition,
  end: LogPosition,
): Task<void> {
  const { checkpointer, meta, readOnly } = engine.parts;
  const { salt } = meta.current;
  const places = new PlacesWatch(engine);
  let { position, group } = start;
  while (group < end.group) {
    yield* reader.seek({ position, group }, salt);
    let last = 0;
    for (let record = yield* reader.next(); record !== undefined; record = yield* reader.next()) {
      const fault = checkRecord(engine, record);
      if (fault !== "") throw reader.corrupt(fault);
      yield* apply(engine, record);
      last = record.type;
    }
    if (last !== COMMIT_RECORD) throw reader.corrupt("its group does not end with a commit");
    position = reader.end;
    group++;
    if (readOnly) continue;
    const short = yield* places.short();
    if (!short && engine.cache.dirtyCount <= engine.cache.capacity >>> 1) continue;
    const next: LogPosition = { position, group };
    yield* checkpointer.run(() => ({ state: engine.workingState(), ...next }), salt);
    if (short) yield* places.relieve();
  }
}

const FEW_PLACES = 32;

/**
 * Looks after the places between two groups. The store that wrote them made a checkpoint where
 * places were short, and wrote it into both meta pages; so recovery must, too, and earlier: the
 * checkpoints that it makes for want of frames hold places that were free then.
 */
class PlacesWatch {
  readonly #engine: Engine;
  #wanted: number;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#wanted = reservedPlaces(engine.pages.work.pageCount);
  }

  /** Whether a checkpoint in both meta pages is due for want of places. */
  *short(): Task<boolean> {
    const { free, pager } = this.#engine;
    return free.spare < this.#wanted && !(yield* pager.findPlaces(0, this.#wanted));
  }

  /** Gives free what only the older meta page reaches; the checkpoint was made. */
  *relieve(): Task<void> {
    const { free, pager, parts, pages } = this.#engine;
    yield* parts.meta.raiseLimit();
    const reserved = reservedPlaces(pages.work.pageCount);
    // Where a checkpoint leaves fewer than that, not every group makes another one.
    yield* pager.findPlaces(0, reserved);
    this.#wanted = Math.max(FEW_PLACES, Math.min(reserved, free.spare >>> 1));
  }
}

/** What is wrong with a record of a known type; "" if nothing. */
function checkRecord(engine: Engine, record: LogRecord): string {
  const { type, keyspace, key, value } = record;
  if (keyspace !== DEFAULT_KEYSPACE) return `it has a record of the keyspace ${keyspace}`;
  // The bounds of a range may be longer than any key: by one byte.
  const most = engine.maxKeyBytes + (type === CLEAR_RECORD || type === CLEAR_TO_END_RECORD ? 1 : 0);
  if (key.length > most) return `it has a key of ${key.length} bytes`;
  const empty = type === DELETE_RECORD || type === CLEAR_TO_END_RECORD;
  if (empty && value.length > 0) return "it has a value that means nothing";
  if (type === CLEAR_RECORD && value.length > most) return `it has a key of ${value.length} bytes`;
  return "";
}

function* apply(engine: Engine, record: LogRecord): Task<void> {
  const { type, key, value } = record;
  if (type === COMMIT_RECORD) {
    engine.pages.work.sequence++;
    engine.pages.touchState();
  } else if (type === PUT_RECORD) yield* putTask(engine, key, value);
  else if (type === DELETE_RECORD) yield* removeTask(engine, key);
  else if (type === CLEAR_RECORD) yield* clearTask(engine, key, value);
  else if (type === CLEAR_TO_END_RECORD) yield* clearTask(engine, key, undefined);
  else {
    throw new KvigError(
      "KVIG_FORMAT",
      `the log of ${engine.parts.path} has a record of the unknown type ${type}: update kvig`,
      { file: engine.log.file.path },
    );
  }
}
