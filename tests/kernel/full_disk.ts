/**
 * Full disks: ext4, XFS and a file system in memory that others have filled up, but for a little.
 *
 * @module
 */

import fs from "node:fs";

import { assert, assertEquals } from "../support/assert.ts";
import { Disk, hasProgram, run } from "./disks.ts";
import { type Context, everyWay, withWorker } from "./ordeal.ts";
import type { WorkerProcess } from "./worker_process.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 24 * MIB;
/** What is left for a store; its log takes one MiB of that. */
const ROOM_BYTES = 5 * MIB;
const VALUE_BYTES = 4000;
const OPTIONS = { cacheSize: MIB, logSize: MIB } as const;

interface Filled {
  end: number;
  failure: { code: string; message: string };
}

/** Somewhere that can be full. */
interface Place {
  path: string;
  remove(): void;
}

const MAKERS: Readonly<Record<string, (context: Context) => Place>> = {
  ext4: (context) => placeOn(new Disk(context.arena, "ext4", DISK_BYTES)),
  xfs: (context) => placeOn(new Disk(context.arena, "xfs", DISK_BYTES)),
  tmpfs({ arena }) {
    const point = arena.memory(arena.freshName("full"), DISK_BYTES);
    return { path: point.path, remove: () => point.unmount() };
  },
};

function placeOn(disk: Disk): Place {
  disk.format();
  disk.mount();
  return { path: disk.path, remove: () => disk.remove() };
}

/** Fills disks up. */
export async function fullDisk(context: Context): Promise<void> {
  const kinds = Object.keys(MAKERS).filter((kind) => kind !== "xfs" || hasProgram("mkfs.xfs"));
  let turn = 0;
  await everyWay(async (runtime, blocking) => {
    const kind = kinds[turn++ % kinds.length]!;
    const place = MAKERS[kind]!(context);
    const path = `${place.path}/store`;
    try {
      const scenario = `full-disk on ${kind}`;
      const files = (): string[] => [path, `${path}-wal`];
      await withWorker(context, scenario, runtime, files, (worker) => {
        return liveFull(worker, blocking, place.path, path);
      });
    } finally {
      place.remove();
    }
    context.report.counts.fullDisks++;
  });
}

async function liveFull(
  worker: WorkerProcess,
  blocking: boolean,
  directory: string,
  path: string,
): Promise<void> {
  const ballast = `${directory}/ballast`;
  takeRoom(directory, ballast);
  const ask = (verb: string, ...words: unknown[]): Promise<unknown> =>
    worker.get(blocking, verb, ...words);
  await ask("open", path, OPTIONS);
  const end = await fill(worker, blocking, 0);
  assert(end > 200, `${end} entries fit`);
  await assertHolds(worker, blocking, 0, end);
  // A batch that does not fit changes nothing.
  const batch = Array.from({ length: 60 }, (_, i) => {
    return { type: "put", key: `large ${i}`, value: "x".repeat(100_000) };
  });
  await worker.refusal(["KVIG_FULL"], blocking, "batch", batch);
  await assertHolds(worker, blocking, 0, end);
  await ask("close");
  await ask("open", path, OPTIONS);
  await assertHolds(worker, blocking, 0, end);
  // There is always room to delete, and then for something else.
  const half = Math.floor(end / 2);
  assertEquals(await ask("clear", { lt: fillKey(half) }), half);
  await ask("checkpoint");
  await ask("put", fillKey(end), `${end} `.padEnd(VALUE_BYTES, "value "));
  await assertHolds(worker, blocking, half, end + 1);
  const full = await fill(worker, blocking, end + 1);
  fs.rmSync(ballast);
  assert(await ask("fillTo", full + 500, VALUE_BYTES, full) === full + 500, "there is room again");
  await assertHolds(worker, blocking, half, full + 500);
  await ask("close");
  await ask("open", path, OPTIONS);
  await assertHolds(worker, blocking, half, full + 500);
  await ask("close");
}

const fillKey = (number: number): string => `fill ${String(number).padStart(8, "0")}`;

/** Takes all room but for a little. */
function takeRoom(directory: string, ballast: string): void {
  const { bavail, bsize } = fs.statfsSync(directory);
  run("fallocate", "--length", String(bavail * bsize - ROOM_BYTES), ballast);
}

/** Puts until checkpoints do not make room any more; the number of the first that did not fit. */
async function fill(worker: WorkerProcess, blocking: boolean, first: number): Promise<number> {
  let end = first;
  for (let vain = 0; vain < 3; vain++) {
    const filled = await worker.get(blocking, "fill", end, VALUE_BYTES) as Filled;
    assertEquals(filled.failure.code, "KVIG_FULL", filled.failure.message);
    if (filled.end > end) vain = 0;
    end = filled.end;
    await worker.get(blocking, "checkpoint");
  }
  return end;
}

async function assertHolds(
  worker: WorkerProcess,
  blocking: boolean,
  first: number,
  end: number,
): Promise<void> {
  assertEquals(await worker.get(blocking, "count"), end - first);
  const found = await worker.get(blocking, "checkFill", first, end, VALUE_BYTES);
  assertEquals(found, { right: end - first, refused: {} });
  await worker.get(blocking, "assertSound");
}
