/**
 * Cases of syncs: what is durable after one. They need a harness that can cut the power.
 *
 * Each case first makes sure that the cut forgets what no sync covered: otherwise whatever it finds
 * proves nothing, and it says so.
 *
 * @module
 */

import { type Io, type IoFile, WriteBatch } from "../../core/io.ts";
import {
  checkBytes,
  checkEqual,
  checkFails,
  notProven,
  pattern,
  readAll,
  result,
  writeAll,
} from "./check.ts";
import type { Case, Place } from "./harness.ts";

/** The cases. */
export const syncCases: readonly Case[] = [
  { group: "sync", name: "data covers what completed before it", work: coversData },
  { group: "sync", name: "data covers every entry of a batch", work: coversBatch },
  { group: "sync", name: "full covers a size that grew by a write", work: coversGrowth },
  { group: "sync", name: "full covers a size that was set", work: coversTruncate },
  { group: "sync", name: "covers what completed while another was in flight", work: during },
  { group: "sync", name: "does not claim what completes after it was asked for", work: tooLate },
  { group: "sync", name: "of one file says nothing of another", work: otherFile },
  { group: "syncDirectory", name: "makes a new name durable", work: newName },
  { group: "syncDirectory", name: "makes a removal durable", work: removal },
  { group: "sync", name: "works on any open file, with nothing to do too", work: plain },
];

const SIZE = 20_000;

/** A file of {@link SIZE} bytes that is durable with its name. */
async function durableFile(place: Place, name = "data"): Promise<IoFile> {
  place.need("powerCut");
  const file = await place.open(place.path(name));
  await writeAll(file, 0, pattern(SIZE));
  await result(file.sync("full"));
  await result(place.io.syncDirectory(place.path(name)));
  return file;
}

/** Cuts the power and opens the file that is left. */
async function afterCut(place: Place, name = "data"): Promise<IoFile> {
  const io = await cut(place);
  return place.keep(await result(io.open(place.path(name))));
}

/**
 * Cuts the power, with a write before that no sync covers. A cut that keeps this write cannot tell
 * what a sync did.
 */
async function cut(place: Place): Promise<Io> {
  const powerCut = place.need("powerCut");
  const bait = await place.open(place.path("bait"));
  await writeAll(bait, 0, new Uint8Array(1000));
  await result(bait.sync("full"));
  await result(place.io.syncDirectory(place.path("bait")));
  await writeAll(bait, 0, new Uint8Array(1000).fill(1));
  const io = await powerCut(place.io);
  const left = place.keep(await result(io.open(place.path("bait"))));
  if ((await readAll(left)).some((byte) => byte === 1)) {
    notProven("powerCut keeps what no sync covered, so it cannot tell what a sync does");
  }
  return io;
}

async function coversData(place: Place): Promise<void> {
  const file = await durableFile(place);
  const expected = pattern(SIZE);
  for (const [at, length] of [[0, 100], [4096, 4096], [19_999, 1]]) {
    await writeAll(file, at, new Uint8Array(length).fill(9));
    expected.fill(9, at, at + length);
  }
  await result(file.sync("data"));
  checkBytes(await readAll(await afterCut(place)), expected, "after a sync and a power cut");
}

async function coversBatch(place: Place): Promise<void> {
  const file = await durableFile(place);
  const batch = new WriteBatch(new Uint8Array(5000).fill(9), 5);
  const expected = pattern(SIZE);
  for (const at of [0, 1000, 7000, 12_000, 19_000]) {
    batch.add(at, at / 5, 1000);
    expected.fill(9, at, at + 1000);
  }
  await result(file.writeBatch(batch));
  await result(file.sync("data"));
  checkBytes(await readAll(await afterCut(place)), expected, "after a sync and a power cut");
}

async function coversGrowth(place: Place): Promise<void> {
  const file = await durableFile(place);
  await writeAll(file, 50_000, pattern(1000, 5));
  await result(file.sync("full"));
  const expected = new Uint8Array(51_000);
  expected.set(pattern(SIZE));
  expected.set(pattern(1000, 5), 50_000);
  const left = await afterCut(place);
  checkEqual(left.size, 51_000, "size after a full sync and a power cut");
  checkBytes(await readAll(left), expected, "after a full sync and a power cut");
}

