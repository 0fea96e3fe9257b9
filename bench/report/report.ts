/**
 * Writes the report of a run: all figures as JSON, the rows as a Markdown table, and a page with
 * pictures.
 *
 * @module
 */

import fs from "node:fs";
import { join } from "node:path";

import type { Results } from "../compare/results.ts";
import { benchDirectory } from "../support/places.ts";
import { markdownOf } from "./markdown.ts";
import { pageOf } from "./page.ts";

/** Where reports go. */
export const REPORT_DIRECTORY: string = join(benchDirectory, "results");

/** Writes the three files; returns their paths. */
export async function writeReport(results: Results): Promise<string[]> {
  fs.mkdirSync(REPORT_DIRECTORY, { recursive: true });
  const files: Record<string, string> = {
    "results.json": `${JSON.stringify(results, null, 1)}\n`,
    "results.md": markdownOf(results),
    "results.html": await pageOf(results),
  };
  return Object.entries(files).map(([name, text]) => {
    const path = join(REPORT_DIRECTORY, name);
    fs.writeFileSync(path, text);
    return path;
  });
}
