/**
 * The Io for this runtime keeps the contract, in both ways of working: what is special to it.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import process from "node:process";
import { test } from "node:test";

import { ioErrorCode } from "../../adapters/errno.ts";
import { type BackgroundCalls, fileIo, poolCalls } from "../../adapters/file_io.ts";
import { nodeIo } from "../../adapters/node/io.ts";
import { nodeLocker } from "../../adapters/node/lock.ts";
import { type IoErrorCode, WriteBatch } from "../../core/io.ts";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "../support/assert.ts";
import { testBoth, WAYS } from "../support/both_ways.ts";
import { fileHarness, testIoOver } from "../support/conformance.ts";
import { assertFails, pattern, readAll, result, writeAll } from "../support/io_helpers.ts";
import { runtimeIo, runtimeName } from "../support/runtime.ts";
import { skipTest } from "../support/skip.ts";
import { tempDir } from "../support/tmp.ts";

for (const { name, blocking } of WAYS) {
  // Without the page cache; with it the suite runs in tests/runtime/.
  testIoOver(`${name}, direct`, fileHarness(() => runtimeIo({ blocking, direct: true }), true));
}

/** Replaces a call of `node:fs` while `work` runs. */
async function withPatched<K extends keyof typeof fs>(
  call: K,
  patched: (own: (typeof fs)[K]) => unknown,
  work: () => Promise<void>,
): Promise<void> {
  const own = fs[call];
  fs[call] = patched(own) as (typeof fs)[K];
  try {
    await work();
  } finally {
    fs[call] = own;
  }
}

/** An error of the system. */
function systemError(code: string, errno = -5): Error {
  return Object.assign(new Error(`${code}: made up, test`), { code, errno });
}

// Opening

testBoth("open() refuses what is not a regular file", async (io, path) => {
  await assertFails(io.open(path.slice(0, -5)), "KVIG_ACCESS", "it is a directory");
  await assertFails(io.open(path.slice(0, -5), { readOnly: true }), "KVIG_ACCESS", "directory");
  await assertFails(io.open("/dev/null"), "KVIG_ACCESS", "not a regular file");
  fs.writeFileSync(`${path}-target`, "target");
  fs.symlinkSync(`${path}-target`, path);
  await assertFails(io.open(path, { create: true, direct: true }), "KVIG_ACCESS", "symbolic link");
  await assertFails(io.open(path, { readOnly: true }), "KVIG_ACCESS", "symbolic link");
  assertEquals(fs.readFileSync(`${path}-target`, "utf8"), "target");
  fs.symlinkSync(`${path}-nothing`, `${path}-dangling`);
  await assertFails(io.open(`${path}-dangling`, { create: true }), "KVIG_ACCESS");
  assert(!fs.existsSync(`${path}-nothing`), "nothing is created");
});

testBoth("open() of a pipe does not hang", async (io, path) => {
  assertEquals(spawnSync("mkfifo", [path]).status, 0);
  await assertFails(io.open(path, { readOnly: true }), "KVIG_ACCESS", "not a regular file");
  await assertFails(io.open(path), "KVIG_ACCESS", "not a regular file");
});

testBoth("open() follows no link that appears after the look", async (io, path, _, blocking) => {
  fs.writeFileSync(`${path}-target`, "target");
  fs.symlinkSync(`${path}-target`, path);
  const blind = () => undefined;
  const blindLater = (_path: string, _options: unknown, done: (error: Error) => void) => {
    setImmediate(() => done(systemError("ENOENT")));
  };
  const open = async () => {
    const error = await assertFails(io.open(path), "KVIG_ACCESS", `cannot open ${path}: ELOOP`);
    assertEquals((error.cause as { code: string }).code, "ELOOP");
  };
  if (blocking) await withPatched("lstatSync", () => blind, open);
  else await withPatched("lstat", () => blindLater, open);
});

testBoth("open() leaves no descriptor behind when it fails", async (io, path) => {
  const count = () => fs.readdirSync("/proc/self/fd").length;
  const before = count();
  await assertFails(io.open(path.slice(0, -5), { readOnly: true }), "KVIG_ACCESS");
  await assertFails(io.open(`${path}/x`), "KVIG_NOT_FOUND");
  await assertFails(io.open(path), "KVIG_NOT_FOUND");
  const file = await result(io.open(path, { create: true, direct: true }));
  await result(file.lock("exclusive"));
  await result(file.close());
  await result(io.syncDirectory(path));
  assertEquals(count(), before);
});

