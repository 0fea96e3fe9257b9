/**
 * Bugs behind an operation that failed, or that read badly, while a store was being opened.
 *
 * @module
 */

import { test } from "node:test";

import { isKvigError } from "../../core/errors.ts";
import type { SimDisk } from "../sim/disk.ts";
import { type PlannedFault, PlannedFaults, type SimOperation } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { openTinySync } from "../sim/tiny_store.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { assertCodeSync, assertSound, textOf } from "../support/store.ts";

const PATH = "store";
const LOG = "store-wal";
/** A buffer that holds a part of the log, so that the log is read in pieces. */
const PIECES = { logSize: 32 * 512, sizes: { logBufferBytes: 8 * 512 } };

const of = (path: string, kind: SimOperation["kind"]) => (operation: SimOperation): boolean =>
  operation.kind === kind && operation.path === path;

/** An Io on `disk` to which `plan` happens. */
function faulty(disk: SimDisk | undefined, ...plan: PlannedFault[]): SimIo {
  return new SimIo({ ...(disk === undefined ? {} : { disk }), faults: new PlannedFaults(plan) });
}

/** Opens what is on `disk`, checks it and gives what it holds. */
function contentsOf(disk: SimDisk): Record<string, string> {
  const store = openTinySync(new SimIo({ disk }), PATH, PIECES);
  assertSound(store.verifySync());
  const entries = store.range().toArraySync();
  store.closeSync();
  return Object.fromEntries(entries.map(([key, value]) => [textOf(key), textOf(value)]));
}

/** A store whose process was killed, with commits that only its log has. */
function killed(): SimDisk {
  const io = new SimIo();
  const store = openTinySync(io, PATH, PIECES);
  for (let i = 10; i < 30; i++) store.putSync(`k${i}`, "x".repeat(200));
  return io.crash("kill");
}

/*
 * Creating failed at the sync of the first meta page, and what had been created was removed: the
 * data file, then the log. A power cut brought the name of the data file back and not that of the
 * log. A part of a meta page without a log beside it is taken for a file of somebody else: nothing
 * could be opened or created there any more.
 */
test("after creating failed a power cut leaves nothing that cannot be opened", () => {
  for (let seed = 0; seed < 12; seed++) {
    for (const nth of [0, 1, 2]) {
      const plan = { kind: "sync error", nth, match: of(PATH, "sync full") } as const;
      const io = new SimIo({ seed, faults: new PlannedFaults([plan]) });
      assertCodeSync(() => openTinySync(io, PATH, PIECES), "KVIG_IO");
      assertEquals(contentsOf(io.crash("power")), {});
    }
  }
});

/* The same where the data file could not be removed: its log was. */
test("the log stays where a data file that is half made cannot be removed", () => {
  const io = faulty(
    undefined,
    { kind: "write error", nth: 1, match: of(PATH, "write"), part: 0.9 },
    { kind: "open error", match: of(PATH, "remove") },
  );
  assertCodeSync(() => openTinySync(io, PATH, PIECES), "KVIG_IO");
  assertEquals(contentsOf(io.disk), {});
});

/*
 * The same where an earlier creation had been cut off behind the empty data file: that one was not
 * removed, because this opening had not made it, but its log was.
 */
test("making anew what is half made may fail as well", () => {
  const first = new SimIo();
  first.disk.create(PATH);
  const io = faulty(first.disk, {
    kind: "write error",
    nth: 1,
    match: of(PATH, "write"),
    part: 0.9,
  });
  assertCodeSync(() => openTinySync(io, PATH, PIECES), "KVIG_IO");
  assertEquals(contentsOf(io.disk), {});
});

/*
 * A read of a meta page that gave wrong bytes once was not repeated: the page counted as damaged,
 * and a store that had just been created was refused.
 */
test("a meta page that reads badly is read once more", () => {
  for (const kind of ["changed buffer", "misdirected read", "empty read"] as const) {
    const readsBack = (operation: SimOperation): boolean =>
      of(PATH, "read")(operation) && operation.size > 0;
    const io = faulty(undefined, { kind, match: readsBack });
    openTinySync(io, PATH, PIECES).closeSync();
    assertEquals(contentsOf(io.disk), {});
  }
});

