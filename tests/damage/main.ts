/**
 * The damage matrix: every bit flipped, every sector zeroed, every pair of pages swapped and every
 * older page put back, in both files of a store that was closed and of one that was killed; then
 * everything is read.
 *
 * @module
 */

import { availableParallelism } from "node:os";

import {
  commitName,
  endJob,
  jobOptions,
  type JobValues,
  refuse,
  writeFiles,
} from "../support/job.ts";
import { inThreads } from "../support/parallel.ts";
import { Cases, isViolation } from "./cases.ts";
import { type Outcome, OUTCOMES } from "./judge.ts";
import {
  addTally,
  caseOf,
  casesIn,
  judgeOf,
  nameOf,
  type Piece,
  type PieceResult,
  piecesOf,
  SUBJECTS,
  type Tally,
  type Violation,
  violationsIn,
} from "./plan.ts";
import { DATA, LOG } from "./subject.ts";

const USAGE = `usage: npm run damage -- [options]

Damages every bit, sector, pair of pages and older page of small stores, and reads everything.
What can come of it:
${Object.entries(OUTCOMES).map(([name, what]) => `  ${name.padEnd(8)} ${what}`).join("\n")}
The last three are violations.`;

const PATIENCE_MS = 60_000;
const SHOWN = 20;

function options(): JobValues {
  return jobOptions(USAGE, {
    threads: { help: "threads", least: 1, default: Math.min(2, availableParallelism()) },
    share: { help: "do every N-th step only", least: 1, default: 1 },
    subject: { text: true, help: `only this store: ${Object.keys(SUBJECTS).join(", ")}` },
    case: { text: true, help: "do one case again, by its name: STORE/KIND/FILE/NUMBER[/BIT]" },
    write: { text: true, help: "with --case: write the two damaged files into this directory" },
  });
}

/** Does one case again, with everything that is known about it. */
function replay(word: string, directory: string | undefined): void {
  Error.stackTraceLimit = 50;
  const found = caseOf(word);
  if (found === undefined) refuse(`--case must name a case, as --help says, got "${word}"`);
  const { subject, name } = found;
  const cases = new Cases(judgeOf(subject));
  let violations = 0;
  for (const readOnly of [false, true]) {
    const verdict = cases.again(name, readOnly);
    if (isViolation(verdict.outcome)) violations++;
    console.log(`${readOnly ? "read-only: " : ""}${verdict.outcome} ${verdict.what}`.trimEnd());
  }
  if (directory !== undefined) {
    cases.damage(name);
    const { io } = judgeOf(subject);
    const files = { [DATA]: io.file(DATA).bytes(), [LOG]: io.file(LOG).bytes() };
    console.log(`written: ${writeFiles(directory, files).join(", ")}`);
  }
  endJob({ job: "damage", case: nameOf(subject, name), violations });
}

/** Carries out everything. */
async function matrix(values: JobValues, subjects: string[]): Promise<void> {
  const started = performance.now();
  const tallies = new Map<string, Tally>();
  const violations: Violation[] = [];
  const note = (piece: Piece, result: PieceResult): void => {
    const row = `${piece.subject} ${piece.kind} ${piece.file}`;
    const tally = tallies.get(row) ?? {};
    tallies.set(row, tally);
    addTally(tally, result.tally);
    violations.push(...result.violations);
  };
  await inThreads<Piece, PieceResult>({
    program: new URL("./thread.ts", import.meta.url),
    tasks: piecesOf(values.number("share"), subjects),
    threads: values.number("threads"),
    patienceMs: PATIENCE_MS,
    onResult: note,
    onHang: (piece, index) => {
      const name = nameOf(piece.subject, { kind: piece.kind, file: piece.file, index });
      const what = `no end after ${PATIENCE_MS / 1000} s`;
      note(piece, { tally: { hang: 1 }, violations: [{ name, outcome: "hang", what }] });
    },
  });
  report(tallies, violations);
  endJob({ job: "damage", ...summaryOf(tallies), seconds: seconds(started) });
}

function seconds(started: number): number {
  return Math.round((performance.now() - started) / 100) / 10;
}

function report(tallies: Map<string, Tally>, violations: readonly Violation[]): void {
  for (const [row, tally] of tallies) {
    const counts = Object.entries(tally).map(([outcome, count]) => `${outcome} ${count}`);
    console.log(`${row.padEnd(28)} ${String(casesIn(tally)).padStart(7)}: ${counts.join(", ")}`);
  }
  for (const { name, outcome, what } of violations.slice(0, SHOWN)) {
    console.log(`VIOLATION ${outcome} at commit ${commitName()}, npm run damage -- --case ${name}`);
    console.log(`  ${what}`);
  }
  if (violations.length > SHOWN) console.log(`… and more, ${violations.length} were kept`);
}

/** The figures that count: flips of the two small stores by file, and all the rest. */
function summaryOf(tallies: Map<string, Tally>): { violations: number } & Record<string, unknown> {
  const all: Tally = {};
  const flips: Record<string, number> = {};
  const cases = { zero: 0, swap: 0, stale: 0 };
  for (const [row, tally] of tallies) {
    const [subject, kind, file] = row.split(" ") as [string, string, string];
    addTally(all, tally);
    if (kind === "flip") flips[`${subject}/${file === LOG ? "log" : "data"}`] = casesIn(tally);
    else cases[kind as keyof typeof cases] += casesIn(tally);
  }
  const outcomes = Object.fromEntries(
    (Object.keys(OUTCOMES) as Outcome[]).map((outcome) => [outcome, all[outcome] ?? 0]),
  );
  return { cases: casesIn(all), flips, ...cases, outcomes, violations: violationsIn(all) };
}

const values = options();
const again = values.text("case");
const subject = values.text("subject");
if (subject !== undefined && !Object.hasOwn(SUBJECTS, subject)) {
  refuse(`--subject must be one of ${Object.keys(SUBJECTS).join(", ")}, got "${subject}"`);
}
if (again !== undefined) replay(again, values.text("write"));
else {
  if (values.text("write") !== undefined) refuse("--write goes with --case");
  await matrix(values, subject === undefined ? Object.keys(SUBJECTS) : [subject]);
}
