/**
 * Bugs of verify().
 *
 * @module
 */

import { test } from "node:test";

import { type PlannedFault, PlannedFaults, type SimOperation } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { openTinySync } from "../sim/tiny_store.ts";
import { assertEquals } from "../support/assert.ts";

const readsMeta = ({ kind, path, at }: SimOperation): boolean =>
  kind === "read" && path === "store" && at < 1024;

/*
 * verify() read each meta page once: bytes that read badly that one time were reported as damage.
 * And one that could not be read made it throw KVIG_IO, with nothing said of all other pages.
 */
test("verify() reads a meta page again, and reports one that cannot be read", () => {
  const io = new SimIo();
  const store = openTinySync(io, "store");
  store.putSync("a", "1");
  const problemsWith = (plan: PlannedFault): number => {
    io.faults = new PlannedFaults([{ match: readsMeta, ...plan }]);
    return store.verifySync().problems.length;
  };
  assertEquals(problemsWith({ kind: "changed buffer" }), 0);
  assertEquals(problemsWith({ kind: "empty read" }), 0);
  assertEquals(problemsWith({ kind: "changed buffer", times: 2 }), 1);
  assertEquals(problemsWith({ kind: "read error", times: 3 }), 1);
  store.closeSync();
});