testBoth("files are created for their owner alone, unless told otherwise", async (io, path) => {
  await result((await result(io.open(path, { create: true }))).close());
  assertEquals(fs.statSync(path).mode & 0o777, 0o600);
  const umask = process.umask(0);
  try {
    await result((await result(io.open(`${path}2`, { create: true, mode: 0o640 }))).close());
  } finally {
    process.umask(umask);
  }
  assertEquals(fs.statSync(`${path}2`).mode & 0o777, 0o640);
});

testBoth("a path with a zero byte is a failure and no throw", async (io) => {
  await assertFails(io.open("a\0b", { create: true }), "KVIG_IO");
  await assertFails(io.remove("a\0b"), "KVIG_IO");
  await assertFails(io.syncDirectory("a\0b/c"), "KVIG_IO");
});

testBoth("errors say what was tried, on what, and why", async (io, path) => {
  const error = await assertFails(io.open(path), "KVIG_NOT_FOUND");
  assertEquals(error.message, `cannot open ${path}: ENOENT no such file or directory`);
  assertEquals((error.cause as { code: string }).code, "ENOENT");
  const missing = await assertFails(io.syncDirectory(`${path}/x/y`), "KVIG_NOT_FOUND");
  assertStringIncludes(missing.message, `cannot sync the directory of ${path}/x/y: ENOENT`);
  assertEquals((await assertFails(io.remove("/proc/self"), "KVIG_ACCESS")).name, "KvigError");
});

test("errors of the system are mapped to the closed list", () => {
  const expected: [string, IoErrorCode][] = [
    ["ENOENT", "KVIG_NOT_FOUND"],
    ["ENOTDIR", "KVIG_NOT_FOUND"],
    ["EEXIST", "KVIG_EXISTS"],
    ["EMFILE", "KVIG_ACCESS"],
    ["EROFS", "KVIG_ACCESS"],
    ["ENOSPC", "KVIG_FULL"],
    ["EFBIG", "KVIG_FULL"],
    ["EOPNOTSUPP", "KVIG_UNSUPPORTED"],
    ["EIO", "KVIG_IO"],
    ["UNKNOWN", "KVIG_IO"],
  ];
  for (const [code, mapped] of expected) assertEquals(ioErrorCode(systemError(code)), mapped, code);
  assertEquals(ioErrorCode(systemError("UNKNOWN", -122)), "KVIG_FULL");
  assertEquals(ioErrorCode(undefined), "KVIG_IO");
  assertEquals(ioErrorCode("text"), "KVIG_IO");
});

// Direct input and output

testBoth("direct is a hint, and every operation works either way", async (io, path, context) => {
  const file = await result(io.open(path, { create: true, direct: true }));
  if (!file.direct) return skipTest(context, "the file system refuses O_DIRECT");
  const memory = io.allocate(65_536);
  memory.set(pattern(65_536));
  const expected = new Uint8Array(80_000);
  const pieces = [[0, 0, 65_536], [4096, 100, 4096], [100, 4096, 4096], [70_000, 3, 10_000]];
  for (const [at, offset, length] of pieces) {
    assertEquals(await result(file.write(at, memory, offset, length)), length);
    expected.set(memory.subarray(offset, offset + length), at);
  }
  await writeAll(file, 8192, pattern(4096, 5));
  expected.set(pattern(4096, 5), 8192);
  assertEquals(await readAll(file), expected);
  assertEquals(await result(file.read(77_824, memory, 0, 4096)), 80_000 - 77_824);
  assertEquals(memory.subarray(0, 2176), expected.subarray(77_824));
  assertEquals(await result(file.read(81_920, memory, 0, 4096)), 0);
  assert(file.direct, "still direct");
  await result(file.close());
});

test("aligned operations on a direct file bypass the page cache", async (context) => {
  using dir = tempDir();
  const io = nodeIo({ blocking: true, direct: true });
  const file = io.open(dir.file("data"), { create: true }).take();
  if (!file.direct) return skipTest(context, "the file system refuses O_DIRECT");
  const seen: number[] = [];
  await withPatched("writeSync", (own) => (fd: number, ...rest: unknown[]) => {
    seen.push(fd);
    return (own as (...all: unknown[]) => number)(fd, ...rest);
  }, () => {
    const memory = io.allocate(8192);
    file.write(0, memory, 0, 4096).take();
    file.write(0, memory, 0, 4095).take();
    file.write(4096, memory, 4096, 4096).take();
    file.write(0, memory, 8, 4096).take();
    file.write(8, memory, 0, 4096).take();
    file.write(0, new Uint8Array(4096), 0, 4096).take();
    return Promise.resolve();
  });
  const [direct, buffered] = seen;
  assert(direct !== buffered, "two descriptors");
  assertEquals(seen, [direct, buffered, direct, buffered, buffered, buffered]);
  file.close().take();
});

