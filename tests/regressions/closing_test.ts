/**
 * Bugs of closing a store.
 *
 * @module
 */

import { drain } from "../support/bounded.ts";
import { assertEquals } from "../support/assert.ts";
import { contentsOf, LOG, PATH, rule, watchAsync } from "../support/watched.ts";

/*
 * close() with deferred commits: while their write of the log was in flight, a page of its
 * checkpoint could not be written (KVIG_IO). It then synced the log at once instead of waiting for
 * the flush under way, broke the invariant "one flush at a time" and rejected with an error that
 * no user knows; the last sync of the log was not made, and a power cut took the commits.
 */
rule("close() waits for the flush under way when its checkpoint is dropped", async () => {
  const it = await watchAsync();
  await it.store.put("a", "0");
  it.io.hold = ({ kind, path }) => kind === "batch" || (kind === "write" && path === LOG);
  it.io.failWhen({ match: ({ kind }) => kind === "batch" });
  const put = it.store.put("a", "1", { durability: "deferred" });
  const ended = Promise.allSettled([put, it.store.close()]);
  await drain();
  // The flush of the put began at the end of the tick, when close() had looked for one already.
  const [pages, log] = it.io.inFlight;
  assertEquals([pages.path, log.path], [PATH, LOG]);
  it.io.hold = () => false;
  it.io.settle(pages);
  await drain();
  it.io.settle(log);
  assertEquals((await ended).map(({ status }) => status), ["fulfilled", "fulfilled"]);
  it.audit.check();
  assertEquals(contentsOf(it.io.powerCut()), { a: "1" });
});
