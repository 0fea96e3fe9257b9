/**
 * Cases of reading and writing, one operation at a time, and of sizes.
 *
 * @module
 */

import type { IoFile } from "../../core/io.ts";
import {
  check,
  checkBytes,
  checkEqual,
  checkFilled,
  pattern,
  readAll,
  readSome,
  result,
  writeAll,
} from "./check.ts";
import type { Case, Place } from "./harness.ts";

/** The cases. */
export const byteCases: readonly Case[] = [
  { group: "read", name: "gives the bytes at its position, at its offset", work: readPlaces },
  { group: "read", name: "leaves the memory outside of what was read alone", work: readOutside },
  { group: "read", name: "across the end gives what is before it", work: readAcrossEnd },
  { group: "read", name: "is 0 only at or past the end, or of 0 bytes", work: readNothing },
  { group: "read", name: "there is no cursor: each names its position", work: noCursor },
  { group: "write", name: "writes the bytes at its offset to its position", work: writePlaces },
  { group: "write", name: "what it says was written is there", work: writeCounts },
  { group: "write", name: "leaves the other bytes of the file alone", work: writeOutside },
  { group: "write", name: "past the end grows, and zeros lie between", work: writeGap },
  { group: "write", name: "of 0 bytes changes nothing", work: writeNothing },
  { group: "write", name: "positions beyond 4 GiB are whole", work: farPositions },
  { group: "size", name: "follows completed writes and truncates", work: sizes },
  { group: "truncate", name: "cuts off what is behind the size", work: cut },
  {
    group: "truncate",
    name: "what is added reads as zeros, cut off before or not",
    work: zeroFill,
  },
];

async function filled(place: Place, length: number): Promise<IoFile> {
  const file = await place.open();
  await writeAll(file, 0, pattern(length));
  return file;
}

async function readPlaces(place: Place): Promise<void> {
  const file = await filled(place, 150_000);
  const bytes = pattern(150_000);
  for (const at of [0, 1, 511, 4096, 65_535, 149_990]) {
    for (const offset of [0, 1, 333, 4096]) {
      const memory = new Uint8Array(offset + 5000);
      const length = Math.min(5000, bytes.length - at);
      let done = 0;
      while (done < length) {
        const count = await result(file.read(at + done, memory, offset + done, length - done));
        check(count > 0, `read() before the end: expected some bytes, got ${count}`);
        done += count;
      }
      const what = `read() at ${at} to offset ${offset}`;
      checkBytes(memory.subarray(offset, offset + length), bytes.slice(at, at + length), what);
    }
  }
}

async function readOutside(place: Place): Promise<void> {
  const file = await filled(place, 10_000);
  for (const [at, offset, length] of [[0, 8, 100], [9990, 8, 100], [4000, 5000, 1], [77, 1, 0]]) {
    const memory = new Uint8Array(10_000).fill(7);
    const count = await result(file.read(at, memory, offset, length));
    const what = `read() of ${length} bytes at ${at}`;
    checkFilled(memory.subarray(0, offset), 7, `${what}: memory before`);
    checkFilled(memory.subarray(offset + count), 7, `${what}: memory behind what was read`);
  }
}

async function readAcrossEnd(place: Place): Promise<void> {
  const file = await filled(place, 100);
  const memory = new Uint8Array(64).fill(7);
  checkEqual(await result(file.read(90, memory, 8, 32)), 10, "read() of 32 bytes, 10 to the end");
  checkBytes(memory.slice(8, 18), pattern(100).slice(90), "the last 10 bytes");
  checkFilled(memory.subarray(18), 7, "memory behind the last bytes");
  const whole = new Uint8Array(5000);
  let count = await result(file.read(0, whole, 0, 5000));
  while (count < 100) count += await result(file.read(count, whole, count, 5000 - count));
  checkEqual(count, 100, "read() of more than the whole file");
}

async function readNothing(place: Place): Promise<void> {
  const file = await filled(place, 4096);
  const memory = new Uint8Array(4096).fill(7);
  for (const at of [4096, 4097, 8192, 1e12]) {
    checkEqual(await result(file.read(at, memory, 0, 4096)), 0, `read() at ${at}, past the end`);
  }
  checkEqual(await result(file.read(0, memory, 4096, 0)), 0, "read() of 0 bytes");
  checkEqual(await result(file.read(0, new Uint8Array(0), 0, 0)), 0, "read() to no memory");
  checkFilled(memory, 7, "memory of reads that gave nothing");
  for (const length of [1, 100, 4095]) {
    const count = await result(file.read(4096 - length, memory, 0, length));
    check(count > 0, `read() of the last ${length} bytes: expected some, got ${count}`);
  }
}

async function noCursor(place: Place): Promise<void> {
  const file = await filled(place, 1000);
  checkBytes(await readSome(file, 100, 50), pattern(1000).slice(100, 150), "the first time");
  checkBytes(await readSome(file, 100, 50), pattern(1000).slice(100, 150), "the second time");
  await writeAll(file, 500, pattern(10, 5));
  checkBytes(await readSome(file, 0, 50), pattern(1000).slice(0, 50), "after a write elsewhere");
  await writeAll(file, 20, pattern(10, 6));
  const expected = pattern(1000);
  expected.set(pattern(10, 5), 500);
  expected.set(pattern(10, 6), 20);
  checkBytes(await readAll(file), expected, "the whole file");
}

