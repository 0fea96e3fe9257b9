/**
 * States that end while it is found out which places are free.
 *
 * @module
 */

import { entryPage } from "../../core/bitmap.ts";
import { runAsync } from "../../core/future.ts";
import { BUSY, DIRTY } from "../../core/page_cache.ts";
import { assert, assertGreaterOrEqual } from "../support/assert.ts";
import { drained } from "../support/unrest.ts";
import { finishAsync, PATH, rule, watchAsync, type Watched } from "../support/watched.ts";

/** Drops the clean map pages of the durable states from the cache; returns how many. */
function evictDurableMaps({ engine }: Watched): number {
  const { cache, pager } = engine;
  let dropped = 0;
  for (const state of pager.metaStates) {
    const index = state === undefined ? -1 : cache.lookup(state.freePage);
    const bitmap = index < 0 ? -1 : cache.lookup(entryPage(cache.frames, index, 0));
    for (const frame of [bitmap, index]) {
      if (frame < 0 || (cache.flags[frame] & (DIRTY | BUSY)) !== 0) continue;
      cache.drop(frame);
      dropped++;
    }
  }
  return dropped;
}

/*
 * A mask is made of the maps of all states. Where the map of a durable one had to be read first, a
 * snapshot could be closed meanwhile; its own map pages, which never had been written, were gone,
 * and were then looked for in the file: KVIG_CORRUPT for a write into a sound store. Found by the
 * simulator, with a getMany() of large values in the place of the snapshot.
 */
rule("a snapshot may be closed while the places that it takes are found out", async () => {
  const it = await watchAsync();
  for (let i = 0; i < 60; i++) await it.store.put(`key ${i}`, "x".repeat(200));
  await it.store.checkpoint();
  await it.store.put("one more", "");
  await it.store.checkpoint();
  // The maps of two snapshots are in memory only, and each is superseded by the next.
  const snapshots = [];
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 60; i++) {
      await it.store.put(`key ${i}`, `${round}`.padEnd(200, "y"), { durability: "deferred" });
    }
    snapshots.push(it.store.snapshot());
  }
  await it.store.put("the last one", "z".repeat(200), { durability: "deferred" });
  assertGreaterOrEqual(evictDurableMaps(it), 1);
  it.io.hold = ({ kind, path }) => path === PATH && kind === "read";
  const masked = runAsync(it.engine.pager.makeMask(0));
  await drained();
  assert(it.io.inFlight.length > 0, "the mask waits for a map page of a durable state");
  for (const snapshot of snapshots) snapshot.close();
  it.io.hold = () => false;
  it.io.settleAll();
  await masked;
  await finishAsync(it);
});
