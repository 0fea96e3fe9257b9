/**
 * Puts the headline of a report into README.md, and all of its tables into docs/benchmarks.md,
 * between marks. Several reports stand there one after another; the headline is that of the first.
 *
 * Usage: `readme.ts [RESULTS.json]...`
 *
 * @module
 */

import fs from "node:fs";
import { join } from "node:path";
import process from "node:process";

import type { Results } from "../compare/results.ts";
import { root } from "../support/places.ts";
import { headlineOf, tablesAsMarkdown } from "./markdown.ts";
import { REPORT_DIRECTORY } from "./report.ts";

const named = process.argv.slice(2);
const reports = (named.length > 0 ? named : [join(REPORT_DIRECTORY, "results.json")]).map(read);
insert("README.md", headlineOf(reports[0]));
insert("docs/benchmarks.md", reports.map((report) => tablesAsMarkdown(report, "###")).join("\n\n"));

function read(path: string): Results {
  if (!fs.existsSync(path)) {
    console.error(`there is no ${path}: npm run bench -- --report makes it`);
    process.exit(2);
  }
  return JSON.parse(fs.readFileSync(path, "utf8")) as Results;
}

/** Replaces what stands between the marks of a file. */
function insert(name: string, text: string): void {
  const file = join(root, name);
  const [begin, end] = ["<!-- bench:begin -->", "<!-- bench:end -->"];
  const [before, rest] = fs.readFileSync(file, "utf8").split(begin);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Error(`${name} has no ${begin} … ${end}`);
  fs.writeFileSync(file, `${before}${begin}\n\n${text}\n\n${end}${after}`);
  console.log(`${name}: written`);
}
