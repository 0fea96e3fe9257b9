/**
 * Whether the job would notice: power cuts under workers whose syncs do nothing, because strace
 * skips them and says that all went well. Something acknowledged must be missing then.
 *
 * @module
 */

import { Disk } from "./disks.ts";
import type { Context } from "./ordeal.ts";
import { Subject } from "./subject.ts";
import { RUNTIMES, startWorker } from "./worker_process.ts";

const DISK_BYTES = 64 * 2 ** 20;
/** So many power cuts are enough to lose something. */
const MAX_CUTS = 20;
const COMMITS = 40;
const LYING = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync,fdatasync:retval=0"];

/** Fails where lying syncs go unnoticed. */
export async function selfCheck(context: Context): Promise<void> {
  const { arena, random, report } = context;
  const disk = new Disk(arena, "ext4", DISK_BYTES);
  try {
    disk.format();
    for (let cut = 0; cut < MAX_CUTS; cut++) {
      disk.mount();
      const subject = new Subject(`${disk.path}/store${cut}`, random);
      await cutUnderLies(context, disk, subject);
      disk.unmount();
      disk.mount();
      const lost = await isLost(context, subject);
      disk.unmount();
      if (lost) {
        report.counts.lyingSyncsNoticed++;
        return;
      }
    }
  } finally {
    disk.remove();
  }
  throw new Error(`${MAX_CUTS} power cuts under syncs that do nothing, and nothing was missing`);
}

async function cutUnderLies({ random }: Context, disk: Disk, subject: Subject): Promise<void> {
  const worker = await startWorker(random.pick(RUNTIMES), LYING);
  let acknowledged = 0;
  let cut = false;
  try {
    // Through the page cache: what goes past it is on the disk without a sync.
    const life = subject.draw(random, { options: { direct: false } });
    await subject.live(worker, life, () => cut, ([word]) => {
      if (word !== "a" || ++acknowledged !== COMMITS) return;
      cut = true;
      disk.cut();
    });
  } finally {
    await worker.end();
  }
}

/** Whether an honest worker misses something. */
async function isLost({ random }: Context, subject: Subject): Promise<boolean> {
  const worker = await startWorker(random.pick(RUNTIMES));
  try {
    await subject.assertWell(worker);
    return false;
  } catch (error) {
    if (!(error instanceof Error && error.name === "AssertionError")) throw error;
    return true;
  } finally {
    await worker.end();
  }
}
