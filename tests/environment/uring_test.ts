/**
 * The Io over io_uring: where it falls back and says why, what it keeps open, how it ends, and that
 * it reads and writes what the portable Io does.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import process from "node:process";
import { test } from "node:test";

import { uringIoOver } from "../../adapters/uring/io.ts";
import { uringIo } from "../../adapters/uring/mod.ts";
import { type Future, type Io, type IoFile, WriteBatch } from "../../core/io.ts";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { Random, runSeed } from "../support/random.ts";
import { open, runtimeIo } from "../support/runtime.ts";
import { skipTest } from "../support/skip.ts";
import { assertSound } from "../support/store.ts";
import { RUN_ARGUMENTS } from "../support/subprocess.ts";
import { tempDir } from "../support/tmp.ts";
import { brokenFfi, changedFfi, whyNoRing } from "../support/uring.ts";

async function result<T>(future: Future<T>): Promise<T> {
  await future.promise();
  return future.take();
}

/** Registers a test that wants a ring. */
function ringTest(name: string, work: () => Promise<void> | void): void {
  test(name, (context) => {
    if (whyNoRing !== undefined) return skipTest(context, whyNoRing);
    return work();
  });
}

const FALLBACKS: readonly [what: string, ffi: Parameters<typeof brokenFfi>[0], reason: RegExp][] = [
  ["a setup that is forbidden", { setup: 1 }, /io_uring_setup failed with EPERM: forbidden by/],
  ["a kernel without it", { setup: 38 }, /io_uring_setup failed with ENOSYS: this kernel/],
  ["no memory for the queues", { map: 12 }, /mmap failed with ENOMEM/],
  ["no eventfd", { eventfd: 24 }, /eventfd failed with EMFILE/],
  ["a register that fails", { register: 22 }, /io_uring_register failed with EINVAL/],
];

for (const [what, broken, reason] of FALLBACKS) {
  ringTest(`the portable Io with the reason: ${what}`, async () => {
    using dir = tempDir();
    const before = rings();
    const io = uringIoOver(() => brokenFfi(broken));
    assert(reason.test(io.description), io.description);
    assert(io.description.startsWith(runtimeIo().description), io.description);
    await worksOver(io, dir.path);
    assertEquals(rings(), before, "no ring is left open");
  });
}

test("the portable Io with the reason: no foreign functions", async () => {
  using dir = tempDir();
  const io = uringIoOver(() => {
    throw Object.assign(new Error("Access denied"), { code: "ERR_ACCESS_DENIED" });
  });
  const wanted = process.platform === "linux"
    ? "without io_uring: foreign functions may not be called; pass --allow-ffi"
    : "io_uring is a part of Linux";
  assert(io.description.includes(wanted), io.description);
  await worksOver(io, dir.path);
});

ringTest(
  "a ring that cannot be had later on is gone without, and the description says so",
  async () => {
    using dir = tempDir();
    let setups = 0;
    const { setup } = changedFfi({});
    const calls = changedFfi({
      setup: (entries, parameters) => setups++ === 0 ? setup(entries, parameters) : -1,
      lastError: () => 12,
    });
    const io = uringIoOver(() => calls);
    assert(!io.description.includes("ENOMEM"), io.description);
    await worksOver(io, dir.path);
    assert(
      /without a ring: io_uring_setup failed with ENOMEM/.test(io.description),
      io.description,
    );
  },
);

/** A store over `io` keeps what it was given, and tells what its Io is. */
async function worksOver(io: Io, directory: string): Promise<void> {
  const store = await open(`${directory}/store`, { io, cacheSize: 1 << 20, logSize: 1 << 20 });
  assertEquals(store.stats().io, io.description, "stats tell the Io");
  await Promise.all(Array.from({ length: 500 }, (_, i) => store.put(`key ${i}`, `value ${i}`)));
  await store.checkpoint();
  assertSound(await store.verify());
  await store.close();
}

test("wrong options are refused", () => {
  for (const spinMicroseconds of [-1, NaN, 1e9]) {
    assertThrows(() => uringIo({ spinMicroseconds }), RangeError);
  }
});

const descriptors = (): number => fs.readdirSync("/proc/self/fd").length;

