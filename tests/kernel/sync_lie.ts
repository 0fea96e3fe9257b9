/**
 * The sync that lies: the first one after a write failed reports it, the next one succeeds, and
 * what was to be written is gone. A store must believe neither the second sync nor its own cache.
 *
 * The disk is a sparse image on a file system in memory that is then filled up: the kernel finds no
 * room for the store's pages when it writes them back, long after the store wrote them.
 *
 * @module
 */

import fs from "node:fs";

import { assert, assertEquals } from "../support/assert.ts";
import { Disk, type MountPoint, run } from "./disks.ts";
import { type Context, everyWay, expectFailed, traceOf, undergo } from "./ordeal.ts";
import { Subject } from "./subject.ts";
import { startWorker } from "./worker_process.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 64 * MIB;
/** Room for all that a store and the journal need, but not for the whole disk. */
const MEMORY_BYTES = 40 * MIB;
const PIECE_BYTES = 64 * 1024;

/** A disk on a file system in memory. */
interface SparseDisk {
  memory: MountPoint;
  disk: Disk;
}

/** Lets syncs lie to stores. */
export async function syncLie(context: Context): Promise<void> {
  await withDisk(context, (sparse) => showLie(context, sparse));
  await everyWay(async (runtime, blocking) => {
    await withDisk(context, (sparse) => lieTo(context, sparse, runtime, blocking));
    context.report.counts.syncLies++;
  });
}

async function withDisk(
  { arena }: Context,
  work: (sparse: SparseDisk) => void | Promise<void>,
): Promise<void> {
  const memory = arena.memory(arena.freshName("memory"), MEMORY_BYTES);
  const disk = new Disk(arena, "ext4", DISK_BYTES, `${memory.path}/image`);
  try {
    disk.format();
    disk.limitRequests();
    disk.mount();
    await work({ memory, disk });
  } finally {
    disk.remove();
    memory.unmount();
  }
}

/** Gives what is zeros on the disk back to the memory; nothing may be written meanwhile. */
function makeSparse({ disk }: SparseDisk): void {
  disk.unmount();
  run("fallocate", "--dig-holes", disk.image);
  disk.mount();
}

function ballastOf({ memory }: SparseDisk): string {
  return `${memory.path}/ballast`;
}

/** Leaves no room. */
function fillUp(sparse: SparseDisk): void {
  const fd = fs.openSync(ballastOf(sparse), "w");
  try {
    for (let bytes = PIECE_BYTES; bytes >= 4096;) {
      try {
        fs.writeSync(fd, new Uint8Array(bytes));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        bytes /= 2;
      }
    }
  } finally {
    fs.closeSync(fd);
  }
}

/** Makes sure that this kernel lies as it is said to: else nothing would be shown here. */
function showLie({ arena }: Context, sparse: SparseDisk): void {
  const path = `${sparse.disk.path}/file`;
  fs.writeFileSync(path, new Uint8Array(MIB), { flush: true });
  makeSparse(sparse);
  const fd = fs.openSync(path, "r+");
  fillUp(sparse);
  fs.writeSync(fd, new Uint8Array(PIECE_BYTES).fill(7), 0, PIECE_BYTES, 0);
  assertEquals(syncCode(fd), "ENOSPC", "the first sync tells");
  assertEquals(syncCode(fd), "", "the second one lies");
  fs.closeSync(fd);
  arena.system.dropCache(path);
  assertEquals(fs.readFileSync(path)[0], 0, "what was written is gone");
  fs.rmSync(ballastOf(sparse));
}

function syncCode(fd: number): string {
  try {
    fs.fdatasyncSync(fd);
    return "";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "";
  }
}

async function lieTo(
  context: Context,
  sparse: SparseDisk,
  runtime: string,
  blocking: boolean,
): Promise<void> {
  const { random } = context;
  const subject = new Subject(`${sparse.disk.path}/store`, random);
  const maker = await startWorker(runtime);
  try {
    await subject.live(maker, subject.plan({ limit: 40, blocking }), () => false);
  } finally {
    await maker.end();
  }
  makeSparse(sparse);
  const life = subject.draw(random, {
    blocking,
    reopenEvery: 0,
    tryAfter: true,
    // Written past the cache, the first write would fail already.
    options: { direct: false },
  });
  await undergo(context, {
    scenario: "sync-lie",
    runtime,
    subject,
    life,
    trace: traceOf(context, subject),
    commits: random.between(1, 30),
    hurt: () => fillUp(sparse),
    heal() {
      fs.rmSync(ballastOf(sparse));
      sparse.disk.unmount();
      sparse.disk.mount();
    },
    expect(end) {
      expectFailed(end);
      const { cause } = end.failure!;
      assert(cause === "ENOSPC" || cause === "EIO", `the cause is a failed sync, not ${cause}`);
    },
  });
}
