/**
 * Faults that a sweep over single operations does not show by itself: those that come several at a
 * time, from outside, or only by chance. The numbers are those of docs/faults.md.
 *
 * @module
 */

import { test } from "node:test";

import type { Kvig } from "../../core/database.ts";
import type { IoErrorCode } from "../../core/io.ts";
import { SimDisk } from "../sim/disk.ts";
import { type PlannedFault, PlannedFaults, type SimOperation } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { Random } from "../sim/random.ts";
import { openTiny, openTinySync, type TinyOptions } from "../sim/tiny_store.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { assertCode, assertCodeSync, assertSound, textOf } from "../support/store.ts";
import { settled, STUCK } from "./settled.ts";

const PATH = "store";
const LOG = "store-wal";
const VALUE = "v".repeat(150);
const OPTIONS: TinyOptions = { logSize: 32 * 512, sizes: { logBufferBytes: 8 * 512 } };

const key = (i: number): string => `k${100 + i}`;
const of = (path: string, kind: SimOperation["kind"]) => (operation: SimOperation): boolean =>
  operation.kind === kind && operation.path === path;
const open = (io: SimIo, more: TinyOptions = {}): Kvig =>
  openTinySync(io, PATH, { ...OPTIONS, ...more });

/** A store with 24 keys, three to a leaf, closed. */
function closed(): SimDisk {
  const io = new SimIo();
  const store = open(io);
  for (let i = 0; i < 24; i++) store.putSync(key(i), VALUE);
  store.closeSync();
  return io.disk.killed();
}

/** The same with 8 more, one commit each, that only the log has. */
function killed(): SimDisk {
  const io = new SimIo({ disk: closed() });
  const store = open(io);
  for (let i = 24; i < 32; i++) store.putSync(key(i), VALUE);
  return io.disk.killed();
}

function countOn(disk: SimDisk): number {
  const store = open(new SimIo({ disk }));
  assertSound(store.verifySync());
  const count = store.countSync();
  assertEquals(store.range().toArraySync().every(([, value]) => textOf(value) === VALUE), true);
  store.closeSync();
  return count;
}

/** Fails where opening what is on `disk` does not fail so, or changes anything there. */
function assertRefused(disk: SimDisk, code: IoErrorCode | "KVIG_CORRUPT" | "KVIG_FORMAT"): void {
  const before = disk.image();
  assertCodeSync(() => open(new SimIo({ disk })), code as IoErrorCode);
  assertEquals(disk.image(), before, "a refused opening leaves the files alone");
}

test("15: a read that fails is tried three times in all", () => {
  for (const times of [1, 2, 3]) {
    const io = new SimIo({ disk: closed() });
    const store = open(io);
    const plan: PlannedFault = { kind: "read error", times, match: of(PATH, "read") };
    io.faults = new PlannedFaults([plan]);
    if (times < 3) assertEquals(textOf(store.getSync(key(3))), VALUE);
    else assertCodeSync(() => store.getSync(key(3)), "KVIG_IO");
    assertEquals(textOf(store.getSync(key(3))), VALUE, "and the next call succeeds");
    store.closeSync();
  }
});

test("16: where a sector cannot be read, only the keys on its page fail", () => {
  const disk = closed();
  const { size, flaws } = disk.files.get(PATH)!;
  let most = 0;
  for (let sector = 2; sector < size / 512; sector++) {
    flaws.clear();
    flaws.set(sector, undefined);
    const io = new SimIo({ disk: disk.killed() });
    let failed = 0;
    let store: Kvig;
    try {
      store = open(io);
    } catch (error) {
      assertCodeSync(() => {
        throw error;
      }, "KVIG_IO");
      continue;
    }
    for (let i = 0; i < 24; i++) {
      try {
        assertEquals(textOf(store.getSync(key(i))), VALUE);
      } catch (error) {
        assertCodeSync(() => {
          throw error;
        }, "KVIG_IO");
        failed++;
      }
    }
    if (failed < 24) most = Math.max(most, failed);
    io.disk.files.get(PATH)!.flaws.clear();
    assertEquals(textOf(store.getSync(key(0))), VALUE, "what can be read again is read");
    store.putSync("z", VALUE);
    store.closeSync();
  }
  assert(most > 0 && most <= 4, `${most} of 24 keys fail at most, a leaf has three or four`);
});

test("16: a log that cannot be read in its middle is refused, and nothing is cut off", () => {
  const sectors = killed().files.get(LOG)!.size / 512;
  for (let sector = 0; sector < sectors; sector++) {
    const disk = killed();
    disk.files.get(LOG)!.flaws.set(sector, undefined);
    assertRefused(disk, "KVIG_IO");
    disk.files.get(LOG)!.flaws.clear();
    assertEquals(countOn(disk), 32);
  }
});

test("24: a truncate that fails leaves a longer file, which is legal", () => {
  for (const kind of ["truncate error", "half a truncate"] as const) {
    const io = new SimIo({ disk: closed() });
    const store = open(io);
    store.clearSync({ gte: key(4) });
    io.faults = new PlannedFaults([{ kind, times: 9 }]);
    store.compactSync();
    store.closeSync();
    assertEquals(countOn(io.disk.durable()), 4);
    assertEquals(countOn(io.disk), 4);
  }
});

