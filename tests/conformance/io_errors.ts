/**
 * Cases of errors: settled with a code of the closed list, and never kept quiet.
 *
 * @module
 */

import { isKvigError } from "../../core/errors.ts";
import { type Future, type Io, type IoFile, WriteBatch } from "../../core/io.ts";
import {
  check,
  checkBytes,
  checkFails,
  checkThrows,
  pattern,
  readSome,
  result,
  writeAll,
} from "./check.ts";
import type { Case, Place } from "./harness.ts";

const group = "errors";

/** The cases. */
export const errorCases: readonly Case[] = [
  { group, name: "are settled, not thrown, and name the file", work: settled },
  { group, name: "a full disk is KVIG_FULL for a write", work: fullWrite },
  { group, name: "a full disk is KVIG_FULL for a batch", work: fullBatch },
  { group, name: "a failing disk is KVIG_IO for every operation", work: failing },
];

async function settled(place: Place): Promise<void> {
  const { io } = place;
  const file = await place.open();
  await result(file.close());
  const memory = new Uint8Array(8);
  const operations: [string, () => Future<unknown>][] = [
    ["open() of nothing", () => io.open(place.path("nothing"))],
    ["remove() of nothing", () => io.remove(place.path("nothing"))],
    ["open() of what exists", () => io.open(place.path(), { create: true, exclusive: true })],
    ["read() after close", () => file.read(0, memory, 0, 8)],
    ["write() after close", () => file.write(0, memory, 0, 8)],
    ["sync() after close", () => file.sync("full")],
  ];
  const codes = ["KVIG_NOT_FOUND", "KVIG_NOT_FOUND", "KVIG_EXISTS"] as const;
  for (const [index, [what, start]] of operations.entries()) {
    const future = start();
    const { generation } = future;
    await future.promise();
    const error = checkThrows(() => future.take(generation), codes[index] ?? "KVIG_CLOSED", what);
    check(
      error.message.includes("data") || error.message.includes("nothing"),
      `${what}: ` +
        `expected a message with the name of the file, got ${JSON.stringify(error.message)}`,
    );
    checkThrows(() => future.take(generation), "KVIG_FUTURE_TAKEN", `${what}: a second take`);
  }
}

/** A whole number of pages of any system, so that no disk rounds it up. */
const CAPACITY_BYTES = 98_304;

async function openFull(place: Place): Promise<IoFile> {
  const io: Io = await place.need("full")(CAPACITY_BYTES);
  const file = place.keep(await result(io.open(place.path(), { create: true })));
  await writeAll(file, 0, pattern(90_000));
  return file;
}

async function fullWrite(place: Place): Promise<void> {
  const file = await openFull(place);
  const more = pattern(90_000, 5);
  let done = 0;
  for (let tries = 0; tries < 100 && done < more.length; tries++) {
    const count = await writeOrFull(file, 90_000 + done, more, done);
    if (count === 0) break;
    done += count;
  }
  check(
    done <= CAPACITY_BYTES - 90_000,
    `write() beyond a full disk: expected KVIG_FULL after ` +
      `${CAPACITY_BYTES - 90_000} bytes at the most, got ${done} bytes written`,
  );
  checkBytes(await readSome(file, 0, 90_000), pattern(90_000), "what was there before");
  checkBytes(await readSome(file, 90_000, done), more.slice(0, done), "what still fitted in");
  await writeAll(file, 0, pattern(100, 9));
  checkBytes(await readSome(file, 0, 100), pattern(100, 9), "a write within, on a full disk");
}

/** How many bytes were written; 0 when the disk is full, as it has to say. */
async function writeOrFull(
  file: IoFile,
  at: number,
  memory: Uint8Array,
  offset: number,
): Promise<number> {
  try {
    const count = await result(file.write(at, memory, offset, memory.length - offset));
    check(count > 0, `write(): expected some bytes or KVIG_FULL, got ${count}`);
    return count;
  } catch (error) {
    if (isKvigError(error, "KVIG_FULL")) return 0;
    throw error;
  }
}

async function fullBatch(place: Place): Promise<void> {
  const file = await openFull(place);
  const batch = new WriteBatch(pattern(60_000, 5), 3);
  batch.add(0, 0, 100);
  batch.add(120_000, 20_000, 30_000);
  batch.add(90_000, 100, 19_000);
  await checkFails(file.writeBatch(batch), "KVIG_FULL", "writeBatch() beyond a full disk");
  checkBytes(await readSome(file, 100, 80_000), pattern(90_000).slice(100, 80_100), "other bytes");
}

async function failing(place: Place): Promise<void> {
  const io: Io = await place.need("failing")();
  const file = place.keep(await result(io.open(place.path(), { create: true })));
  const memory = new Uint8Array(100).fill(7);
  const batch = new WriteBatch(memory, 2);
  batch.add(0, 0, 50);
  batch.add(1000, 50, 50);
  for (const options of [{}, { blocking: true }]) {
    await checkFails(file.read(0, memory, 0, 100, options), "KVIG_IO", "read()");
    const write = await checkFails(file.write(0, memory, 0, 100, options), "KVIG_IO", "write()");
    check(write.cause !== undefined, "write(): expected the system's own error as the cause");
    await checkFails(file.writeBatch(batch, options), "KVIG_IO", "writeBatch()");
    await checkFails(file.sync("data", options), "KVIG_IO", "sync(data)");
    await checkFails(file.sync("full", options), "KVIG_IO", "sync(full)");
    await checkFails(file.truncate(5000, options), "KVIG_IO", "truncate()");
  }
  check(file.size === 0, `size after writes that failed: expected 0, got ${file.size}`);
}
