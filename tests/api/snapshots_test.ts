/**
 * Snapshots and iterations as users see them: they stand still while everything else moves, and
 * give up what they hold.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "../support/assert.ts";
import { type TextStore, textTest } from "../support/api_store.ts";
import { assertCode, assertCodeSync } from "../support/store.ts";

async function fill(store: TextStore, count: number, value: string): Promise<void> {
  const keys = Array.from({ length: count }, (_, i) => `key${String(i).padStart(4, "0")}`);
  await store.batch(keys.map((key) => ({ type: "put", key, value: `${value} of ${key}` })));
}

/** How many states are held: what a compaction says held it back. */
async function held(store: TextStore): Promise<number> {
  return (await store.compact()).heldBack.snapshots;
}

textTest("a snapshot stands still across writes, clear, checkpoints and compact", async (store) => {
  await fill(store, 800, "first");
  await store.put("large", "x".repeat(100_000));
  const snapshot = store.snapshot();
  const before = await snapshot.range().toArray();
  const steps: (() => Promise<unknown>)[] = [
    () => fill(store, 900, "second"),
    () => store.delete("large"),
    () => store.checkpoint(),
    () => store.clear({ gte: "key0100", lt: "key0500" }),
    () => store.compact(),
    () => store.transaction((tx) => tx.clear()),
    () => store.checkpoint(),
    () => store.compact(),
    () => fill(store, 300, "third"),
    () => store.checkpoint(),
  ];
  for (const step of steps) {
    await step();
    assertEquals(await snapshot.range().toArray(), before);
    assertEquals(await snapshot.count(), 801);
    assertEquals(snapshot.getSync("key0200"), "first of key0200");
    assertEquals((await snapshot.get("large"))?.length, 100_000);
  }
  assertEquals(await store.count(), 300);
  snapshot.close();
});

textTest("stats() tells of the open snapshots and the oldest of them", async (store) => {
  await store.put("a", "1");
  const first = store.snapshot();
  await store.put("a", "2");
  const second = store.snapshot();
  const { snapshots } = store.stats();
  assertEquals(snapshots.count, 2);
  assertEquals(snapshots.oldest?.sequence, first.sequence);
  assert(second.sequence > first.sequence, "the newer one shows more commits");
  first.close();
  first.close();
  assertEquals(store.stats().snapshots.count, 1);
  assertEquals(store.stats().snapshots.oldest?.sequence, second.sequence);
  second[Symbol.dispose]();
  assertEquals(store.stats().snapshots, { count: 0, oldest: undefined, dirtyPagesHeld: 0 });
});

textTest("a closed snapshot refuses every verb", async (store) => {
  const snapshot = store.snapshot();
  snapshot.close();
  const { get, has, count } = { get: "get", has: "has", count: "count" } as const;
  for (
    const call of [() => snapshot[get]("a"), () => snapshot[has]("a"), () => snapshot[count]()]
  ) {
    await assertCode(call, "KVIG_CLOSED");
  }
  assertCodeSync(() => snapshot.getSync("a"), "KVIG_CLOSED");
  assertCodeSync(() => snapshot.range(), "KVIG_CLOSED");
  assertCodeSync(() => snapshot.cursor(), "KVIG_CLOSED");
});

textTest("iterations hold a state and give it up however they end", async (store) => {
  await fill(store, 300, "first");
  const idle = await held(store);
  const entries = store.range();
  assertEquals(await held(store), idle, "before its first step an iteration holds nothing");
  for await (const [key] of entries) {
    assertEquals(await held(store), idle + 1);
    if (key === "key0000") break;
  }
  assertEquals(await held(store), idle, "after break");
  assertThrows(() => {
    for (const _ of entries) throw new EvalError("of the caller");
  }, EvalError);
  assertEquals(await held(store), idle, "after a throw");
  await assertRejects(async () => {
    for await (const _ of entries) throw new EvalError("of the caller");
  }, EvalError);
  assertEquals(await held(store), idle, "after a throw in for await");
  const iterator = entries[Symbol.iterator]();
  iterator.next();
  iterator.return!();
  assertEquals(iterator.next(), { done: true, value: undefined });
  assertEquals(await held(store), idle, "after return()");
  assertEquals((await entries.toArray()).length, 300);
  assertEquals(await held(store), idle, "at the end");
  const cursor = store.cursor();
  cursor.next();
  assertEquals(await held(store), idle + 1, "a cursor that stands somewhere");
  cursor.close();
  cursor.close();
  assertEquals(await held(store), idle, "a cursor that is closed");
  assertCodeSync(() => cursor.next(), "KVIG_CLOSED");
});

textTest("an iteration shows the state of its first step", async (store) => {
  await fill(store, 200, "first");
  const seen: string[] = [];
  for await (const key of store.keys()) {
    seen.push(key);
    if (seen.length === 1) await store.clear();
    if (seen.length === 50) await store.checkpoint();
  }
  assertEquals(seen.length, 200);
  assertEquals(await store.count(), 0);
});

textTest(
  "Entries start anew with each iteration, two of them do not disturb",
  async (store) => {
    await fill(store, 100, "first");
    const keys = store.keys({ limit: 3 });
    const [left, right] = [keys[Symbol.iterator](), keys[Symbol.asyncIterator]()];
    for (const key of ["key0000", "key0001", "key0002"]) {
      assertEquals(left.next().value, key);
      assertEquals((await right.next()).value, key);
    }
    assertEquals([left.next().done, (await right.next()).done], [true, true]);
    await store.delete("key0000");
    assertEquals(await keys.toArray(), ["key0001", "key0002", "key0003"]);
  },
);

textTest("calls of next() that nobody awaits are answered in their order", async (store) => {
  await fill(store, 50, "first");
  const iterator = store.keys()[Symbol.asyncIterator]();
  const results = await Promise.all(Array.from({ length: 52 }, () => iterator.next()));
  assertEquals(results[49]!.value, "key0049");
  assertEquals(results.map(({ done }) => done).slice(49), [false, true, true]);
});

textTest("a signal ends an asynchronous iteration", async (store) => {
  await fill(store, 50, "first");
  const controller = new AbortController();
  await assertCode(async () => {
    for await (const key of store.keys({ signal: controller.signal })) {
      if (key === "key0003") controller.abort();
    }
  }, "KVIG_ABORTED");
  assertEquals(await held(store), await held(store));
});
