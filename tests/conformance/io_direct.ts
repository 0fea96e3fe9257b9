/**
 * Cases of the hint to bypass the system's page cache: it changes no result.
 *
 * @module
 */

import { type IoFile, WriteBatch } from "../../core/io.ts";
import {
  check,
  checkBytes,
  checkEqual,
  notProven,
  pattern,
  readAll,
  result,
  writeAll,
} from "./check.ts";
import type { Case, Place } from "./harness.ts";

const group = "direct";

/** The cases. */
export const directCases: readonly Case[] = [
  { group, name: "is a hint: any position, length and memory work", work: misaligned },
  { group, name: "a batch of any entries works", work: batch },
  { group, name: "reads across the end and past it work", work: atTheEnd },
  { group, name: "buffered and direct openings see the same", work: bothWays },
  { group, name: "file.direct says whether it is followed", work: says },
];

/** A file opened with the hint, whether or not it is followed. */
async function openDirect(place: Place): Promise<IoFile> {
  const file = await place.open(place.path(), { create: true, direct: true });
  const kept = file.direct || place.supports.direct !== true;
  check(kept, "file.direct: expected true, as the harness supports direct, got false");
  return file;
}

/** Ends a case that has shown that the hint does no harm, but not that it works when followed. */
function tell(file: IoFile): void {
  if (!file.direct) notProven("the hint was not followed: file.direct is false");
}

async function misaligned(place: Place): Promise<void> {
  const file = await openDirect(place);
  const memory = place.io.allocate(65_536);
  memory.set(pattern(65_536));
  const expected = new Uint8Array(80_000);
  await writeAll(file, 0, expected);
  const pieces = [
    [0, 0, 65_536],
    [4096, 100, 4096],
    [100, 4096, 4096],
    [8192, 8192, 100],
    [70_000, 3, 10_000],
    [1, 0, 1],
  ];
  for (const [at, offset, length] of pieces) {
    await writeAll(file, at, memory.subarray(offset, offset + length));
    expected.set(memory.subarray(offset, offset + length), at);
  }
  await writeAll(file, 8192, pattern(4096, 5));
  expected.set(pattern(4096, 5), 8192);
  checkBytes(await readAll(file), expected, "the file");
  for (const [at, offset, length] of pieces) {
    const found = place.io.allocate(65_536);
    let done = 0;
    while (done < length) {
      const count = await result(file.read(at + done, found, offset + done, length - done));
      check(count > 0, `read() before the end: expected some bytes, got ${count}`);
      done += count;
    }
    const what = `read() of ${length} bytes at ${at} to offset ${offset}`;
    checkBytes(found.slice(offset, offset + length), expected.slice(at, at + length), what);
  }
  tell(file);
}

async function batch(place: Place): Promise<void> {
  const file = await openDirect(place);
  const memory = place.io.allocate(65_536);
  memory.set(pattern(65_536));
  const expected = new Uint8Array(90_000);
  await result(file.truncate(90_000));
  for (const shift of [0, 1, 100]) {
    const entries = new WriteBatch(memory, 6);
    const places = [
      [40_960, 0, 4096],
      [45_056, 8192, 4096],
      [0, 4096 + shift, 4096],
      [8192 + shift, 4096, 4096],
      [20_480, 16_384, 4096 + shift],
      [70_000, 40_000, 20_000],
    ];
    for (const [at, offset, length] of places) {
      entries.add(at, offset, length);
      expected.set(memory.subarray(offset, offset + length), at);
    }
    await result(file.writeBatch(entries));
    checkBytes(await readAll(file), expected, `the file, entries shifted by ${shift}`);
  }
  tell(file);
}

async function atTheEnd(place: Place): Promise<void> {
  const file = await openDirect(place);
  await writeAll(file, 0, pattern(80_000));
  const memory = place.io.allocate(8192);
  checkEqual(await result(file.read(77_824, memory, 0, 4096)), 2176, "read() across the end");
  checkBytes(memory.slice(0, 2176), pattern(80_000).slice(77_824), "the last bytes");
  checkEqual(await result(file.read(81_920, memory, 0, 4096)), 0, "read() past the end");
  checkEqual(await result(file.read(80_000, memory, 0, 4096)), 0, "read() at the end");
  await result(file.truncate(4096));
  checkEqual(await result(file.read(0, memory, 0, 8192)), 4096, "read() of more than there is");
  tell(file);
}

async function bothWays(place: Place): Promise<void> {
  const direct = await openDirect(place);
  const buffered = await place.open(place.path(), { direct: false });
  const memory = place.io.allocate(16_384);
  memory.set(pattern(16_384));
  await writeAll(direct, 0, memory);
  const reader = await place.open(place.path(), { readOnly: true, direct: false });
  checkBytes(await readAll(reader), memory, "what was written direct, read buffered");
  await writeAll(buffered, 4096, pattern(4096, 7));
  memory.set(pattern(4096, 7), 4096);
  checkBytes(await readAll(direct), memory, "what was written buffered, read direct");
  const directReader = await place.open(place.path(), { readOnly: true, direct: true });
  checkBytes(await readAll(directReader), memory, "opened direct for reading alone");
  tell(direct);
}

async function says(place: Place): Promise<void> {
  const file = await openDirect(place);
  checkEqual(typeof file.direct, "boolean", "type of file.direct");
  const buffered = await place.open(place.path(), { direct: false });
  checkEqual(buffered.direct, false, "file.direct of a file opened with direct: false");
  tell(file);
}
