/**
 * What every Io owes, as tests: each sentence of `core/io.ts` that can be seen from outside.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { test } from "node:test";

import { type Future, type Io, type IoErrorCode, type IoFile, WriteBatch } from "../../core/io.ts";
import { isKvigError, KvigError } from "../../core/errors.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "./assert.ts";
import { tempDir } from "./tmp.ts";

/** An Io to be tested. */
export interface IoUnderTest {
  /** Begins the name of each test. */
  readonly name: string;
  /** Whether every operation is complete when it returns. */
  readonly blocking: boolean;
  /** Makes a new one. */
  make(): Io;
}

/** Waits for `future` and takes it. */
export async function result<T>(future: Future<T>): Promise<T> {
  await future.promise();
  return future.take();
}

/** Fails unless `future` fails with `code` and `part` in its message; returns the error. */
export async function assertFails(
  future: Future<unknown>,
  code: IoErrorCode,
  part = "",
): Promise<KvigError> {
  const error = await assertRejects(() => result(future), KvigError, part);
  assertEquals(error.code, code, `${error.message}: ${error.cause}`);
  return error;
}

/** `length` bytes that tell where they are. */
export function pattern(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) * 7 + seed) & 255);
}

/** Reads all of `file`, however short the reads. */
export async function readAll(file: IoFile): Promise<Uint8Array> {
  const memory = new Uint8Array(file.size);
  for (let at = 0; at < memory.length;) {
    const count = await result(file.read(at, memory, at, memory.length - at));
    assert(count > 0, "a read before the end gives bytes");
    at += count;
  }
  return memory;
}

/** Writes all of `bytes`, however short the writes. */
export async function writeAll(file: IoFile, at: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += await result(file.write(at + done, bytes, done, bytes.length - done));
  }
}

/** Numbers that look random and are the same for the same seed (xorshift32). */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Registers a test of `subject` for every promise of the contract. */
export function testIoContract(subject: IoUnderTest): void {
  testOpening(subject);
  testBytes(subject);
  testBatches(subject);
  testLocks(subject);
  testClosing(subject);
  testArguments(subject);
  testConcurrency(subject);
  testIo(subject);
}

function register(
  subject: IoUnderTest,
  sentence: string,
  work: (io: Io, path: string) => Promise<void>,
): void {
  test(`${subject.name}: ${sentence}`, async () => {
    using dir = tempDir();
    await work(subject.make(), dir.file("data"));
  });
}

function testOpening(subject: IoUnderTest): void {
  register(subject, "open() creates nothing unless asked to", async (io, path) => {
    await assertFails(io.open(path), "KVIG_NOT_FOUND", path);
    await assertFails(io.open(path, { readOnly: true }), "KVIG_NOT_FOUND");
    await assertFails(io.open(path, { exclusive: true }), "KVIG_NOT_FOUND");
    const file = await result(io.open(path, { create: true }));
    assertEquals([file.path, file.size, file.direct], [path, 0, false]);
    await result(file.close());
  });

  register(subject, "open() with exclusive wants a new name", async (io, path) => {
    const file = await result(io.open(path, { create: true, exclusive: true }));
    await assertFails(io.open(path, { create: true, exclusive: true }), "KVIG_EXISTS", path);
    const again = await result(io.open(path, { create: true }));
    await result(file.close());
    await result(again.close());
  });

  register(subject, "a file opened read-only is read and nothing else", async (io, path) => {
    const file = await result(io.open(path, { create: true }));
    await writeAll(file, 0, pattern(10));
    const reader = await result(io.open(path, { readOnly: true }));
    assertEquals(await readAll(reader), pattern(10));
    await assertFails(reader.write(0, pattern(1), 0, 1), "KVIG_READ_ONLY", path);
    await assertFails(reader.writeBatch(new WriteBatch(pattern(1), 1)), "KVIG_READ_ONLY");
    await assertFails(reader.truncate(20), "KVIG_READ_ONLY");
    await result(reader.sync("full"));
    await result(reader.close());
    await result(file.close());
  });

  register(subject, "what was written is there after opening again", async (io, path) => {
    const file = await result(io.open(path, { create: true, direct: true }));
    await writeAll(file, 0, pattern(100_000));
    await result(file.sync("data"));
    await result(file.sync("full"));
    await result(file.close());
    const again = await result(io.open(path));
    assertEquals(again.size, 100_000);
    assertEquals(await readAll(again), pattern(100_000));
    await result(again.close());
  });
}

