/**
 * Patches: syncs that are left out, believed or tried again, and acknowledgements that come early.
 *
 * @module
 */

import { edit, type Patch } from "./patch.ts";

/** Syncs and acknowledgements. */
export const SYNC_PATCHES: readonly Patch[] = [
  {
    name: "no-sync-of-pages",
    general: { by: "crash", at: 0 },
    test: {
      file: "rules/checkpoint_test.ts",
      test: "the order is: pages, sync, log, sync, the other meta page, sync",
    },
    breaks: "A checkpoint writes its meta page without having synced its pages.",
    edits: [edit(
      "checkpoint",
      "      yield* this.#sync();\n      yield* this.#log",
      "      yield* this.#log",
    )],
  },
  {
    name: "no-sync-of-commits",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/life_of_a_write_test.ts",
      test: "a flush is one write of whole blocks and one sync of data",
    },
    breaks: "A commit is acknowledged without any sync of the log.",
    edits: [
      edit("log", "if (wanted) yield* this.#sync();", "this.durableGroup = this.writtenGroup;"),
    ],
  },
  {
    name: "no-full-sync-after-growth",
    general: { by: "sim", at: 1 },
    test: {
      file: "rules/checkpoint_test.ts",
      test: "the sync behind the pages is a full one where the file grew",
    },
    breaks: "The sync of a checkpoint is one of data alone, also where the file grew.",
    edits: [edit("checkpoint", 'this.#pager.grew ? "full" : "data"', '"data"')],
  },
  {
    name: "no-sync-at-opening",
    test: {
      file: "rules/recovery_test.ts",
      test: "opening for writing syncs both files full before it writes anything",
    },
    breaks: "Opening does not sync what the last process left in the system's cache.",
    edits: [edit(
      "recovery",
      '    yield* pager.file.sync("full", mode.options);\n' +
        '    yield* log.file.sync("full", mode.options);\n',
      "",
    )],
  },
  {
    name: "no-sync-of-directory",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/creation_test.ts",
      test: "creation makes the data file, empty and locked, then the log, the directory, the meta",
    },
    breaks: "Creation does not make the names of its files durable.",
    edits: [edit("opening", "yield* this.#io.syncDirectory(path, this.#mode.options);", "")],
  },
  {
    name: "no-sync-of-meta-page",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/checkpoint_test.ts",
      test: "the order is: pages, sync, log, sync, the other meta page, sync",
    },
    breaks: "A meta page counts as durable when it is written, without a sync.",
    edits: [edit("meta_pages", 'yield* this.#pager.file.sync("full", this.#mode.options);', "")],
  },
  {
    name: "no-sync-of-new-file",
    general: { by: "crash", at: 0 },
    test: {
      file: "rules/creation_test.ts",
      test: "the first meta page comes in a file of two durable pages, and the second stays empty",
    },
    breaks: "Creation writes the first meta page before the size of its file is durable.",
    edits: [edit(
      "creation",
      '2 * pageBytes, mode);\n  yield* data.sync("full", mode.options);',
      "2 * pageBytes, mode);",
    )],
  },
  {
    name: "no-sync-of-new-log",
    general: { by: "crash", at: 0 },
    test: {
      file: "rules/creation_test.ts",
      test: "the log is full of zeros and durable before the first meta page is written",
    },
    breaks: "Creation goes on before the zeros of the log are durable.",
    edits: [edit("creation", '  yield* file.sync("full", mode.options);\n', "")],
  },
  {
    name: "no-sync-of-log-in-checkpoint",
    test: {
      file: "rules/checkpoint_test.ts",
      test: "the order is: pages, sync, log, sync, the other meta page, sync",
    },
    breaks: "A checkpoint does not wait for the log through the last group of its state.",
    edits: [edit("checkpoint", "yield* this.#log.syncThrough(group - 1);", "")],
  },
  {
    name: "meta-page-before-pages",
    general: { by: "crash", at: 0 },
    test: {
      file: "rules/checkpoint_test.ts",
      test: "the order is: pages, sync, log, sync, the other meta page, sync",
    },
    breaks: "A checkpoint writes its meta page first and its pages then.",
    edits: [
      edit(
        "checkpoint",
        "      yield* this.#writePages(state);\n",
        "      yield* this.#meta.write(state, group, position, salt);\n" +
          "      yield* this.#writePages(state);\n",
      ),
      edit(
        "checkpoint",
        "syncThrough(group - 1);\n      yield* this.#meta.write(state, group, position, salt);",
        "syncThrough(group - 1);",
      ),
    ],
  },
  {
    name: "acknowledged-before-sync",
    general: { by: "sim", at: 15 },
    test: {
      file: "rules/life_of_a_write_test.ts",
      test: "the promise settles when the sync of its group has settled, not before",
    },
    breaks: "A commit is acknowledged when its group is written, before the sync.",
    edits: [edit(
      "log",
      "if (wanted) yield* this.#sync();",
      "for (const group of groups) group.settle(undefined);\n" +
        "      if (wanted) yield* this.#sync();",
    )],
  },
  {
    name: "failed-sync-tried-again",
    test: {
      file: "rules/log_test.ts",
      test: "a failed write or sync of the log fails the store, and nothing follows it",
    },
    breaks: "A sync of the log that failed is tried once more, and believed.",
    edits: [edit(
      "log",
      "    future.take(generation);\n    if (through",
      '    try { future.take(generation); } catch { yield* this.file.sync("data", ' +
        "this.#mode.options); }\n    if (through",
    )],
  },
  {
    name: "failed-sync-of-checkpoint-drops-it",
    test: {
      file: "rules/checkpoint_test.ts",
      test: "a failed meta page or sync fails the store, and reopening decides",
    },
    breaks: "A sync of pages that failed drops the checkpoint, and the store goes on.",
    edits: [edit(
      "checkpoint",
      "throw this.#failure.fail(error);",
      "throw error;",
    )],
  },
  {
    name: "failed-meta-page-is-forgotten",
    test: {
      file: "rules/checkpoint_test.ts",
      test: "a failed meta page or sync fails the store, and reopening decides",
    },
    breaks: "A meta page whose write or sync failed is an error of its checkpoint alone.",
    edits: [edit(
      "meta_pages",
      "    } catch (error) {\n      throw this.#failure.fail(error);\n    } finally {",
      "    } finally {",
    )],
  },
  {
    name: "failure-does-not-stick",
    test: {
      file: "rules/log_test.ts",
      test: "a failed write or sync of the log fails the store, and nothing follows it",
    },
    breaks: "A failed sync or log write is told once, and the next call goes on.",
    edits: [edit(
      "failure",
      'if (this.error === undefined) this.error = this.#make(reason, "none");',
      "",
    )],
  },
  {
    name: "failure-stops-at-the-log",
    test: {
      file: "regressions/failures_test.ts",
      test: "a store whose log could not be synced syncs the data file no more",
    },
    breaks: "A log that has failed does not keep the checkpoint from syncing and writing.",
    edits: [
      edit("checkpoint", "    this.#failure.check();\n", ""),
      edit("meta_pages", "if (failed !== undefined) throw this.#failure.fail(failed);", ""),
      edit("meta_pages", "      this.#failure.check();\n", ""),
    ],
  },
  {
    name: "failed-page-is-clean",
    general: { by: "errors", at: 90 },
    test: {
      file: "rules/checkpoint_test.ts",
      test: "a failed data page drops the checkpoint, and its pages go with the next",
    },
    breaks: "A page whose write failed counts as written.",
    edits: [
      edit(
        "pager",
        "else pages.writeFailed(slice.frames[i]);",
        "else pages.written(slice.frames[i]);",
      ),
    ],
  },
  {
    name: "failed-log-write-is-an-abort",
    test: {
      file: "rules/log_test.ts",
      test: "a failed write or sync of the log fails the store, and nothing follows it",
    },
    breaks: "A commit whose log write failed is told as a plain error, and the store goes on.",
    edits: [edit(
      "log",
      "      if (wanted) yield* this.#sync();\n    } catch (error) {\n" +
        "      failure = this.#failure.fail(error);",
      "      if (wanted) yield* this.#sync();\n    } catch (error) {\n" +
        "      for (const group of groups) group.settle(error);\n" +
        "      this.flushing = false;\n      this.idle.fire();\n      throw error;",
    )],
  },
];