testBoth(
  "a file system that refuses O_DIRECT gets along without",
  async (io, path, _, blocking) => {
    const refuses = (flags: number) => (flags & fs.constants.O_DIRECT) !== 0;
    const open = async () => {
      const file = await result(io.open(path, { create: true, exclusive: true, direct: true }));
      assertEquals(file.direct, false);
      await writeAll(file, 0, pattern(100));
      assertEquals(await readAll(file), pattern(100));
      await result(file.close());
    };
    if (blocking) {
      await withPatched("openSync", (own) => (name: string, flags: number, mode?: number) => {
        if (refuses(flags)) throw systemError("EINVAL");
        return own(name, flags, mode);
      }, open);
    } else {
      type Opened = (error: Error | null, fd: number) => void;
      await withPatched(
        "open",
        (own) => (name: string, flags: number, mode: number, done: Opened) => {
          if (refuses(flags)) setImmediate(() => done(systemError("EINVAL"), -1));
          else own(name, flags, mode, done);
        },
        open,
      );
    }
  },
);

testBoth("a system that wants another alignment turns direct off", async (_, path, context) => {
  const refusing = refuseOnce();
  const io = fileIo({
    description: "test",
    blocking: false,
    direct: true,
    locker: nodeLocker,
    background: () => refusing,
  });
  const file = await result(io.open(path, { create: true }));
  if (!file.direct) return skipTest(context, "the file system refuses O_DIRECT");
  const memory = io.allocate(8192);
  memory.set(pattern(8192));
  assertEquals(await result(file.write(0, memory, 0, 8192)), 8192);
  assertEquals(file.direct, false);
  assertEquals(await readAll(file), pattern(8192));
  await result(file.close());
});

function refuseOnce(): BackgroundCalls {
  let refused = false;
  return {
    ...poolCalls,
    write(fd, memory, offset, length, at, done) {
      if (refused) return poolCalls.write(fd, memory, offset, length, at, done);
      refused = true;
      setImmediate(() => done(systemError("EINVAL"), 0));
    },
  };
}

test("nodeIo(blocking): a system of another alignment turns direct off", async (context) => {
  using dir = tempDir();
  const io = nodeIo({ blocking: true });
  const file = io.open(dir.file("data"), { create: true, direct: true }).take();
  if (!file.direct) return skipTest(context, "the file system refuses O_DIRECT");
  const memory = io.allocate(4096);
  await withPatched("writeSync", failing(["EINVAL"]), () => {
    assertEquals(file.write(0, memory, 0, 4096).take(), 4096);
    return Promise.resolve();
  });
  assertEquals(file.direct, false);
  assertEquals(file.write(0, memory, 0, 4096).take(), 4096);
  file.close().take();
});

// Retries, short and empty writes

/** A call that fails with each of `codes` in turn, and works from then on. */
function failing(codes: string[]): (own: unknown) => (...all: unknown[]) => unknown {
  const left = [...codes];
  return (own) => (...all) => {
    const code = left.shift();
    if (code !== undefined) throw systemError(code);
    return (own as (...all: unknown[]) => unknown)(...all);
  };
}

function later(codes: string[]): (own: unknown) => (...all: unknown[]) => void {
  const left = [...codes];
  return (own) => (...all) => {
    const code = left.shift();
    const done = all.at(-1) as (error: Error) => void;
    if (code !== undefined) setImmediate(() => done(systemError(code)));
    else (own as (...all: unknown[]) => void)(...all);
  };
}

/** Writes that fail with each of `codes` in turn, while `work` runs. */
async function withFailingWrites(
  codes: string[],
  blocking: boolean,
  work: () => Promise<void>,
): Promise<void> {
  if (blocking) return await withPatched("writeSync", failing(codes), work);
  if (runtimeName !== "deno") return await withPatched("write", later(codes), work);
  // Deno writes in the background through handles of its own.
  type Handle = { write(bytes: Uint8Array): Promise<number> };
  const { prototype } = (globalThis as unknown as { Deno: { FsFile: { prototype: Handle } } })
    .Deno.FsFile;
  const own = prototype.write;
  const left = [...codes];
  prototype.write = function (bytes) {
    const code = left.shift();
    return code === undefined ? own.call(this, bytes) : Promise.reject(systemError(code));
  };
  try {
    await work();
  } finally {
    prototype.write = own;
  }
}

