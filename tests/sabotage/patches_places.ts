/**
 * Patches: places that are handed out too early, twice, or never again.
 *
 * @module
 */

import { edit, type Patch } from "./patch.ts";

const ALL_STATES = "[...this.metaStates, ...pages.holds.states, pages.work]";

/** Places. */
export const PLACE_PATCHES: readonly Patch[] = [
  {
    name: "place-of-the-meta-pages-reused",
    general: { by: "sim", at: 3 },
    test: {
      file: "rules/free_space_test.ts",
      test: "no place is reused that either durable meta page reaches",
    },
    breaks: "Places are handed out that the durable meta pages reach.",
    edits: [edit("pager", ALL_STATES, "[...pages.holds.states, pages.work]")],
  },
  {
    name: "place-of-the-older-meta-page-reused",
    general: { by: "damage", at: 8 },
    test: {
      file: "rules/free_space_test.ts",
      test: "no place is reused that either durable meta page reaches",
    },
    breaks: "Places are handed out that the older of the two meta pages reaches.",
    edits: [edit(
      "pager",
      ALL_STATES,
      "[this.metaStates[0] === undefined || this.metaStates[1] === undefined " +
        "? this.metaStates[0] ?? this.metaStates[1] " +
        ": this.metaStates[0].sequence > this.metaStates[1].sequence " +
        "? this.metaStates[0] : this.metaStates[1], ...pages.holds.states, pages.work]",
    )],
  },
  {
    name: "place-of-a-checkpoint-reused",
    general: { by: "sim", at: 6 },
    breaks: "Places are handed out that the running checkpoint's state reaches.",
    edits: [
      edit("checkpoint", "    pages.holds.hold(state);\n", ""),
      edit("checkpoint", "      pages.release(state);\n", ""),
    ],
  },
  {
    name: "place-of-committed-state-reused",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/free_space_test.ts",
      test: "a place is handed out only when it is free in every state, whatever goes on",
    },
    breaks: "A transaction is handed places that the committed state reaches.",
    edits: [
      edit("engine", "    this.pages.holds.hold(committed);\n", ""),
      edit("engine", "    this.pages.release(scope.committed);\n", ""),
    ],
  },
  {
    name: "place-of-a-snapshot-reused",
    general: { by: "sim", at: 1 },
    test: {
      file: "rules/free_space_test.ts",
      test: "no place is reused that a snapshot reaches",
    },
    breaks: "Places are handed out that a snapshot reaches.",
    edits: [
      edit(
        "database",
        "    const state = this.hold();\n    const snapshot = new",
        "    const state = this.engine.committedState();\n    const snapshot = new",
      ),
      edit("snapshot", "    this.release(this.#state);\n", ""),
    ],
  },
  {
    name: "place-being-read-reused",
    test: {
      file: "rules/free_space_test.ts",
      test: "no place is handed out while a read of it is in flight",
    },
    breaks: "A place is handed out while a read of it is in flight.",
    edits: [
      edit(
        "free_space",
        "return frame < 0 || (cache.flags[frame] & BUSY) === 0;",
        "return frame < 0 || (cache.flags[frame] & (BUSY | DIRTY)) !== (BUSY | DIRTY);",
      ),
    ],
  },
  {
    name: "place-being-written-reused",
    test: {
      file: "rules/free_space_test.ts",
      test: "no place is handed out while a write of it is in flight",
    },
    breaks: "A place is handed out while a write of it is in flight.",
    edits: [
      edit(
        "free_space",
        "return frame < 0 || (cache.flags[frame] & BUSY) === 0;",
        "return frame < 0 || (cache.flags[frame] & (BUSY | DIRTY)) !== BUSY;",
      ),
    ],
  },
  {
    name: "large-value-freed-while-read",
    test: {
      file: "rules/free_space_test.ts",
      test: "no place of a large value is handed out while get() reads it",
    },
    breaks: "A reader of a large value does not hold the state that reaches it.",
    edits: [
      edit(
        "reader",
        "    const state = this.hold();\n    try {\n      const reference",
        "    try {\n      const reference",
      ),
      edit(
        "reader",
        "yield* this.runReads.read(this.engine, reference));\n    } finally {\n" +
          "      this.release(state);\n    }",
        "yield* this.runReads.read(this.engine, reference));\n    } finally {\n    }",
      ),
    ],
  },
  {
    name: "transaction-ends-beside-its-reads",
    test: {
      file: "regressions/large_values_test.ts",
      test: "places of a large value that is being read are not written",
    },
    breaks: "A transaction ends while large values are being read within it.",
    edits: [edit(
      "transaction",
      "    while (this.runReads.count > 0) yield* this.runReads.done.wait();\n",
      "",
    )],
  },
  {
    name: "place-freed-twice",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/free_space_test.ts",
      test: "each state's bitmap marks exactly what it reaches, its own pages included",
    },
    breaks: "Giving a large value back gives back the place behind it too.",
    edits: [edit(
      "btree",
      "for (let i = 0; i < count; i++) this.#free.give(page + i);",
      "for (let i = 0; i <= count; i++) this.#free.give(page + i);",
    )],
  },
  {
    name: "places-leak",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/free_space_test.ts",
      test: "each state's bitmap marks exactly what it reaches, its own pages included",
    },
    breaks: "Giving a large value back leaves its first place marked.",
    edits: [edit(
      "btree",
      "for (let i = 0; i < count; i++) this.#free.give(page + i);",
      "for (let i = 1; i < count; i++) this.#free.give(page + i);",
    )],
  },
  {
    name: "merged-page-leaks",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/free_space_test.ts",
      test: "each state's bitmap marks exactly what it reaches, its own pages included",
    },
    breaks: "The page that a merge empties stays marked.",
    edits: [edit(
      "free_space",
      "  discard(frame: number): void {\n    const page = this.#pages.cache.page[frame];\n" +
        "    this.#pages.supersede(frame);\n    this.give(page);",
      "  discard(frame: number): void {\n    this.#pages.supersede(frame);",
    )],
  },
  {
    name: "run-handed-out-piecemeal",
    general: { by: "sim", at: 0 },
    test: {
      file: "regressions/large_values_test.ts",
      test: "a run's own map pages are not put inside of it",
    },
    breaks: "Places of a run that was found for a large value are handed out singly meanwhile.",
    edits: [
      edit(
        "free_space",
        "    this.spare -= count;\n    this.coverPinned();\n",
        "    this.spare -= count;\n",
      ),
    ],
  },
  {
    name: "hold-never-released",
    test: {
      file: "rules/snapshots_test.ts",
      test: "an iterator lets its state go when it is done, returns, or its consumer throws",
    },
    breaks: "An iteration never lets its state go.",
    edits: [
      edit("entries", "if (this.#state !== undefined) this.#source.release(this.#state);", ""),
    ],
  },
  {
    name: "full-disk-blocks-deletes",
    test: {
      file: "store/full_disk_test.ts",
      test: "a store at its greatest size refuses writes and takes deletes",
    },
    breaks: "The places that are kept for deletes are kept from them too.",
    edits: [
      edit(
        "engine",
        "const reserved = put && !this.recovering",
        "const reserved = !this.recovering",
      ),
    ],
  },
  {
    name: "map-needs-guessed",
    test: {
      file: "regressions/full_disk_opening_test.ts",
      test: "a delete goes through as the first change on a full disk",
    },
    breaks: "The first change asks for places for a map that nobody has looked at yet.",
    edits: [edit("btree", "this.need = 0;", "this.need = need + 8;")],
  },
  {
    name: "failed-store-writes-values",
    test: {
      file: "regressions/write_after_failure_test.ts",
      test: "a store that has failed writes nothing into its data file any more",
    },
    breaks: "A store that has failed writes large values to places that look free.",
    edits: [
      edit("writer", "  engine.checkFailure();\n  yield* writeFully(", "  yield* writeFully("),
    ],
  },
];