function testBytes(subject: IoUnderTest): void {
  register(subject, "size follows completed writes and truncates", async (io, path) => {
    const file = await result(io.open(path, { create: true }));
    await writeAll(file, 0, pattern(5000));
    assertEquals(file.size, 5000);
    await writeAll(file, 100, pattern(100));
    assertEquals(file.size, 5000);
    await writeAll(file, 4990, pattern(20));
    assertEquals(file.size, 5010);
    await result(file.truncate(10));
    assertEquals(file.size, 10);
    await result(file.truncate(200_000));
    assertEquals(file.size, 200_000);
    await result(file.close());
  });

  register(subject, "read() ends at the end and leaves other bytes alone", async (io, path) => {
    const file = await result(io.open(path, { create: true }));
    await writeAll(file, 0, pattern(100));
    const memory = new Uint8Array(64).fill(7);
    assertEquals(await result(file.read(90, memory, 8, 32)), 10);
    assertEquals(memory.subarray(8, 18), pattern(100).subarray(90));
    assert(memory.subarray(0, 8).every((byte) => byte === 7), "before");
    assert(memory.subarray(18).every((byte) => byte === 7), "after");
    assertEquals(await result(file.read(100, memory, 0, 32)), 0);
    assertEquals(await result(file.read(1e12, memory, 0, 32)), 0);
    assertEquals(await result(file.read(0, memory, 64, 0)), 0);
    assertEquals(await result(file.read(0, new Uint8Array(0), 0, 0)), 0);
    await result(file.close());
  });

  register(subject, "what lies between writes reads as zeros", async (io, path) => {
    const file = await result(io.open(path, { create: true }));
    await writeAll(file, 150_000, pattern(10));
    const expected = new Uint8Array(150_010);
    expected.set(pattern(10), 150_000);
    assertEquals(await readAll(file), expected);
    assertEquals(await result(file.write(300_000, pattern(10), 5, 0)), 0);
    assertEquals(file.size, 150_010);
    await result(file.close());
  });

  register(subject, "what truncate() cuts off does not come back", async (io, path) => {
    const file = await result(io.open(path, { create: true }));
    await writeAll(file, 0, pattern(140_000).fill(9));
    await result(file.truncate(70_001));
    await result(file.truncate(140_000));
    assertEquals(await readAll(file), new Uint8Array(140_000).fill(9, 0, 70_001));
    await result(file.truncate(0));
    assertEquals(await result(file.read(0, pattern(1), 0, 1)), 0);
    await result(file.close());
  });
}

function testBatches(subject: IoUnderTest): void {
  for (const direct of [false, true]) {
    const how = direct ? "direct" : "buffered";
    register(subject, `writeBatch() writes every entry wholly, ${how}`, async (io, path) => {
      const file = await result(io.open(path, { create: true, direct }));
      await checkRandomBatches(io, file, 4096);
      await checkRandomBatches(io, file, 1000);
      await result(file.close());
    });
  }

  register(subject, "writeBatch() takes large, empty and no entries", async (io, path) => {
    const file = await result(io.open(path, { create: true }));
    const memory = pattern(5_000_000);
    const batch = new WriteBatch(memory, 3);
    await result(file.writeBatch(batch));
    assertEquals(file.size, 0);
    batch.add(3_000_000, 0, 2_000_000);
    batch.add(0, 2_000_000, 3_000_000);
    batch.add(9_000_000, 10, 0);
    await result(file.writeBatch(batch));
    const expected = new Uint8Array(5_000_000);
    expected.set(memory.subarray(2_000_000));
    expected.set(memory.subarray(0, 2_000_000), 3_000_000);
    assertEquals(Buffer.compare(await readAll(file), expected), 0);
    await result(file.close());
  });
}

/**
 * Batches of up to 600 units of `unit` bytes at random places, in random order, from random memory.
 */
async function checkRandomBatches(io: Io, file: IoFile, unit: number): Promise<void> {
  const unitCount = 1500;
  const random = randomNumbers(unit);
  const memory = io.allocate(600 * unit);
  io.random(memory);
  await result(file.truncate(0));
  await result(file.truncate(unitCount * unit));
  const expected = new Uint8Array(unitCount * unit);
  const batch = new WriteBatch(memory, 600);
  for (let round = 0; round < 12; round++) {
    batch.clear();
    const places = shuffled(unitCount, random).slice(0, round * 50);
    // Adjacent in the file, and in half of the rounds in memory as well.
    if (round % 3 > 0) places.sort((one, other) => one - other);
    places.forEach((place, index) => {
      const offset = (round % 2 === 0 ? index : places.length - 1 - index) * unit;
      batch.add(place * unit, offset, unit);
      expected.set(memory.subarray(offset, offset + unit), place * unit);
    });
    const before = batch.at.slice();
    await result(file.writeBatch(batch));
    assertEquals(batch.at, before);
    assertEquals(batch.count, places.length);
    assertEquals(Buffer.compare(await readAll(file), expected), 0, `round ${round}`);
  }
}

