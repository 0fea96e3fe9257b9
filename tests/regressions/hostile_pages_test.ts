/**
 * Pages that no kvig wrote, under checksums that fit: found by `npm run hostile`. A checksum keeps
 * out what happened to a file, not what somebody wrote into it.
 *
 * @module
 */

import { test } from "node:test";

import { isKvigError } from "../../core/errors.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { Crafted, errorOf } from "../support/crafted.ts";

const leafOf = (it: Crafted): number => it.find("leaf", (page) => it.get(page, 14, 2) >= 3);

/** Reading and writing everything either works or throws a KvigError. */
function exercise(it: Crafted): void {
  const store = it.open();
  const work: (() => unknown)[] = [() => store.range().toArraySync(), () => store.countSync({})];
  for (const key of [...it.base.keys, "a", "zz"]) {
    work.push(() => store.getSync(key));
    work.push(() => store.putSync(key, "x".repeat(200)));
    work.push(() => store.deleteSync(key));
  }
  work.push(() => store.clearSync(), () => store.compactSync(), () => store.closeSync());
  for (const step of work) attempt(step);
}

/** Lets a KvigError pass. */
function attempt(step: () => unknown): void {
  try {
    step();
  } catch (error) {
    if (!isKvigError(error)) throw error;
  }
}

/*
 * Slots in another order were searched as if they ascended, and a page built anew from them took
 * the prefix of its first and last key for that of all: keys of negative length, cells outside of
 * the page. Recovery of a store with an unsorted branch did not end.
 */
test("a page whose keys do not ascend is refused when it is read", () => {
  for (const kind of ["leaf", "branch"] as const) {
    const it = new Crafted();
    const page = it.find(kind, (number) => it.get(number, 14, 2) >= 3);
    const [a, b] = [it.slot(page, 1), it.slot(page, 2)];
    for (const [field, bytes] of [["head", 4], ["offset", 2]] as const) {
      const [first, second] = [it.get(page, a[field], bytes), it.get(page, b[field], bytes)];
      it.set(page, a[field], bytes, second);
      it.set(page, b[field], bytes, first);
    }
    const store = it.open();
    const error = errorOf(() => store.range().toArraySync());
    assertEquals([error.code, error.page], ["KVIG_CORRUPT", page]);
    assertStringIncludes(error.message, "ascend");
    assertEquals(store.verifySync().problems.map((problem) => problem.page), [page]);
  }
});

/*
 * Heads that are not the first bytes of their keys: a search went past the key that a range showed,
 * and verify() found nothing.
 */
test("a head that is not its key's is refused when it is read", () => {
  const it = new Crafted();
  const page = leafOf(it);
  const { head } = it.slot(page, 0);
  it.set(page, head, 4, it.get(page, head, 4) - 1);
  const store = it.open();
  assertEquals(errorOf(() => store.range().toArraySync()).page, page);
  assertEquals(store.verifySync().ok, false);
});

/*
 * A reference to a large value that was no reference's length was read beyond its cell, and its key
 * got a negative length in a range.
 */
test("a reference of another length than a reference's is refused", () => {
  const it = new Crafted();
  const page = it.find("leaf", (number) => it.get(number, it.slot(number, 0).cell + 2, 2) < 16);
  it.set(page, it.slot(page, 0).cell + 4, 1, 1);
  const store = it.open();
  assertEquals(errorOf(() => store.range().toArraySync()).page, page);
});

/*
 * The bytes of cells and garbage were believed: a page whose cells took more than it said was
 * packed into a page that had no room for them.
 */
test("a page whose garbage is not what its cells leave is refused", () => {
  const it = new Crafted();
  const page = leafOf(it);
  it.set(page, 22, 2, it.get(page, 22, 2) + 1);
  const store = it.open();
  assertEquals(errorOf(() => store.range().toArraySync()).page, page);
});

/*
 * A page of the free-space map has level 0 or more like one of a tree. Where a branch led to one,
 * its bits were taken for slots.
 */
test("a page of the map is none of a tree, and the other way round", () => {
  const it = new Crafted();
  const { root } = it;
  const count = it.get(root, 14, 2);
  const child = 32 + 4 * count;
  const [bitmap] = it.base.pages.bitmap;
  it.set(root, child, 4, bitmap!);
  it.set(root, child + 4 * count, 4, it.base.epochs.get(bitmap!)!);
  assertEquals(errorOf(() => it.open().firstSync()).page, bitmap);
  exercise(it);

  const other = new Crafted();
  const [index] = other.base.pages.index;
  other.set(index!, 32, 4, leafOf(other));
  other.set(index!, 36, 4, other.base.epochs.get(leafOf(other))!);
  const store = other.open();
  assertEquals(errorOf(() => store.putSync("a", "1")).page, leafOf(other));
  assertEquals(store.verifySync().ok, false);
});

/*
 * A page that the map calls free was handed out while the tree still reached it, and giving it back
 * broke an assertion in the middle of the change.
 */
test("a page that is reached and marked as free stops the change before it begins", () => {
  const it = new Crafted();
  const [bitmap] = it.base.pages.bitmap;
  it.set(bitmap!, 32, 4, 0);
  it.set(bitmap!, 36, 4, 0);
  const store = it.open();
  const before = store.countSync();
  const error = errorOf(() => store.putSync(it.base.keys[0]!, "1"));
  assertEquals(error.code, "KVIG_CORRUPT");
  assertStringIncludes(error.message, "marked as free");
  assertEquals([store.countSync(), store.range().toArraySync().length], [before, before]);
  assertEquals(store.verifySync().ok, false);
});

