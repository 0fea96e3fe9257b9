/**
 * Cases of who owns the memory of an operation: the Io until the future is settled, and not a
 * moment longer.
 *
 * @module
 */

import { WriteBatch } from "../../core/io.ts";
import {
  checkBytes,
  checkFilled,
  pattern,
  pause,
  readAll,
  readSome,
  result,
  writeAll,
} from "./check.ts";
import type { Case, Place } from "./harness.ts";

const group = "memory";

/** The cases. */
export const memoryCases: readonly Case[] = [
  { group, name: "is filled when a read is settled, not later", work: filledInTime },
  { group, name: "is not touched after a read is settled", work: untouchedByRead },
  { group, name: "is not read after a write is settled", work: unreadByWrite },
  { group, name: "of a batch is not read after the batch is settled", work: unreadByBatch },
  { group, name: "is not changed by writes and batches", work: unchanged },
  { group, name: "what was written is read once the write is settled", work: writtenInTime },
  { group, name: "is not touched by operations that failed", work: untouchedByFailure },
  { group, name: "may be any: a part of a buffer, unaligned, from elsewhere", work: anyMemory },
];

/** Long enough for whatever is late. */
const LATE_MS = 30;

async function filledInTime(place: Place): Promise<void> {
  const file = await place.open();
  await writeAll(file, 0, pattern(64_000));
  const work = Array.from({ length: 64 }, async (_, index) => {
    const memory = new Uint8Array(1000);
    const count = await result(file.read(index * 1000, memory, 0, 1000));
    // Compared in the tick in which it was settled.
    const expected = pattern(64_000).slice(index * 1000, index * 1000 + count);
    checkBytes(memory.slice(0, count), expected, `read ${index} when it is settled`);
  });
  await Promise.all(work);
}

async function untouchedByRead(place: Place): Promise<void> {
  const file = await place.open();
  await writeAll(file, 0, pattern(64_000));
  const memories = await Promise.all(Array.from({ length: 64 }, async (_, index) => {
    const memory = new Uint8Array(1000);
    await result(file.read(index * 1000, memory, 0, 1000));
    return memory.fill(0xee);
  }));
  await readAll(file);
  await pause(LATE_MS);
  for (const memory of memories) checkFilled(memory, 0xee, "memory after its read was settled");
}

async function unreadByWrite(place: Place): Promise<void> {
  const file = await place.open();
  const memory = new Uint8Array(5000);
  const expected = pattern(50_000);
  for (let round = 0; round < 10; round++) {
    memory.set(expected.subarray(round * 5000, round * 5000 + 5000));
    await writeAll(file, round * 5000, memory);
    memory.fill(0xee);
  }
  await pause(LATE_MS);
  await result(file.sync("data"));
  checkBytes(await readAll(file), expected, "the file, whose memory was reused");
}

async function unreadByBatch(place: Place): Promise<void> {
  const file = await place.open();
  const expected = pattern(50_000);
  const batch = new WriteBatch(new Uint8Array(5000), 5);
  for (let round = 0; round < 10; round++) {
    batch.clear();
    batch.memory.set(expected.subarray(round * 5000, round * 5000 + 5000));
    for (const entry of [3, 0, 4, 2, 1]) {
      batch.add(round * 5000 + entry * 1000, entry * 1000, 1000);
    }
    await result(file.writeBatch(batch));
    batch.memory.fill(0xee);
    batch.at.fill(0);
  }
  await pause(LATE_MS);
  await result(file.sync("data"));
  checkBytes(await readAll(file), expected, "the file, whose batch was reused");
}

async function unchanged(place: Place): Promise<void> {
  const file = await place.open();
  const memory = place.io.allocate(16_384);
  memory.set(pattern(16_384));
  await writeAll(file, 0, memory);
  await writeAll(file, 100, memory.subarray(4096));
  const batch = new WriteBatch(memory, 3);
  batch.add(8192, 0, 4096);
  batch.add(12_288, 8192, 4096);
  batch.add(4096, 4096, 4096);
  await result(file.writeBatch(batch));
  await pause(LATE_MS);
  checkBytes(memory, pattern(16_384), "memory that was written");
}

async function writtenInTime(place: Place): Promise<void> {
  const file = await place.open();
  await writeAll(file, 0, new Uint8Array(32_000));
  for (let round = 0; round < 8; round++) {
    await writeAll(file, round * 4000, pattern(2000, round));
    checkBytes(await readSome(file, round * 4000, 2000), pattern(2000, round), "after a write");
    const batch = new WriteBatch(pattern(2000, round + 100), 2);
    batch.add(round * 4000 + 3000, 1000, 1000);
    batch.add(round * 4000 + 2000, 0, 1000);
    await result(file.writeBatch(batch));
    const found = await readSome(file, round * 4000 + 2000, 2000);
    checkBytes(found, pattern(2000, round + 100), "after a batch");
  }
}

async function untouchedByFailure(place: Place): Promise<void> {
  const file = await place.open();
  await writeAll(file, 0, pattern(1000));
  await result(file.close());
  const memory = new Uint8Array(1000).fill(0xee);
  const read = file.read(0, memory, 0, 1000);
  await read.promise();
  await pause(LATE_MS);
  checkFilled(memory, 0xee, "memory of a read of a closed file");
}

async function anyMemory(place: Place): Promise<void> {
  const file = await place.open();
  const expected = new Uint8Array(100_000);
  await writeAll(file, 0, expected);
  const whole = pattern(20_000, 4);
  const parts = [whole.subarray(1, 10_001), whole.subarray(4095, 8193), place.io.allocate(9000)];
  parts[2].set(pattern(9000, 6));
  for (const [index, part] of parts.entries()) {
    await writeAll(file, index * 30_000, part);
    expected.set(part, index * 30_000);
    const batch = new WriteBatch(part, 1);
    batch.add(index * 30_000 + 15_000, 3, 4000);
    await result(file.writeBatch(batch));
    expected.set(part.subarray(3, 4003), index * 30_000 + 15_000);
  }
  const buffer = new Uint8Array(5002).fill(7);
  const memory = buffer.subarray(1, 5001);
  const count = await result(file.read(60_000, memory, 0, 5000));
  checkBytes(memory.slice(0, count), expected.slice(60_000, 60_000 + count), "read to a part");
  checkFilled(Uint8Array.of(buffer[0], buffer[5001]), 7, "the buffer around that part");
  checkBytes(await readAll(file), expected, "the file");
}