function shuffled(count: number, random: (below: number) => number): number[] {
  const numbers = Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = random(index + 1);
    [numbers[index], numbers[other]] = [numbers[other], numbers[index]];
  }
  return numbers;
}

function testLocks(subject: IoUnderTest): void {
  register(subject, "lock() has one exclusive holder or many shared ones", async (io, path) => {
    const one = await result(io.open(path, { create: true }));
    const other = await result(io.open(path));
    await result(one.lock("exclusive"));
    await assertFails(other.lock("exclusive"), "KVIG_LOCKED", path);
    await assertFails(other.lock("shared", { blocking: true }), "KVIG_LOCKED", path);
    await result(one.close());
    await result(other.lock("shared"));
    const third = await result(io.open(path, { readOnly: true }));
    await result(third.lock("shared"));
    const fourth = await result(io.open(path));
    await assertFails(fourth.lock("exclusive"), "KVIG_LOCKED");
    await result(other.close());
    await result(third.close());
    await result(fourth.lock("exclusive"));
    await result(fourth.close());
  });

  register(subject, "lock() fails when the name means another file", async (io, path) => {
    const old = await result(io.open(path, { create: true }));
    await result(io.remove(path));
    await assertFails(old.lock("exclusive"), "KVIG_LOCKED", "its name");
    const replaced = await result(io.open(path, { create: true }));
    await assertFails(old.lock("shared", { blocking: true }), "KVIG_LOCKED", "its name");
    await result(replaced.lock("exclusive"));
    await result(old.close());
    await result(replaced.close());
  });
}

function testClosing(subject: IoUnderTest): void {
  register(subject, "after close() every operation fails", async (io, path) => {
    const file = await result(io.open(path, { create: true }));
    await result(file.close());
    await result(file.close());
    await result(file.close({ blocking: true }));
    const bytes = new Uint8Array(8);
    await assertFails(file.read(0, bytes, 0, 8), "KVIG_CLOSED", path);
    await assertFails(file.read(0, bytes, 0, 0), "KVIG_CLOSED");
    await assertFails(file.write(0, bytes, 0, 8, { blocking: true }), "KVIG_CLOSED");
    await assertFails(file.writeBatch(new WriteBatch(bytes, 1)), "KVIG_CLOSED");
    await assertFails(file.sync("data"), "KVIG_CLOSED");
    await assertFails(file.sync("full"), "KVIG_CLOSED");
    await assertFails(file.truncate(0), "KVIG_CLOSED");
    await assertFails(file.lock("shared"), "KVIG_CLOSED");
  });

  register(subject, "close() lets operations in flight complete", async (io, path) => {
    const file = await result(io.open(path, { create: true }));
    const memory = pattern(1_000_000);
    const writes = Array.from({ length: 50 }, (_, index) => {
      return file.write(index * 20_000, memory, index * 20_000, 20_000);
    });
    const closed = file.close();
    const closedAgain = file.close({ blocking: true });
    await assertFails(file.sync("data"), "KVIG_CLOSED");
    for (const write of writes) assertEquals(await result(write), 20_000);
    await result(closedAgain);
    await result(closed);
    const again = await result(io.open(path));
    assertEquals(Buffer.compare(await readAll(again), memory), 0);
    await result(again.close());
  });
}

function testArguments(subject: IoUnderTest): void {
  register(subject, "nonsense is a RangeError", async (io, path) => {
    const file = await result(io.open(path, { create: true }));
    const memory = new Uint8Array(8);
    const ranges = [[-1, 0, 8], [0, -1, 8], [0, 0, 9], [0, 1, 8], [0.5, 0, 8], [0, 0, NaN]];
    for (const [at, offset, length] of [...ranges, [2 ** 53, 0, 8], [2 ** 53 - 4, 0, 8]]) {
      assertThrows(() => file.read(at, memory, offset, length), RangeError);
      assertThrows(() => file.write(at, memory, offset, length), RangeError);
      const batch = new WriteBatch(memory, 1);
      batch.add(at, offset, length);
      assertThrows(() => file.writeBatch(batch), RangeError);
    }
    assertThrows(() => file.truncate(-1), RangeError);
    assertThrows(() => io.allocate(-1), RangeError);
    await writeAll(file, 0, memory);
    await result(file.close());
  });
}

