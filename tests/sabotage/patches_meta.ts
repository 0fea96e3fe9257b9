/**
 * Patches: meta pages, epochs, and the transactions that commit by a meta page.
 *
 * @module
 */

import { edit, type Patch } from "./patch.ts";

/** Meta pages and epochs. */
export const META_PATCHES: readonly Patch[] = [
  {
    name: "wrong-meta-slot",
    general: { by: "crash", at: 0 },
    test: {
      file: "rules/files_and_epochs_test.ts",
      test: "every meta page raises the limit, takes the next number and the older slot",
    },
    breaks: "A meta page is written over the newest one.",
    edits: [edit("meta_pages", "const slot = 1 - this.#slot;", "const slot = this.#slot;")],
  },
  {
    name: "same-checkpoint-number",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/files_and_epochs_test.ts",
      test: "every meta page raises the limit, takes the next number and the older slot",
    },
    breaks: "Two meta pages have the same number.",
    edits: [edit(
      "meta_pages",
      "checkpoint: this.current.checkpoint + 1,",
      "checkpoint: this.current.checkpoint,",
    )],
  },
  {
    name: "meta-checksum-unchecked",
    general: { by: "sim", at: 34 },
    test: {
      file: "unit/meta_test.ts",
      test: "a meta page with any bit flipped is no meta page",
    },
    breaks: "The checksum of a meta page is not compared.",
    edits: [edit(
      "meta",
      "if (!hasMagic(page) || view.getUint32(0, true) !== checksum(page, 4, META_BYTES - 4, 0)) {",
      "if (!hasMagic(page)) {",
    )],
  },
  {
    name: "two-checkpoints-at-once",
    general: { by: "sim", at: 5 },
    test: {
      file: "rules/checkpoint_test.ts",
      test: "one checkpoint at a time: the second waits for the first",
    },
    breaks: "A checkpoint does not wait for the one that is under way.",
    edits: [edit("checkpoint", "    yield* this.settled();\n    this.#mode", "    this.#mode")],
  },
  {
    name: "one-meta-page-for-a-huge-transaction",
    test: {
      file: "rules/life_of_a_transaction_test.ts",
      test: "one damaged meta page never takes such a transaction back",
    },
    breaks: "A transaction that outgrew the log is acknowledged with one meta page.",
    edits: [edit(
      "engine",
      "checkpointer.run(close, this.log.salt, true);",
      "checkpointer.run(close, this.log.salt, false);",
    )],
  },
  {
    name: "huge-transaction-gives-up-the-turn",
    general: { by: "sim", at: 16 },
    test: {
      file: "rules/life_of_a_transaction_test.ts",
      test: "the first sync of a meta page is the commit point, the second one acknowledges",
    },
    breaks: "A transaction that outgrew the log lets others write before it is durable.",
    edits: [edit(
      "engine",
      "    yield* checkpointer.run(close, this.log.salt, true);",
      "    this.turn.release();\n    yield* checkpointer.run(close, this.log.salt, true);\n" +
        "    yield* this.turn.take();",
    )],
  },
  {
    name: "epoch-does-not-move-on",
    test: {
      file: "rules/files_and_epochs_test.ts",
      test: "the epoch moves on before a place written under it is handed out again",
    },
    breaks: "Places are handed out again under the epoch that they were written with.",
    edits: [edit("pages", "if (this.epochWritten) {", "if (this.epoch < 0) {")],
  },
  {
    name: "epoch-limit-ignored",
    general: { by: "crash", at: 0 },
    test: {
      file: "rules/files_and_epochs_test.ts",
      test: "new epochs start at the limit that the opening found",
    },
    breaks: "An opening goes on with epochs below the limit that it finds.",
    edits: [edit(
      "recovery",
      "pages.epoch = found.epochLimit + ",
      "pages.epoch = Math.max(1, found.epochLimit - 2 * EPOCH_STEP) + ",
    )],
  },
  {
    name: "epochs-of-a-lost-meta-page",
    test: {
      file: "rules/files_and_epochs_test.ts",
      test: "epochs written under a meta page that is lost do not come again",
    },
    breaks: "The epochs that a lost meta page allowed are used again.",
    edits: [edit(
      "recovery",
      "found.epochLimit + (alone ? EPOCH_STEP : 0);",
      "found.epochLimit;",
    )],
  },
  {
    name: "lone-meta-page-stays-alone",
    test: {
      file: "regressions/lone_meta_test.ts",
      test: "the epochs of a new store are not used twice where its second meta page is damaged",
    },
    breaks: "An opening that finds one valid meta page leaves it at one.",
    edits: [edit("recovery", "    if (alone) yield* meta.raiseLimit();\n", "")],
  },
  {
    name: "cut-one-page-too-far",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/shortening_test.ts",
      test: "close() cuts the free tail of the file",
    },
    breaks: "Cutting the file takes the last page that is reached with it.",
    edits: [
      edit("closing", "const bytes = (last + 1) * pageBytes;", "const bytes = last * pageBytes;"),
    ],
  },
  {
    name: "page-count-on-falling-back",
    test: {
      file: "rules/files_and_epochs_test.ts",
      test: "on falling back to the older meta page the highest page counts, not the page count",
    },
    breaks: "An older meta page wants a file as long as it was, and not as long as it reaches.",
    edits: [
      edit(
        "opening",
        "const fellBack = other === undefined && meta.checkpoint > 1;",
        "const fellBack = false;",
      ),
    ],
  },
  {
    name: "epoch-repeated-after-abort",
    general: { by: "errors", at: 9 },
    test: {
      file: "rules/files_and_epochs_test.ts",
      test: "no two writings share number and epoch across spills of an aborted transaction",
    },
    breaks: "An abort takes the epoch back to where its transaction began.",
    edits: [
      edit(
        "pages",
        "    if (!this.#changed && this.#frozen !== undefined) return this.#frozen;\n",
        "    this.frozenEpoch = this.epoch;\n" +
          "    if (!this.#changed && this.#frozen !== undefined) return this.#frozen;\n",
      ),
      edit(
        "pages",
        "    const pageCount = work.pageCount;\n",
        "    const pageCount = work.pageCount;\n    this.epochWritten = false;\n" +
          "    this.epoch = this.frozenEpoch;\n",
      ),
    ],
  },
  {
    name: "cut-ignores-older-meta-page",
    test: {
      file: "rules/shortening_test.ts",
      test: "close() cuts what both meta pages have given up, and moves nothing",
    },
    breaks: "The file is cut to less than what the older meta page reaches.",
    edits: [edit(
      "closing",
      "[...pager.metaStates, ...pages.holds.states]",
      "[current, ...pages.holds.states]",
    )],
  },
  {
    name: "cut-ignores-snapshots",
    test: {
      file: "rules/shortening_test.ts",
      test: "compact() leaves the end of the file to a snapshot that alone reaches it",
    },
    breaks: "The file is cut to less than what a snapshot reaches.",
    edits: [
      edit("closing", "[...pager.metaStates, ...pages.holds.states]", "[...pager.metaStates]"),
      edit(
        "closing",
        "for (const state of engine.pages.holds.states) " +
          "end = Math.max(end, state.highestPage + 1);",
        "",
      ),
    ],
  },
];
