/**
 * Cases of futures: taken once, pending until settled, settled at once where that was asked for.
 *
 * @module
 */

import { Future, type IoFile } from "../../core/io.ts";
import {
  check,
  checkBytes,
  checkEqual,
  checkThrows,
  notProven,
  pattern,
  pause,
  result,
  writeAll,
} from "./check.ts";
import type { Case, Place } from "./harness.ts";
import { everyOperation, takeAny } from "./io_operations.ts";

/** The cases. */
export const futureCases: readonly Case[] = [
  { group: "future", name: "every operation returns one, which is settled in the end", work: each },
  { group: "future", name: "a second take throws KVIG_FUTURE_TAKEN", work: takenOnce },
  { group: "future", name: "a take of an earlier use throws KVIG_FUTURE_TAKEN", work: earlierUse },
  { group: "future", name: "a take while pending throws KVIG_WOULD_BLOCK", work: pending },
  {
    group: "future",
    name: "the first completion wins, and reaches one use alone",
    work: firstWins,
  },
  { group: "future", name: "those of several operations are apart", work: apart },
  { group: "blocking", name: "operations are settled when they return", work: blocking },
  { group: "blocking", name: "also while others are in flight", work: blockingAmongOthers },
  { group: "blocking", name: "the hint changes nothing but the time", work: sameResults },
];

async function each(place: Place): Promise<void> {
  for (const { name, start } of await everyOperation(place)) {
    const future = start();
    const own = future instanceof Future;
    check(own, `${name}: expected a Future of the kvig/io that runs the suite, got something else`);
    const { generation } = future;
    await future.promise();
    check(future.settled, `${name}: expected it to be settled once its promise resolves`);
    await future.promise();
    takeAny(place, future, generation);
  }
}

async function takenOnce(place: Place): Promise<void> {
  for (const withGeneration of [true, false]) {
    for (const { name, start } of await everyOperation(place)) {
      const future = start();
      const { generation } = future;
      await future.promise();
      takeAny(place, future, generation);
      const again = () => withGeneration ? future.take(generation) : future.take();
      checkThrows(again, "KVIG_FUTURE_TAKEN", `${name}: a second take`);
    }
  }
}

async function earlierUse(place: Place): Promise<void> {
  const file = await numberedFile(place);
  const memory = new Uint8Array(100);
  const earlier: { future: Future<number>; generation: number }[] = [];
  for (let use = 0; use < 20; use++) {
    const future = file.read(0, memory, 0, 1 + use);
    const { generation } = future;
    await future.promise();
    for (const old of earlier) {
      const again = () => old.future.take(old.generation);
      checkThrows(again, "KVIG_FUTURE_TAKEN", "a take of an earlier use");
    }
    checkEqual(future.take(generation), 1 + use, `read() of ${1 + use} bytes`);
    earlier.push({ future, generation });
  }
}

async function pending(place: Place): Promise<void> {
  let pendingCount = 0;
  for (const { name, start } of await everyOperation(place)) {
    const future = start();
    const { generation } = future;
    if (!future.settled) {
      pendingCount++;
      for (let time = 0; time < 2; time++) {
        const early = () => future.take(generation);
        checkThrows(early, "KVIG_WOULD_BLOCK", `${name}: a take while it is pending`);
      }
      await future.promise();
    }
    takeAny(place, future, generation);
  }
  if (pendingCount === 0) notProven("no operation was pending when it returned");
}

/** A file of which each byte is told by its place. */
async function numberedFile(place: Place): Promise<IoFile> {
  const file = await place.open();
  await writeAll(file, 0, pattern(10_000));
  return file;
}

/** A late second completion of one operation must not settle the next use of its future. */
async function firstWins(place: Place): Promise<void> {
  const file = await numberedFile(place);
  const expected = pattern(10_000);
  for (let use = 1; use <= 40; use++) {
    const memory = new Uint8Array(200);
    const count = await result(file.read(use * 100, memory, 0, use));
    checkEqual(count, use, `read() of ${use} bytes`);
    checkBytes(memory.slice(0, use), expected.slice(use * 100, use * 101), `read ${use}`);
    if (use % 10 === 0) await pause(2);
  }
  const lengths = [7, 50, 23, 99];
  const memories = lengths.map((length) => new Uint8Array(length));
  const reads = lengths.map((length, index) => file.read(index, memories[index], 0, length));
  for (const [index, read] of reads.entries()) {
    checkEqual(await result(read), lengths[index], "read() of several at once");
  }
}

async function apart(place: Place): Promise<void> {
  const file = await numberedFile(place);
  const memory = new Uint8Array(1000);
  const lengths = [10, 20, 30, 40, 50];
  const reads = lengths.map((length, index) => {
    const future = file.read(index * 100, memory, index * 100, length);
    return { length, future, generation: future.generation };
  });
  const batch = file.sync("data");
  const { generation } = batch;
  for (const read of reads) {
    await read.future.promise();
    checkEqual(read.future.take(read.generation), read.length, "read() taken after others began");
  }
  await batch.promise();
  checkEqual(batch.take(generation), undefined, "value of a sync");
}

async function blocking(place: Place): Promise<void> {
  canBlock(place);
  const operations = await everyOperation(place);
  for (const { name, start } of operations) {
    const future = start({ blocking: true });
    const { generation, settled } = future;
    if (!settled) await future.promise();
    takeAny(place, future, generation);
    check(settled, `${name} with blocking: expected it to be settled when it returns`);
  }
}

/** Whether the Io says that it can block, which the harness may have claimed. */
function canBlock(place: Place): void {
  checkEqual(typeof place.io.canBlock, "boolean", "type of canBlock");
  if (place.io.canBlock) return;
  if (place.supports.blocking === true) check(false, "canBlock: expected true, got false");
  notProven("the Io says that it cannot block");
}

async function blockingAmongOthers(place: Place): Promise<void> {
  canBlock(place);
  const file = await place.open();
  await writeAll(file, 0, pattern(100_000));
  const memory = new Uint8Array(100_000);
  const others = Array.from({ length: 32 }, (_, index) => {
    return file.read(index * 1000, memory, index * 1000, 1000);
  });
  const one = new Uint8Array(500);
  const read = file.read(90_000, one, 0, 500, { blocking: true });
  const write = file.write(50_000, pattern(500, 8), 0, 500, { blocking: true });
  const settled = read.settled && write.settled;
  await Promise.all([read, write, ...others].map((future) => result(future)));
  check(settled, "blocking calls among others: expected them to be settled when they return");
  checkBytes(one, pattern(100_000).slice(90_000, 90_500), "read() with blocking");
}

async function sameResults(place: Place): Promise<void> {
  const hint = { blocking: true };
  const file = await place.open(place.path(), { create: true, ...hint });
  let done = 0;
  while (done < 9000) {
    done += await result(file.write(done, pattern(9000), done, 9000 - done, hint));
  }
  await result(file.truncate(8000, hint));
  await result(file.sync("full", hint));
  checkEqual(file.size, 8000, "size");
  const memory = new Uint8Array(9000);
  done = 0;
  while (done < 8000) done += await result(file.read(done, memory, done, 9000 - done, hint));
  checkEqual(done, 8000, "read to the end");
  checkBytes(memory.slice(0, 8000), pattern(9000).slice(0, 8000), "read() with blocking");
  checkEqual(await result(file.read(8000, memory, 0, 9, hint)), 0, "read() at the end");
}
