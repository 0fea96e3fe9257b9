/**
 * A bug of reading in a store that fails meanwhile.
 *
 * @module
 */

import { test } from "node:test";

import { isKvigError } from "../../core/errors.ts";
import { PlannedFaults } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { LATENCIES } from "../sim/scheduler.ts";
import { openTiny } from "../sim/tiny_store.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { assertCode, PATH } from "../support/store.ts";

/** How it ended, and whether its last read was over after the sync that failed. */
interface End {
  readonly how: string;
  readonly late: boolean;
}

/** Reads a large value while the sync that was to keep it fails and takes it away. */
async function readBeside(seed: number, what: "get" | "verify"): Promise<End> {
  const io = new SimIo({ seed, blocking: "never", latency: LATENCIES[1] });
  const store = await openTiny(io, PATH);
  await store.put("large", "x".repeat(3000));
  const { operations } = io;
  io.faults = new PlannedFaults([{
    kind: "sync error, reverted",
    match: ({ kind, path }) => kind.startsWith("sync") && path === PATH,
  }]);
  const checkpoint = assertCode(() => store.checkpoint(), "KVIG_FAILED");
  let failed = false;
  let late = false;
  io.onCompletion = ({ kind }, code) => {
    if (kind === "read") late = failed;
    failed ||= code !== "";
  };
  for (let wait = 0; wait < seed % 40; wait++) await undefined;
  let how: string;
  try {
    if (what === "get") how = `${(await store.get("large"))?.length} bytes`;
    else how = (await store.verify()).ok ? "sound" : "unsound";
  } catch (error) {
    assert(isKvigError(error), String(error));
    how = error.code;
    if (how === "KVIG_FAILED") assert(isKvigError(error.cause, "KVIG_IO"), "the cause is there");
  }
  const end = { how, late };
  await checkpoint;
  assert(io.operations > operations, "there was something to do");
  return end;
}

/*
 * The sync of a checkpoint failed, and the system went back to what was on the disk: a large value
 * that was being read was not there any more. The reading rejected with KVIG_CORRUPT and named the
 * page, when the store had failed by then and knew why: nothing was damaged. Found by lives of the
 * simulator. verify() called the same page a problem.
 */
test("a reading whose bytes a failed sync took away says so, and blames no page", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 80; seed++) {
    for (const what of ["get", "verify"] as const) {
      const { how, late } = await readBeside(seed, what);
      seen.add(how);
      if (late) {
        assert(how !== "KVIG_CORRUPT" && how !== "unsound", `seed ${seed}: ${what} ends: ${how}`);
      }
    }
  }
  for (const how of ["3000 bytes", "KVIG_FAILED"]) assertEquals(seen.has(how), true, how);
});
