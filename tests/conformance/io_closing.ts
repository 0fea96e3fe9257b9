/**
 * Cases of closing: what still happens, and what does not any more.
 *
 * @module
 */

import { isKvigError } from "../../core/errors.ts";
import { type IoFile, WriteBatch } from "../../core/io.ts";
import {
  check,
  checkBytes,
  checkFails,
  checkFilled,
  pattern,
  pause,
  readAll,
  result,
  writeAll,
} from "./check.ts";
import type { Case, Place } from "./harness.ts";

const group = "close";

/** The cases. */
export const closingCases: readonly Case[] = [
  { group, name: "afterwards every operation fails with KVIG_CLOSED", work: afterwards },
  { group, name: "afterwards nothing is changed any more", work: nothingChanges },
  { group, name: "again does nothing", work: again },
  { group, name: "operations in flight complete or fail", work: inFlight },
  { group, name: "no memory is touched afterwards", work: untouched },
  { group, name: "of one opening leaves the others open", work: others },
];

async function checkClosed(file: IoFile): Promise<void> {
  const bytes = new Uint8Array(8);
  const batch = new WriteBatch(bytes, 1);
  const code = "KVIG_CLOSED";
  await checkFails(file.writeBatch(batch), code, "writeBatch() of nothing");
  batch.add(0, 0, 8);
  for (const options of [{}, { blocking: true }]) {
    await checkFails(file.read(0, bytes, 0, 8, options), code, "read()");
    await checkFails(file.read(0, bytes, 0, 0, options), code, "read() of 0 bytes");
    await checkFails(file.write(0, bytes, 0, 8, options), code, "write()");
    await checkFails(file.write(0, bytes, 0, 0, options), code, "write() of 0 bytes");
    await checkFails(file.writeBatch(batch, options), code, "writeBatch()");
    await checkFails(file.sync("data", options), code, "sync(data)");
    await checkFails(file.sync("full", options), code, "sync(full)");
    await checkFails(file.truncate(0, options), code, "truncate()");
    await checkFails(file.lock("shared", options), code, "lock()");
  }
}

async function afterwards(place: Place): Promise<void> {
  const file = await place.open();
  await writeAll(file, 0, pattern(100));
  await result(file.close());
  await checkClosed(file);
}

async function nothingChanges(place: Place): Promise<void> {
  const file = await place.open();
  await writeAll(file, 0, pattern(100));
  await result(file.close());
  const other = await place.open();
  const batch = new WriteBatch(new Uint8Array(50).fill(9), 1);
  batch.add(20, 0, 50);
  const late = [file.write(0, batch.memory, 0, 50), file.writeBatch(batch), file.truncate(3)];
  for (const future of late) await checkFails(future, "KVIG_CLOSED", "after close");
  await pause(10);
  checkBytes(await readAll(other), pattern(100), "the file after refused writes");
}

async function again(place: Place): Promise<void> {
  const file = await place.open();
  await result(file.close());
  // Whoever closes twice must not close what was opened in between.
  const other = await place.open(place.path("other"));
  await writeAll(other, 0, pattern(100));
  for (const options of [{}, { blocking: true }, {}]) await result(file.close(options));
  checkBytes(await readAll(other), pattern(100), "a file opened between two closes");
  const third = await place.open(place.path("third"));
  await Promise.all([third.close(), third.close(), third.close()].map((close) => result(close)));
}

async function inFlight(place: Place): Promise<void> {
  const file = await place.open();
  const memory = pattern(1_000_000);
  await writeAll(file, 0, new Uint8Array(1_000_000));
  const writes = Array.from({ length: 50 }, (_, index) => {
    return file.write(index * 20_000, memory, index * 20_000, 20_000);
  });
  const [closed, closedAgain] = [file.close(), file.close({ blocking: true })];
  await checkFails(file.sync("data"), "KVIG_CLOSED", "sync() once close was called");
  const counts = await Promise.all(writes.map((write) => countOf(() => result(write))));
  await result(closedAgain);
  await result(closed);
  const bytes = await readAll(await place.open());
  counts.forEach((count, index) => {
    const [from, end] = [index * 20_000, index * 20_000 + count];
    checkBytes(
      bytes.slice(from, end),
      memory.slice(from, end),
      `write ${index}, in flight at close`,
    );
  });
}

/** What an operation in flight at close gave; 0 where it failed, as it may. */
async function countOf(operation: () => Promise<number>): Promise<number> {
  try {
    return await operation();
  } catch (error) {
    if (isKvigError(error)) return 0;
    throw error;
  }
}

async function untouched(place: Place): Promise<void> {
  const file = await place.open();
  await writeAll(file, 0, pattern(1_000_000));
  const memory = new Uint8Array(1_000_000);
  const reads = Array.from({ length: 50 }, (_, index) => {
    return file.read(index * 20_000, memory, index * 20_000, 20_000);
  });
  const closed = file.close();
  await Promise.all(reads.map((read) => countOf(() => result(read))));
  await result(closed);
  memory.fill(0xee);
  await pause(30);
  checkFilled(memory, 0xee, "memory of reads after the file was closed");
}

async function others(place: Place): Promise<void> {
  const [one, other] = [await place.open(), await place.open()];
  const reader = await place.open(place.path(), { readOnly: true });
  await writeAll(one, 0, pattern(100));
  await result(one.close());
  await writeAll(other, 100, pattern(100));
  await result(other.sync("full"));
  const memory = new Uint8Array(100);
  const count = await result(reader.read(0, memory, 0, 100));
  check(count > 0, `read() of another opening: expected some bytes, got ${count}`);
  await result(other.close());
  checkBytes(memory.slice(0, count), pattern(100).slice(0, count), "read of another opening");
}