function testConcurrency(subject: IoUnderTest): void {
  for (const direct of [false, true]) {
    const how = direct ? "direct" : "buffered";
    register(subject, `256 operations at once do what they say, ${how}`, async (io, path) => {
      const file = await result(io.open(path, { create: true, direct }));
      for (let round = 0; round < 6; round++) await checkCrowd(io, file, round + 1);
      await result(file.close());
    });
  }

  register(subject, "blocking calls settle before they return", async (io, path) => {
    const options = { blocking: true };
    const file = io.open(path, { create: true, ...options }).take();
    const memory = io.allocate(4096);
    file.lock("exclusive", options).take();
    assertEquals(file.write(0, memory, 0, 4096, options).take(), 4096);
    assertEquals(file.read(0, memory, 0, 4096, options).take(), 4096);
    const batch = new WriteBatch(memory, 2);
    batch.add(8192, 2048, 2048);
    batch.add(10_240, 0, 2048);
    file.writeBatch(batch, options).take();
    file.sync("data", options).take();
    file.truncate(100, options).take();
    file.sync("full", options).take();
    assertEquals(file.size, 100);
    file.close(options).take();
    io.remove(path, options).take();
    io.syncDirectory(path, options).take();
    await Promise.resolve();
  });

  register(subject, `operations ${subject.blocking ? "settle" : "go on"}`, async (io, path) => {
    const opening = io.open(path, { create: true });
    assertEquals(opening.settled, subject.blocking);
    const file = await result(opening);
    const write = file.write(0, new Uint8Array(10), 0, 10);
    assertEquals(write.settled, subject.blocking);
    await result(write);
    const error = await assertFails(io.open(`${path}x`), "KVIG_NOT_FOUND");
    assert(isKvigError(error), "a typed error");
    await result(file.close());
  });
}

/** 256 reads and writes of distinct pieces at once, compared with a model. */
async function checkCrowd(io: Io, file: IoFile, seed: number): Promise<void> {
  const piece = 4096;
  const random = randomNumbers(seed);
  const model = pattern(256 * piece, seed);
  await writeAll(file, 0, model);
  const memory = io.allocate(256 * piece);
  io.random(memory);
  const work: Promise<void>[] = [];
  for (const place of shuffled(256, random)) {
    // Some aligned, some not.
    const skip = random(2) * random(100);
    const at = place * piece + skip;
    const length = piece - skip;
    if (random(2) === 0) {
      const write = file.write(at, memory, at, length);
      model.set(memory.subarray(at, at + length), at);
      work.push(result(write).then((count) => assertEquals(count, length)));
    } else {
      const read = file.read(at, memory, at, length);
      const expected = model.slice(at, at + length);
      work.push(
        result(read).then((count) => {
          assertEquals(count, length);
          assertEquals(Buffer.compare(memory.subarray(at, at + length), expected), 0);
        }),
      );
    }
  }
  await Promise.all(work);
  assertEquals(Buffer.compare(await readAll(file), model), 0, `seed ${seed}`);
}

function testIo(subject: IoUnderTest): void {
  register(subject, "remove() removes the name, not an open file", async (io, path) => {
    await assertFails(io.remove(path), "KVIG_NOT_FOUND", path);
    const file = await result(io.open(path, { create: true }));
    await writeAll(file, 0, pattern(10));
    await result(io.remove(path));
    await result(io.syncDirectory(path));
    assertEquals(await readAll(file), pattern(10));
    await assertFails(io.open(path), "KVIG_NOT_FOUND");
    await result(file.close());
  });

  register(subject, "allocate() gives zeros on a page border", async (io, path) => {
    for (const bytes of [0, 1, 4096, 65_536, 1_000_001]) {
      const memory = io.allocate(bytes);
      assertEquals(memory.length, bytes, path);
      assertEquals(memory.byteOffset % 4096, 0);
      assert(memory.every((byte) => byte === 0), "zeroed");
    }
    await Promise.resolve();
  });

  register(subject, "now() and random() are what they say", async (io, path) => {
    assert(Math.abs(io.now() - Date.now()) < 1000, path);
    const bytes = new Uint8Array(200_000);
    io.random(bytes);
    assert(bytes.subarray(190_000).some((byte) => byte > 0), "random to the end");
    assert(io.description.length > 0, "described");
    await Promise.resolve();
  });
}
