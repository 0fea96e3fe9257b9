/**
 * The rules of snapshots: they show one state, hold its places, and say so.
 *
 * @module
 */

import { assert, assertEquals, assertGreaterOrEqual, assertNotEquals } from "../support/assert.ts";
import { isPages, PAGE } from "../support/stages.ts";
import { assertCode } from "../support/store.ts";
import {
  changed,
  contentsOf,
  entriesOf,
  fill,
  finish,
  finishAsync,
  PATH,
  rule,
  watch,
  watchAsync,
  type Watched,
} from "../support/watched.ts";

/** How many states are held. */
const holds = (it: Watched): number => it.engine.pages.holds.states.length;

const text = new TextDecoder();

rule("a snapshot shows one state, whatever is written, cleared, checkpointed or compacted", () => {
  const it = watch();
  fill(it.store, 600);
  it.store.putSync("large", "a".repeat(9000));
  const shown = entriesOf(it.store);
  const { sequence } = it.store.stats();
  const snapshot = it.store.snapshot();
  const steps: (() => void)[] = [
    () => fill(it.store, 600, 40),
    () => it.store.putSync("large", "b".repeat(9000)),
    () => it.store.checkpointSync(),
    () => it.store.checkpointSync(),
    () => void it.store.clearSync({ gte: "key 00100" }),
    () => it.store.transactionSync((tx) => tx.putSync("key 00001", "in a transaction")),
    () => void it.store.compactSync(),
    () => fill(it.store, 2500, 180, "other"),
    () => void it.store.clearSync(),
  ];
  for (const step of steps) {
    step();
    assertEquals(entriesOf(snapshot), shown);
    assertEquals([snapshot.sequence, snapshot.countSync()], [sequence, 601]);
  }
  assertEquals(snapshot.getSync("large")?.length, 9000);
  assertEquals(snapshot.getSync("other 00001"), undefined);
  snapshot.close();
  finish(it);
});

rule("a snapshot is of what is committed, not of the open transaction", async () => {
  const it = await watchAsync();
  await it.store.put("key", "before");
  await it.store.transaction(async (tx) => {
    await tx.put("key", "within");
    using snapshot = it.store.snapshot();
    assertEquals(entriesOf(snapshot), { key: "before" });
  });
  using after = it.store.snapshot();
  assertEquals(entriesOf(after), { key: "within" });
  after.close();
  await finishAsync(it);
});

rule("writers change in place without a snapshot, and copy with one", () => {
  const it = watch();
  const place = (value: string): number => {
    it.store.putSync("key", value);
    return it.engine.pages.work.tree.page;
  };
  const first = place("1");
  assertEquals(place("2"), first, "in place");
  const snapshot = it.store.snapshot();
  const second = place("3");
  assertNotEquals(second, first, "a copy");
  assertEquals(place("4"), second, "and in place again");
  assertEquals(entriesOf(snapshot), { key: "2" });
  snapshot.close();
  assertEquals(place("5"), second);
  finish(it);
});

rule("places that a snapshot reaches are not reused before it is closed, and then they are", () => {
  const it = watch();
  fill(it.store, 1000, 150);
  const shown = entriesOf(it.store);
  const rewrite = (): number => {
    for (let round = 0; round < 6; round++) {
      fill(it.store, 1000, 140 + round);
      it.store.checkpointSync();
    }
    return it.store.stats().pages.total;
  };
  const without = rewrite();
  const snapshot = it.store.snapshot();
  const held = entriesOf(snapshot);
  rewrite();
  assertEquals(entriesOf(snapshot), held);
  assertEquals(it.store.verifySync().problems, []);
  snapshot.close();
  const after = it.store.stats().pages.total;
  assertEquals(rewrite(), after, "the file does not grow any more");
  assertGreaterOrEqual(after, without);
  assertEquals(Object.keys(shown).length, 1000);
  finish(it);
});

rule("an iterator holds a state from its first next, not from its making", () => {
  const it = watch();
  it.store.putSync("a", "1");
  const iterator = it.store.range()[Symbol.iterator]();
  assertEquals(holds(it), 0);
  it.store.putSync("b", "2");
  assertEquals(text.decode(iterator.next().value?.[0]), "a");
  assertEquals(holds(it), 1);
  it.store.putSync("c", "3");
  assertEquals(text.decode(iterator.next().value?.[0]), "b");
  assertEquals(iterator.next().done, true, "what came later is not shown");
  assertEquals(holds(it), 0);
  finish(it);
});

