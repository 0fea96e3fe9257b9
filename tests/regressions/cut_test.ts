/**
 * Bugs of cutting the data file while others use it.
 *
 * @module
 */

import { assert, assertEquals } from "../support/assert.ts";
import { drain, holdFirst } from "../support/bounded.ts";
import { finishAsync, PATH, rule, watchAsync } from "../support/watched.ts";

/*
 * Found by the model of the protocol (docs/protocol.md, cutReads). A get() had begun to read a page
 * that the open transaction had given up already. The transaction committed, compact() made two
 * checkpoints and cut the file, and the read, slower than all of them, found the end of the file:
 * get() told of damage in a store that had none. Places that are being read were not handed out
 * anew, but they were cut off.
 */
rule("a page that is being read is not cut off", async () => {
  const it = await watchAsync();
  const key = (i: number): string => `key ${String(i).padStart(5, "0")}`;
  // Half as much again as the cache holds: what the transaction gives up first is evicted.
  for (let i = 0; i < 6000; i += 100) {
    const keys = Array.from({ length: 100 }, (_, j) => key(i + j));
    await it.store.batch(keys.map((key) => ({ type: "put", key, value: "v".repeat(200) })));
  }
  await it.store.checkpoint();
  const { reading, slow } = await it.store.transaction(async (tx) => {
    await tx.clear({ gte: key(10) });
    const slow = holdFirst(it.io, ({ kind, path }) => kind === "read" && path === PATH);
    let reading: Promise<unknown> = Promise.resolve();
    for (let i = 5990; slow.found === undefined; i -= 10) {
      reading = it.store.get(key(i)).then(() => "answered", (error: unknown) => error);
      await drain();
    }
    return { reading, slow };
  });
  const { before, after } = await it.store.compact();
  assert(after < before, `${after} of ${before} bytes`);
  it.io.settle(slow.operation);
  assertEquals(await reading, "answered");
  await finishAsync(it);
});
