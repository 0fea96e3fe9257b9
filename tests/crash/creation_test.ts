/**
 * Power cuts in the creation of a store of the public sizes, whose log is written in pieces: what
 * is left is made anew or opened, and never refused. The enumeration of every crash looks at all
 * that can be left of the creation of a tiny store, at several crashes in a row too.
 *
 * @module
 */

import { test } from "node:test";

import { SimDisk } from "../sim/disk.ts";
import { type OperationKind, PlannedFaults, type SimOperation } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { PROFILES } from "../sim/profile.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { Random, runSeed } from "../support/random.ts";
import { openSync } from "../support/runtime.ts";
import { assertCodeSync, assertSound, PATH, SMALL } from "../support/store.ts";

const CHANGING: readonly OperationKind[] = [
  ...["batch", "open", "remove", "truncate", "write"] as const,
  ...["sync data", "sync full", "sync directory"] as const,
];

const changes = ({ kind }: SimOperation): boolean => CHANGING.includes(kind);

function paranoidDisk(): SimDisk {
  return new SimDisk({}, PROFILES.paranoid);
}

/** Opens the store on `disk` and closes it; returns what power cuts at each step could leave. */
function cutsOfOpening(random: Random, disk: SimDisk, each: number): SimDisk[] {
  const left: SimDisk[] = [];
  const io = new SimIo({ seed: random.below(2 ** 32), disk });
  io.onOperation = (operation) => {
    for (let i = changes(operation) ? each : 0; i > 0; i--) left.push(disk.cut(random));
  };
  const store = openSync(PATH, { ...SMALL, io });
  assertEquals(store.countSync(), 0);
  store.closeSync();
  assertEquals(io.breaches, []);
  return left;
}

test("creation can be cut at each step, and so can the one that follows", () => {
  const random = new Random(runSeed("creation"));
  const left = cutsOfOpening(random, paranoidDisk(), 2);
  assert(left.length > 20, "each step was cut");
  for (const disk of left) {
    const io = new SimIo({ seed: 7, disk: random.pick(cutsOfOpening(random, disk, 1)) });
    const store = openSync(PATH, { ...SMALL, io });
    assertEquals(store.countSync(), 0);
    store.putSync("a", "b");
    assertSound(store.verifySync());
    const after = openSync(PATH, { ...SMALL, io: new SimIo({ seed: 8, disk: io.crash("power") }) });
    assertEquals(after.countSync(), 1);
    assertSound(after.verifySync());
  }
});

test("a half-created store is not found by a reader, and not made by one", () => {
  const random = new Random(runSeed("half-created"));
  let refused = 0;
  for (const disk of cutsOfOpening(random, paranoidDisk(), 2)) {
    const before = disk.image();
    for (const options of [{ readOnly: true }, { createIfMissing: false }]) {
      try {
        openSync(PATH, { ...SMALL, ...options, io: new SimIo({ disk }) }).closeSync();
      } catch (error) {
        assertEquals((error as { code?: string }).code, "KVIG_NOT_FOUND", String(error));
        assertEquals(disk.image(), before, "nothing was touched");
        refused++;
      }
    }
  }
  assert(refused > 5, "some were refused");
});

test("a creation that fails at any step can be done again", () => {
  let failed = 0;
  for (let nth = 0; nth === failed; nth++) {
    const disk = paranoidDisk();
    const match = (operation: SimOperation): boolean =>
      changes(operation) && operation.kind !== "remove";
    const faults = new PlannedFaults([{ kind: "throws", nth, match }]);
    try {
      openSync(PATH, { ...SMALL, io: new SimIo({ disk, faults }) }).closeSync();
    } catch (error) {
      assert(error instanceof Error, String(error));
      failed++;
    }
    const io = new SimIo({ seed: 2, disk: disk.killed() });
    const store = openSync(PATH, { ...SMALL, io });
    assertSound(store.verifySync());
    store.closeSync();
    assertCodeSync(() => openSync(PATH, { ...SMALL, io, errorIfExists: true }), "KVIG_EXISTS");
  }
  assert(failed > 10, "each step failed");
});
