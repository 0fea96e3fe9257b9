/**
 * From figures to rows: kvig beside its best peer, the ratio, the target, and whether it is met.
 *
 * @module
 */

import { median, table } from "../support/figures.ts";
import { BARE, KVIG } from "./contestants.ts";
import type { Work } from "./part.ts";
import { WORKS } from "./parts/all.ts";
import { type Configuration, numbersOf, type Series } from "./results.ts";
import { RUNTIMES } from "./runtimes.ts";
import { KEY_SHAPES } from "./shapes.ts";
import { pairedRatio, type Spread, spreadOf } from "./statistics.ts";
import { type Target, TARGETS } from "./targets.ts";

/** One row: a work, kvig and one peer. */
export interface Row extends Configuration {
  /** The runtime. */
  readonly runtime: string;
  /** The work. */
  readonly work: Work;
  /** kvig's figures. */
  readonly kvig: Spread;
  /** The peer; undefined where nobody else did this. */
  readonly peer: string | undefined;
  /** The peer's figures. */
  readonly theirs: Spread | undefined;
  /** How many times better kvig is. */
  readonly ratio: Spread | undefined;
  /** The least ratio, where there is one; the most where kvig is compared with itself. */
  readonly target: number | undefined;
  /** Whether kvig is compared with itself, and a low ratio is the aim. */
  readonly itself: boolean;
  /** Whether it is reached; undefined without a target. */
  readonly met: boolean | undefined;
}

/** The rows of all works in which kvig has a figure, in the order of the parts. */
export function rowsOf(series: readonly Series[], targets = TARGETS): Row[] {
  const groups = new Map<string, Series[]>();
  for (const each of series) {
    const name = JSON.stringify([each.runtime, each.work, configurationOf(each)]);
    groups.set(name, [...groups.get(name) ?? [], each]);
  }
  const rows = [...groups.values()].flatMap((group) => rowsOfWork(group, targets, series));
  const order = (row: Row): number => WORKS.findIndex(({ id }) => id === row.work.id);
  return rows.toSorted((a, b) => order(a) - order(b));
}

function rowsOfWork(
  group: readonly Series[],
  targets: readonly Target[],
  all: readonly Series[],
): Row[] {
  const ours = group.find(({ contestant }) => contestant === KVIG);
  const work = WORKS.find(({ id }) => id === group[0].work);
  const kvig = spreadOf(numbersOf(ours));
  if (ours === undefined || work === undefined || kvig === undefined) return [];
  const common = { ...configurationOf(ours), runtime: ours.runtime, work, kvig };
  const row = (target: Target | undefined): Row => {
    const itself = target?.itself !== undefined;
    const peer = work.alone === true ? undefined : target?.peer ?? bestPeer(group);
    const other = itself
      ? all.find((each) => isSibling(each, ours) && each.work === target.itself)
      : group.find(({ contestant }) => contestant === peer);
    const ratio = itself
      ? pairedRatio(numbersOf(other), numbersOf(ours))
      : pairedRatio(numbersOf(ours), numbersOf(other));
    const met = target === undefined || ratio === undefined
      ? undefined
      : itself
      ? ratio.middle <= target.ratio
      : ratio.middle >= target.ratio;
    const name = itself ? `itself: ${target.itself}` : peer;
    return {
      ...{ ...common, itself, ratio, met },
      peer: ratio === undefined ? undefined : name,
      theirs: spreadOf(numbersOf(other)),
      target: ratio === undefined ? undefined : target?.ratio,
    };
  };
  const aims = targets.filter((target) => target.work === work.id && present(group, target.peer));
  return aims.length === 0 ? [row(undefined)] : aims.map(row);
}

/** The configuration alone, of something that has one. */
export function configurationOf({ shape, valueBytes, cache }: Configuration): Configuration {
  return { shape, valueBytes, cache };
}

function isSibling(one: Series, other: Series): boolean {
  return one.runtime === other.runtime && one.contestant === other.contestant &&
    JSON.stringify(configurationOf(one)) === JSON.stringify(configurationOf(other));
}

function present(group: readonly Series[], peer: string | undefined): boolean {
  return peer === undefined ||
    group.some(({ contestant }) => contestant === peer);
}

/** The store with the best median that is not kvig. */
function bestPeer(group: readonly Series[]): string | undefined {
  const peers = group
    .filter(({ contestant }) => contestant !== KVIG && contestant !== BARE)
    .map((series) => ({
      name: series.contestant,
      spread: spreadOf(numbersOf(series)),
    }))
    .filter(({ spread }) => spread !== undefined);
  return peers.toSorted((a, b) => a.spread!.middle - b.spread!.middle).at(0)
    ?.name;
}

/** A figure in the unit that suits it: "412 ns", "1.53 µs", "58.2 MiB". */
export function showFigure(work: Work, figure: number): string {
  if (work.unit === "bytes") return `${(figure / 2 ** 20).toFixed(1)} MiB`;
  if (figure < 999.5) return `${figure.toFixed(0)} ns`;
  if (figure < 999_500) return `${(figure / 1e3).toPrecision(3)} µs`;
  if (figure < 999.5e6) return `${(figure / 1e6).toPrecision(3)} ms`;
  return `${(figure / 1e9).toPrecision(3)} s`;
}

/** A ratio with where the middle half of the rounds lies: "3.12 (2.98–3.20)". */
export function showRatio(ratio: Spread): string {
  return `${ratio.middle.toFixed(2)} (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`;
}

/** Rows in tables: one for each runtime and configuration, by its title. */
export function tablesOf(series: readonly Series[]): Map<string, Row[]> {
  const tables = new Map<string, Row[]>();
  for (const row of rowsOf(series)) {
    const runtime = RUNTIMES.find(({ id }) => id === row.runtime)?.what ?? row.runtime;
    const shape = KEY_SHAPES.find(({ id }) => id === row.shape)?.what ?? row.shape;
    const cache = row.cache === "fits" ? "" : ", store four times the cache";
    const title = `${runtime}, keys of ${shape}, values of ${row.valueBytes} bytes${cache}`;
    tables.set(title, [...tables.get(title) ?? [], row]);
  }
  return tables;
}

/** The word for whether a target is reached. */
export function showVerdict(row: Row): string {
  return row.met === undefined ? "" : row.met ? "met" : "MISSED";
}

/** The rows as a table for the terminal. */
export function tableOf(rows: readonly Row[]): string {
  const head = ["", "kvig", "best peer", "", "ratio", "target", ""];
  const lines = rows.map((row) => [
    row.work.what,
    showFigure(row.work, row.kvig.middle),
    row.theirs === undefined ? "–" : showFigure(row.work, row.theirs.middle),
    row.peer ?? "",
    row.ratio === undefined ? "" : showRatio(row.ratio),
    row.target === undefined ? "" : `${row.itself ? "≤" : "≥"} ${row.target.toFixed(1)}`,
    showVerdict(row),
  ]);
  return table([head, ...lines]);
}

/** The middle of several ratios, as one figure for a group of works. */
export function middleRatio(rows: readonly Row[]): number | undefined {
  const ratios = rows.flatMap(({ ratio }) => ratio === undefined ? [] : [ratio.middle]);
  return ratios.length === 0 ? undefined : median(ratios);
}
