/**
 * Meta pages and logs that no kvig wrote, under checksums that fit: found by `npm run hostile`.
 *
 * @module
 */

import { test } from "node:test";

import { LOG } from "../damage/subject.ts";
import { openTinySync } from "../sim/tiny_store.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { Crafted, errorOf } from "../support/crafted.ts";
import { metasOf, reachOf } from "../support/image.ts";

const INDEX_LEVEL = 136;
const HIGHEST_PAGE = 144;
const USED_PAGES = 148;

/** The slot of the meta page that counts. */
function newestSlot(it: Crafted): number {
  const [first, second] = it.base.metas;
  return (first?.checkpoint ?? -1) > (second?.checkpoint ?? -1) ? 0 : 1;
}

/*
 * Only the meta page that counts was looked at. The other one's map is read as well, for the places
 * that it holds: with an index level out of range that went round through index pages.
 */
test("the other meta page is looked at too", () => {
  for (const level of [0, 8, 200]) {
    const it = new Crafted();
    it.set(1 - newestSlot(it), INDEX_LEVEL, 4, level);
    assertEquals(errorOf(() => it.open()).code, "KVIG_CORRUPT");
  }
  const it = new Crafted();
  it.set(1 - newestSlot(it), 72, 8, it.base.metas[newestSlot(it)]!.checkpoint);
  assertStringIncludes(errorOf(() => it.open()).message, "contradict");
});

/*
 * A highest page behind the last one, and more pages in use than there are: the file was cut, grown
 * and counted by them.
 */
test("a meta page that reaches more pages than there are is refused", () => {
  for (const [field, value] of [[HIGHEST_PAGE, 10_000], [HIGHEST_PAGE, 0], [USED_PAGES, 10_000]]) {
    const it = new Crafted();
    it.setMetas(field!, 4, value!);
    assertEquals(errorOf(() => it.open()).code, "KVIG_CORRUPT");
  }
});

/* The salt after the last one was written as 0, and no opening found the log again. */
test("a store whose salts are used up is not opened for writing", () => {
  const it = new Crafted();
  it.setMetas(96, 8, 2 ** 32 - 1);
  assertEquals(errorOf(() => it.open()).code, "KVIG_UNSUPPORTED");
  assertEquals(it.open({ readOnly: true }).countSync(), it.base.keys.length);
});

/* Such numbers were counted on to where the next opening refused them. */
test("a store whose numbers are used up is not opened for writing", () => {
  for (const field of [80, 88, 104]) {
    const it = new Crafted();
    it.setMetas(field, 8, 2 ** 52 - 1);
    assertEquals(errorOf(() => it.open()).code, "KVIG_UNSUPPORTED");
  }
});

/* A write that no checkpoint could make room for in such a log was tried for ever. */
test("a log that is smaller than any that is made is refused", () => {
  const it = new Crafted();
  it.setMetas(48, 8, 8 * 512);
  it.io.file(LOG).resize(8 * 512);
  assertStringIncludes(errorOf(() => it.open()).message, "too small");
});

/* compact() asked for every segment that a map of that height could have: 10 ** 11 of them. */
test("compact() of a store with a high map ends", () => {
  const it = new Crafted();
  const [index] = it.base.pages.index;
  it.set(index!, 13, 1, 7);
  it.setMetas(INDEX_LEVEL, 4, 7);
  const store = it.open();
  assertEquals(errorOf(() => store.compactSync()).code, "KVIG_CORRUPT");
});

const HEADER_BYTES = 64;

/*
 * Records were done again as they stood: with keys longer than any page takes, which were written
 * beyond the page, for keyspaces that do not exist, and without the end of their commit.
 */
test("records that no commit writes are refused by the replay", () => {
  const faults: Record<string, (it: Crafted) => void> = {
    "the keyspace 5": (it) => it.setBlock(0, HEADER_BYTES + 1, 1, 5),
    "a key of": (it) => it.setBlock(0, HEADER_BYTES + 2, 2, 0x03FF),
    "unknown type": (it) => it.setBlock(0, HEADER_BYTES, 1, 77),
    "means nothing": (it) => it.setBlock(0, HEADER_BYTES, 1, 2),
  };
  for (const [words, change] of Object.entries(faults)) {
    for (const readOnly of [false, true]) {
      const it = new Crafted("killed");
      change(it);
      const error = errorOf(() => it.open({ readOnly }));
      assertStringIncludes(error.message, words);
      assertEquals(error.file, LOG);
    }
  }
});

/*
 * A backup that was made from a read-only opening carried the epoch limit 0: its new pages could
 * have shared number and epoch with old ones. Found when pages above the limit came to be refused.
 */
test("the epoch limit of a backup is above the epochs of its pages", () => {
  for (const which of ["closed", "killed"] as const) {
    for (const readOnly of [false, true]) {
      const it = new Crafted(which);
      const store = it.open({ readOnly });
      const entries = store.countSync();
      store.backupSync("copy");
      const data = it.io.file("copy").bytes();
      for (const meta of metasOf(data)) {
        const epochs = [...reachOf(data, meta!).pages.values()];
        assert(meta!.epochLimit > Math.max(...epochs), "no page is above the limit");
      }
      const copy = openTinySync(it.io, "copy");
      copy.putSync("one", "more");
      assertEquals([copy.countSync(), copy.verifySync().ok], [entries + 1, true]);
    }
  }
});

/*
 * Entries of a tree were counted where there is one: a meta page that counted entries of a
 * catalogue without a root passed verify(), and the first put went on counting from there.
 */
test("verify() finds that a tree without pages counts entries", () => {
  const it = new Crafted("empty");
  it.setMetas(120, 8, 5);
  const store = it.open();
  const [problem] = store.verifySync().problems;
  assertStringIncludes(
    problem?.what ?? "",
    "the tree of the catalogue has 0 entries where 5 count",
  );
  assertEquals(errorOf(() => store.backupSync("copy")).code, "KVIG_CORRUPT");
});

/* A group whose last record is no commit changed the state without being counted. */
test("a group that does not end with a commit is refused by the replay", () => {
  const it = new Crafted("killed");
  // The first group with nothing behind its first commit record but another commit record.
  const used = it.getBlock(0, 4, 2);
  it.setBlock(0, 4, 2, used - 1);
  const error = errorOf(() => it.open());
  assertEquals([error.code, error.file], ["KVIG_CORRUPT", LOG]);
});
