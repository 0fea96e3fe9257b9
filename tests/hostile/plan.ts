/**
 * Hostile inputs in pieces that a thread can do, and what is counted.
 *
 * @module
 */

import { runInput } from "./inputs.ts";

/** A piece of work: so many inputs of a seed. */
export interface Piece {
  /** The seed. */
  seed: number;
  /** Number of its first input. */
  from: number;
  /** How many. */
  count: number;
}

/** An input that must not be. */
export interface Violation {
  /** Its number. */
  index: number;
  /** What is wrong. */
  what: string;
}

/** What came of a piece of work. */
export interface PieceResult {
  /** How many inputs ended how. */
  tally: Record<string, number>;
  /** Violations, all of them. */
  violations: number;
  /** The first few of them. */
  shown: Violation[];
}

const PIECE_INPUTS = 500;
const SHOWN = 4;

/** Divides inputs into pieces. */
export function piecesOf(seed: number, from: number, inputs: number): Piece[] {
  const pieces: Piece[] = [];
  for (let at = from; at < from + inputs; at += PIECE_INPUTS) {
    pieces.push({ seed, from: at, count: Math.min(PIECE_INPUTS, from + inputs - at) });
  }
  return pieces;
}

/** Carries out a piece of work. */
export function carryOut(piece: Piece, beat: (index: number) => void): PieceResult {
  const result: PieceResult = { tally: {}, violations: 0, shown: [] };
  for (let index = piece.from; index < piece.from + piece.count; index++) {
    beat(index);
    const { violation, course, repaired } = runInput(piece.seed, index);
    const end = violation !== ""
      ? "violation"
      : course!.refused !== ""
      ? course!.refused
      : course!.sound
      ? "sound"
      : "opened";
    const key = `${repaired ? "repaired" : "unrepaired"} ${end}`;
    result.tally[key] = (result.tally[key] ?? 0) + 1;
    if (violation === "") continue;
    result.violations++;
    if (result.shown.length < SHOWN) result.shown.push({ index, what: violation });
  }
  return result;
}
