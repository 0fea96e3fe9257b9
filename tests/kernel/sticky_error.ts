/**
 * Disks that fail for good: an ext4 on a loop device whose image lies on another ext4, and that
 * other one is shut down. From then on every read and write of the inner one's device gives EIO.
 *
 * @module
 */

import { assert, assertEquals } from "../support/assert.ts";
import { Disk } from "./disks.ts";
import { type Context, everyWay, expectFailed, traceOf, undergo, withWorker } from "./ordeal.ts";
import { Subject } from "./subject.ts";

const MIB = 2 ** 20;
const OUTER_BYTES = 128 * MIB;
const INNER_BYTES = 48 * MIB;
/** More than the cache takes, in values that go through it. */
const KEYS = 2500;
const VALUE_BYTES = 700;

/** One disk on another. */
class Nested {
  readonly outer: Disk;
  readonly inner: Disk;

  constructor({ arena }: Context) {
    this.outer = new Disk(arena, "ext4", OUTER_BYTES);
    this.outer.format();
    this.outer.mount();
    this.inner = new Disk(arena, "ext4", INNER_BYTES, `${this.outer.path}/image`);
    this.inner.format();
    this.inner.mount();
  }

  /** From now on the inner disk fails. */
  fail(): void {
    this.outer.cut();
  }

  /** Both are well again, with what had reached the outer one's disk. */
  heal(): void {
    this.inner.unmount();
    this.inner.detach();
    this.outer.unmount();
    this.outer.mount();
    this.inner.attach();
    this.inner.mount();
  }

  remove(): void {
    this.inner.unmount();
    this.inner.detach();
    this.outer.remove();
  }
}

/** Lets disks fail for good. */
export async function stickyError(context: Context): Promise<void> {
  await everyWay(async (runtime, blocking) => {
    const disks = new Nested(context);
    try {
      await failWhileWriting(context, disks, runtime, blocking);
      await failWhileReading(context, disks, runtime, blocking);
    } finally {
      disks.remove();
    }
    context.report.counts.stickyErrors++;
  });
}

async function failWhileWriting(
  context: Context,
  disks: Nested,
  runtime: string,
  blocking: boolean,
): Promise<void> {
  const { random } = context;
  const subject = new Subject(`${disks.inner.path}/store`, random);
  await undergo(context, {
    scenario: "sticky-error",
    runtime,
    subject,
    life: subject.draw(random, { blocking, reopenEvery: 0, compactEvery: 0, tryAfter: true }),
    trace: traceOf(context, subject),
    commits: random.between(3, 60),
    hurt: () => disks.fail(),
    heal: () => disks.heal(),
    expect: expectFailed,
  });
}

/** Reads give the right value or KVIG_IO, and a write fails the store. */
async function failWhileReading(
  context: Context,
  disks: Nested,
  runtime: string,
  blocking: boolean,
): Promise<void> {
  const path = `${disks.inner.path}/large`;
  const files = (): string[] => [path, `${path}-wal`];
  const options = { cacheSize: MIB, logSize: MIB, direct: false };
  await withWorker(context, "sticky-error", runtime, files, async (worker) => {
    await worker.get(blocking, "open", path, options);
    await worker.get(blocking, "fillTo", KEYS, VALUE_BYTES);
    const before = await worker.get(blocking, "sum");
    await worker.get(blocking, "close");
    await worker.get(blocking, "open", path, options);
    await worker.get(blocking, "checkFill", 0, 10, VALUE_BYTES);
    disks.fail();
    context.arena.system.dropCache(path);
    const { right, refused } = await worker.get(blocking, "checkFill", 0, KEYS, VALUE_BYTES) as {
      right: number;
      refused: Record<string, number>;
    };
    assert(right >= 10, `what is cached can be read: ${right}`);
    assertEquals(Object.keys(refused), ["KVIG_IO"], `${right} right, ${JSON.stringify(refused)}`);
    assertEquals(right + refused["KVIG_IO"]!, KEYS);
    // Its leaf may be missing: then it is refused alone.
    await worker.refusal(["KVIG_IO", "KVIG_FAILED"], blocking, "put", "key", "value");
    await worker.refusal(["KVIG_FAILED"], blocking, "flush");
    await worker.refusal(["KVIG_FAILED"], blocking, "get", "key");
    await worker.step(blocking, "close");
    disks.heal();
    await worker.get(blocking, "open", path, options);
    await worker.get(blocking, "delete", "key");
    assertEquals(await worker.get(blocking, "sum"), before, "nothing is lost");
    await worker.get(blocking, "assertSound");
    await worker.get(blocking, "close");
  });
}
