/**
 * Bugs behind an operation that failed: syncs believed, errors of the wrong kind, and a close that
 * said nothing.
 *
 * @module
 */

import { AssertionError } from "../../core/assert.ts";
import { assertEquals, assertRejects, assertThrows } from "../support/assert.ts";
import { drain, holdFirst, outcomeOf, syncs, writesLog, writesMeta } from "../support/bounded.ts";
import type { Operation } from "../support/recording_io.ts";
import { assertCode, assertCodeSync } from "../support/store.ts";
import {
  contentsOf,
  entriesOf,
  fill,
  finish,
  finishAsync,
  LOG,
  PATH,
  rule,
  watch,
  watchAsync,
  type Watched,
} from "../support/watched.ts";

/** Makes the first operation that matches fail, and holds it until the test settles it. */
function holdAndFail(it: Watched, match: (operation: Operation) => boolean): () => void {
  const held = holdFirst(it.io, match);
  it.io.failWhen({ match });
  return () => it.io.settle(held.operation);
}

/*
 * A sync of the log failed while flush() waited for it. flush() then issued another sync, which
 * succeeded, and resolved: the kernel had dropped the pages at the first failure, and what the
 * caller took for durable was not on the disk.
 */
rule("flush() behind a sync that failed does not sync again and resolve", async () => {
  const it = await watchAsync();
  await it.store.put("a", "0");
  const failNow = holdAndFail(it, (operation) => syncs(operation, LOG));
  const before = it.io.recorded(LOG, "sync").length;
  const put = it.store.put("a", "1");
  await drain();
  const waiting = [put, it.store.flush(), it.store.put("b", "2")].map(outcomeOf);
  failNow();
  assertEquals(await Promise.all(waiting), ["KVIG_FAILED", "KVIG_FAILED", "KVIG_FAILED"]);
  assertEquals(it.io.recorded(LOG, "sync").length, before + 1);
  assertEquals(await outcomeOf(it.store.close()), "KVIG_FAILED");
  assertEquals(contentsOf(it.io.powerCut()), { a: "0" });
});

/*
 * The sync of a checkpoint failed while a second checkpoint() waited. The second one found no page
 * dirty, synced without an error, and wrote a meta page that led to pages that were never on the
 * disk; the log before it was free. A power cut then cost everything.
 */
rule("a checkpoint behind one whose sync failed writes no meta page", async () => {
  const it = await watchAsync();
  await it.store.put("a", "1");
  const failNow = holdAndFail(it, (operation) => syncs(operation, PATH));
  const metas = it.io.operations.filter(writesMeta).length;
  const first = it.store.checkpoint();
  await drain();
  const waiting = [first, it.store.checkpoint()].map(outcomeOf);
  failNow();
  assertEquals(await Promise.all(waiting), ["KVIG_FAILED", "KVIG_FAILED"]);
  assertEquals(it.io.operations.filter(writesMeta).length, metas);
  assertEquals(await outcomeOf(it.store.close()), "KVIG_FAILED");
  assertEquals(contentsOf(it.io.powerCut()), { a: "1" });
});

/*
 * The same with close(): waiting behind the sync that failed, it synced the log again, found no
 * fault and resolved.
 */
rule("close() behind a sync that failed rejects and does not sync again", async () => {
  const it = await watchAsync();
  await it.store.put("a", "0");
  const failNow = holdAndFail(it, (operation) => syncs(operation, LOG));
  const before = it.io.recorded(LOG, "sync").length;
  const put = it.store.put("a", "1");
  await drain();
  const waiting = [put, it.store.close()].map(outcomeOf);
  failNow();
  assertEquals(await Promise.all(waiting), ["KVIG_FAILED", "KVIG_FAILED"]);
  assertEquals(it.io.recorded(LOG, "sync").length, before + 1);
  assertEquals(contentsOf(it.io.powerCut()), { a: "0" });
});

/*
 * The sync of the data file failed in a checkpoint. The store had failed, but the log had not heard
 * of it: what it was writing it synced as well, and acknowledged commits after the failure was out.
 * Found by `npm run kernel`, on a disk that had no room left for the pages.
 */