rule("an iterator lets its state go when it is done, returns, or its consumer throws", async () => {
  const it = await watchAsync();
  for (let i = 0; i < 100; i++) await it.store.put(`key ${i}`, "v", { durability: "deferred" });
  assertEquals([...it.store.keys()].length, 100);
  assertEquals(holds(it), 0, "done");
  for await (const _ of it.store.range()) assertEquals(holds(it), 1);
  assertEquals(holds(it), 0, "done");
  for (const _ of it.store.keys()) break;
  for await (const _ of it.store.values()) break;
  assertEquals(holds(it), 0, "returned");
  try {
    for (const _ of it.store.keys()) throw new RangeError("by its consumer");
  } catch (error) {
    assert(error instanceof RangeError);
  }
  assertEquals(holds(it), 0, "thrown at");
  const iterator = it.store.range()[Symbol.asyncIterator]();
  await iterator.next();
  assertEquals(holds(it), 1);
  await iterator.return?.();
  assertEquals(holds(it), 0, "returned");
  await finishAsync(it);
});

rule("an iterator that throws lets its state go", async () => {
  const it = watch();
  fill(it.store, 500);
  finish(it);
  const { page } = it.engine.pages.work.tree;
  const image = changed(it.io.killed(), PATH, (data) => {
    for (let at = 2 * PAGE; at < data.length; at += PAGE) {
      const leaf = data[at + 12] === 1 && at / PAGE !== page && at / PAGE > 40;
      if (leaf) data[at + 100] ^= 1;
    }
  });
  const broken = watch({ image });
  const iterator = broken.store.range()[Symbol.asyncIterator]();
  const all = async (): Promise<void> => {
    for (;;) if ((await iterator.next()).done === true) return;
  };
  await assertCode(all, "KVIG_CORRUPT");
  assertEquals(holds(broken), 0, "by damage");
  const abort = new AbortController();
  const { signal } = abort;
  const aborted = broken.store.range({ signal, limit: 20 })[Symbol.asyncIterator]();
  await aborted.next();
  assertEquals(holds(broken), 1);
  abort.abort();
  await assertCode(() => aborted.next(), "KVIG_ABORTED");
  assertEquals(holds(broken), 0, "by its signal");
  broken.store.closeSync();
  assertEquals(Object.keys(contentsOf(it.io.killed())).length, 500);
});

rule("a dirty page that only a snapshot reaches is spilled to its own place", () => {
  const it = watch({ logSize: 16 * 1024 * 1024 });
  const { pages, cache, pager } = it.engine;
  let spilled = 0;
  it.io.hold = (operation) => {
    if (!isPages(operation) || !pager.spilling) return false;
    const only = new Set<number>();
    for (let i = 0; i < pages.supersededCount; i++) only.add(cache.page[pages.supersededFrame(i)]);
    for (const { at } of operation.pieces) {
      if (only.has(at / PAGE)) spilled++;
      else assertEquals(only.size, 0, "what only a snapshot reaches is the first to go");
    }
    return false;
  };
  fill(it.store, 1200, 150);
  const shown = entriesOf(it.store);
  const snapshot = it.store.snapshot();
  fill(it.store, 1200, 151);
  const held = it.store.stats().snapshots.dirtyPagesHeld;
  assertGreaterOrEqual(held, 300);
  it.store.transactionSync((tx) => {
    for (let i = 0; i < 5000; i++) tx.putSync(`tx ${i}`, "t".repeat(150));
  });
  assertGreaterOrEqual(spilled, held);
  assertEquals(entriesOf(snapshot), shown, "they are read back from their places");
  snapshot.close();
  finish(it);
});

rule("a dirty page that nothing reaches any more is forgotten, not spilled", () => {
  const it = watch({ logSize: 16 * 1024 * 1024 });
  for (let round = 0; round < 20; round++) {
    fill(it.store, 200, 100 + round);
    const snapshot = it.store.snapshot();
    fill(it.store, 200, 130 + round);
    assertGreaterOrEqual(it.store.stats().snapshots.dirtyPagesHeld, 20);
    snapshot.close();
    assertEquals(it.store.stats().snapshots.dirtyPagesHeld, 0);
  }
  const { spills, dirty } = it.store.stats().cache;
  assertEquals(spills, 0);
  assert(dirty < 400, `${dirty} frames are dirty`);
  finish(it);
});

rule("stats() names the oldest snapshot and says how many pages are held back", () => {
  const it = watch();
  fill(it.store, 100);
  assertEquals(it.store.stats().snapshots, { count: 0, oldest: undefined, dirtyPagesHeld: 0 });
  const oldest = it.store.snapshot();
  it.store.putSync("key 00001", "changed");
  const newer = it.store.snapshot();
  it.store.putSync("key 00001", "changed again");
  const { count, oldest: named, dirtyPagesHeld } = it.store.stats().snapshots;
  assertEquals([count, named?.sequence, named?.openedAt], [2, oldest.sequence, oldest.openedAt]);
  assertGreaterOrEqual(dirtyPagesHeld, 2);
  oldest.close();
  assertEquals(it.store.stats().snapshots.oldest?.sequence, newer.sequence);
  newer.close();
  newer.close();
  assertEquals(it.store.stats().snapshots, { count: 0, oldest: undefined, dirtyPagesHeld: 0 });
  finish(it);
});
