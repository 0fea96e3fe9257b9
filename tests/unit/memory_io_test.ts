/**
 * The in-memory Io keeps the contract.
 *
 * @module
 */

import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/io.ts";
import { WriteBatch } from "../../core/io.ts";
import { assertEquals, assertThrows } from "../support/assert.ts";
import { testIoOver } from "../support/conformance.ts";
import { assertFails, pattern } from "../support/io_helpers.ts";

// Without a limit the suite runs in tests/runtime/.
testIoOver("memoryIo(), limited", {
  createIo: () => memoryIo({ capacityBytes: 64 << 20 }),
  supports: { blocking: true, locks: true, full: (capacityBytes) => memoryIo({ capacityBytes }) },
});

test("memoryIo() keeps its files to itself", async () => {
  const io = memoryIo();
  io.open("a", { create: true }).take();
  await assertFails(memoryIo().open("a"), "KVIG_NOT_FOUND");
});

test("memoryIo() with a capacity is full at it, and has room again after a removal", async () => {
  const io = memoryIo({ capacityBytes: 100_000 });
  const one = io.open("one", { create: true }).take();
  const other = io.open("other", { create: true }).take();
  assertEquals(one.write(0, pattern(90_000), 0, 90_000).take(), 90_000);
  assertEquals(other.write(0, pattern(90_000), 0, 90_000).take(), 10_000);
  await assertFails(other.write(10_000, pattern(10), 0, 10), "KVIG_FULL", "other");
  await assertFails(other.write(50_000, pattern(10), 0, 10), "KVIG_FULL");
  await assertFails(other.truncate(10_001), "KVIG_FULL");
  assertEquals(one.write(0, pattern(90_000, 1), 0, 90_000).take(), 90_000);
  const batch = new WriteBatch(pattern(200), 2);
  batch.add(89_950, 0, 50);
  batch.add(90_000, 100, 1);
  await assertFails(one.writeBatch(batch), "KVIG_FULL");
  io.remove("one").take();
  await assertFails(other.truncate(10_001), "KVIG_FULL");
  one.close().take();
  other.truncate(100_000).take();
});

test("memoryIo() refuses a capacity that is none", () => {
  assertThrows(() => memoryIo({ capacityBytes: -1 }), RangeError);
});

test("memoryIo() takes an exclusive lock over from its own shared one", async () => {
  const io = memoryIo();
  const one = io.open("a", { create: true }).take();
  const other = io.open("a").take();
  one.lock("shared").take();
  one.lock("exclusive").take();
  await assertFails(other.lock("shared"), "KVIG_LOCKED");
});
