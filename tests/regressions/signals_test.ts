/**
 * Bugs of aborted signals and closed stores, found by the conformance suite.
 *
 * @module
 */

import { assertEquals } from "../support/assert.ts";
import { assertCode, assertCodeSync, storeTest } from "../support/store.ts";

/*
 * put() first tries without waiting for anything, and that way it never looked at the signal: with
 * one that was aborted already the entry was written, where delete(), batch() and transaction()
 * refused. clear() of a range that cannot hold a key did not look either.
 */
storeTest("put() and clear() with an aborted signal change nothing", async ({ store }) => {
  const options = { signal: AbortSignal.abort() };
  await assertCode(() => store.put("key", "value", options), "KVIG_ABORTED");
  await assertCode(() => store.clear({ gt: "b", lt: "a" }, options), "KVIG_ABORTED");
  assertEquals(store.stats().entries, 0);
});

/* Reading no key of a closed store looked like success. */
storeTest("getMany() of nothing says that the store is closed", async (subject) => {
  const { store } = subject;
  await store.close();
  await assertCode(() => store.getMany([]), "KVIG_CLOSED");
  assertCodeSync(() => store.getManySync([]), "KVIG_CLOSED");
  await subject.reopen();
});
