/**
 * A bug of commits that a checkpoint makes, on a disk that keeps nothing.
 *
 * @module
 */

import { test } from "node:test";

import { SimDisk } from "../sim/disk.ts";
import { SimIo } from "../sim/io.ts";
import { openTinySync } from "../sim/tiny_store.ts";
import { assertEquals } from "../support/assert.ts";
import { assertCodeSync, PATH } from "../support/store.ts";

const DECODER = new TextDecoder();

/** What opening finds, or the code of its error. */
function contentsOf(files: Record<string, Uint8Array>): Record<string, string> {
  const store = openTinySync(new SimIo({ disk: new SimDisk(structuredClone(files)) }), PATH);
  const entries = [...store.range()].map(([key, value]): [string, string] => [
    DECODER.decode(key),
    DECODER.decode(value.subarray(0, 4)),
  ]);
  store.closeSync();
  return Object.fromEntries(entries);
}

/*
 * A transaction that outgrows the log is committed by a checkpoint and leaves no group. The groups
 * before and behind it followed each other without a gap. A disk that had acknowledged its syncs
 * and kept none lost both meta pages and kept the log: recovery went on across the place where the
 * transaction had been, and gave a state that there never was, with the commits behind it and not
 * the transaction. Found by lives on such disks, twice in 10,000.
 */
test("no state is carried on across a transaction whose meta pages were lost", () => {
  const io = new SimIo();
  const store = openTinySync(io, PATH);
  store.putSync("before", "1");
  const old = io.disk.image();
  store.putSync("large", "x".repeat(20_000));
  const { [PATH]: data, [`${PATH}-wal`]: log } = io.disk.image();
  assertEquals(contentsOf({ [PATH]: old[PATH], [`${PATH}-wal`]: log }), { before: "1" });
  assertEquals(contentsOf({ [PATH]: data, [`${PATH}-wal`]: log }), { before: "1", large: "xxxx" });
  store.putSync("behind", "2");
  const late = io.disk.image();
  assertEquals(contentsOf(late), { before: "1", behind: "2", large: "xxxx" });
  const lost = { [PATH]: old[PATH], [`${PATH}-wal`]: late[`${PATH}-wal`] };
  assertCodeSync(() => contentsOf(lost), "KVIG_CORRUPT", "group 2 was durable and is damaged");
  // Its pages may be there, and the older meta pages lead to others.
  const pages = late[PATH].slice();
  pages.set(old[PATH].subarray(0, 1024));
  assertCodeSync(() => contentsOf({ ...lost, [PATH]: pages }), "KVIG_CORRUPT");
});