/*
 * A meta page that could not be read (EIO) made opening fail, where the other one, and the log,
 * had everything: one bad sector cost the whole store.
 */
test("where one meta page cannot be read the other one serves, and nothing is lost", () => {
  for (const slot of [0, 1]) {
    for (const disk of [killed(), closed()]) {
      disk.files.get(PATH)!.flaws.set(slot, undefined);
      const before = contentsOf(killed());
      assertEquals(contentsOf(disk), before);
      assertEquals(disk.files.get(PATH)!.flaws.size, 0, "and it is written anew");
    }
  }
});

/* Where none can be read nobody knows what the file is: least of all is it made anew. */
test("where no meta page can be read, opening fails and leaves the files alone", () => {
  const disk = closed();
  const before = disk.image();
  disk.files.get(PATH)!.flaws.set(0, undefined).set(1, undefined);
  const error = assertCodeSync(() => openTinySync(new SimIo({ disk }), PATH, PIECES), "KVIG_IO");
  assert(error.cause !== undefined, "the system's error is told");
  assertEquals(disk.image(), before);
});

function closed(): SimDisk {
  const disk = killed();
  contentsOf(disk);
  return disk;
}

/*
 * A piece of the log that read badly once was taken for the torn tail of the log: commits that had
 * been acknowledged were cut off.
 */
test("what reads badly is not taken for the end of the log", () => {
  const expected = contentsOf(killed());
  for (const kind of ["changed buffer", "misdirected read"] as const) {
    for (let nth = 0; nth < 8; nth++) {
      for (const part of [0.3, 0.8]) {
        const disk = killed();
        const io = faulty(disk, { kind, nth, part, match: of(LOG, "read") });
        openTinySync(io, PATH, PIECES).closeSync();
        assertEquals(contentsOf(disk), expected, `${kind} at read ${nth} of the log`);
      }
    }
  }
});

/*
 * A log larger than the buffer is read twice: once to find its end, and again to replay it. What
 * was read again was not checked again: bytes that read badly then were applied as they were.
 */
test("what is replayed was checked as it is, not as it was read before", () => {
  for (let nth = 0; nth < 40; nth++) {
    const disk = killed();
    const plan = { kind: "changed buffer", nth, times: 100, part: 0.3, match: of(LOG, "read") };
    const io = faulty(disk, plan as PlannedFault);
    let store;
    try {
      store = openTinySync(io, PATH, PIECES);
    } catch (error) {
      assertCodeSync(() => {
        throw error;
      }, "KVIG_CORRUPT");
      continue;
    }
    for (const [, value] of store.range().toArraySync()) {
      assertEquals(textOf(value), "x".repeat(200));
    }
    store.closeSync();
  }
});

/*
 * Found by the sweep of errors. The newest meta page could not be read, the log proved that it was
 * newer than the other one, and opening said that the store was damaged: nothing was, and the next
 * reading, by a disk that is well again, would have given the page.
 */
test("a newest meta page that cannot be read is an error of reading, not damage", () => {
  const twice = new SimIo({ disk: killed() });
  openTinySync(twice, PATH, PIECES).putSync("last", "one");
  const disk = twice.crash("kill");
  for (const readOnly of [false, true]) {
    let failures = 0;
    for (const at of [0, 512]) {
      const match = (operation: SimOperation): boolean =>
        of(PATH, "read")(operation) && operation.at === at;
      const io = faulty(disk.killed(), { kind: "read error", times: 99, match });
      try {
        openTinySync(io, PATH, { ...PIECES, readOnly }).closeSync();
      } catch (error) {
        const thrown = assertCodeSync(() => {
          throw error;
        }, "KVIG_IO");
        assert(isKvigError(thrown.cause, "KVIG_IO"), "the cause is what the reading failed with");
        assertEquals(io.disk.image(), disk.image());
        failures++;
      }
    }
    assertEquals(failures, 1, "the log proves the newest one, and does without the other");
  }
});
