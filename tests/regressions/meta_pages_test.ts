/**
 * Bugs of meta pages: what is written into them, and reading them while they are written.
 *
 * @module
 */

import { assertEquals } from "../support/assert.ts";
import { drain, holdFirst, outcomeOf, writesMeta } from "../support/bounded.ts";
import { newestMeta } from "../support/image.ts";
import {
  contentsOf,
  finish,
  finishAsync,
  PATH,
  rule,
  watch,
  watchAsync,
} from "../support/watched.ts";

/*
 * raiseLimit() read the durable state before it waited for the meta page of a checkpoint that was
 * in flight, and then wrote the older state as the newest meta page. The log between the two was
 * free by then: what it had held was lost with the next lap of the ring and a power cut.
 */
rule("raising the epoch limit behind a checkpoint writes the newer state", async () => {
  const it = await watchAsync();
  await it.store.put("a", "1");
  const slow = holdFirst(it.io, writesMeta);
  const checkpoint = it.store.checkpoint();
  await drain();
  let large = Promise.resolve();
  for (let i = 0; i < 300; i++) large = it.store.put("large", `${i}`.padEnd(600, "x"));
  await drain();
  it.io.settle(slow.operation);
  await checkpoint;
  for (let i = 0; i < 20; i++) await drain();
  assertEquals(await outcomeOf(large), "done");
  const { state, position } = newestMeta(it.io.durable(PATH));
  assertEquals([state.sequence >= 1, position >= 1], [true, true], "no older state");
  assertEquals(Object.keys(contentsOf(it.io.powerCut())), ["a", "large"]);
  await finishAsync(it);
});

/*
 * A transaction whose last act was an iteration: that had frozen the working state, and the commit
 * counted itself in the working state without saying that it had changed. The checkpoint wrote the
 * frozen one, with a commit sequence one too low; opened again, the store gave a number twice.
 */
rule("a transaction that ends with an iteration is counted in the meta page", () => {
  const it = watch();
  it.store.transactionSync((tx) => {
    tx.putSync("a", "1");
    assertEquals([...tx.range()].length, 1);
  });
  it.store.checkpointSync();
  assertEquals(it.store.stats().sequence, 1);
  assertEquals(newestMeta(it.io.durable(PATH)).state.sequence, 1);
  it.store.putSync("b", "2");
  const again = watch({ image: it.io.powerCut() });
  assertEquals(again.store.stats().sequence, 2);
  finish(again);
  finish(it);
});

/*
 * verify() read a meta page while a checkpoint was writing it. The contract forbids that: a read
 * could find half of the page, and verify() told of damage in a store that had none.
 */
rule("verify() does not read a meta page that is being written", async () => {
  const it = await watchAsync();
  await it.store.put("a", "1");
  const slow = holdFirst(it.io, writesMeta);
  const checkpoint = it.store.checkpoint();
  await drain();
  const verify = it.store.verify();
  await drain();
  it.io.settle(slow.operation);
  await checkpoint;
  assertEquals((await verify).problems, []);
  it.io.check();
  await finishAsync(it);
});

/*
 * The other way round: a checkpoint began to write the meta page that verify() was reading.
 */
rule("a checkpoint does not write a meta page that verify() is reading", async () => {
  const it = await watchAsync();
  await it.store.put("a", "1");
  await it.store.checkpoint();
  await it.store.put("a", "2");
  // The slot that the next checkpoint takes.
  const at = it.io.operations.findLast(writesMeta)!.pieces[0].at === 0 ? 512 : 0;
  const slow = holdFirst(
    it.io,
    ({ kind, path, pieces }) => kind === "read" && path === PATH && pieces[0].at === at,
  );
  const verify = it.store.verify();
  await drain();
  assertEquals(slow.operation.state, "in flight");
  const checkpoint = it.store.checkpoint();
  await drain();
  it.io.check();
  it.io.settle(slow.operation);
  await checkpoint;
  assertEquals((await verify).problems, []);
  await finishAsync(it);
});