test("25: files whose size changed from outside are refused, or the page is named", () => {
  const cut = (disk: SimDisk, path: string, bytes: number): SimDisk => {
    const file = disk.files.get(path)!;
    file.truncate(file.size + bytes, 0);
    return disk;
  };
  assertRefused(cut(closed(), PATH, -512), "KVIG_CORRUPT");
  assertRefused(cut(closed(), PATH, 512 - closed().files.get(PATH)!.size), "KVIG_CORRUPT");
  for (const bytes of [-512, 512, -31 * 512]) {
    assertRefused(cut(closed(), LOG, bytes), "KVIG_CORRUPT");
  }
  assertEquals(countOn(cut(closed(), PATH, 700)), 24, "a longer data file is legal");
  const io = new SimIo({ disk: closed() });
  const store = open(io);
  cut(io.disk, PATH, 1024 - io.disk.files.get(PATH)!.size);
  let failures = 0;
  for (let i = 0; i < 24; i++) {
    try {
      assertEquals(textOf(store.getSync(key(i))), VALUE);
    } catch (error) {
      const { page } = assertCodeSync(() => {
        throw error;
      }, "KVIG_CORRUPT");
      assert(page !== undefined && page >= 2, "the page is named");
      failures++;
    }
  }
  assert(failures > 0, "pages that are gone are noticed");
});

test("26: what was synced is there though closing a file failed", () => {
  for (const path of [PATH, LOG]) {
    const io = new SimIo({ disk: closed() });
    const store = open(io);
    store.putSync(key(24), VALUE);
    io.faults = new PlannedFaults([{ kind: "close error", match: of(path, "close") }]);
    assertCodeSync(() => store.closeSync(), "KVIG_IO");
    assertEquals(countOn(io.disk.durable()), 25);
  }
});

test("27: each error of opening a file comes out as it is, and nothing is created", () => {
  const codes: IoErrorCode[] = ["KVIG_ACCESS", "KVIG_IO", "KVIG_UNSUPPORTED", "KVIG_FULL"];
  for (const code of codes) {
    for (const path of [PATH, LOG]) {
      for (const make of [killed, () => new SimDisk()]) {
        const disk = make();
        const before = disk.image();
        const plan: PlannedFault = { kind: "open error", code, match: of(path, "open") };
        const io = new SimIo({ disk, faults: new PlannedFaults([plan]) });
        assertCodeSync(() => open(io), code);
        assertEquals(disk.image(), before);
      }
    }
    const io = new SimIo({ disk: closed() });
    const store = open(io);
    io.faults = new PlannedFaults([{ kind: "open error", code, match: of("copy", "open") }]);
    assertCodeSync(() => store.backupSync("copy"), code);
    assertEquals(io.disk.files.has("copy"), false);
    store.closeSync();
  }
  assertCodeSync(() => open(new SimIo(), { createIfMissing: false }), "KVIG_NOT_FOUND");
  assertCodeSync(() => open(new SimIo(), { readOnly: true }), "KVIG_NOT_FOUND");
});

test("28: a lock that is held or cannot be had refuses, unless the caller does without", () => {
  const codes = [["lock held", "KVIG_LOCKED"], ["no locks", "KVIG_UNSUPPORTED"]] as const;
  for (const [kind, code] of codes) {
    const disk = killed();
    const before = disk.image();
    const io = new SimIo({ disk, faults: new PlannedFaults([{ kind, times: 9 }]) });
    assertCodeSync(() => open(io), code);
    assertCodeSync(() => open(io, { readOnly: true }), code);
    assertEquals(disk.image(), before);
    open(io, { lock: false }).closeSync();
  }
  const io = new SimIo({ disk: closed() });
  const store = open(io);
  assertCodeSync(() => open(new SimIo({ disk: io.disk })), "KVIG_LOCKED");
  store.closeSync();
  const readers = [1, 2].map(() => open(new SimIo({ disk: io.disk }), { readOnly: true }));
  assertCodeSync(() => open(new SimIo({ disk: io.disk })), "KVIG_LOCKED");
  for (const reader of readers) reader.closeSync();
});

test("34, 46: what reads badly twice is damage of the page, once it is nothing", () => {
  for (const kind of ["misdirected read", "changed buffer"] as const) {
    for (const times of [1, 2]) {
      const io = new SimIo({ disk: closed() });
      const store = open(io);
      io.faults = new PlannedFaults([{ kind, times, part: 0, match: of(PATH, "read") }]);
      if (times === 1) assertEquals(textOf(store.getSync(key(3))), VALUE);
      else assert(assertCodeSync(() => store.getSync(key(3)), "KVIG_CORRUPT").page !== undefined);
      assertEquals(textOf(store.getSync(key(3))), VALUE);
      store.closeSync();
    }
  }
});