rule("a store whose data file could not be synced syncs the log no more", async () => {
  const it = await watchAsync();
  await it.store.put("a", "0");
  const failNow = holdAndFail(it, (operation) => syncs(operation, PATH));
  const checkpoint = it.store.checkpoint();
  await drain();
  const write = holdFirst(it.io, writesLog);
  const before = it.io.recorded(LOG, "sync").length;
  const put = it.store.put("a", "1");
  await drain();
  const work = [checkpoint, put, it.store.flush(), it.store.put("b", "2")];
  failNow();
  await drain();
  it.io.settle(write.operation);
  const outcomes = await Promise.all(work.map(outcomeOf));
  assertEquals(outcomes, ["KVIG_FAILED", "KVIG_FAILED", "KVIG_FAILED", "KVIG_FAILED"]);
  assertEquals(it.io.recorded(LOG, "sync").length, before);
  assertEquals(await outcomeOf(it.store.close()), "KVIG_FAILED");
  assertEquals(contentsOf(it.io.powerCut()), { a: "0" });
});

/* The same the other way round: a checkpoint went on behind a sync of the log that had failed. */
rule("a store whose log could not be synced syncs the data file no more", async () => {
  const it = await watchAsync();
  await it.store.put("a", "0");
  const page = holdFirst(it.io, ({ kind, path }) => kind === "write" && path === PATH);
  const checkpoint = it.store.checkpoint();
  await drain();
  const failNow = holdAndFail(it, (operation) => syncs(operation, LOG));
  const before = it.io.recorded(PATH, "sync").length;
  const put = it.store.put("a", "1");
  await drain();
  failNow();
  await drain();
  it.io.settle(page.operation);
  const outcomes = await Promise.all([checkpoint, put].map(outcomeOf));
  assertEquals(outcomes, ["KVIG_FAILED", "KVIG_FAILED"]);
  assertEquals(it.io.recorded(PATH, "sync").length, before);
  assertEquals(await outcomeOf(it.store.close()), "KVIG_FAILED");
  assertEquals(contentsOf(it.io.powerCut()), { a: "0" });
});

/*
 * A write of the log failed, with deferred commits in it that had resolved. A close() that came
 * later resolved as well, as if it had made them durable; after opening again they were gone, and
 * nobody had been told.
 */
rule("close() of a store that failed says so", async () => {
  const it = await watchAsync();
  await it.store.put("a", "1");
  it.io.failWhen({ match: writesLog });
  await it.store.put("b", "2", { durability: "deferred" });
  await drain();
  await assertCode(() => it.store.get("a"), "KVIG_FAILED");
  const error = await assertCode(() => it.store.close(), "KVIG_FAILED");
  assertEquals(error.outcome, "none");
  assertEquals(await outcomeOf(it.store.close()), "KVIG_FAILED", "closing again says the same");
  assertEquals(contentsOf(it.io.killed()), { a: "1" });
});

/*
 * backup() met a page that the disk would not read (EIO) and said KVIG_CORRUPT, which sends people
 * to their backups, where KVIG_IO says to try again.
 */
rule("backup() of a page that cannot be read is KVIG_IO, not KVIG_CORRUPT", () => {
  const it = watch();
  fill(it.store, 50);
  it.store.putSync("large", "x".repeat(5000));
  it.store.checkpointSync();
  const reads = ({ kind, path }: Operation): boolean => kind === "read" && path === PATH;
  const large = (read: Operation): boolean => reads(read) && read.pieces[0].length === 5000;
  for (const match of [reads, large]) {
    it.io.failWhen({ match, times: 100 });
    assertCodeSync(() => it.store.backupSync("copy"), "KVIG_IO");
    it.io.failNothing();
  }
  it.store.backupSync("copy");
  finish(it);
});

/*
 * An operation of a transaction broke an invariant in its middle. Whatever was no KvigError counted
 * as harmless, so that the user who caught it committed half of an operation.
 */
rule("a transaction in which an invariant broke does not commit", async () => {
  const it = await watchAsync();
  await it.store.put("a", "1");
  const { tree } = it.engine;
  const put = tree.put.bind(tree);
  const breaking = (): void => {
    let calls = 0;
    tree.put = (...given) => {
      // The catalogue is readied first: let that go through.
      if (given[0] !== it.engine.pages.work.tree || calls++ > 0) return put(...given);
      throw new AssertionError("made to break");
    };
  };
  const work = it.store.transaction(async (tx) => {
    breaking();
    await assertRejects(() => tx.put("b", "2"), AssertionError);
    tree.put = put;
    await tx.put("c", "3");
  });
  await assertRejects(() => work, AssertionError);
  assertThrows(() =>
    it.store.transactionSync((tx) => {
      breaking();
      assertThrows(() => tx.batchSync([{ type: "put", key: "b", value: "2" }]), AssertionError);
      tree.put = put;
    }), AssertionError);
  assertEquals(entriesOf(it.store), { a: "1" });
  await finishAsync(it);
});
