/**
 * Creation and the first opening of a backup, exhaustively: the power is cut behind every step, any
 * subset of what is not durable survives, and whatever is found then is created or opened again,
 * until nothing new is found. Accidents to a store with a commit are tried as well.
 *
 * @module
 */

import type { RuleSet } from "./rules.ts";

/** A meta page of a file that is being created. */
type FirstMeta = "none" | "garbage" | "valid" | "noLog";

/** Both files as they are found. */
interface Files {
  readonly dataName: boolean;
  readonly logName: boolean;
  /** Pages of the data file: 0 to 2. */
  readonly pages: number;
  readonly metas: readonly [FirstMeta, FirstMeta];
  readonly logSize: "empty" | "part" | "full";
  /** Whether the log holds blocks: an acknowledged commit that nothing else holds. */
  readonly committed: boolean;
}

/** What opening does with what it finds. */
type Verdict = "create" | "open" | "new log" | "corrupt" | "format";

/** A change that is not durable yet: what may have become of it, the whole of it last. */
interface Change {
  readonly file: "names" | "data" | "log";
  readonly outcomes: (files: Files) => readonly Files[];
}

/** A step of creation, in words, and its changes or its sync. */
interface Step {
  readonly text: string;
  readonly change?: Change;
  readonly syncs?: Change["file"];
}

/** What was found to be wrong, with the way there. */
export interface CreationFailure {
  /** What was wrong. */
  readonly message: string;
  /** What happened, in order. */
  readonly trace: readonly string[];
}

/** What the search covered. */
export interface CreationResult {
  /** Different states of the files. */
  readonly states: number;
  /** The shortest way to something wrong. */
  readonly failure: CreationFailure | undefined;
}

const NOTHING: Files = {
  dataName: false,
  logName: false,
  pages: 0,
  metas: ["none", "none"],
  logSize: "empty",
  committed: false,
};

const BACKUP: Files = { ...NOTHING, dataName: true, pages: 2, metas: ["noLog", "noLog"] };

function named(file: "dataName" | "logName"): Change {
  return { file: "names", outcomes: (files) => [{ ...files, [file]: true }] };
}

const EMPTY_DATA: Change = {
  file: "data",
  outcomes: (files) => [{ ...files, pages: 0, metas: ["none", "none"] }],
};

const LOG_ZEROS: Change = {
  file: "log",
  outcomes: (files) => [
    { ...files, logSize: "part", committed: false },
    { ...files, logSize: "full", committed: false },
  ],
};

const TWO_PAGES: Change = {
  file: "data",
  outcomes: (files) => [
    { ...files, pages: Math.max(1, files.pages) },
    { ...files, pages: 2 },
  ],
};

function metaPage(meta: FirstMeta): Change {
  return {
    file: "data",
    outcomes: (files) => {
      const pages = Math.max(1, files.pages);
      return [
        { ...files, pages, metas: ["garbage", files.metas[1]] },
        { ...files, pages, metas: [meta, files.metas[1]] },
      ];
    },
  };
}

const COMMIT: Step = {
  text: "a commit is written to the log, synced and acknowledged",
  change: { file: "log", outcomes: (files) => [{ ...files, committed: true }] },
  syncs: "log",
};

/** The steps that make a log. */
function logSteps(): Step[] {
  return [
    { text: "the log gets its name", change: named("logName") },
    { text: "the log is filled with zeros", change: LOG_ZEROS },
    { text: "the log is synced", syncs: "log" },
  ];
}

function creationSteps(files: Files, rules: RuleSet): Step[] {
  const names: Step = { text: "the directory is synced", syncs: "names" };
  const log = logSteps();
  const meta: Step[] = [
    { text: "the first meta page is written", change: metaPage("valid") },
    { text: "the data file is synced", syncs: "data" },
  ];
  const size: Step[] = [
    { text: "the data file gets two pages of zeros", change: TWO_PAGES },
    { text: "the data file is synced", syncs: "data" },
  ];
  const steps: Step[] = [];
  if (!files.dataName) {
    steps.push({ text: "the data file gets its name", change: named("dataName") });
  }
  if (files.pages > 0 && rules.emptyFirst) {
    steps.push({ text: "the data file is emptied", change: EMPTY_DATA });
    steps.push({ text: "the data file is synced", syncs: "data" });
  }
  if (rules.logFirst) steps.push(...log);
  if (rules.namesFirst) steps.push(names);
  if (rules.sizeFirst) steps.push(...size);
  steps.push(...meta);
  if (!rules.sizeFirst) steps.push(...size);
  if (!rules.logFirst) steps.push(...log);
  if (!rules.namesFirst) steps.push(names);
  return [...steps, COMMIT];
}

function backupSteps(rules: RuleSet): Step[] {
  return [
    ...logSteps(),
    { text: "the directory is synced", syncs: "names" },
    {
      text: "opening writes its meta page",
      change: metaPage(rules.noLogOnce ? "valid" : "noLog"),
    },
    { text: "the data file is synced", syncs: "data" },
    COMMIT,
  ];
}

