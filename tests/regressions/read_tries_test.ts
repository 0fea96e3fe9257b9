/**
 * A bug of reading pages that cannot be read.
 *
 * @module
 */

import { test } from "node:test";

import { PlannedFaults } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { openTinySync } from "../sim/tiny_store.ts";
import { assertEquals } from "../support/assert.ts";
import { assertCodeSync } from "../support/store.ts";

/*
 * The first read of a page is one of its own, and what failed there was handed to the reading that
 * tries three times: four reads in all, each as long as a dying disk takes to give up.
 */
test("a page that cannot be read is tried three times in all", () => {
  const io = new SimIo();
  openTinySync(io, "store").closeSync();
  const made = openTinySync(io, "store");
  made.putSync("a", "1");
  made.closeSync();
  const store = openTinySync(io, "store");
  io.faults = new PlannedFaults([{ kind: "read error", times: 100 }]);
  const { operations } = io;
  assertCodeSync(() => store.getSync("a"), "KVIG_IO");
  assertEquals(io.operations - operations, 3);
  io.faults = new PlannedFaults([]);
  assertEquals(store.hasSync("a"), true);
  store.closeSync();
});
