/**
 * Patches: the checks of pages, copying on write, and the cache.
 *
 * @module
 */

import { edit, type Patch } from "./patch.ts";

/** Pages. */
export const PAGE_PATCHES: readonly Patch[] = [
  {
    name: "page-checksum-unchecked",
    general: { by: "damage", at: 0 },
    test: {
      file: "rules/files_and_epochs_test.ts",
      test: "a wrong number, an old epoch and a bad checksum are each told by the page",
    },
    breaks: "The checksum of a page is not compared.",
    edits: [edit(
      "frames",
      "if ((u32[base >>> 2] | 0) !== pageChecksum(frames, base, seed)) {",
      "if (seed < 0) {",
    )],
  },
  {
    name: "page-number-unchecked",
    general: { by: "damage", at: 4 },
    test: {
      file: "rules/files_and_epochs_test.ts",
      test: "a wrong number, an old epoch and a bad checksum are each told by the page",
    },
    breaks: "The number that a page carries is not compared with its place.",
    edits: [edit("frames", "if (ownPage !== page) return", "if (ownPage < 0) return")],
  },
  {
    name: "reference-epoch-unchecked",
    general: { by: "damage", at: 22 },
    test: {
      file: "rules/files_and_epochs_test.ts",
      test: "a wrong number, an old epoch and a bad checksum are each told by the page",
    },
    breaks: "The epoch of a page is not compared with the reference that led to it.",
    edits: [edit("frames", "if (ownEpoch !== epoch) {", "if (ownEpoch < 0) {")],
  },
  {
    name: "large-value-unchecked",
    general: { by: "damage", at: 0 },
    test: {
      file: "store/damaged_pages_test.ts",
      test: "a flipped bit in a large value is named by its first page",
    },
    breaks: "The checksum of a large value is not compared.",
    edits: [edit("values", "if (own.checksumOf(bytes) === sum) return bytes;", "return bytes;")],
  },
  {
    name: "changed-under-a-snapshot",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/snapshots_test.ts",
      test: "a snapshot shows one state, whatever is written, cleared, checkpointed or compacted",
    },
    breaks: "A page is changed in place although a snapshot or a checkpoint holds it.",
    edits: [edit(
      "pages",
      "(DIRTY | WRITTEN)) === DIRTY &&\n      this.cache.birth[frame] === this.work.generation;",
      "(DIRTY | WRITTEN)) === DIRTY;",
    )],
  },
  {
    name: "spilled-page-changed-in-place",
    test: {
      file: "rules/life_of_a_transaction_test.ts",
      test: "a transaction of any size works: its pages are spilled, both meta pages commit it",
    },
    breaks: "A page that was spilled to its place is changed in place.",
    edits: [edit(
      "pages",
      "return (this.cache.flags[frame] & (DIRTY | WRITTEN)) === DIRTY &&\n      this",
      "return this",
    )],
  },
  {
    name: "page-evicted-while-read",
    test: {
      file: "unit/sieve_test.ts",
      test: "reserve() evicts no page that is dirty or busy",
    },
    breaks: "A frame is given away that the Io still reads into or writes from.",
    edits: [
      edit(
        "page_cache",
        "if (frame < 0 || (flags[frame] & (DIRTY | BUSY)) !== 0) continue;",
        "if (frame < 0 || (flags[frame] & DIRTY) !== 0) continue;",
      ),
      edit(
        "page_cache",
        "(flags & BUSY) === 0 && (flags & USED) !== 0, ",
        "(flags & USED) !== 0, ",
      ),
    ],
  },
  {
    name: "dirty-flag-lost",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/cache_test.ts",
      test: "a page that was dirty is read back as it was written",
    },
    breaks: "A page that was changed loses its dirty flag.",
    edits: [edit(
      "engine",
      "this.cache.setFlags(path.frame[level], KEEP, 0);",
      "this.cache.setFlags(path.frame[level], KEEP, 1);",
    )],
  },
  {
    name: "stale-frame-of-a-place",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/free_space_test.ts",
      test: "handing a place out drops its clean frame",
    },
    breaks: "A place is handed out while a clean frame still shows what was there before.",
    edits: [edit("free_space", "    cache.drop(frame);\n", "")],
  },
  {
    name: "abort-keeps-changes",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/life_of_a_transaction_test.ts",
      test: "an abort drops the copies: everything is as it was",
    },
    breaks: "An aborted transaction leaves the pages that it made.",
    edits: [edit("engine", "    this.pages.rollback(scope.committed);\n", "")],
  },
  {
    name: "page-read-once",
    test: {
      file: "rules/cache_test.ts",
      test: "a page that comes from a wrong place once is read again",
    },
    breaks: "A page that came from a wrong place by a passing fault is not read again.",
    edits: [edit(
      "page_loads",
      'if (load.fault === "") this.#finish(load, undefined);',
      "if (load.page > 0) this.#finish(load, undefined);",
    )],
  },
  {
    name: "dirty-page-evicted",
    general: { by: "errors", at: 12 },
    test: {
      file: "unit/sieve_test.ts",
      test: "reserve() evicts no page that is dirty or busy",
    },
    breaks: "A page is evicted that was not written.",
    edits: [edit(
      "page_cache",
      "if (frame < 0 || (flags[frame] & (DIRTY | BUSY)) !== 0) continue;",
      "if (frame < 0 || (flags[frame] & BUSY) !== 0) continue;",
    )],
  },
];
