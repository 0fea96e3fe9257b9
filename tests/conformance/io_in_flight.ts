/**
 * Cases of many operations at once, on one file and on several, completing in any order.
 *
 * @module
 */

import { type Io, type IoFile, WriteBatch } from "../../core/io.ts";
import {
  check,
  checkBytes,
  checkEqual,
  pattern,
  randomNumbers,
  readAll,
  result,
  shuffled,
  writeAll,
} from "./check.ts";
import type { Case, Place } from "./harness.ts";

const group = "in flight";

/** The cases. */
export const inFlightCases: readonly Case[] = [
  { group, name: "256 operations at once on one file", work: (place) => crowd(place, 1, {}) },
  { group, name: "256 operations at once on 8 files", work: (place) => crowd(place, 8, {}) },
  {
    group,
    name: "256 operations at once with the direct hint",
    work: (place) => crowd(place, 1, { direct: true }),
  },
  { group, name: "several batches at once, of one file and of others", work: batches },
  { group, name: "writes at once that all grow the file", work: growth },
  { group, name: "results may be taken in another order than asked for", work: anyOrder },
  { group, name: "several files opened and closed at once", work: openings },
];

const PIECE = 4096;

interface Crowd {
  readonly file: IoFile;
  readonly memory: Uint8Array;
  readonly model: Uint8Array;
}

async function crowd(place: Place, fileCount: number, hint: { direct?: boolean }): Promise<void> {
  const crowds: Crowd[] = [];
  for (let index = 0; index < fileCount; index++) {
    const file = await place.open(place.path(`data-${index}`), { create: true, ...hint });
    const length = 256 / fileCount * PIECE;
    const model = pattern(length, index);
    await writeAll(file, 0, model);
    crowds.push({ file, memory: place.io.allocate(length), model });
  }
  for (let round = 1; round <= 4; round++) {
    for (const { memory } of crowds) memory.set(pattern(memory.length, round * 50));
    const random = randomNumbers(round);
    const work = shuffled(256, random).map((number) => {
      const { file, memory, model } = crowds[number % fileCount];
      const at = Math.floor(number / fileCount) * PIECE;
      // Some aligned, some not.
      return step(file, memory, model, at + random(2) * random(100), at + PIECE, random(2) === 0);
    });
    await Promise.all(work);
    for (const { file, model } of crowds) {
      checkBytes(await readAll(file), model, `the file after round ${round}`);
    }
  }
}

/** Reads or writes one piece, and compares or notes what was there. */
async function step(
  file: IoFile,
  memory: Uint8Array,
  model: Uint8Array,
  at: number,
  end: number,
  writing: boolean,
): Promise<void> {
  const length = end - at;
  if (writing) {
    const write = file.write(at, memory, at, length);
    const count = await result(write);
    checkRange(count, length, "write()");
    model.set(memory.subarray(at, at + count), at);
    return;
  }
  const expected = model.slice(at, end);
  const count = await result(file.read(at, memory, at, length));
  checkRange(count, length, "read()");
  checkBytes(memory.slice(at, at + count), expected.slice(0, count), `read() at ${at}`);
}

function checkRange(count: number, length: number, what: string): void {
  const inRange = Number.isInteger(count) && count > 0 && count <= length;
  check(inRange, `${what} of ${length} bytes: expected 1 to ${length}, got ${count}`);
}

async function batches(place: Place): Promise<void> {
  const files = [await place.open(place.path("one")), await place.open(place.path("other"))];
  const models = files.map(() => new Uint8Array(400_000));
  for (const [index, file] of files.entries()) await writeAll(file, 0, models[index]);
  const work: Promise<void>[] = [];
  for (let number = 0; number < 8; number++) {
    const batch = new WriteBatch(pattern(25_000, number * 9 + 1), 25);
    const model = models[number % 2];
    for (let entry = 0; entry < 25; entry++) {
      // Adjacent in the file, and backwards in memory.
      const [at, offset] = [number * 50_000 + entry * 1000, (24 - entry) * 1000];
      batch.add(at, offset, 1000);
      model.set(batch.memory.subarray(offset, offset + 1000), at);
    }
    work.push(result(files[number % 2].writeBatch(batch)));
  }
  await Promise.all(work);
  for (const [index, file] of files.entries()) {
    checkBytes(await readAll(file), models[index], `file ${index} after batches at once`);
  }
}

async function growth(place: Place): Promise<void> {
  const file = await place.open();
  const memory = pattern(64 * 1000);
  const places = shuffled(64, randomNumbers(7));
  const writes = places.map((to) => file.write(to * 1000, memory, to * 1000, 1000));
  const counts = await Promise.all(writes.map((write) => result(write)));
  const end = Math.max(...places.map((to, index) => to * 1000 + counts[index]));
  checkEqual(file.size, end, "size after writes at once");
  const bytes = await readAll(file);
  places.forEach((to, index) => {
    const [from, until] = [to * 1000, to * 1000 + counts[index]];
    checkBytes(bytes.slice(from, until), memory.slice(from, until), `what was written at ${from}`);
  });
}

async function anyOrder(place: Place): Promise<void> {
  const file = await place.open();
  await writeAll(file, 0, pattern(6400));
  const reads = Array.from({ length: 64 }, (_, index) => {
    const memory = new Uint8Array(100);
    const length = index + 1;
    return { index, length, memory, future: file.read(index * 100, memory, 0, length) };
  });
  checkEqual(new Set(reads.map(({ future }) => future)).size, 64, "futures of 64 operations");
  await Promise.all(reads.map(({ future }) => future.promise()));
  for (const { index, length, memory, future } of reads.toReversed()) {
    const count = await result(future);
    check(count > 0 && count <= length, `read ${index}: expected 1 to ${length}, got ${count}`);
    const expected = pattern(6400).slice(index * 100, index * 100 + count);
    checkBytes(memory.slice(0, count), expected, `read ${index} of 64`);
  }
}

async function openings(place: Place): Promise<void> {
  const { io } = place;
  const names = Array.from({ length: 16 }, (_, index) => place.path(`data-${index}`));
  const files = await Promise.all(names.map((name) => result(io.open(name, { create: true }))));
  await Promise.all(files.map((file, index) => writeAll(file, 0, pattern(1000, index))));
  await Promise.all(files.map((file) => result(file.close())));
  await Promise.all(names.map((name, index) => compareFile(io, name, pattern(1000, index))));
  await Promise.all(names.map((name) => result(io.remove(name))));
}

async function compareFile(io: Io, name: string, expected: Uint8Array): Promise<void> {
  const file = await result(io.open(name));
  checkBytes(await readAll(file), expected, name);
  await result(file.close());
}
