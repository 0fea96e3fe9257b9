/**
 * A counter that survives its program, and loses no count however many count at once.
 *
 * Run it with a PATH to keep the store there, and run it again: it counts on.
 *
 * @module
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

import { type Codec, open, utf8 } from "kvig";

/** A codec says how values become bytes and back: here a number becomes eight bytes. */
const float64: Codec<number> = {
  encode(value) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value);
    return bytes;
  },
  decode(bytes) {
    return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0);
  },
};

/** Counts for as long as one opening of the store lasts. */
async function count(path: string): Promise<void> {
  // Closed at the end of this function, whatever happens: that is what `await using` does.
  await using store = await open(path, { key: utf8, value: float64 });

  // A missing key is undefined, never an error.
  const openings = (await store.get("openings")) ?? 0;
  await store.put("openings", openings + 1);
  console.log(`Opening number ${openings + 1} of this store:`);

  // A hundred visitors at once. Reading, adding and writing is one transaction, and transactions
  // come one after the other, so nobody's count overwrites anybody else's.
  const before = (await store.get("visits")) ?? 0;
  const visitors = Array.from({ length: 100 }, () =>
    store.transaction(async (tx) => {
      const visits = (await tx.get("visits")) ?? 0;
      await tx.put("visits", visits + 1);
    }));
  await Promise.all(visitors);
  const after = (await store.get("visits")) ?? 0;
  console.log(`  100 visitors at once: the count went from ${before} to ${after}.`);
  if (after !== before + 100) throw new Error("a visit was lost");

  // A transaction that throws has never happened.
  try {
    await store.transaction(async (tx) => {
      await tx.put("visits", -1);
      throw new Error("changed my mind");
    });
  } catch {
    console.log(
      `  A transaction changed its mind: the count is still ${await store.get("visits")}.`,
    );
  }
}

const given = process.argv[2];
if (given !== undefined) {
  await count(given);
} else {
  const directory = await mkdtemp(join(tmpdir(), "kvig-counter-"));
  try {
    for (let i = 0; i < 3; i++) await count(join(directory, "counter"));
  } finally {
    await rm(directory, { recursive: true });
  }
}
