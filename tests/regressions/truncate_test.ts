/**
 * A truncate that fails half way.
 *
 * @module
 */

import { test } from "node:test";

import { PlannedFaults } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { openTinySync } from "../sim/tiny_store.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { assertSound, PATH } from "../support/store.ts";

/*
 * compact() took a truncate that failed for one that did nothing. Where it had cut a part, the
 * store believed the size that the file had before, took the pages into use that were gone, and a
 * meta page said so: KVIG_CORRUPT for a store that was killed then. Found by the simulator.
 */
test("a truncate that fails half way takes nothing that is used later", () => {
  const faults = new PlannedFaults([{ kind: "half a truncate", times: 100 }]);
  const io = new SimIo({ faults });
  const store = openTinySync(io, PATH);
  for (let i = 0; i < 200; i++) store.putSync(`${i}`, "x".repeat(200), { durability: "deferred" });
  store.clearSync({ gt: "1", lt: "9" });
  const before = io.disk.files.get(PATH)!.size;
  store.compactSync();
  const after = io.disk.files.get(PATH)!.size;
  assert(after < before, `the truncate cut a part: ${before} to ${after} bytes`);
  for (let i = 0; i < 400; i++) {
    store.putSync(`again ${i}`, "y".repeat(100), { durability: "deferred" });
  }
  store.checkpointSync();
  const count = store.countSync();
  const again = openTinySync(new SimIo({ disk: io.crash("kill") }), PATH);
  assertEquals(again.countSync(), count);
  assertSound(again.verifySync());
  again.closeSync();
});
