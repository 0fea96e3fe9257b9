/**
 * The arithmetic of `npm run bench`: medians, spreads, ratios pair by pair, rows and verdicts.
 */

import { test } from "node:test";

import { judgeGuard } from "../../bench/compare/guard_rows.ts";
import type { Series } from "../../bench/compare/results.ts";
import { pairedRatio, quantile, spreadOf } from "../../bench/compare/statistics.ts";
import { rowsOf, showFigure, showRatio, tableOf } from "../../bench/compare/verdicts.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";

function series(work: string, contestant: string, figures: (number | null)[]): Series {
  return {
    runtime: "node26",
    shape: "decimal",
    valueBytes: 100,
    cache: "fits",
    entries: 1000,
    work,
    contestant,
    figures,
  };
}

test("a spread is the median and the quartiles of the rounds that have a figure", () => {
  assertEquals(spreadOf([5, NaN, 1, 3, 2, 4]), { middle: 3, low: 2, high: 4, count: 5 });
  assertEquals(spreadOf([NaN]), undefined);
  assertEquals([quantile([10, 20], 0), quantile([10, 20], 0.25), quantile([10, 20], 1)], [
    10,
    12.5,
    20,
  ]);
});

test("a ratio is taken in each round, not between medians", () => {
  // A disturbance that meets both contestants of a round leaves the ratio of that round alone.
  const ratio = pairedRatio([10, 1000, 20], [20, 2000, 40]);
  assertEquals([ratio?.middle, ratio?.low, ratio?.high, ratio?.count], [2, 2, 2, 3]);
  // A round in which one of them failed does not count.
  assertEquals(pairedRatio([10, NaN, 20], [30, 1, NaN])?.count, 1);
  assertEquals(pairedRatio([1], []), undefined);
});

test("a row names the peer of the target, or the best of the stores", () => {
  const all = [
    series("get", "kvig", [100, 110, 90]),
    series("get", "lmdb", [250, 275, 225]),
    series("get", "fast one", [200, 220, 180]),
    series("miss", "kvig", [100]),
    series("miss", "bare loop", [1]),
    series("miss", "fast one", [200]),
    series("miss", "slow one", [300]),
    series("scan", "kvig", [100]),
  ];
  const targets = [{ work: "get", peer: "lmdb", ratio: 3 }];
  const rows = rowsOf(all, targets);
  assertEquals(rows.map(({ work }) => work.id), ["get", "miss", "scan"]);
  assertEquals(rows.map(({ peer }) => peer), ["lmdb", "fast one", undefined]);
  assertEquals(rows.map(({ ratio }) => ratio?.middle), [2.5, 2, undefined]);
  assertEquals(rows.map(({ met }) => met), [false, undefined, undefined]);
  assertEquals(rowsOf(all, [{ ...targets[0], ratio: 2.5 }])[0].met, true);
  const table = tableOf(rows);
  assertStringIncludes(table, "2.50 (2.50–2.50)");
  assertStringIncludes(table, "MISSED");
  assert(!table.includes("bare loop"), table);
});

test("kvig compared with itself must stay below the target", () => {
  const [large, small] = ["growth-get-10000000", "growth-get-1000000"];
  const rows = rowsOf([series(large, "kvig", [200, 210]), series(small, "kvig", [100, 100])]);
  const row = rows.find(({ work }) => work.id === large);
  assertEquals([row?.ratio?.middle, row?.met, row?.itself], [2.05, false, true]);
});

test("a target whose peer did not take part is left out", () => {
  const rows = rowsOf([series("get", "kvig", [100]), series("get", "other", [150])]);
  assertEquals(rows.map(({ peer, target }) => [peer, target]), [["other", undefined]]);
});

test("the guard finds a commit slower when nearly all rounds say so, by more than noise", () => {
  const verdict = (before: number[], after: number[]): string => {
    const all = [series("get", "kvig a", before), series("get", "kvig b", after)];
    return judgeGuard(all, "kvig a", "kvig b").map((row) => row.verdict).join();
  };
  const steady = [100, 101, 99, 100, 100];
  assertEquals(verdict(steady, [110, 112, 108, 111, 109]), "SLOWER");
  assertEquals(verdict(steady, [90, 88, 91, 89, 90]), "faster");
  assertEquals(verdict(steady, [103, 102, 104, 103, 102]), "", "within what is tolerated");
  assertEquals(verdict(steady, [120, 90, 125, 80, 130]), "", "rounds that disagree");
  assertEquals(judgeGuard([series("get", "kvig a", steady)], "kvig a", "kvig b"), []);
});

test("figures are shown in the unit that suits them", () => {
  const time = { id: "get", what: "get", unit: "operation" } as const;
  const size = { id: "size-filled", what: "size", unit: "bytes" } as const;
  assertEquals(showFigure(time, 411.6), "412 ns");
  assertEquals(showFigure(time, 999.7), "1.00 µs");
  assertEquals(showFigure(time, 1.5e6), "1.50 ms");
  assertEquals(showFigure(size, 3 * 2 ** 20), "3.0 MiB");
  assertEquals(showRatio({ middle: 2, low: 1.5, high: 2.25, count: 3 }), "2.00 (1.50–2.25)");
});
