/**
 * The damage matrix as data: which stores, which damage, in pieces that a thread can do, and what
 * is counted.
 *
 * @module
 */

import {
  type CaseName,
  Cases,
  isViolation,
  type Kind,
  KINDS_OF_DAMAGE,
  type Which,
} from "./cases.ts";
import { Judge, type Outcome, OUTCOMES, type Verdict } from "./judge.ts";
import { DATA, LOG, makeSubject, type SubjectShape } from "./subject.ts";

/** The stores. The first two have data files of exactly 64 KiB, of which every bit is flipped. */
export const SUBJECTS: Readonly<Record<string, SubjectShape & { sample: number }>> = {
  "closed-512": { killed: false, pageBytes: 512, keys: 91, seed: 10, sample: 1 },
  "killed-512": { killed: true, pageBytes: 512, keys: 46, seed: 12, sample: 1 },
  "closed-4096": { killed: false, pageBytes: 4096, keys: 60, seed: 1, sample: 499 },
  "killed-4096": { killed: true, pageBytes: 4096, keys: 46, seed: 3, sample: 499 },
};

/** Steps of one piece of work. */
const PIECE_STEPS = 512;

/** A piece of work. */
export interface Piece {
  /** Name of the store. */
  subject: string;
  /** What is done to it. */
  kind: Kind;
  /** To which file. */
  file: Which;
  /** Its steps. */
  steps: number[];
}

/** How often what came of one kind of damage to one file. */
export type Tally = Partial<Record<Outcome, number>>;

/** A case that must not be. */
export interface Violation extends Verdict {
  /** Its name, for `--case`. */
  name: string;
}

/** What came of a piece of work. */
export interface PieceResult {
  /** Counts. */
  tally: Tally;
  /** Violations, at most a few. */
  violations: Violation[];
}

const judges = new Map<string, Judge>();

/** The judge of a store, made once. */
export function judgeOf(subject: string): Judge {
  let judge = judges.get(subject);
  if (judge === undefined) judges.set(subject, judge = new Judge(makeSubject(SUBJECTS[subject]!)));
  return judge;
}

/** The files that damage is done to. */
const FILES: readonly Which[] = [DATA, LOG];

/** Everything that is to be done, every `share`-th step of it. */
export function piecesOf(share: number, subjects = Object.keys(SUBJECTS)): Piece[] {
  const pieces: Piece[] = [];
  for (const subject of subjects) {
    const cases = new Cases(judgeOf(subject));
    for (const kind of Object.keys(KINDS_OF_DAMAGE) as Kind[]) {
      for (const file of FILES) {
        const few = kind === "zero" || kind === "stale";
        const sample = kind === "flip" ? SUBJECTS[subject]!.sample : 1;
        const stride = few ? Math.ceil(share / 16) : share * sample;
        const steps: number[] = [];
        for (let step = 0; step < cases.steps(kind, file); step += stride) steps.push(step);
        for (let from = 0; from < steps.length; from += PIECE_STEPS) {
          pieces.push({ subject, kind, file, steps: steps.slice(from, from + PIECE_STEPS) });
        }
      }
    }
  }
  return pieces;
}

/** Carries out a piece of work. */
export function carryOut(piece: Piece, beat: (step: number) => void): PieceResult {
  const result: PieceResult = { tally: {}, violations: [] };
  const cases = new Cases(judgeOf(piece.subject));
  for (const step of piece.steps) {
    beat(step);
    cases.step(piece.kind, piece.file, step, (name, verdict, count) => {
      result.tally[verdict.outcome] = (result.tally[verdict.outcome] ?? 0) + count;
      if (!isViolation(verdict.outcome) || result.violations.length >= 8) return;
      result.violations.push({ name: nameOf(piece.subject, name), ...verdict });
    });
  }
  return result;
}

/** The name of a case, for `--case`. */
export function nameOf(subject: string, { kind, file, index, bit }: CaseName): string {
  return [subject, kind, file, index, ...(bit === undefined ? [] : [bit])].join("/");
}

/** The case of a name; undefined where there is no such case. */
export function caseOf(name: string): { subject: string; name: CaseName } | undefined {
  const [subject, kind, file, index, bit, ...more] = name.split("/");
  if (subject === undefined || !Object.hasOwn(SUBJECTS, subject) || more.length > 0) {
    return undefined;
  }
  if (kind === undefined || !Object.hasOwn(KINDS_OF_DAMAGE, kind)) return undefined;
  if (file !== DATA && file !== LOG) return undefined;
  if ((kind === "flip") !== (bit !== undefined)) return undefined;
  if (!/^\d+$/.test(index ?? "") || !/^[0-7]?$/.test(bit ?? "")) return undefined;
  const found: CaseName = { kind: kind as Kind, file, index: Number(index) };
  if (found.index >= new Cases(judgeOf(subject)).steps(found.kind, file)) return undefined;
  return { subject, name: bit === undefined ? found : { ...found, bit: Number(bit) } };
}

/** Adds one tally to another. */
export function addTally(to: Tally, from: Tally): void {
  for (const outcome of Object.keys(OUTCOMES) as Outcome[]) {
    const count = (to[outcome] ?? 0) + (from[outcome] ?? 0);
    if (count > 0) to[outcome] = count;
  }
}

/** How many cases a tally counts. */
export function casesIn(tally: Tally): number {
  return Object.values(tally).reduce((sum, count) => sum + count, 0);
}

/** How many violations a tally counts. */
export function violationsIn(tally: Tally): number {
  return (tally.wrong ?? 0) + (tally.crash ?? 0) + (tally.hang ?? 0);
}
