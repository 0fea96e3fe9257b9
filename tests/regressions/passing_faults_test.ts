/**
 * Bugs that single passing faults showed while a store was opened or made.
 *
 * @module
 */

import { test } from "node:test";

import { type FaultKind, PlannedFaults } from "../sim/faults.ts";
import { type Image, SimDisk } from "../sim/disk.ts";
import { SimIo } from "../sim/io.ts";
import { PROFILES } from "../sim/profile.ts";
import { Random } from "../sim/random.ts";
import { openTinySync } from "../sim/tiny_store.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { isKvigError } from "../../core/errors.ts";
import { assertSound, PATH } from "../support/store.ts";

/** A disk with a store that was killed, with 40 commits in its log and some in the data file. */
function killedStore(): SimDisk {
  const io = new SimIo();
  const store = openTinySync(io, PATH);
  for (let i = 0; i < 10; i++) store.putSync(`early ${i}`, "x".repeat(i * 20));
  store.checkpointSync();
  for (let i = 0; i < 40; i++) store.putSync(`late ${i}`, "y".repeat(i * 7));
  return io.crash("kill");
}

/*
 * Opening scanned the log, and read it once more to replay it without checking anything again. A
 * read that came from a wrong place in between gave other records than those that were checked:
 * found by the simulator, 29 acknowledged commits were gone without a word. The scan had the same
 * weakness: a block from a wrong place looked like a torn tail. And a meta page that was misread
 * once made the older one count.
 */
test("no read of opening that comes from a wrong place takes a commit away", () => {
  const image = killedStore().image();
  const reads = new SimIo({ disk: new SimDisk(structuredClone(image)) });
  let count = 0;
  reads.onOperation = ({ kind }) => count += kind === "read" ? 1 : 0;
  openTinySync(reads, PATH).closeSync();
  for (let nth = 0; nth < count; nth++) {
    for (let part = 0; part < 1; part += 0.09) {
      const faults = new PlannedFaults([{ kind: "misdirected read", nth, part }]);
      const io = new SimIo({ disk: new SimDisk(structuredClone(image)), faults });
      const store = openTinySync(io, PATH);
      assertEquals(store.countSync(), 50, `read ${nth}, part ${part}`);
      assertSound(store.verifySync());
      store.closeSync();
    }
  }
});

/*
 * A creation that failed removed both names. Where a power cut kept the removal of the log and not
 * that of the data file, which had two pages of zeros by then, the store could never be made any
 * more: KVIG_FORMAT for a file that kvig itself had left behind. And where the first meta page had
 * landed although its write failed, in a data file that an earlier creation had left, the log was
 * removed and a valid data file without one stayed: KVIG_CORRUPT.
 */
test("what a failed creation leaves after a power cut is made anew", () => {
  for (const kind of ["full", "write error", "failed, done"] as const) {
    for (let nth = 0; nth < 12; nth++) {
      for (let seed = 0; seed < 20; seed++) failToCreate(kind, nth, seed);
    }
  }
});

/** Fails to make a store, in a new file or in one that an earlier creation left empty. */
function failToCreate(kind: FaultKind, nth: number, seed: number): void {
  const image: Image = seed % 2 === 0 ? {} : { [PATH]: new Uint8Array(0) };
  const faults = new PlannedFaults([{ kind, nth, part: 0.9 }]);
  const io = new SimIo({ disk: new SimDisk(image, PROFILES.paranoid), faults });
  try {
    openTinySync(io, PATH);
  } catch (error) {
    assert(isKvigError(error, "KVIG_FULL", "KVIG_IO", "KVIG_FAILED"), String(error));
    const disk = io.disk.cut(new Random(seed));
    const store = openTinySync(new SimIo({ disk }), PATH);
    assertEquals(store.countSync(), 0);
    store.closeSync();
  }
}
