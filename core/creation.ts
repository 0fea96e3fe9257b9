/**
 * Creating a store, in the order that a power cut at any step leaves something that is either made
 * anew or opened: the data file, empty and locked; the log, zero-written and synced; the names;
 * then a data file of two pages of zeros; then the first meta page in it.
 *
 * @module
 */

import { type CallMode, writeFully } from "./file_access.ts";
import type { Task } from "./future.ts";
import type { Io, IoFile } from "./io.ts";
import { EPOCH_STEP } from "./limits.ts";
import { FILE_ID_BYTES } from "./log_block.ts";
import { encodeMeta, FORMAT_VERSION, type Meta } from "./meta.ts";
import { State } from "./state.ts";

/** What a new store is made with. */
export interface Shape {
  /** Size of a page. */
  pageBytes: number;
  /** Size of the log. */
  logBytes: number;
  /** Size of a block of the log. */
  logBlockBytes: number;
}

/** Fills the log with zeros and makes it durable; `zeros` is a piece of memory full of them. */
export function* writeLog(
  file: IoFile,
  logBytes: number,
  zeros: Uint8Array,
  mode: CallMode,
): Task<void> {
  if (file.size > logBytes) yield* file.truncate(logBytes, mode.options);
  for (let at = 0; at < logBytes; at += zeros.length) {
    yield* writeFully(file, at, zeros, 0, Math.min(zeros.length, logBytes - at), mode);
  }
  yield* file.sync("full", mode.options);
}

/** Makes an empty store of the data file, whose log is durable, and returns its first meta page. */
export function* writeFirstMeta(
  io: Io,
  data: IoFile,
  shape: Shape,
  memory: Uint8Array,
  mode: CallMode,
): Task<void> {
  const fileId = new Uint8Array(FILE_ID_BYTES);
  io.random(fileId);
  const meta: Meta = {
    version: FORMAT_VERSION,
    compatible: 0,
    readOnlyCompatible: 0,
    incompatible: 0,
    ...shape,
    fileId,
    noLog: false,
    checkpoint: 1,
    state: new State(),
    group: 1,
    position: 0,
    salt: 1,
    epochLimit: EPOCH_STEP,
  };
  const { pageBytes } = shape;
  // The size comes first: a meta page in a file that is too short would be damage.
  memory.fill(0, 0, 2 * pageBytes);
  yield* writeFully(data, 0, memory, 0, 2 * pageBytes, mode);
  yield* data.sync("full", mode.options);
  encodeMeta(meta, 0, memory.subarray(0, pageBytes));
  yield* writeFully(data, 0, memory, 0, pageBytes, mode);
  yield* data.sync("full", mode.options);
}
