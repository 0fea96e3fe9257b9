/**
 * What the tests of single bugs share: promises that may never settle, operations that may never
 * end, and one operation of many that is held. Nothing here looks at a clock: what hangs is found
 * by counting.
 *
 * @module
 */

import { isKvigError } from "../../core/errors.ts";
import type { Image, Operation, RecordingIo } from "./recording_io.ts";
import { changed, LOG, PATH } from "./watched.ts";

const MANY_TURNS = 400;

/** Lets everything go on that waits for no held operation. */
export async function drain(): Promise<void> {
  for (let i = 0; i < MANY_TURNS; i++) await undefined;
}

/** How `work` has ended by now: "done", the code or name of its error, or "pending". */
export async function outcomeOf(work: Promise<unknown>): Promise<string> {
  let outcome = "pending";
  work.then(() => outcome = "done", (error: unknown) => outcome = nameOf(error));
  await drain();
  return outcome;
}

function nameOf(error: unknown): string {
  if (isKvigError(error)) return error.code;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** Does `work`; an operation beyond `count` throws, into whatever goes round for ever. */
export function withinOperations<T>(io: RecordingIo, count: number, work: () => T): T {
  const last = io.operations.length + count;
  io.hold = () => {
    if (io.operations.length > last) throw new Error(`more than ${count} operations were needed`);
    return false;
  };
  try {
    return work();
  } finally {
    io.hold = () => false;
  }
}

/** Holds the first operation that matches, and no other one; later {@link HeldFirst.operation}. */
export function holdFirst(io: RecordingIo, match: (operation: Operation) => boolean): HeldFirst {
  const held = new HeldFirst();
  io.hold = (operation) => {
    if (held.found !== undefined || !match(operation)) return false;
    held.found = operation;
    return true;
  };
  return held;
}

/** An operation that was held. */
export class HeldFirst {
  /** The operation, once it was issued. */
  found: Operation | undefined = undefined;

  /** The operation, which must have been issued. */
  get operation(): Operation {
    if (this.found === undefined) throw new Error("no such operation was issued");
    return this.found;
  }
}

/** Whether an operation writes a meta page, of pages of 512 bytes. */
export function writesMeta({ kind, path, pieces }: Operation): boolean {
  return kind === "write" && path === PATH && pieces[0].at <= 512 && pieces[0].length === 512;
}

/** Whether an operation makes the data file longer. */
export function grows({ kind, path, pieces, sizeBefore }: Operation): boolean {
  return kind === "write" && path === PATH && pieces[0].at + pieces[0].length > sizeBefore;
}

/** Whether an operation writes zeros behind the meta pages: growth, whether it needs be or not. */
export function writesZeros({ kind, path, pieces }: Operation): boolean {
  return kind === "write" && path === PATH && pieces[0].at >= 1024 &&
    pieces[0].bytes.every((byte) => byte === 0);
}

/** Whether an operation writes the log. */
export function writesLog({ kind, path }: Operation): boolean {
  return kind === "write" && path === LOG;
}

/** Whether an operation is a sync of `wanted`. */
export function syncs({ kind, path }: Operation, wanted: string): boolean {
  return kind === "sync" && path === wanted;
}

/**
 * The files after a power cut that loses whatever no sync has covered, the size of the data file
 * among it, but for the meta page written last, which arrived.
 */
export function cutBehindMeta(io: RecordingIo): Image {
  const [piece] = io.operations.findLast(writesMeta)!.pieces;
  return changed(io.powerCut(), PATH, (data) => data.set(piece.bytes, piece.at));
}
