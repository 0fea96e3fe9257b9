/**
 * Patches: the log, what counts in it, and its salt.
 *
 * @module
 */

import { edit, type Patch } from "./patch.ts";

/** The log. */
export const LOG_PATCHES: readonly Patch[] = [
  {
    name: "block-checksum-unchecked",
    general: { by: "damage", at: 9 },
    test: {
      file: "rules/log_reading_test.ts",
      test: "each block's checksum is chained to the one before it, and the last says so",
    },
    breaks: "The checksum of a block of the log is not compared.",
    edits: [edit(
      "log_block",
      "const seed = first ? this.#firstSeed(at) : chain;\n    return ",
      "return first || !first || chain === ",
    )],
  },
  {
    name: "no-chain",
    test: {
      file: "rules/log_reading_test.ts",
      test: "each block's checksum is chained to the one before it, and the last says so",
    },
    breaks: "The checksum of a block does not depend on the block before it.",
    edits: [
      edit(
        "log_block",
        "const seed = index === 0 ? this.#seed : chain;",
        "const seed = this.#seed;",
      ),
      edit(
        "log_block",
        "const seed = first ? this.#firstSeed(at) : chain;",
        "const seed = this.#firstSeed(at);",
      ),
    ],
  },
  {
    name: "group-without-its-end",
    general: { by: "sim", at: 13 },
    test: {
      file: "rules/log_reading_test.ts",
      test: "a group counts whole or not at all, whatever blocks of an older lap lie there",
    },
    breaks:
      "A group counts up to its last good block, without the one that says that it is the last.",
    edits: [edit(
      "log_reader",
      "if (!this.#codec.valid(at, index === 0, chain)) return 0;",
      "if (!this.#codec.valid(at, index === 0, chain)) return index;",
    )],
  },
  {
    name: "replay-unchecked",
    test: {
      file: "regressions/passing_faults_test.ts",
      test: "no read of opening that comes from a wrong place takes a commit away",
    },
    breaks: "A replay does not check again what the scan checked before.",
    edits: [edit(
      "log_reader",
      "        this.#codec.valid(at, index === 0, this.#chain) &&\n" +
        "        belongs(header, this.#position, this.#group, this.#salt, index)\n",
      "        tries >= 0\n",
    )],
  },
  {
    name: "tail-read-once",
    general: { by: "errors", at: 354 },
    breaks: "A group that is not whole is cut without being read a second time.",
    edits: [edit(
      "log_reader",
      "      if (blocks === 0) {\n        // What came",
      "      if (blocks < 0) {\n        // What came",
    )],
  },
  {
    name: "damage-taken-for-a-torn-tail",
    general: { by: "damage", at: 9 },
    test: {
      file: "rules/log_reading_test.ts",
      test: "a bad block is damage where a later group says that its group was durable",
    },
    breaks: "The log is cut at any bad group, also one that a later group says was durable.",
    edits: [edit("log_reader", "if (through >= end.group) {", "if (through < 0) {")],
  },
  {
    name: "torn-tail-taken-for-damage",
    general: { by: "sim", at: 22 },
    test: {
      file: "rules/log_reading_test.ts",
      test: "otherwise a bad block is a torn tail: it is cut, with whatever stands behind it",
    },
    breaks: "A torn tail in front of a group that did arrive is taken for damage.",
    edits: [edit("log_reader", "if (through >= end.group) {", "if (through >= 0) {")],
  },
  {
    name: "blocks-name-nothing-durable",
    general: { by: "damage", at: 9 },
    test: {
      file: "rules/log_test.ts",
      test: "each block names the last group known durable when it was written",
    },
    breaks: "Blocks of the log name no group as durable.",
    edits: [
      edit(
        "log",
        "        group.number,\n        this.durableGroup,",
        "        group.number,\n        0,",
      ),
    ],
  },
  {
    name: "durable-named-too-early",
    general: { by: "sim", at: 22 },
    test: {
      file: "rules/log_test.ts",
      test: "each block names the last group known durable when it was written",
    },
    breaks: "Blocks of the log name their own group as durable.",
    edits: [edit(
      "log",
      "        group.number,\n        this.durableGroup,",
      "        group.number,\n        group.number,",
    )],
  },
  {
    name: "salt-kept",
    test: {
      file: "rules/log_reading_test.ts",
      test: "the salt is raised by the first meta page of an opening that has nothing to replay",
    },
    breaks: "An opening goes on with the salt of the groups before it.",
    edits: [edit("recovery", "const salt = found.salt + 1;", "const salt = found.salt;")],
  },
  {
    name: "salt-raised-too-early",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/log_reading_test.ts",
      test: "with groups to replay it is raised by the last one, and only then a group is written",
    },
    breaks: "The first meta page of an opening raises the salt, also with groups to replay.",
    edits: [edit("recovery", "const first = empty ? salt : found.salt;", "const first = salt;")],
  },
  {
    name: "newer-salt-ignored",
    test: {
      file: "rules/log_reading_test.ts",
      test: "a newer salt anywhere in the ring proves a lost meta page",
    },
    breaks: "Blocks of a newer salt are no proof of a lost meta page.",
    edits: [edit(
      "log_reader",
      "const later = header.salt > salt || (header.salt === salt && header.group >= end.group);",
      "const later = header.salt === salt && header.group >= end.group;",
    )],
  },
  {
    name: "older-salt-counts",
    test: {
      file: "rules/log_reading_test.ts",
      test: "blocks of an older salt are the end of the log",
    },
    breaks: "Groups of any salt count.",
    edits: [
      edit(
        "log_reader",
        "header.group === group && header.salt === salt &&",
        "header.group === group &&",
      ),
    ],
  },
  {
    name: "overwritten-position-ignored",
    test: {
      file: "rules/log_reading_test.ts",
      test: "a position that a later lap overwrote proves a lost meta page",
    },
    breaks: "A block of a later lap where the log goes on is no proof of a lost meta page.",
    edits: [edit(
      "log_reader",
      "if (place === end.position % this.#ringBlocks && header.position > end.position) {",
      "if (place < 0) {",
    )],
  },
  {
    name: "log-freed-before-meta-page",
    test: {
      file: "rules/checkpoint_test.ts",
      test: "the log is freed when the sync of the meta page is over, not before",
    },
    breaks: "A checkpoint frees the log before its meta page is durable.",
    edits: [
      edit("checkpoint", "      if (position > this.#log.tail) this.#log.tail = position;\n", ""),
      edit(
        "checkpoint",
        "      yield* this.#writePages(state);\n",
        "      if (position > this.#log.tail) this.#log.tail = position;\n" +
          "      yield* this.#writePages(state);\n",
      ),
    ],
  },
  {
    name: "abandoned-position-kept",
    test: {
      file: "rules/life_of_a_transaction_test.ts",
      test: "an abandoned group counts as nothing, and gives its number and position back",
    },
    breaks: "An abandoned group gives its position back, but not what it wrote ahead.",
    edits: [edit("log", "if (this.written > this.head) this.written = this.head;", "")],
  },
  {
    name: "abandoned-records-kept",
    test: {
      file: "rules/life_of_a_transaction_test.ts",
      test: "small transactions of many tasks share a group and its sync with single writes",
    },
    breaks: "The records of a small transaction that was taken back join the next one's.",
    edits: [
      edit(
        "log",
        "this.#transaction = this.#own = false;\n    this.#gathered = 0;",
        "this.#transaction = this.#own = false;",
      ),
    ],
  },
  {
    name: "commit-by-checkpoint-without-number",
    test: {
      file: "regressions/lost_commit_test.ts",
      test: "no state is carried on across a transaction whose meta pages were lost",
    },
    breaks: "A transaction that a checkpoint commits takes no number of a group.",
    edits: [edit("engine", "      this.log.skipGroup();\n", "")],
  },
  {
    name: "number-of-dropped-commit-kept",
    test: {
      file: "rules/life_of_a_transaction_test.ts",
      test: "a data page that fails in a spill or at its commit aborts it with KVIG_IO",
    },
    breaks: "A transaction whose checkpoint was dropped keeps the number that it took.",
    edits: [edit("engine", "      if (this.log.nextGroup > group) this.log.unskipGroup();\n", "")],
  },
  {
    name: "checkpoint-claims-the-next-group",
    general: { by: "crash", at: 0 },
    test: {
      file: "rules/checkpoint_test.ts",
      test: "roots, counts, sequence, group and position are those of the moment of closing",
    },
    breaks: "A meta page says that its state holds the group which comes after it.",
    edits: [edit(
      "checkpoint",
      "yield* this.#meta.write(state, group, position, salt);\n      if (twice)",
      "yield* this.#meta.write(state, group + 1, position, salt);\n      if (twice)",
    )],
  },
  {
    name: "checkpoint-of-open-transaction",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/checkpoint_test.ts",
      test: "a checkpoint is without the open transaction",
    },
    breaks: "A checkpoint takes what the open transaction has done so far.",
    edits: [edit("engine", "    if (this.scope !== undefined) return this.scope.committed;\n", "")],
  },
  {
    name: "replay-forgets-the-last-group",
    general: { by: "sim", at: 0 },
    test: {
      file: "rules/recovery_test.ts",
      test: "recovery takes the newest meta page and replays the groups behind its position",
    },
    breaks: "A replay leaves out the last group.",
    edits: [edit("recovery", "while (group < end.group) {", "while (group < end.group - 1) {")],
  },
  {
    name: "ring-overrun",
    test: {
      file: "rules/checkpoint_test.ts",
      test: "writes wait before the log runs out, and none is refused",
    },
    breaks: "The log is written over before a checkpoint has freed it.",
    edits: [
      edit(
        "log",
        "return this.#blockAfter(bytes) + 2 - this.tail <= this.ringBlocks;",
        "return true;",
      ),
    ],
  },
];