testBoth("EINTR and a passing EAGAIN are not noticed", async (io, path, _, blocking) => {
  const file = await result(io.open(path, { create: true }));
  const codes = ["EINTR", "EAGAIN", "EINTR"];
  const write = () => writeAll(file, 0, pattern(100));
  const read = async () => assertEquals(await readAll(file), pattern(100));
  await withFailingWrites(codes, blocking, write);
  if (blocking) await withPatched("readSync", failing(codes), read);
  else await withPatched("read", later(codes), read);
  await result(file.close());
});

testBoth("a lasting EAGAIN is an error in the end", async (io, path, _, blocking) => {
  const file = await result(io.open(path, { create: true }));
  const codes = Array.from({ length: 100 }, () => "EAGAIN");
  const write = async () => {
    await assertFails(file.write(0, pattern(8), 0, 8), "KVIG_IO", `write ${path} at 0: EAGAIN`);
  };
  await withFailingWrites(codes, blocking, write);
  await result(file.close());
});

testBoth("a failed sync is not tried again", async (io, path, _, blocking) => {
  const file = await result(io.open(path, { create: true }));
  for (const code of ["EINTR", "EAGAIN", "EIO"]) {
    const sync = async () => {
      await assertFails(file.sync("data"), "KVIG_IO", code);
      await result(file.sync("data"));
    };
    if (blocking) await withPatched("fdatasyncSync", failing([code]), sync);
    else await withPatched("fdatasync", later([code]), sync);
  }
  await result(file.close());
});

/** Background calls that write at most `most` bytes at once; returns how many calls there were. */
function shortWrites(most: number): { calls: BackgroundCalls; count: () => number } {
  let count = 0;
  const calls: BackgroundCalls = {
    ...poolCalls,
    write(fd, memory, offset, length, at, done) {
      count++;
      if (most === 0) setImmediate(() => done(null, 0));
      else poolCalls.write(fd, memory, offset, Math.min(length, most), at, done);
    },
  };
  return { calls, count: () => count };
}

function scatteredBatch(): WriteBatch {
  const batch = new WriteBatch(pattern(40_000), 8);
  batch.add(20_000, 0, 5000);
  batch.add(25_000, 10_000, 5000);
  batch.add(0, 20_000, 100);
  batch.add(30_000, 15_000, 5000);
  return batch;
}

function checkScattered(bytes: Uint8Array): void {
  const memory = pattern(40_000);
  assertEquals(bytes.length, 35_000);
  assertEquals(bytes.subarray(0, 100), memory.subarray(20_000, 20_100));
  assertEquals(bytes.subarray(20_000, 25_000), memory.subarray(0, 5000));
  assertEquals(bytes.subarray(25_000, 35_000), memory.subarray(10_000, 20_000));
}

test("nodeIo(asynchronous): writeBatch() goes on after short writes", async () => {
  using dir = tempDir();
  for (const direct of [false, true]) {
    const { calls, count } = shortWrites(3000);
    const io = fileIo({
      description: "test",
      blocking: false,
      direct,
      locker: nodeLocker,
      background: () => calls,
    });
    const file = await result(io.open(dir.file(`data${direct}`), { create: true }));
    await result(file.writeBatch(scatteredBatch()));
    checkScattered(await readAll(file));
    assert(count() > 2, "short writes");
    await result(file.close());
  }
});

test("nodeIo(blocking): writeBatch() goes on after short writes", async () => {
  using dir = tempDir();
  const file = nodeIo({ blocking: true }).open(dir.file("data"), { create: true }).take();
  type Write = (fd: number, bytes: unknown, offset: number, length: number, at: number) => number;
  await withPatched(
    "writeSync",
    (own) => (fd: number, bytes: unknown, offset: number, length: number, at: number) => {
      return (own as Write)(fd, bytes, offset, Math.min(length, 3000), at);
    },
    async () => {
      file.writeBatch(scatteredBatch()).take();
      checkScattered(await readAll(file));
    },
  );
  file.close().take();
});

