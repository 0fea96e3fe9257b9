/**
 * A bug of recovery in a store that is as full as it may be.
 *
 * @module
 */

import { assert, assertEquals } from "../support/assert.ts";
import { entriesOf, fill, finish, rule, watch, type Watched } from "../support/watched.ts";

const KEYS = 12_000;
const MAX_SIZE = 4900 * 512;
const BIG = { cacheSize: 8 * 1024 * 1024, logSize: 16 * 1024 * 1024, maxSize: MAX_SIZE };

/** A store that fills most of what it may have, with both meta pages of nearly one state. */
function nearlyFull(): Watched {
  const it = watch(BIG);
  fill(it.store, KEYS, 100);
  for (let i = 0; i < 2; i++) {
    it.store.putSync("key 00000", `${i}`);
    it.store.checkpointSync();
  }
  return it;
}

/** Removes the next key, in an order that comes to all leaves, in the first half and after it. */
function remove({ store }: Watched, turn: number): void {
  const key = `key ${String((turn * 613) % KEYS).padStart(5, "0")}`;
  store.deleteSync(key, { durability: turn % 20 === 0 ? "sync" : "deferred" });
}

/*
 * Found by the model of the protocol (docs/protocol.md, recoveryRounds). A store of limited size
 * was killed when its places were nearly used up, which a checkpoint would have mended. Opened with
 * a smaller cache, recovery made a checkpoint on its way; then the meta pages held two states, and
 * recovery, which never made a checkpoint for want of places, found none: KVIG_FULL at every
 * opening, of a store that had room.
 */
rule("recovery makes checkpoints where places are short", () => {
  const first = nearlyFull();
  const { count } = first.store.stats().checkpoints;
  let turns = 0;
  while (first.store.stats().checkpoints.count === count) remove(first, turns++);
  finish(first);
  assert(turns > 1000, "there was room for many copies");

  const it = nearlyFull();
  for (let turn = 0; turn < turns - 1; turn++) remove(it, turn);
  it.store.flushSync();
  assertEquals(it.store.stats().checkpoints.count, count);
  const wanted = entriesOf(it.store);
  const again = watch({ image: it.io.powerCut(), cacheSize: 1024 * 1024, maxSize: MAX_SIZE });
  assertEquals(entriesOf(again.store), wanted);
  finish(again);
  finish(it);
});