/** Descriptors of rings; others the runtime may open at any time. */
function rings(): number {
  return fs.readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`).includes("io_uring");
    } catch (error) {
      // The one with which the directory was read.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
  }).length;
}

ringTest("files that are closed leave no descriptor", async () => {
  using dir = tempDir();
  const io = uringIo();
  const use = async (): Promise<void> => {
    const file = await result(io.open(`${dir.path}/file`, { create: true }));
    const memory = io.allocate(65_536);
    const batch = new WriteBatch(memory, 8);
    for (let i = 0; i < 8; i++) batch.add(i * 8192, i * 8192, 4096);
    const [written, read] = [file.writeBatch(batch), file.read(0, memory, 0, 4096)];
    const closed = file.close();
    await Promise.all([written.promise(), read.promise(), closed.promise()]);
    written.take();
    closed.take();
  };
  await use();
  // The runtime's own descriptors are there by now.
  const before = descriptors();
  for (let i = 0; i < 50; i++) await use();
  assert(descriptors() <= before + 1, `${descriptors()} descriptors, ${before} before`);
});

const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
const child = new URL(`../support/uring_child.${ending}`, import.meta.url).pathname;

for (const how of ["falls off", "exits", "throws"]) {
  ringTest(`a program that ${how} with operations in flight ends`, () => {
    using dir = tempDir();
    for (let i = 0; i < 5; i++) {
      const words = [...RUN_ARGUMENTS, child, how, `${dir.path}/file`];
      const { status, signal, stderr } = spawnSync(process.execPath, words, {
        encoding: "utf8",
        timeout: 60_000,
        killSignal: "SIGKILL",
      });
      assertEquals(signal, null, `${how}: ended by a signal; ${stderr}`);
      assertEquals(status, how === "throws" ? 1 : 0, `${how}: ${stderr}`);
    }
  });
}

const OPERATIONS = 100_000;
const FILE_BYTES = 4 * 1024 * 1024;
const AT_ONCE = 64;

ringTest("100,000 operations do what the portable Io does", async () => {
  using dir = tempDir();
  const random = new Random(runSeed("the ring beside the portable Io"));
  const io = uringIo();
  const other = runtimeIo({ blocking: true });
  const files = [
    await result(io.open(`${dir.path}/ring`, { create: true })),
    await result(other.open(`${dir.path}/portable`, { create: true })),
  ] as const;
  for (const file of files) await result(file.truncate(FILE_BYTES));
  const memory = io.allocate(AT_ONCE * 16_384);
  for (let done = 0; done < OPERATIONS;) done += await round(files, memory, random, io);
  const both = files.map((file) => {
    const bytes = new Uint8Array(file.size);
    file.read(0, bytes, 0, bytes.length, { blocking: true }).take();
    return bytes;
  });
  assertEquals(both[0].length, both[1].length, "sizes");
  assert(Buffer.compare(both[0], both[1]) === 0, "the bytes are the same");
  for (const file of files) await result(file.close());
});

/** Operations that are in flight together, none of which meets another; returns how many. */
async function round(
  [ring, portable]: readonly [IoFile, IoFile],
  memory: Uint8Array,
  random: Random,
  io: Io,
): Promise<number> {
  const slot = FILE_BYTES / AT_ONCE;
  const pending: Future<unknown>[] = [];
  const checks: (() => void)[] = [];
  for (let i = 0; i < AT_ONCE; i++) {
    const unit = random.oneIn(2) ? 4096 : 1;
    const length = Math.max(1, random.below(16_384 / unit)) * unit;
    const at = i * slot + random.below((slot - length) / unit) * unit;
    const offset = i * 16_384;
    const part = memory.subarray(offset, offset + length);
    const kind = random.below(8);
    if (kind < 3) {
      const future = ring.read(at, memory, offset, length);
      pending.push(future);
      checks.push(() => {
        const count = future.take();
        const wanted = new Uint8Array(length);
        const most = portable.read(at, wanted, 0, length).take();
        assert(count <= most && (count > 0 || most === 0), `${count} of ${most} bytes at ${at}`);
        assert(Buffer.compare(part.subarray(0, count), wanted.subarray(0, count)) === 0, "bytes");
      });
      continue;
    }
    for (let byte = 0; byte < length; byte += 97) part[byte] = random.below(256);
    if (kind < 6) {
      const future = ring.write(at, memory, offset, length);
      pending.push(future);
      checks.push(() => {
        assertEquals(future.take(), length, "a whole write");
        assertEquals(portable.write(at, part, 0, length).take(), length, "a whole write");
      });
      continue;
    }
    const batch = new WriteBatch(memory, 2);
    const half = Math.floor(length / 2);
    batch.add(at + half, offset, length - half);
    batch.add(at, offset + length - half, half);
    const future = ring.writeBatch(batch, { blocking: random.oneIn(4) });
    pending.push(future);
    checks.push(() => {
      future.take();
      portable.writeBatch(batch).take();
    });
  }
  if (random.oneIn(20)) pending.push(ring.sync(random.oneIn(2) ? "data" : "full"));
  await Promise.all(pending.map((future) => future.promise()));
  for (const check of checks) check();
  assert(io.canBlock, "it can block");
  return AT_ONCE;
}
