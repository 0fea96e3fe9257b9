/**
 * Results as Markdown: the whole tables, and the headline that README.md shows.
 *
 * @module
 */

import { KVIG } from "../compare/contestants.ts";
import type { Results } from "../compare/results.ts";
import { type Row, showFigure, showRatio, showVerdict, tablesOf } from "../compare/verdicts.ts";

/** Works of the headline, in its order. */
const HEADLINE: readonly string[] = [
  "get",
  "scan",
  "fill-random",
  "overwrite",
  "commit-blocking",
  "commit-64",
  "ycsb-a",
  "cold-64",
  "size-filled",
];

/** Everything, as a document of its own. */
export function markdownOf(results: Results): string {
  return `# kvig beside other stores\n\n${tablesAsMarkdown(results)}\n`;
}

/** Everything, to be put into a document, with headings like `heading`. */
export function tablesAsMarkdown(results: Results, heading = "##"): string {
  const lines = [...circumstances(results), ""];
  for (const [title, rows] of tablesOf(results.series)) {
    lines.push(`${heading} ${title}`, "", ...rowsAsMarkdown(rows), "");
  }
  if (results.remarks.length > 0) lines.push(`${heading} Not measured`, "");
  for (const remark of results.remarks) lines.push(`- ${remark.split("\n")[0]}`);
  return lines.join("\n").trimEnd();
}

/** The few rows of README.md, of the first runtime and configuration that was measured. */
export function headlineOf(results: Results): string {
  const [first] = tablesOf(results.series);
  if (first === undefined) throw new Error("nothing was measured");
  const [title, rows] = first;
  const chosen = HEADLINE.flatMap((id) => {
    const row = rows.find(({ work, itself }) => work.id === id && !itself);
    return row === undefined ? [] : [row];
  });
  const body = chosen.map((row) => [
    row.work.what,
    showFigure(row.work, row.kvig.middle),
    row.theirs === undefined ? "–" : showFigure(row.work, row.theirs.middle),
    row.peer ?? "–",
    row.ratio === undefined ? "–" : `${row.ratio.middle.toFixed(1)}`,
  ]);
  const { date, commit, settings, machine } = results;
  return [
    ...aligned([["work", KVIG, "peer", "", "kvig is better by"], ...body], "lrrlr"),
    "",
    `${title}; ${settings.entries.toLocaleString("en")} entries, medians of ${settings.rounds} ` +
    `rounds. ${machine.hardware}, ${machine.system}, ${machine.fileSystem}; commit ${commit}, ` +
    `${date.slice(0, 10)}.`,
  ].join("\n");
}

function circumstances({ date, commit, machine, settings }: Results): string[] {
  const { before, after } = machine.load;
  const size = (bytes: number): string => `${bytes / 2 ** 20} MiB`;
  return [
    `Measured ${date.slice(0, 16).replace("T", " ")} UTC at commit ${commit}, ${settings.rounds} ` +
    `rounds of fresh processes that take turns. ${machine.hardware}; ${machine.system}; ` +
    `${machine.fileSystem}; load ${before.toFixed(2)} before and ${after.toFixed(2)} after.`,
    "",
    `${settings.entries.toLocaleString("en")} entries, cache ${size(settings.cacheBytes)}, log ` +
    `${size(settings.logBytes)}, unless a row says otherwise. Times are of one operation. The ` +
    "ratio is the peer's figure to kvig's of the same round: over 1 kvig is better. It is the " +
    "median, with where the middle half of the rounds lies. Where kvig is compared with itself, " +
    "low is good.",
  ];
}

function rowsAsMarkdown(rows: readonly Row[]): string[] {
  const head = ["work", "durability", KVIG, "peer", "", "ratio", "target", ""];
  const body = rows.map((row) => [
    row.work.what,
    row.work.durability ?? "",
    showFigure(row.work, row.kvig.middle),
    row.theirs === undefined ? "–" : showFigure(row.work, row.theirs.middle),
    row.peer ?? "",
    row.ratio === undefined ? "" : showRatio(row.ratio),
    row.target === undefined ? "" : `${row.itself ? "≤" : "≥"} ${row.target.toFixed(1)}`,
    showVerdict(row),
  ]);
  return aligned([head, ...body], "llrrlrrl");
}

/** A Markdown table with padded cells; `sides` says where each column leans, l or r. */
function aligned(rows: readonly (readonly string[])[], sides: string): string[] {
  const widths = [...sides].map((_, i) => Math.max(3, ...rows.map((row) => row[i].length)));
  const line = (row: readonly string[]): string =>
    `| ${
      row.map((cell, i) => sides[i] === "l" ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))
        .join(" | ")
    } |`;
  const rule = `| ${
    widths.map((width, i) => sides[i] === "l" ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)
      .join(" | ")
  } |`;
  const [head, ...body] = rows;
  return [line(head), rule, ...body.map(line)];
}
