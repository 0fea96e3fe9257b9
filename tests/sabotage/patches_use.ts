/**
 * Patches: trees, ranges, turns, locks, futures and files at opening.
 *
 * @module
 */

import { edit, type Patch } from "./patch.ts";

/** Everything that a user meets first. */
export const USE_PATCHES: readonly Patch[] = [
  {
    name: "separators-out-of-order",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/free_space_test.ts",
      test: "each state's bitmap marks exactly what it reaches, its own pages included",
    },
    breaks: "A split puts the new page before the old one.",
    edits: [edit("split", "const slot = path.slot[level] + 1;", "const slot = path.slot[level];")],
  },
  {
    name: "separator-too-short",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/files_and_epochs_test.ts",
      test: "separators are cut to what tells two leaves apart",
    },
    breaks: "A separator is cut to what its two neighbours share, and tells them apart no more.",
    edits: [
      edit(
        "split",
        "this.#separator.length = 1 +\n      commonPrefix",
        "this.#separator.length =\n      commonPrefix",
      ),
    ],
  },
  {
    name: "merge-under-the-wrong-separator",
    general: { by: "sim", at: 1 },
    test: {
      file: "store/clear_test.ts",
      test: "clear() of random ranges removes what the model says, replayed as well",
    },
    breaks: "A merge takes the wrong separator out of the parent.",
    edits: [
      edit(
        "merge",
        "removeBranchCell(frames, parent, right);",
        "removeBranchCell(frames, parent, right - 1);",
      ),
    ],
  },
  {
    name: "upper-bound-off-by-one",
    general: { by: "sim", at: 0 },
    breaks: "A range takes in the key at its upper bound.",
    edits: [edit(
      "tree_walk",
      "return slot < 0 ? -1 - slot : slot;",
      "return slot < 0 ? -1 - slot : slot + 1;",
    )],
  },
  {
    name: "reverse-leaves-out-a-page",
    general: { by: "sim", at: 0 },
    breaks: "Walking backwards leaves out the first child of a branch.",
    edits: [edit(
      "tree_walk",
      "if (slot < 0 || slot >= this.#frames.get(branch, COUNT)) continue;",
      "if (slot < (this.#reverse ? 1 : 0) || slot >= this.#frames.get(branch, COUNT)) continue;",
    )],
  },
  {
    name: "deletion-forgets-the-count",
    general: { by: "sim", at: 0 },
    test: {
      file: "store/clear_test.ts",
      test: "clear() of random ranges removes what the model says, replayed as well",
    },
    breaks: "Removing keys does not lower the number of entries.",
    edits: [edit("btree", "    root.count -= to - from;\n", "")],
  },
  {
    name: "two-writers-at-once",
    general: { by: "sim", at: 0 },
    test: {
      file: "unit/turn_test.ts",
      test: "the turn goes round in the order of asking",
    },
    breaks: "The writer's turn is given to whoever asks.",
    edits: [edit("turn", "if (this.busy) return false;", "")],
  },
  {
    name: "sync-commit-beside-a-flush",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/life_of_a_write_test.ts",
      test: "a sync commit would block from a flush's write until its sync was taken",
    },
    breaks: "A synchronous commit does not refuse while a flush is under way.",
    edits: [edit(
      "engine",
      "if (sync && (this.log.flushing || !this.parts.io.canBlock)) throw",
      "if (sync && !this.parts.io.canBlock) throw",
    )],
  },
  {
    name: "lock-not-taken",
    general: { by: "sim", at: 0 },
    test: {
      file: "store/locks_test.ts",
      test: "a store has one writer, in this process and in others",
    },
    breaks: "Opening does not lock the data file.",
    edits: [
      edit(
        "opening",
        "if (this.#options.lock) {",
        'if (this.#options.lock && this.#path === "") {',
      ),
    ],
  },
  {
    name: "read-only-opening-syncs",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/recovery_test.ts",
      test: "reading only replays into memory, and leaves both files alone",
    },
    breaks: "A read-only opening does something to the files.",
    edits: [
      edit(
        "recovery",
        "if (!readOnly) {\n    yield* pager.file.sync",
        "{\n    yield* pager.file.sync",
      ),
    ],
  },
  {
    name: "log-beside-no-data-overwritten",
    test: {
      file: "rules/creation_test.ts",
      test: "a log with valid blocks beside an absent data file is never replayed nor overwritten",
    },
    breaks: "A log with valid blocks beside an absent data file is overwritten.",
    edits: [edit(
      "opening",
      'if (yield* this.#strayLog()) throw this.#corrupt("its log is there and it is not");',
      "",
    )],
  },
  {
    name: "damaged-store-made-anew",
    test: {
      file: "rules/creation_test.ts",
      test: "a data file is not half-created where a block of the log checks out",
    },
    breaks: "A short data file without a meta page is made anew whatever its log holds.",
    edits: [edit("opening", "data.size <= 2 * pageBytes && blank", "data.size <= 2 * pageBytes")],
  },
  {
    name: "future-taken-twice",
    test: {
      file: "unit/future_test.ts",
      test: "take() gives the value once",
    },
    breaks: "A future that is taken a second time is not noticed.",
    edits: [edit(
      "future",
      "if (state === TAKEN || (generation !== undefined && generation !== this.#generation)) {",
      "if (state > TAKEN) {",
    )],
  },
  {
    name: "prefix-of-high-bytes",
    test: {
      file: "api/reading_test.ts",
      test: "a prefix that ends in the highest byte bounds what begins with it",
    },
    breaks: "The end of a prefix that ends in 0xFF is wrong.",
    edits: [edit(
      "range",
      "while (length > 0 && prefix[length - 1] === 0xFF) length--;",
      "",
    )],
  },
];