async function writePlaces(place: Place): Promise<void> {
  const file = await filled(place, 80_000);
  const expected = pattern(80_000);
  const memory = pattern(20_000, 77);
  for (const [at, offset, length] of [[0, 3, 5000], [7000, 1, 1], [65_000, 4096, 4096]]) {
    await writeAll(file, at, memory.subarray(offset, offset + length));
    expected.set(memory.subarray(offset, offset + length), at);
  }
  let done = 0;
  while (done < 9000) {
    done += await result(file.write(20_000 + done, memory, 1000 + done, 9000 - done));
  }
  expected.set(memory.subarray(1000, 10_000), 20_000);
  checkBytes(await readAll(file), expected, "the file");
  checkBytes(memory, pattern(20_000, 77), "the memory that was written");
}

async function writeCounts(place: Place): Promise<void> {
  const file = await place.open();
  const memory = pattern(3_000_000);
  for (const length of [1, 100, 4096, 70_000, 3_000_000]) {
    await result(file.truncate(0));
    const count = await result(file.write(0, memory, 0, length));
    const inRange = Number.isInteger(count) && count > 0 && count <= length;
    check(inRange, `write() of ${length} bytes: expected 1 to ${length}, got ${count}`);
    checkEqual(file.size, count, `size after a write that says ${count}`);
    const what = `what a write of ${length} bytes says was written`;
    checkBytes(await readSome(file, 0, count), memory.slice(0, count), what);
  }
}

async function writeOutside(place: Place): Promise<void> {
  const file = await filled(place, 20_000);
  const expected = pattern(20_000);
  for (const [at, length] of [[0, 1], [4095, 2], [8192, 4096], [19_999, 1], [13_000, 500]]) {
    await writeAll(file, at, new Uint8Array(length).fill(9));
    expected.fill(9, at, at + length);
    checkBytes(await readAll(file), expected, `the file after ${length} bytes at ${at}`);
  }
}

async function writeGap(place: Place): Promise<void> {
  const file = await filled(place, 10);
  await writeAll(file, 150_000, pattern(10));
  const expected = new Uint8Array(150_010);
  expected.set(pattern(10));
  expected.set(pattern(10), 150_000);
  checkEqual(file.size, 150_010, "size after a write past the end");
  checkBytes(await readAll(file), expected, "the file with a gap");
}

async function writeNothing(place: Place): Promise<void> {
  const file = await filled(place, 10);
  checkEqual(await result(file.write(300_000, pattern(10), 5, 0)), 0, "write() of 0 bytes");
  checkEqual(await result(file.write(0, new Uint8Array(0), 0, 0)), 0, "write() of no memory");
  checkEqual(file.size, 10, "size after writes of 0 bytes");
  checkBytes(await readAll(file), pattern(10), "the file after writes of 0 bytes");
}

async function farPositions(place: Place): Promise<void> {
  place.need("large");
  const file = await place.open();
  const far = 2 ** 32 + 5;
  await writeAll(file, 5, pattern(10, 1));
  await writeAll(file, far, pattern(10, 2));
  checkEqual(file.size, far + 10, "size after a write beyond 4 GiB");
  checkBytes(await readSome(file, far, 10), pattern(10, 2), "read beyond 4 GiB");
  checkBytes(await readSome(file, 5, 10), pattern(10, 1), "read of the same position less 4 GiB");
  checkFilled(await readSome(file, far - 10, 10), 0, "read before what was written");
  await result(file.truncate(2 ** 32 + 7));
  checkEqual(await result(file.read(far, new Uint8Array(10), 0, 10)), 2, "read across the new end");
}

async function sizes(place: Place): Promise<void> {
  const file = await place.open();
  await writeAll(file, 0, pattern(5000));
  checkEqual(file.size, 5000, "size after a write");
  await writeAll(file, 100, pattern(100));
  checkEqual(file.size, 5000, "size after a write within");
  await writeAll(file, 4990, pattern(20));
  checkEqual(file.size, 5010, "size after a write across the end");
  await result(file.truncate(10));
  checkEqual(file.size, 10, "size after a cut");
  await result(file.truncate(200_000));
  checkEqual(file.size, 200_000, "size after growing");
  await result(file.truncate(200_000));
  checkEqual(file.size, 200_000, "size after a truncate to the same");
  const again = await place.open(place.path(), { readOnly: true });
  checkEqual(again.size, 200_000, "size at another opening");
}

async function cut(place: Place): Promise<void> {
  const file = await filled(place, 70_000);
  for (const size of [66_000, 4097, 1, 0]) {
    await result(file.truncate(size));
    checkEqual(file.size, size, "size after a cut");
    const memory = new Uint8Array(100);
    checkEqual(await result(file.read(size, memory, 0, 100)), 0, "read() at the new end");
    checkBytes(await readAll(file), pattern(70_000).slice(0, size), "what is left");
  }
}

async function zeroFill(place: Place): Promise<void> {
  const file = await place.open();
  await writeAll(file, 0, new Uint8Array(140_000).fill(9));
  await result(file.truncate(70_001));
  await result(file.truncate(140_000));
  const expected = new Uint8Array(140_000).fill(9, 0, 70_001);
  checkBytes(await readAll(file), expected, "the file, cut and grown again");
  await result(file.truncate(1000));
  await writeAll(file, 60_000, pattern(10));
  const gap = await readSome(file, 1000, 59_000);
  checkFilled(gap, 0, "between a cut and a write past the end");
  await result(file.truncate(0));
  await result(file.truncate(5000));
  checkFilled(await readAll(file), 0, "an empty file that was grown");
}
