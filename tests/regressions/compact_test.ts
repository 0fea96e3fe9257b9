/**
 * Bugs of compact(): stores that stayed as long as they were.
 *
 * @module
 */

import { assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "../support/assert.ts";
import { withinOperations } from "../support/bounded.ts";
import { entriesOf, finish, PATH, rule, watch, type Watched } from "../support/watched.ts";

/** Six thousand entries, one in a hundred of them with a value of `largeBytes`. */
function fill({ store }: Watched, largeBytes: number): void {
  for (let i = 0; i < 6000; i++) {
    const bytes = i % 100 === 0 ? largeBytes : 100;
    store.putSync(`key${i}`, `${i}`.padEnd(bytes, "."), { durability: "deferred" });
  }
  store.checkpointSync();
}

/** Compacts; the file must then have no more than `pages`. */
function compactTo(it: Watched, pages: number): void {
  const kept = entriesOf(it.store);
  const report = withinOperations(it.io, 5000, () => it.store.compactSync());
  assertLessOrEqual(
    report.after / it.store.stats().pages.size,
    pages,
    `from ${report.before} to ${report.after}`,
  );
  assertEquals(report.after, it.io.live(PATH).length);
  assertEquals(entriesOf(it.store), kept);
}

/*
 * A few entries were left, a large value among them that lay high up. Moving it asked for the
 * places that are kept for deletes as well, below a mark that leaves no more than a handful: it was
 * refused, and the file kept nearly its whole length, however often it was compacted.
 */
rule("compact() moves a large value without the places kept for deletes", () => {
  const it = watch();
  fill(it, 5000);
  it.store.clearSync({ lt: "key580" });
  it.store.clearSync({ gte: "key581" });
  assertEquals(Object.keys(entriesOf(it.store)).length, 11);
  compactTo(it, 64);
  finish(it);
});

/*
 * The entries that were left lay in one leaf. Where moving it needed a second look for places, it
 * asked for sixteen more, for copies of the catalogue, and the mark leaves sixteen in all: nothing
 * was moved, with nine tenths of the file free.
 */
rule("compact() of a nearly empty store needs no places for copies of the catalogue", () => {
  for (const [largeBytes, checkpoints] of [[100, 0], [100, 2], [5000, 0], [5000, 2]]) {
    const it = watch({ pageSize: 4096 });
    fill(it, largeBytes);
    it.store.clearSync({ lt: "key5810" });
    it.store.clearSync({ gte: "key5820" });
    for (let i = 0; i < checkpoints; i++) it.store.checkpointSync();
    compactTo(it, 64);
    finish(it);
  }
});

/*
 * Every third leaf was left, and a large value behind them. Below the mark there were places enough
 * for it, but never more than two in one piece, and the one value that could not be moved ended the
 * whole round: the file kept its length. Now it is moved down as far as it goes, and what lies
 * behind it is moved all the same.
 */
rule("compact() moves a large value down where it does not fit below the mark", () => {
  const it = watch();
  const key = (i: number): string => `key${String(i).padStart(6, "0")}`;
  for (let i = 0; i < 8000; i++) {
    it.store.putSync(key(i), "v".repeat(60), { durability: "deferred" });
  }
  it.store.checkpointSync();
  for (let i = 0; i < 8000; i++) {
    if (Math.floor(i / 6) % 3 > 0) it.store.deleteSync(key(i), { durability: "deferred" });
  }
  it.store.putSync("large", "x".repeat(100_000));
  it.store.checkpointSync();
  const { total, used } = it.store.stats().pages;
  assertGreaterOrEqual(total, 4 * used);
  compactTo(it, 2 * used);
  finish(it);
});
