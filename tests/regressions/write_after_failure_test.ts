/**
 * A checkpoint had written its meta page and waited for the sync when a write of the log failed,
 * and with it the store. The checkpoint gave up its state, whose places looked free then: no meta
 * page that counts reached them. A transaction that was under way handed such a place out to a
 * large value and wrote it, although the store had failed. The next opening found the new meta
 * page, and in the place of its catalogue the value. Found by the simulator, seed 2678625, once in
 * 700,000 lives. A store that has failed writes nothing any more.
 *
 * @module
 */

import { test } from "node:test";

import { isKvigError } from "../../core/errors.ts";
import { SimIo } from "../sim/io.ts";
import type { SimOperation } from "../sim/faults.ts";
import { openTiny } from "../sim/tiny_store.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { assertSound } from "../support/store.ts";

let failures = 0;
const WRITES = ["write", "batch", "truncate"];

/** Large values are written while a write of the log fails; what is written after that. */
async function failBeside(seed: number): Promise<string[]> {
  const io = new SimIo({
    seed,
    blocking: "never",
    latency: { shortHops: 9, longHops: 60, longOneIn: 9 },
  });
  const store = await openTiny(io, "store", { pageSize: 512, cacheSize: 192 * 512 });
  await store.put(Uint8Array.of(1), new Uint8Array(10));
  let failed = false;
  let left = seed % 4;
  const late: string[] = [];
  io.faults = {
    choose({ kind, path, at }: SimOperation) {
      if (path === "store") {
        if (failed && WRITES.includes(kind)) late.push(`${kind} at ${at}`);
        return undefined;
      }
      return kind === "write" && left-- === 0 ? { kind: "write error" } : undefined;
    },
  };
  io.onCompletion = ({ path }, code) => {
    if (path !== "store" && code === "KVIG_IO") failed = true;
  };
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 8; i++) {
    calls.push(store.put(Uint8Array.of(2, i), new Uint8Array(20)));
    calls.push(store.put(Uint8Array.of(3, i), new Uint8Array(700)));
  }
  calls.push(store.transaction(async (tx) => {
    for (let i = 0; i < 40; i++) await tx.put(Uint8Array.of(4, i), new Uint8Array(900));
  }));
  for (const result of await Promise.allSettled(calls)) {
    if (result.status === "rejected") assert(isKvigError(result.reason), String(result.reason));
  }
  if (failed) failures++;
  await store.close().catch(() => {});
  const after = new SimIo({ seed, disk: io.crash("kill") });
  const again = await openTiny(after, "store", { pageSize: 512, cacheSize: 192 * 512 });
  assertSound(await again.verify());
  await again.close();
  return late;
}

test("a store that has failed writes nothing into its data file any more", async () => {
  for (let seed = 1; seed <= 60; seed++) assertEquals(await failBeside(seed), [], `seed ${seed}`);
  assert(failures > 20, `${failures} stores failed`);
});
