/**
 * File systems that become read-only under an open store.
 *
 * The kernel refuses to remount one for reading only while a file is open for writing; what does
 * happen to a working store is that ext4 meets an error and, mounted with `errors=remount-ro`,
 * makes itself read-only. That is triggered here.
 *
 * @module
 */

import fs from "node:fs";
import { spawnSync } from "node:child_process";

import { assert } from "../support/assert.ts";
import { Disk, run } from "./disks.ts";
import { type Context, everyWay, expectFailed, traceOf, undergo, withWorker } from "./ordeal.ts";
import { Subject } from "./subject.ts";

const DISK_BYTES = 64 * 2 ** 20;

/** Makes the file systems of open stores read-only. */
export async function readOnly(context: Context): Promise<void> {
  await everyWay(async (runtime, blocking) => {
    const disk = new Disk(context.arena, "ext4", DISK_BYTES);
    try {
      disk.format();
      disk.mount("errors=remount-ro");
      const subject = new Subject(`${disk.path}/store`, context.random);
      if (await becomeReadOnly(context, disk, subject, runtime, blocking)) {
        await remount(context, disk, subject, runtime, blocking);
      }
    } finally {
      disk.remove();
    }
    context.report.counts.readOnlyRemounts++;
  });
}

/** The kernel makes it read-only by itself; tells whether all was as it must be. */
async function becomeReadOnly(
  context: Context,
  disk: Disk,
  subject: Subject,
  runtime: string,
  blocking: boolean,
): Promise<boolean> {
  const { random } = context;
  const end = await undergo(context, {
    scenario: "read-only",
    runtime,
    subject,
    life: subject.draw(random, { blocking, reopenEvery: 0, tryAfter: true }),
    trace: traceOf(context, subject),
    commits: random.between(5, 60),
    hurt() {
      fs.writeFileSync(`/sys/fs/ext4/${disk.deviceName}/trigger_fs_error`, "a test");
    },
    heal() {
      disk.unmount();
      disk.check();
      disk.mount("errors=remount-ro");
    },
    expect: expectFailed,
  });
  return end !== undefined;
}

/** An administrator makes it read-only: not while the store is open, then while it is closed. */
async function remount(
  context: Context,
  disk: Disk,
  subject: Subject,
  runtime: string,
  blocking: boolean,
): Promise<void> {
  const { path, made } = subject;
  await withWorker(context, "read-only", runtime, () => subject.files, async (worker) => {
    await worker.get(blocking, "open", path, made);
    const before = await worker.get(blocking, "sum");
    const { status } = spawnSync("mount", ["-o", "remount,ro", disk.path]);
    assert(status !== 0, "the kernel does not take the disk from an open store");
    await worker.get(blocking, "put", "key", "value");
    await worker.get(blocking, "delete", "key");
    await worker.get(blocking, "close");
    run("mount", "-o", "remount,ro", disk.path);
    await worker.refusal(["KVIG_ACCESS"], blocking, "open", path, made);
    await worker.get(blocking, "open", path, { ...made, readOnly: true });
    assert(await worker.get(blocking, "sum") === before, "a reader shows the same");
    await worker.refusal(["KVIG_READ_ONLY"], blocking, "put", "key", "value");
    await worker.get(blocking, "close");
    run("mount", "-o", "remount,rw", disk.path);
    await subject.assertWell(worker, { blocking });
  });
}