/** What opening decides about what it finds. */
function judge(files: Files, rules: RuleSet): Verdict {
  const { dataName, logName, pages, metas, committed, logSize } = files;
  const blocks = logName && committed;
  if (!dataName) return blocks && rules.strayLog ? "corrupt" : "create";
  const newest = metas.find((meta) => meta === "valid" || meta === "noLog");
  if (newest !== undefined) {
    if (pages < 2) return "corrupt";
    if (newest === "noLog") return blocks && rules.noLogProof ? "corrupt" : "new log";
    if (logName && logSize === "full") return "open";
    return rules.logWhole ? "corrupt" : "new log";
  }
  if (pages === 0) return blocks && rules.strayLog ? "corrupt" : "create";
  const whole = logName && logSize === "full";
  if (whole && (!blocks || !rules.blankLog)) return "create";
  return logName ? "corrupt" : "format";
}

const ACCIDENTS: readonly { text: string; apply: (files: Files) => Files }[] = [
  { text: "ACCIDENT: the data file is removed", apply: (files) => ({ ...files, dataName: false }) },
  {
    text: "ACCIDENT: the data file is emptied",
    apply: (files) => ({ ...files, pages: 0, metas: ["none", "none"] }),
  },
  {
    text: "ACCIDENT: the data file is overwritten",
    apply: (files) => ({ ...files, metas: ["garbage", "garbage"] }),
  },
  { text: "ACCIDENT: the log is removed", apply: (files) => ({ ...files, logName: false }) },
  { text: "ACCIDENT: the log is cut short", apply: (files) => ({ ...files, logSize: "part" }) },
  {
    text: "DAMAGE: the newest meta page",
    apply: (files) => ({ ...files, metas: ["garbage", files.metas[1]] }),
  },
];

/** One search. */
class Search {
  readonly seen = new Set<string>();
  failure: CreationFailure | undefined = undefined;
  readonly #rules: RuleSet;
  #queue: { files: Files; trace: readonly string[] }[] = [];

  constructor(rules: RuleSet) {
    this.#rules = rules;
  }

  run(): void {
    this.#reach(NOTHING, ["there is nothing"], false);
    this.#reach(BACKUP, ["there is a backup"], false);
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#open(next.files, next.trace);
    }
  }

  #fail(message: string, trace: readonly string[]): void {
    if (this.failure === undefined || trace.length < this.failure.trace.length) {
      this.failure = { message, trace };
    }
  }

  /** Something that a power cut left; `acknowledged` tells whether a commit must be there. */
  #reach(files: Files, trace: readonly string[], acknowledged: boolean): void {
    const verdict = judge(files, this.#rules);
    if (verdict === "corrupt" || verdict === "format") {
      this.#fail("what a power cut left is refused", [...trace, "opening refuses it"]);
      return;
    }
    if (acknowledged && verdict !== "open") {
      this.#fail("an acknowledged commit is lost", [...trace, "opening makes its log anew"]);
      return;
    }
    const key = JSON.stringify(files);
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.#queue.push({ files, trace });
    if (files.committed && verdict === "open") this.#accidents(files, trace);
  }

  #accidents(files: Files, trace: readonly string[]): void {
    for (const { text, apply } of ACCIDENTS) {
      const found = apply(files);
      const verdict = judge(found, this.#rules);
      const lost = verdict === "create" || verdict === "new log";
      if (lost) {
        const told = verdict === "create" ? "an empty store is made" : "the log is made anew";
        this.#fail("a commit is thrown away in silence", [...trace, text, told]);
      }
    }
  }

  /** Opens or creates what is there, with a cut behind every step. */
  #open(files: Files, trace: readonly string[]): void {
    const verdict = judge(files, this.#rules);
    const steps = verdict === "create"
      ? creationSteps(files, this.#rules)
      : verdict === "new log"
      ? backupSteps(this.#rules)
      : [COMMIT];
    let durable = files;
    let pending: Change[] = [];
    const way = [...trace, verdict === "create" ? "a store is created" : "it is opened"];
    for (const { text, change, syncs } of steps) {
      way.push(text);
      if (change !== undefined) pending.push(change);
      if (syncs !== undefined) {
        for (const done of pending) if (done.file === syncs) durable = whole(done, durable);
        pending = pending.filter(({ file }) => file !== syncs);
      }
      const acknowledged = text === COMMIT.text;
      for (const found of afterCut(durable, pending)) {
        this.#reach(found, [...way, "POWER CUT", describeFiles(found)], acknowledged);
      }
    }
  }
}

function whole(change: Change, files: Files): Files {
  const outcomes = change.outcomes(files);
  return outcomes[outcomes.length - 1];
}

/** Everything that may be found when any subset of `pending` survived, torn or not. */
function afterCut(durable: Files, pending: readonly Change[]): Files[] {
  let found = [durable];
  for (const change of pending) {
    found = found.flatMap((files) => [files, ...change.outcomes(files)]);
  }
  return found;
}

function describeFiles({ dataName, logName, pages, metas, logSize }: Files): string {
  const data = dataName ? `a data file of ${pages} pages, meta pages ${metas.join(" and ")}` : "";
  const log = logName ? `a log, ${logSize}` : "no log";
  return `found: ${data === "" ? "no data file" : data}; ${log}`;
}

/** Searches every way to create a store and to open a backup, under `rules`. */
export function searchCreation(rules: RuleSet): CreationResult {
  const search = new Search(rules);
  search.run();
  return { states: search.seen.size, failure: search.failure };
}
