/**
 * The stages of checkpoints, recoveries and creations as the Io sees them, and how a test waits for
 * one of them.
 *
 * @module
 */

import { fail } from "./assert.ts";
import type { Image, Operation, RecordingIo } from "./recording_io.ts";
import { drained } from "./unrest.ts";
import { LOG, PATH } from "./watched.ts";

/** Size of the pages of small stores. */
export const PAGE = 512;

/** Whether an operation writes pages in a batch. */
export const isPages = ({ kind, path }: Operation): boolean => kind === "batch" && path === PATH;

/** Whether an operation writes a meta page. */
export const isMeta = ({ kind, path, pieces }: Operation): boolean =>
  kind === "write" && path === PATH && pieces[0].at <= PAGE && pieces[0].length === PAGE;

/** Whether an operation syncs the file at `path`. */
export const isSync = (path: string) => (operation: Operation): boolean =>
  operation.kind === "sync" && operation.path === path;

/** Whether an operation writes the log. */
export const isLogWrite = ({ kind, path }: Operation): boolean => kind === "write" && path === LOG;

/** Whether an operation changes a file or makes something durable. */
export const isChange = ({ kind }: Operation): boolean =>
  ["write", "batch", "truncate", "sync", "remove", "syncDirectory"].includes(kind);

function stageOf(operation: Operation): string {
  const { kind, path, how } = operation;
  const file = path === LOG ? "log" : "data";
  if (isPages(operation)) return "pages";
  if (isMeta(operation)) return "meta page";
  if (kind === "write") return file === "log" ? "log" : "growth";
  return kind === "sync" ? `sync of the ${file}, ${how}` : `${kind} of the ${file}`;
}

/** What changed the files, in order, each run of the same kind once. */
export function stagesOf(operations: readonly Operation[]): string[] {
  const stages = operations.filter(isChange).map(stageOf);
  return stages.filter((stage, i) => stage !== stages[i - 1]);
}

/** Lets everything go on until `condition` holds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let rounds = 0; !condition(); rounds++) {
    if (rounds > 2000) fail(`it does not come to this: ${what}`);
    await drained();
  }
}

/** Waits until an operation is in flight that `match` finds, and returns it. */
export async function inFlight(
  io: RecordingIo,
  match: (operation: Operation) => boolean,
): Promise<Operation> {
  await until(() => io.inFlight.some(match), "the operation is in flight");
  return io.inFlight.find(match)!;
}

/** Whether a promise stays pending when everything has gone on that can. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  for (let rounds = 0; rounds < 10; rounds++) await drained();
  return !settled;
}

/**
 * The files as a power cut and as a kill leave them right before each operation that changes
 * something, while `work` runs. Nothing is held meanwhile.
 */
export function cutsOf(io: RecordingIo, work: () => void, wanted = isChange): Image[] {
  const images: Image[] = [];
  io.hold = (operation) => {
    if (wanted(operation)) images.push(io.powerCut(), io.killed());
    return false;
  };
  work();
  images.push(io.powerCut(), io.killed());
  io.hold = () => false;
  return images;
}