async function coversTruncate(place: Place): Promise<void> {
  const [shorter, longer] = [
    await durableFile(place, "shorter"),
    await durableFile(place, "longer"),
  ];
  await result(shorter.truncate(5000));
  await result(shorter.sync("full"));
  await result(longer.truncate(60_000));
  await result(longer.sync("full"));
  const io = await cut(place);
  const cutOff = place.keep(await result(io.open(place.path("shorter"))));
  checkBytes(await readAll(cutOff), pattern(5000), "a file that was cut off and synced");
  const grown = place.keep(await result(io.open(place.path("longer"))));
  const expected = new Uint8Array(60_000);
  expected.set(pattern(SIZE));
  checkBytes(await readAll(grown), expected, "a file that was grown and synced");
}

/** Writes that complete during a sync belong to the next one, and are not taken for clean. */
async function during(place: Place): Promise<void> {
  const file = await durableFile(place);
  const expected = pattern(SIZE);
  for (let round = 0; round < 5; round++) {
    await writeAll(file, round * 1000, new Uint8Array(500).fill(8));
    const sync = file.sync("data");
    const at = 10_000 + round * 1000;
    await writeAll(file, at, new Uint8Array(500).fill(9));
    await result(sync);
    expected.fill(8, round * 1000, round * 1000 + 500).fill(9, at, at + 500);
  }
  await result(file.sync("data"));
  checkBytes(await readAll(await afterCut(place)), expected, "after the last sync and a power cut");
}

/** Writes in flight when a sync is asked for, and one after it: the next sync covers them. */
/** Each of several files is an attempt of its own: by luck a sync may cover what came late. */
async function tooLate(place: Place): Promise<void> {
  const expected = new Map<string, Uint8Array>();
  for (let attempt = 0; attempt < 12; attempt++) {
    const name = `attempt ${attempt}`;
    expected.set(name, await syncTooEarly(await durableFile(place, name)));
  }
  const io = await cut(place);
  for (const [name, bytes] of expected) {
    const left = place.keep(await result(io.open(place.path(name))));
    checkBytes(await readAll(left), bytes, "after the next sync and a power cut");
  }
}

/** Writes beside syncs, then syncs once more; returns what has to be durable now. */
async function syncTooEarly(file: IoFile): Promise<Uint8Array> {
  const bytes = new Uint8Array(SIZE).fill(9);
  const writes = [0, 5000, 10_000].map((at) => file.write(at, bytes, at, 1000));
  const syncs = [file.sync("data"), file.sync("data")];
  writes.push(file.write(15_000, bytes, 15_000, 1000));
  const counts = await Promise.all(writes.map((write) => result(write)));
  for (const sync of syncs) await result(sync);
  await result(file.sync("data"));
  const expected = pattern(SIZE);
  counts.forEach((count, index) => expected.fill(9, index * 5000, index * 5000 + count));
  return expected;
}

async function otherFile(place: Place): Promise<void> {
  const one = await durableFile(place, "one");
  const other = await durableFile(place, "other");
  const bytes = new Uint8Array(1000).fill(9);
  await writeAll(one, 0, bytes);
  await writeAll(other, 0, bytes);
  await result(one.sync("data"));
  await result(other.sync("data"));
  await writeAll(one, 5000, bytes);
  await result(one.sync("data"));
  const io = await cut(place);
  for (const name of ["one", "other"]) {
    const left = place.keep(await result(io.open(place.path(name))));
    const expected = pattern(SIZE).fill(9, 0, 1000);
    if (name === "one") expected.fill(9, 5000, 6000);
    checkBytes(await readAll(left), expected, `file "${name}" after a power cut`);
  }
}

async function newName(place: Place): Promise<void> {
  const file = await durableFile(place);
  const fresh = await place.open(place.path("fresh"));
  await writeAll(fresh, 0, pattern(1000, 3));
  await result(fresh.sync("full"));
  await result(place.io.syncDirectory(place.path("fresh")));
  await result(file.sync("data"));
  const left = await afterCut(place, "fresh");
  checkBytes(await readAll(left), pattern(1000, 3), "a new file after a power cut");
}

async function removal(place: Place): Promise<void> {
  const file = await durableFile(place);
  await result(file.close());
  await result(place.io.remove(place.path()));
  await result(place.io.syncDirectory(place.path()));
  const io = await cut(place);
  await checkFails(io.open(place.path()), "KVIG_NOT_FOUND", "a removed name after a power cut");
}

async function plain(place: Place): Promise<void> {
  const file = await place.open();
  const reader = await place.open(place.path(), { readOnly: true });
  for (const kind of ["data", "full"] as const) {
    await result(file.sync(kind));
    await result(reader.sync(kind));
    await writeAll(file, 0, pattern(100));
    await Promise.all([result(file.sync(kind)), result(file.sync(kind))]);
  }
  checkBytes(await readAll(file), pattern(100), "the file after syncs");
}
