/**
 * Bugs of synchronous calls that would have to wait: they must change nothing and harm nobody.
 *
 * @module
 */

import { assertEquals, assertGreaterOrEqual } from "../support/assert.ts";
import { drain, holdFirst, outcomeOf } from "../support/bounded.ts";
import { assertCodeSync } from "../support/store.ts";
import {
  contentsOf,
  entriesOf,
  finishAsync,
  PATH,
  rule,
  watchAsync,
  type Watched,
} from "../support/watched.ts";

const DEFERRED = { durability: "deferred" } as const;

/** What a store on an Io that cannot block holds, read with promises; then it ends well. */
async function ending(it: Watched): Promise<Record<string, string>> {
  const entries = await it.store.range().toArray();
  assertEquals((await it.store.verify()).problems, []);
  await it.store.close();
  it.audit.check();
  const text = new TextDecoder();
  return Object.fromEntries(entries.map(([key, value]) => [text.decode(key), text.decode(value)]));
}

/*
 * On an Io that cannot block, KVIG_WOULD_BLOCK was thrown in the middle of a checkpoint, where any
 * error of a sync counts as a failed sync: the whole store failed, for a call that should have
 * changed nothing.
 */
rule("checkpointSync() that would block does not fail the store", async () => {
  const it = await watchAsync({ canBlock: false });
  assertCodeSync(() => it.store.checkpointSync(), "KVIG_WOULD_BLOCK");
  await it.store.put("a", "1");
  assertCodeSync(() => it.store.checkpointSync(), "KVIG_WOULD_BLOCK");
  assertCodeSync(() => it.store.compactSync(), "KVIG_WOULD_BLOCK");
  assertCodeSync(() => it.store.flushSync(), "KVIG_WOULD_BLOCK");
  assertEquals(await ending(it), { a: "1" });
});

/*
 * The same where the buffer of the log was full: the write of it "failed", and with it went every
 * deferred commit that had been acknowledged and was still in the buffer.
 */
rule("putSync() with a full buffer would block and drops no commit before it", async () => {
  const it = await watchAsync({ canBlock: false, logSize: 8 * 1024 * 1024 });
  await it.store.put("a", "1");
  let last = -1;
  const value = (i: number): string => `${i}`.padEnd(100, ".");
  assertCodeSync(() => {
    for (let i = 0; i < 20_000; i++) {
      it.store.putSync("count", value(i), DEFERRED);
      last = i;
    }
  }, "KVIG_WOULD_BLOCK");
  assertGreaterOrEqual(last, 1000);
  await drain();
  await it.store.put("b", "2");
  const wanted = { a: "1", b: "2", count: value(last) };
  assertEquals(contentsOf(it.io.powerCut()), wanted);
  assertEquals(await ending(it), wanted);
});

/*
 * The same where a transaction has more than the buffer holds and streams its records ahead.
 */
rule("transactionSync() that outgrows the buffer would block and changes nothing", async () => {
  const it = await watchAsync({ canBlock: false, logSize: 8 * 1024 * 1024 });
  await it.store.put("a", "1");
  assertCodeSync(() =>
    it.store.transactionSync((tx) => {
      for (let i = 0; i < 20_000; i++) tx.putSync(`key ${i % 50}`, "z".repeat(100));
    }, DEFERRED), "KVIG_WOULD_BLOCK");
  await drain();
  await it.store.put("b", "2");
  assertEquals(await ending(it), { a: "1", b: "2" });
});

/*
 * putSync() of a large value in a transaction handed out the places of the value and then found
 * that it could not write them. The call had changed something, so the whole transaction was lost
 * for a call that any program may try first.
 */
rule("a large putSync() that would block leaves its transaction alone", async () => {
  const it = await watchAsync({ canBlock: false });
  await it.store.put("z", "1");
  await it.store.transaction(async (tx) => {
    await tx.put("a", "1");
    assertCodeSync(() => tx.putSync("large", "x".repeat(30_000)), "KVIG_WOULD_BLOCK");
    await tx.put("b", "2");
  });
  assertEquals(await ending(it), { a: "1", b: "2", z: "1" });
});

/*
 * transactionSync() ended while a read of a large value that it had begun was under way. It took
 * the transaction's turn, threw KVIG_WOULD_BLOCK, and the second try to end it waited for that turn
 * for ever: the store took no write any more.
 */
rule("transactionSync() with a read under way gives the writer's turn back", async () => {
  const it = await watchAsync();
  const value = "x".repeat(50_000);
  await it.store.put("large", value);
  const slow = holdFirst(
    it.io,
    ({ kind, path, pieces }) =>
      kind === "read" && path === PATH && pieces[0].length === value.length,
  );
  let read: Promise<unknown> = Promise.resolve();
  assertCodeSync(() =>
    it.store.transactionSync((tx) => {
      tx.putSync("a", "1");
      read = tx.get("large");
    }), "KVIG_WOULD_BLOCK");
  const later = it.store.put("b", "2");
  await drain();
  it.io.settle(slow.operation);
  assertEquals(await outcomeOf(read), "done");
  assertEquals(await outcomeOf(later), "done", "the turn was given back");
  assertEquals(Object.keys(entriesOf(it.store)), ["b", "large"]);
  await finishAsync(it);
});
