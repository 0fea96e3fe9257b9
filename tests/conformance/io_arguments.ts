/**
 * Cases of arguments that make no sense: bugs of the caller, which are thrown and do nothing.
 *
 * @module
 */

import { type IoFile, WriteBatch } from "../../core/io.ts";
import { checkBytes, checkEqual, checkThrowsRange, pattern, readAll, writeAll } from "./check.ts";
import type { Case, Place } from "./harness.ts";

const group = "arguments";

/** The cases. */
export const argumentCases: readonly Case[] = [
  { group, name: "of read() that make no sense are a RangeError", work: ofRead },
  { group, name: "of write() that make no sense are a RangeError", work: ofWrite },
  { group, name: "of a batch that make no sense are a RangeError", work: ofBatch },
  { group, name: "of truncate() that make no sense are a RangeError", work: ofTruncate },
  { group, name: "of allocate() that make no sense are a RangeError", work: ofAllocate },
];

const MEMORY_BYTES = 8;

const WRONG: readonly (readonly [at: number, offset: number, length: number])[] = [
  [-1, 0, 8],
  [0, -1, 8],
  [0, 0, -1],
  [0, 0, 9],
  [0, 1, 8],
  [0, 9, 0],
  [0.5, 0, 8],
  [0, 0.5, 4],
  [0, 0, 1.5],
  [NaN, 0, 8],
  [0, 0, NaN],
  [Infinity, 0, 8],
  [2 ** 53, 0, 8],
  [2 ** 53 - 4, 0, 8],
];

async function filled(place: Place): Promise<IoFile> {
  const file = await place.open();
  await writeAll(file, 0, pattern(100));
  return file;
}

async function checkUntouched(file: IoFile, memory: Uint8Array): Promise<void> {
  checkEqual(file.size, 100, "size after arguments that make no sense");
  checkBytes(await readAll(file), pattern(100), "the file after arguments that make no sense");
  checkBytes(memory, pattern(MEMORY_BYTES, 3), "the memory");
}

async function ofRead(place: Place): Promise<void> {
  const file = await filled(place);
  const memory = pattern(MEMORY_BYTES, 3);
  for (const [at, offset, length] of WRONG) {
    const what = `read(${at}, 8 bytes, ${offset}, ${length})`;
    checkThrowsRange(() => file.read(at, memory, offset, length), what);
    checkThrowsRange(() => file.read(at, memory, offset, length, { blocking: true }), what);
  }
  await checkUntouched(file, memory);
}

async function ofWrite(place: Place): Promise<void> {
  const file = await filled(place);
  const memory = pattern(MEMORY_BYTES, 3);
  for (const [at, offset, length] of WRONG) {
    const what = `write(${at}, 8 bytes, ${offset}, ${length})`;
    checkThrowsRange(() => file.write(at, memory, offset, length), what);
    checkThrowsRange(() => file.write(at, memory, offset, length, { blocking: true }), what);
  }
  await checkUntouched(file, memory);
}

async function ofBatch(place: Place): Promise<void> {
  const file = await filled(place);
  const memory = pattern(MEMORY_BYTES, 3);
  for (const [at, offset, length] of WRONG) {
    const batch = new WriteBatch(memory, 3);
    // Good entries around a wrong one are not written either.
    batch.add(20, 0, 4);
    batch.add(at, offset, length);
    batch.add(40, 0, 4);
    const what = `a batch with an entry of ${at}, ${offset}, ${length}`;
    checkThrowsRange(() => file.writeBatch(batch), what);
    checkThrowsRange(() => file.writeBatch(batch, { blocking: true }), what);
  }
  await checkUntouched(file, memory);
}

async function ofTruncate(place: Place): Promise<void> {
  const file = await filled(place);
  for (const size of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    checkThrowsRange(() => file.truncate(size), `truncate(${size})`);
    checkThrowsRange(() => file.truncate(size, { blocking: true }), `truncate(${size})`);
  }
  await checkUntouched(file, pattern(MEMORY_BYTES, 3));
}

function ofAllocate(place: Place): Promise<void> {
  for (const bytes of [-1, 0.5, NaN, Infinity]) {
    checkThrowsRange(() => place.io.allocate(bytes), `allocate(${bytes})`);
  }
  return Promise.resolve();
}