testBoth("writeBatch() gives up when nothing gets written", async (_, path, __, blocking) => {
  const { calls, count } = shortWrites(0);
  const parts = { description: "test", direct: false, locker: nodeLocker };
  const io = fileIo({ ...parts, blocking, background: () => calls });
  const file = await result(io.open(path, { create: true }));
  const write = () => assertFails(file.writeBatch(scatteredBatch()), "KVIG_IO", "writes nothing");
  if (blocking) {
    await withPatched("writeSync", () => () => 0, async () => {
      await write();
    });
  } else {
    await write();
    assert(count() < 50, "bounded");
  }
  await result(file.close());
});

test("writeBatch() refuses entries that overlap", async () => {
  using dir = tempDir();
  const io = nodeIo();
  const file = await result(io.open(dir.file("data"), { create: true }));
  const batch = new WriteBatch(pattern(100), 2);
  batch.add(10, 0, 10);
  batch.add(5, 20, 6);
  assertThrows(() => file.writeBatch(batch), RangeError, "overlap");
  await result(file.close());
});

test("writeBatch() writes adjacent entries with one call", async () => {
  using dir = tempDir();
  const { calls, count } = shortWrites(Infinity);
  const parts = { description: "test", blocking: false, direct: false, locker: nodeLocker };
  const io = fileIo({ ...parts, background: () => calls });
  const file = await result(io.open(dir.file("data"), { create: true }));
  await result(file.writeBatch(scatteredBatch()));
  assertEquals(count(), 2);
  await result(file.close());
});

// Completions

test("a late second completion is ignored, and nothing is settled twice", async () => {
  using dir = tempDir();
  const twice: BackgroundCalls = {
    ...poolCalls,
    read(fd, memory, offset, length, at, done) {
      poolCalls.read(fd, memory, offset, length, at, (error, count) => {
        done(error, count);
        done(systemError("EIO"), 0);
        setImmediate(() => done(null, 99));
      });
    },
  };
  const parts = { description: "test", blocking: false, direct: false, locker: nodeLocker };
  const io = fileIo({ ...parts, background: () => twice });
  const file = await result(io.open(dir.file("data"), { create: true }));
  await writeAll(file, 0, pattern(10));
  assertEquals(await result(file.read(0, new Uint8Array(10), 0, 10)), 10);
  await result(file.close());
});

test("close() waits for operations in flight before the descriptor goes", async () => {
  using dir = tempDir();
  let release = () => {};
  const held: BackgroundCalls = {
    ...poolCalls,
    read(fd, memory, offset, length, at, done) {
      release = () => poolCalls.read(fd, memory, offset, length, at, done);
    },
  };
  const parts = { description: "test", blocking: false, direct: false, locker: nodeLocker };
  const io = fileIo({ ...parts, background: () => held });
  const file = await result(io.open(dir.file("data"), { create: true }));
  await writeAll(file, 0, pattern(10));
  const memory = new Uint8Array(10);
  const read = file.read(0, memory, 0, 10);
  const closed = file.close({ blocking: true });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals([read.settled, closed.settled], [false, false]);
  const other = await result(io.open(dir.file("other"), { create: true }));
  release();
  assertEquals(await result(read), 10);
  assertEquals(memory, pattern(10));
  await result(closed);
  await result(other.close());
});

test("the event loop goes on while a large batch is written", async () => {
  using dir = tempDir();
  const io = nodeIo();
  const file = await result(io.open(dir.file("data"), { create: true }));
  const memory = io.allocate(64 << 20);
  const batch = new WriteBatch(memory, 16_384);
  for (let page = 0; page < 16_384; page++) {
    batch.add(page * 4096, ((page * 7919) % 16_384) * 4096, 4096);
  }
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  await result(file.writeBatch(batch));
  clearInterval(timer);
  assert(ticks >= 3, `${ticks} ticks`);
  assertEquals(file.size, 64 << 20);
  await result(file.close());
});

// Cost

test("blocking operations reuse their futures", () => {
  using dir = tempDir();
  const io = nodeIo({ blocking: true });
  const file = io.open(dir.file("data"), { create: true }).take();
  const memory = io.allocate(4096);
  const futures = new Set<unknown>();
  for (let round = 0; round < 10; round++) {
    const write = file.write(0, memory, 0, 4096);
    futures.add(write);
    write.take(write.generation);
    const sync = file.sync("data");
    futures.add(sync);
    sync.take(sync.generation);
  }
  assertEquals(futures.size, 1);
  file.close().take();
});
