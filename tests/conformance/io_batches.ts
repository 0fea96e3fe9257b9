/**
 * Cases of batches: each entry is written wholly, wherever it comes from and goes to.
 *
 * @module
 */

import { type IoFile, WriteBatch } from "../../core/io.ts";
import {
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

const group = "writeBatch";

/** The cases. */
export const batchCases: readonly Case[] = [
  { group, name: "writes scattered entries", work: scattered },
  { group, name: "writes every entry, the last one too", work: every },
  { group, name: "writes runs that are adjacent in the file and in memory", work: adjacent },
  { group, name: "writes runs that are adjacent in the file alone", work: adjacentInFile },
  { group, name: "writes entries of one byte, and very many of them", work: oneByte },
  { group, name: "takes entries of 0 bytes, and no entries at all", work: empty },
  { group, name: "may write the same memory to several places", work: sameMemory },
  { group, name: "writes large entries wholly", work: large },
  { group, name: "grows the file, with zeros in the gaps", work: grows },
  { group, name: "leaves the batch and its memory as they were", work: unchanged },
  { group, name: "a batch may be used again once it is complete", work: again },
  { group, name: "any entries in any order, compared with a model", work: randomEntries },
];

type Entry = readonly [at: number, offset: number, length: number];

/** Writes `entries` as a batch, and the same to `expected`. */
async function write(
  file: IoFile,
  memory: Uint8Array,
  entries: readonly Entry[],
  expected: Uint8Array,
): Promise<void> {
  const batch = new WriteBatch(memory, entries.length);
  for (const [at, offset, length] of entries) {
    batch.add(at, offset, length);
    expected.set(memory.subarray(offset, offset + length), at);
  }
  await result(file.writeBatch(batch));
}

/** Writes `entries` over a file of `size` bytes and compares. */
async function compare(place: Place, size: number, entries: readonly Entry[]): Promise<void> {
  const file = await place.open();
  const expected = pattern(size, 99);
  await writeAll(file, 0, expected);
  const most = Math.max(...entries.map(([, offset, length]) => offset + length));
  await write(file, pattern(most, 5), entries, expected);
  checkEqual(file.size, size, "size");
  checkBytes(await readAll(file), expected, "the file after the batch");
}

function scattered(place: Place): Promise<void> {
  return compare(place, 60_000, [
    [20_000, 0, 5000],
    [0, 20_000, 100],
    [50_000, 6000, 4096],
    [8192, 12_288, 4096],
    [30_001, 333, 777],
  ]);
}

async function every(place: Place): Promise<void> {
  for (const count of [1, 2, 3, 17]) {
    const entries = Array.from({ length: count }, (_, i): Entry => [i * 3000, i * 1000, 1000]);
    await compare(place, 60_000, entries);
    await compare(place, 60_000, entries.toReversed());
  }
}

async function adjacent(place: Place): Promise<void> {
  const run = Array.from({ length: 20 }, (_, i): Entry => [10_000 + i * 1000, i * 1000, 1000]);
  await compare(place, 60_000, run);
  await compare(place, 60_000, run.toReversed());
  await compare(place, 60_000, [...run, [40_000, 30_000, 4096], [44_096, 34_096, 4096]]);
}

async function adjacentInFile(place: Place): Promise<void> {
  const run = Array.from({ length: 20 }, (_, i): Entry => [i * 1000, (19 - i) * 1000, 1000]);
  await compare(place, 60_000, run);
  await compare(place, 60_000, run.toReversed());
  await compare(place, 60_000, [[4096, 8192, 4096], [8192, 0, 4096], [12_288, 40_000, 1]]);
  // One in memory too, up to a point.
  await compare(place, 60_000, [[0, 0, 500], [500, 500, 500], [1000, 5000, 500], [1500, 100, 5]]);
}

async function oneByte(place: Place): Promise<void> {
  const spread = Array.from({ length: 2000 }, (_, i): Entry => [(i * 7) % 14_000, i, 1]);
  await compare(place, 20_000, spread);
  const dense = Array.from({ length: 2000 }, (_, i): Entry => [i, 1999 - i, 1]);
  await compare(place, 20_000, dense);
}

async function empty(place: Place): Promise<void> {
  const file = await place.open();
  const batch = new WriteBatch(pattern(100), 3);
  await result(file.writeBatch(batch));
  checkEqual(file.size, 0, "size after a batch of no entries");
  batch.add(9000, 10, 0);
  await result(file.writeBatch(batch));
  checkEqual(file.size, 0, "size after an entry of 0 bytes past the end");
  batch.add(10, 50, 20);
  batch.add(5, 0, 0);
  await result(file.writeBatch(batch));
  const expected = new Uint8Array(30);
  expected.set(pattern(100).subarray(50, 70), 10);
  checkBytes(await readAll(file), expected, "a batch with entries of 0 bytes");
}

function sameMemory(place: Place): Promise<void> {
  return compare(place, 60_000, [
    [0, 100, 5000],
    [5000, 100, 5000],
    [20_000, 100, 5000],
    [30_000, 2000, 4096],
  ]);
}

async function large(place: Place): Promise<void> {
  const file = await place.open();
  const expected = new Uint8Array(5_000_000);
  await write(file, pattern(5_000_000), [
    [3_000_000, 0, 2_000_000],
    [0, 2_000_000, 3_000_000],
  ], expected);
  checkBytes(await readAll(file), expected, "the file");
}

async function grows(place: Place): Promise<void> {
  const file = await place.open();
  await writeAll(file, 0, pattern(100, 99));
  const expected = new Uint8Array(150_010);
  expected.set(pattern(100, 99));
  const entries: Entry[] = [[150_000, 0, 10], [5000, 500, 100], [70_000, 200, 1]];
  await write(file, pattern(1000, 5), entries, expected);
  checkEqual(file.size, 150_010, "size");
  checkBytes(await readAll(file), expected, "the file");
}

async function unchanged(place: Place): Promise<void> {
  const file = await place.open();
  const batch = new WriteBatch(pattern(10_000), 8);
  const entries: Entry[] = [[9000, 0, 1000], [0, 5000, 100], [4000, 2000, 1000], [
    3000,
    4000,
    1000,
  ]];
  for (const [at, offset, length] of entries) batch.add(at, offset, length);
  await result(file.writeBatch(batch));
  checkEqual(batch.count, 4, "count of the batch");
  entries.forEach(([at, offset, length], index) => {
    checkEqual(batch.at[index], at, `at of entry ${index}`);
    checkEqual(batch.offset[index], offset, `offset of entry ${index}`);
    checkEqual(batch.length[index], length, `length of entry ${index}`);
  });
  checkBytes(batch.memory, pattern(10_000), "memory of the batch");
}

async function again(place: Place): Promise<void> {
  const file = await place.open();
  const expected = new Uint8Array(50_000);
  await writeAll(file, 0, expected);
  const batch = new WriteBatch(new Uint8Array(4000), 4);
  for (let round = 0; round < 20; round++) {
    batch.clear();
    batch.memory.set(pattern(4000, round + 1));
    for (let entry = 0; entry < 1 + round % 4; entry++) {
      const at = ((round * 4 + entry) * 7 % 50) * 1000;
      batch.add(at, entry * 1000, 1000);
      expected.set(batch.memory.subarray(entry * 1000, entry * 1000 + 1000), at);
    }
    await result(file.writeBatch(batch));
    // What the next round finds there, and what a late write would spread.
    batch.memory.fill(255);
  }
  checkBytes(await readAll(file), expected, "the file after 20 batches");
}

async function randomEntries(place: Place): Promise<void> {
  for (const unit of [4096, 1000]) await compareRandom(place, unit);
}

/** Batches of up to 300 units at random places, in random order, from random memory. */
async function compareRandom(place: Place, unit: number): Promise<void> {
  const unitCount = 700;
  const random = randomNumbers(unit);
  const memory = place.io.allocate(300 * unit);
  memory.set(pattern(memory.length, unit));
  const expected = new Uint8Array(unitCount * unit);
  const file = await place.open(place.path(`data-${unit}`));
  await result(file.truncate(expected.length));
  const batch = new WriteBatch(memory, 300);
  for (let round = 0; round < 7; round++) {
    batch.clear();
    const places = shuffled(unitCount, random).slice(0, round * 50);
    // Adjacent in the file, and in half of the rounds in memory as well.
    if (round % 3 > 0) places.sort((one, other) => one - other);
    places.forEach((to, index) => {
      const offset = (round % 2 === 0 ? index : places.length - 1 - index) * unit;
      batch.add(to * unit, offset, unit);
      expected.set(memory.subarray(offset, offset + unit), to * unit);
    });
    await result(file.writeBatch(batch));
    checkBytes(await readAll(file), expected, `units of ${unit} bytes, round ${round}`);
  }
}
