/**
 * Results as one HTML page with pictures, drawn when the report is written: the page needs no
 * script and nothing from elsewhere.
 *
 * @module
 */

import { pathToFileURL } from "node:url";
import { createRequire } from "node:module";
import { join } from "node:path";

import { BARE, KVIG } from "../compare/contestants.ts";
import { numbersOf, type Results, type Series } from "../compare/results.ts";
import { RUNTIMES } from "../compare/runtimes.ts";
import { pairedRatio, type Spread, spreadOf } from "../compare/statistics.ts";
import {
  configurationOf,
  type Row,
  showFigure,
  showRatio,
  showVerdict,
  tablesOf,
} from "../compare/verdicts.ts";
import { benchDirectory } from "../support/places.ts";

/** What is used of Observable Plot. */
interface Plot {
  plot(options: Record<string, unknown>): { outerHTML: string };
  dot(data: unknown, options: Record<string, unknown>): unknown;
  lineY(data: unknown, options: Record<string, unknown>): unknown;
  ruleX(data: unknown, options?: Record<string, unknown>): unknown;
  ruleY(data: unknown, options: Record<string, unknown>): unknown;
  link(data: unknown, options: Record<string, unknown>): unknown;
  tickX(data: unknown, options: Record<string, unknown>): unknown;
  text(data: unknown, options: Record<string, unknown>): unknown;
}

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
    color: #1a1a1a; background: #fff; }
  h1 { line-height: 1.2; } h2 { margin-top: 3rem; }
  table { border-collapse: collapse; font-size: .875rem; width: 100%; }
  th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #ddd; }
  th:first-child, td:first-child { text-align: left; }
  .met { color: #0a6b2d; } .MISSED { color: #a30f0f; font-weight: 600; }
  figure { margin: 1.5rem 0; overflow-x: auto; } figcaption { color: #555; font-size: .9rem; }
  svg { max-width: 100%; height: auto; }
`;
/** One colour for each contestant, told apart by people who see red and green alike, too. */
const COLOURS: Readonly<Record<string, string>> = {
  [KVIG]: "#111111",
  "lmdb": "#0072b2",
  "classic-level": "#e69f00",
  "better-sqlite3": "#009e73",
  "node:sqlite": "#cc79a7",
  "bun:sqlite": "#56b4e9",
  "Deno.openKv": "#d55e00",
  [BARE]: "#888888",
};
const WIDTH = 960;
const LABELS_WIDTH = 310;
const ROW_HEIGHT = 22;

/** The page. */
export async function pageOf(results: Results): Promise<string> {
  const plot = await loadPlot();
  const { commit, date, machine, settings, remarks } = results;
  const parts = [...tablesOf(results.series)].map(([title, rows]) =>
    [`<h2>${escaped(title)}</h2>`, ratiosFigure(plot, results, rows), tableOf(rows)].join("\n")
  );
  const loads = `${machine.load.before.toFixed(2)} to ${machine.load.after.toFixed(2)}`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>kvig beside other stores</title>
<style>${STYLE}</style>
<h1>kvig beside other stores</h1>
<p>Commit ${escaped(commit)}, ${date.slice(0, 10)}; ${settings.rounds} rounds of fresh processes
that take turns, ${settings.entries.toLocaleString("en")} entries. ${escaped(machine.hardware)},
${escaped(machine.system)}, ${escaped(machine.fileSystem)}; load ${loads}.</p>
${parts.join("\n")}
${growthFigure(plot, results.series)}
${latencyFigure(plot, results.series)}
${remarks.length === 0 ? "" : `<h2>Not measured</h2>\n<ul>${remarks.map(item).join("\n")}</ul>`}
</html>
`;
}

async function loadPlot(): Promise<Plot> {
  const require = createRequire(join(benchDirectory, "package.json"));
  const load = (name: string): Promise<unknown> =>
    import(pathToFileURL(require.resolve(name)).href);
  const linkedom = await load("linkedom") as {
    parseHTML(text: string): { document: unknown; window: unknown };
  };
  const { document } = linkedom.parseHTML("<!doctype html><html><body></body></html>");
  const library = await load("@observablehq/plot") as Plot;
  return { ...library, plot: (options) => library.plot({ document, ...options }) };
}

/** A bar of rounds for each work and peer: right of the line kvig is better. */
function ratiosFigure(plot: Plot, { series }: Results, rows: readonly Row[]): string {
  const points = rows
    .filter(({ itself, work }) => !itself && work.id !== "size-log")
    .flatMap((row) => ratiosOf(series, row));
  if (points.length === 0) return "";
  const works = [...new Set(points.map(({ work }) => work))];
  const targets = rows.flatMap(({ work, target, itself }) =>
    target === undefined || itself ? [] : [{ work: work.what, target }]
  );
  const peers = Object.keys(COLOURS).filter((name) => points.some(({ peer }) => peer === name));
  const svg = plot.plot({
    width: WIDTH,
    height: works.length * ROW_HEIGHT + 60,
    marginLeft: LABELS_WIDTH,
    style: { fontSize: "12px" },
    x: { type: "log", label: "times better than the peer →", grid: true, tickFormat: "~r" },
    y: { type: "band", domain: works, label: null },
    color: { domain: peers, range: peers.map((name) => COLOURS[name]) },
    marks: [
      plot.ruleX([1], { stroke: "#111", strokeWidth: 1.5 }),
      plot.tickX(targets, { x: "target", y: "work", stroke: "#a30f0f", strokeWidth: 2 }),
      plot.link(points, {
        ...{ x1: "low", x2: "high", y1: "work", y2: "work", stroke: "peer", strokeWidth: 4 },
        strokeOpacity: 0.4,
      }),
      plot.dot(points, { x: "middle", y: "work", fill: "peer", r: 4.5, title: "title" }),
    ],
  }).outerHTML;
  return figure(
    legend(peers) + svg,
    "Right of the black line kvig is better. A dot is the median of the rounds, its bar the " +
      "middle half of them, a red tick the target against the peer that the table names.",
  );
}

interface Point extends Spread {
  readonly work: string;
  readonly peer: string;
  readonly title: string;
}

function ratiosOf(series: readonly Series[], row: Row): Point[] {
  const group = series.filter((each) =>
    each.work === row.work.id && each.runtime === row.runtime &&
    JSON.stringify(configurationOf(each)) === JSON.stringify(configurationOf(row))
  );
  const ours = numbersOf(group.find(({ contestant }) => contestant === KVIG));
  return group.filter(({ contestant }) => contestant !== KVIG).flatMap((theirs) => {
    const ratio = pairedRatio(ours, numbersOf(theirs));
    // A work of which one of both has nothing to show has no place on a logarithmic scale.
    if (ratio === undefined || !(ratio.low > 0) || !Number.isFinite(ratio.high)) return [];
    const title = `${theirs.contestant}: ${showRatio(ratio)}`;
    return [{ ...ratio, work: row.work.what, peer: theirs.contestant, title }];
  });
}

/** How the cost of an operation grows with the store. */
function growthFigure(plot: Plot, series: readonly Series[]): string {
  const points = series.flatMap((each) => {
    const [, verb, keys] = /^growth-(get|put)-(\d+)$/.exec(each.work) ?? [];
    const spread = spreadOf(numbersOf(each));
    if (verb === undefined || spread === undefined) return [];
    return [{ ...spread, verb, keys: Number(keys), who: each.contestant, runtime: each.runtime }];
  });
  if (points.length === 0) return "";
  const pictures = [...new Set(points.map(({ runtime }) => runtime))].flatMap((runtime) =>
    ["get", "put"].map((verb) => {
      const some = points.filter((point) => point.verb === verb && point.runtime === runtime)
        .toSorted((a, b) => a.keys - b.keys);
      if (some.length === 0) return "";
      const who = Object.keys(COLOURS).filter((name) => some.some((point) => point.who === name));
      const svg = plot.plot({
        ...{ width: 640, height: 320, marginLeft: 60, style: { fontSize: "12px" } },
        x: { type: "log", label: "keys →", tickFormat: "~s" },
        y: { label: "↑ ns for an operation", grid: true, zero: true },
        color: { domain: who, range: who.map((name) => COLOURS[name]) },
        marks: [
          plot.link(some, {
            ...{ x1: "keys", x2: "keys", y1: "low", y2: "high", stroke: "who" },
            ...{ strokeWidth: 4, strokeOpacity: 0.4 },
          }),
          plot.lineY(some, { x: "keys", y: "middle", stroke: "who" }),
          plot.dot(some, { x: "keys", y: "middle", fill: "who" }),
        ],
      }).outerHTML;
      const name = RUNTIMES.find(({ id }) => id === runtime)?.what ?? runtime;
      return figure(legend(who) + svg, `${name}, ${verb}, everything cached. Low is good.`);
    })
  );
  return `<h2>As the store grows</h2>\n${pictures.join("\n")}`;
}

/** Latencies while a checkpoint runs, beside idle ones. */
function latencyFigure(plot: Plot, series: readonly Series[]): string {
  const points = series.flatMap((each) => {
    const [, verb, time, name] = /^latency-(get|put)-(\w+)-(\w+)$/.exec(each.work) ?? [];
    const spread = spreadOf(numbersOf(each));
    if (verb === undefined || spread === undefined) return [];
    const runtime = RUNTIMES.find(({ id }) => id === each.runtime)?.what ?? each.runtime;
    const what = `${runtime}, ${verb}, ${name}`;
    return [{
      what,
      time,
      low: spread.low / 1e3,
      high: spread.high / 1e3,
      middle: spread.middle / 1e3,
    }];
  });
  if (points.length === 0) return "";
  const rows = [...new Set(points.map(({ what }) => what))];
  const domain = ["idle", "checkpoint"];
  const range = ["#0072b2", "#d55e00"];
  const svg = plot.plot({
    ...{ width: WIDTH, height: rows.length * ROW_HEIGHT + 60, marginLeft: 180 },
    style: { fontSize: "12px" },
    x: { type: "log", label: "µs →", grid: true, tickFormat: "~r" },
    y: { type: "band", domain: rows, label: null },
    color: { domain, range },
    marks: [
      plot.link(points, {
        ...{ x1: "low", x2: "high", y1: "what", y2: "what", stroke: "time" },
        ...{ strokeWidth: 4, strokeOpacity: 0.4 },
      }),
      plot.dot(points, { x: "middle", y: "what", fill: "time", r: 4.5 }),
    ],
  }).outerHTML;
  const names = domain.map((name, i) => swatch(name, range[i])).join(" ");
  const about =
    "Latency of awaited operations. Left is good; the two dots of a row should be close.";
  return `<h2>While a checkpoint runs</h2>\n${figure(`<p>${names}</p>${svg}`, about)}`;
}

function tableOf(rows: readonly Row[]): string {
  const head = ["work", KVIG, "peer", "", "ratio", "target", ""];
  const body = rows.map((row) => {
    const verdict = showVerdict(row);
    const cells = [
      row.work.what,
      showFigure(row.work, row.kvig.middle),
      row.theirs === undefined ? "–" : showFigure(row.work, row.theirs.middle),
      row.peer ?? "",
      row.ratio === undefined ? "" : showRatio(row.ratio),
      row.target === undefined ? "" : `${row.itself ? "≤" : "≥"} ${row.target.toFixed(1)}`,
    ].map((cell) => `<td>${escaped(cell)}</td>`);
    return `<tr>${cells.join("")}<td class="${verdict}">${verdict}</td></tr>`;
  });
  const titles = head.map((cell) => `<th>${cell}</th>`).join("");
  return `<table>\n<tr>${titles}</tr>\n${body.join("\n")}\n</table>`;
}

function legend(names: readonly string[]): string {
  return `<p>${names.map((name) => swatch(name, COLOURS[name])).join(" ")}</p>`;
}

function swatch(name: string, colour: string): string {
  return `<span style="color:${colour}">●</span> ${escaped(name)}&ensp;`;
}

function figure(picture: string, about: string): string {
  return `<figure>${picture}<figcaption>${about}</figcaption></figure>`;
}

function item(text: string): string {
  return `<li>${escaped(text.split("\n")[0])}</li>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