/*
 * Keys outside of the separators above their page: what was split or merged there got separators
 * out of order and prefixes that its keys did not have. verify() did not look at the prefix that a
 * page says to be guaranteed.
 */
test("a page that does not fit its separators is not changed, and verify() names it", () => {
  for (const what of ["keys", "guarantee"]) {
    const it = new Crafted();
    const branch = it.find("branch", (page) =>
      it.get(page, 13, 1) === 1 && it.get(page, 14, 2) > 3);
    const count = it.get(branch, 14, 2);
    const child = (slot: number, array: number): number => 32 + 4 * (array * count + slot);
    const leaf = what === "keys"
      ? it.get(branch, child(2, 1), 4)
      : it.find("leaf", (page) => it.get(page, 16, 2) > it.get(page, 18, 2));
    if (what === "keys") {
      for (const array of [1, 2]) {
        it.set(branch, child(1, array), 4, it.get(branch, child(2, array), 4));
      }
    } else it.set(leaf, 18, 2, it.get(leaf, 16, 2));
    const store = it.open();
    const report = store.verifySync();
    assert(report.problems.some(({ page }) => page === leaf), "it is named");
    if (what === "keys") exercise(it);
    store.closeSync();
  }
});

/*
 * A branch that leads to one page again and again: a range over it did not end before it had gone
 * every way down. A tree has no more pages than the file.
 */
test("a walk over a tree that is no tree ends", () => {
  const it = new Crafted();
  for (const branch of it.base.pages.branch) {
    const count = it.get(branch, 14, 2);
    for (let slot = 1; slot < count; slot++) {
      for (const array of [1, 2]) {
        const first = 32 + 4 * array * count;
        it.set(branch, first + 4 * slot, 4, it.get(branch, first, 4));
      }
    }
  }
  exercise(it);
});

/*
 * Two cells that share bytes: writing the value of one changed the length of the other, and reading
 * that one left the page.
 */
test("cells that overlap are not written to", () => {
  const it = new Crafted();
  const page = it.find("leaf", (number) => {
    if (it.get(number, 14, 2) < 2) return false;
    const [a, b] = [it.slot(number, 0), it.slot(number, 1)];
    const small = it.get(number, b.cell, 2) + it.get(number, b.cell + 2, 2) + 8;
    return it.get(number, a.cell + 4, 1) === 0 && small < it.get(number, a.cell + 2, 2);
  });
  const [a, b] = [it.slot(page, 0), it.slot(page, 1)];
  // The cell of slot 1 moves into the value of slot 0.
  const bytes = 5 + it.get(page, b.cell, 2) + it.get(page, b.cell + 2, 2);
  const inside = a.cell + 5 + it.get(page, a.cell, 2) + 1;
  for (let i = 0; i < bytes; i++) it.set(page, inside + i, 1, it.get(page, b.cell + i, 1));
  it.set(page, b.offset, 2, inside);
  const store = it.open();
  const entries = store.range().toArraySync();
  assertEquals(entries.length, it.base.keys.length);
  assert(store.verifySync().problems.some((problem) => problem.page === page), "it is named");
  let refused = 0;
  for (const key of it.base.keys) {
    try {
      store.putSync(key, "");
    } catch {
      refused++;
    }
  }
  assert(refused > 0, "some of them are on that page");
});

/* An entry of the catalogue for another keyspace was taken for that of the default one. */
test("an entry of the catalogue that is not the default keyspace's is refused", () => {
  for (const [field, value] of [[16, 1], [12, 2 ** 31]]) {
    const it = new Crafted();
    const catalogue = it.base.metas[0]!.state.catalogue.page;
    const { cell } = it.slot(catalogue, 0);
    it.set(catalogue, cell + 5 + field!, 4, value!);
    const error = errorOf(() => it.open());
    assertEquals([error.code, error.page], ["KVIG_CORRUPT", catalogue]);
  }
});

/* The count of a tree fell below 0, and the next opening took it for a number beyond any. */
test("a tree that has more entries than it counts loses none below its count", () => {
  const it = new Crafted();
  const catalogue = it.base.metas[0]!.state.catalogue.page;
  const { cell } = it.slot(catalogue, 0);
  it.set(catalogue, cell + 5 + 8, 8, 1);
  const store = it.open();
  store.deleteSync(it.base.keys[0]!);
  assertEquals(errorOf(() => store.deleteSync(it.base.keys[1]!)).code, "KVIG_CORRUPT");
  assertEquals(store.countSync(), 0);
});

/*
 * Pages with epochs that the meta page does not allow were read: the next page written there could
 * have shared number and epoch with them.
 */
test("a page with an epoch above the limit is not read", () => {
  const it = new Crafted();
  it.setMetas(68, 4, 5);
  const error = errorOf(() => it.open().firstSync());
  assertEquals(error.code, "KVIG_CORRUPT");
  assertStringIncludes(error.message, "limit");
});

/* verify() believed the used counts of index pages and the highest page. */
test("verify() compares used counts and the highest page with what is there", () => {
  const it = new Crafted();
  const [index] = it.base.pages.index;
  it.set(index!, 40, 4, it.get(index!, 40, 4) + 1);
  assertEquals(it.open().verifySync().problems.map(({ page }) => page), [index]);

  const other = new Crafted();
  const highest = Math.max(...other.base.epochs.keys());
  other.setMetas(144, 4, highest - 1);
  const { problems } = other.open({ readOnly: true }).verifySync();
  assert(problems.some(({ page }) => page === highest), "the highest page is named");
});
