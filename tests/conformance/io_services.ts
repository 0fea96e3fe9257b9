/**
 * Cases of what an Io gives beside files: memory, time, randomness, a description.
 *
 * @module
 */

import { check, checkBytes, checkEqual, checkFilled } from "./check.ts";
import { pattern, pause, readAll, result, writeAll } from "./check.ts";
import type { Case, Place } from "./harness.ts";

/** The cases. */
export const serviceCases: readonly Case[] = [
  { group: "allocate", name: "gives zeros that wider views fit", work: zeros },
  { group: "allocate", name: "gives memory of its own each time", work: apart },
  { group: "allocate", name: "gives memory that stays where it is", work: fixed },
  { group: "now", name: "is milliseconds since 1970", work: now },
  { group: "random", name: "fills all of the bytes and no others", work: filled },
  { group: "random", name: "differs each time", work: differs },
  { group: "description", name: "is a few words in one line", work: description },
];

async function zeros(place: Place): Promise<void> {
  for (const bytes of [0, 1, 4095, 4096, 65_536, 1_000_001]) {
    const memory = place.io.allocate(bytes);
    check(memory instanceof Uint8Array, `allocate(${bytes}): expected a Uint8Array`);
    checkEqual(memory.length, bytes, `length of allocate(${bytes})`);
    const what = `remainder by 8 of the byteOffset of allocate(${bytes})`;
    checkEqual(memory.byteOffset % 8, 0, what);
    checkFilled(memory, 0, `allocate(${bytes})`);
    memory.fill(255);
  }
  checkFilled(place.io.allocate(65_536), 0, "allocate() after others were filled");
  await Promise.resolve();
}

async function apart(place: Place): Promise<void> {
  const memories = [4096, 100, 10_000, 4096].map((bytes) => place.io.allocate(bytes));
  memories.forEach((memory, index) => memory.fill(index + 1));
  memories.forEach((memory, index) => checkFilled(memory, index + 1, `allocation ${index}`));
  await Promise.resolve();
}

async function fixed(place: Place): Promise<void> {
  const memory = place.io.allocate(10_000);
  memory.set(pattern(10_000));
  const buffer: ArrayBufferLike & { readonly resizable?: boolean } = memory.buffer;
  check(buffer.resizable !== true, "buffer of allocate(): expected one that is never resized");
  const file = await place.open();
  await writeAll(file, 0, memory);
  place.io.allocate(1_000_000);
  await result(file.sync("data"));
  await pause(5);
  checkEqual(memory.length, 10_000, "length after other allocations");
  checkBytes(memory, pattern(10_000), "memory after other allocations");
  checkBytes(await readAll(file), pattern(10_000), "the file");
}

async function now(place: Place): Promise<void> {
  const time = place.io.now();
  checkEqual(typeof time, "number", "type of now()");
  const dayMs = 86_400_000;
  const here = Date.now();
  check(Math.abs(time - here) < dayMs, `now(): expected about ${here}, got ${time}`);
  await Promise.resolve();
}

async function filled(place: Place): Promise<void> {
  for (const length of [0, 1, 16, 70_000, 200_000]) {
    const buffer = new Uint8Array(length + 200).fill(7);
    place.io.random(buffer.subarray(100, 100 + length));
    checkFilled(buffer.subarray(0, 100), 7, `before ${length} random bytes`);
    checkFilled(buffer.subarray(100 + length), 7, `behind ${length} random bytes`);
    for (let from = 100; from + 5000 <= 100 + length; from += 5000) {
      const kinds = new Set(buffer.subarray(from, from + 5000)).size;
      check(kinds > 200, `random bytes at ${from}: expected nearly all of 256, got ${kinds}`);
    }
  }
  await Promise.resolve();
}

async function differs(place: Place): Promise<void> {
  const seen = new Set<string>();
  for (let time = 0; time < 50; time++) {
    const bytes = new Uint8Array(16);
    place.io.random(bytes);
    seen.add(bytes.join());
  }
  checkEqual(seen.size, 50, "different ids of 16 bytes out of 50");
  await Promise.resolve();
}

async function description(place: Place): Promise<void> {
  const text = place.io.description;
  checkEqual(typeof text, "string", "type of description");
  const fits = text.length > 0 && text.length <= 200 && !text.includes("\n");
  check(fits, `description: expected a few words in one line, got ${JSON.stringify(text)}`);
  await Promise.resolve();
}