test("36: a lost meta page is no way back to an older state", () => {
  for (let lost = 0; lost < 4; lost++) {
    const io = new SimIo({ disk: closed() });
    const store = open(io);
    const meta = (operation: SimOperation): boolean =>
      of(PATH, "write")(operation) && operation.at < 1024;
    io.faults = new PlannedFaults([{ kind: "lost write", nth: lost, times: 99, match: meta }]);
    // Several times round the log, so that what an older meta page needs is overwritten.
    for (let i = 0; i < 90; i++) store.putSync(key(i % 24), `${VALUE}${i}`);
    const disk = io.disk.killed();
    try {
      const again = open(new SimIo({ disk }));
      assertEquals(textOf(again.getSync(key(89 % 24))), `${VALUE}89`);
      again.closeSync();
    } catch (error) {
      assertCodeSync(() => {
        throw error;
      }, "KVIG_CORRUPT");
    }
    const sound = io.disk.killed();
    for (const file of sound.files.values()) file.flaws.clear();
    const healed = open(new SimIo({ disk: sound }));
    assertEquals(textOf(healed.getSync(key(89 % 24))), `${VALUE}89`, "it was the loss alone");
    healed.closeSync();
  }
});

test("37: a bad block that a later group calls durable refuses, the last group is cut", () => {
  const file = killed().files.get(LOG)!;
  const bytes = file.live();
  let refused = 0;
  let cut = 0;
  for (let sector = 0; sector < bytes.length / 512; sector++) {
    if (bytes.subarray(sector * 512, sector * 512 + 512).every((byte) => byte === 0)) continue;
    const disk = killed();
    disk.files.get(LOG)!.flaws.set(sector, new Uint8Array(512));
    const before = disk.image();
    try {
      const count = countOn(disk);
      assert(count === 32 || count === 31, `${count} keys are there, all or all but the last`);
      if (count === 31) cut++;
    } catch (error) {
      assertCodeSync(() => {
        throw error;
      }, "KVIG_CORRUPT");
      assertEquals(disk.image(), before);
      refused++;
    }
  }
  assertEquals([refused > 4, cut], [true, 1]);
});

test("41: beside an operation that is never over others go on", async () => {
  const io = new SimIo({ disk: closed(), blocking: "never" });
  const store = await openTiny(io, PATH, OPTIONS);
  assertEquals(textOf(await store.get(key(0))), VALUE);
  io.faults = new PlannedFaults([{ kind: "never", match: of(PATH, "read") }]);
  assertEquals(await settled(store.get(key(20)), io), STUCK);
  assertEquals(textOf(await store.get(key(0))), VALUE);
  assertEquals(textOf(await store.get(key(8))), VALUE);
  await store.put(key(0), VALUE);
  io.faults = new PlannedFaults([{ kind: "never", match: of(LOG, "sync data") }]);
  assertEquals(await settled(store.put(key(1), VALUE), io), STUCK);
  assertEquals(textOf(await store.get(key(9))), VALUE);
  const stop = new AbortController();
  const closing = assertCode(() => store.close({ signal: stop.signal }), "KVIG_ABORTED");
  stop.abort();
  assert(await settled(closing, io) !== STUCK, "close() heeds its signal");
  assertEquals(countOn(io.disk.durable()), 24);
});

test("48, 49: a clock that jumps and random bytes that repeat change nothing", () => {
  for (let seed = 0; seed < 20; seed++) {
    const io = new SimIo({ seed, clockJumps: true, repeatRandom: true });
    const store = open(io);
    for (let i = 0; i < 32; i++) store.putSync(key(i), VALUE);
    // Another store with the same id in the place of this one: what is found is one of the two.
    const disk = io.disk.cut(new Random(seed));
    assertEquals(countOn(disk), 32);
    disk.files.delete(PATH);
    disk.files.delete(LOG);
    const second = new SimIo({ disk, clockJumps: true, repeatRandom: true });
    const other = open(second);
    for (let i = 0; i < 5; i++) other.putSync(key(i), VALUE);
    assertEquals(countOn(second.disk.cut(new Random(seed))), 5);
  }
});

test("49: a backup that got the id of its store is not opened with the log of the store", () => {
  const io = new SimIo({ disk: closed(), repeatRandom: true });
  const first = new SimIo({ repeatRandom: true });
  const store = open(first);
  store.putSync(key(0), VALUE);
  store.backupSync("copy");
  store.putSync(key(1), VALUE);
  const { copy, [LOG]: log } = first.disk.image();
  assertRefused(new SimDisk({ [PATH]: copy, [LOG]: log }), "KVIG_CORRUPT");
  assertEquals(countOn(new SimDisk({ [PATH]: copy })), 1);
  assert(io.disk.files.size === 2);
});

test("50: without memory opening fails with its cause, and the files are untouched", () => {
  for (let nth = 0; nth < 4; nth++) {
    const disk = killed();
    const before = disk.image();
    const io = new SimIo({ disk, faults: new PlannedFaults([{ kind: "no memory", nth }]) });
    const { cause } = assertCodeSync(() => open(io), "KVIG_IO");
    assert(cause instanceof RangeError);
    assertEquals(disk.image(), before);
    open(io).closeSync();
  }
});
