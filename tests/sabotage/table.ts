/**
 * The table of patches in docs/testing.md, written from the data and compared with it.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { DETECTORS } from "./detectors.ts";
import type { Patch } from "./patch.ts";

/** The page with the table, from the root of the repository. */
export const DOCS_PATH = "docs/testing.md";

const BEGIN = "<!-- Written by `npm run sabotage -- --write-docs`; do not edit. -->";
const END = "<!-- The end of what was written. -->";
const HEAD = ["name", "what is broken", "noticed by", "the test about it"];

/** The root of the repository, wherever this file was compiled to. */
export function repositoryRoot(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, DOCS_PATH))) directory = dirname(directory);
  return directory;
}

/** The cells that the table must have, row by row. */
export function rowsOf(patches: readonly Patch[]): string[][] {
  return patches.map(({ name, breaks, general, test }) => [
    `\`${name}\``,
    breaks,
    general === undefined ? "–" : `${general.by}, ${DETECTORS[general.by].unit} ${general.at}`,
    test === undefined ? "–" : `${test.file.replace("_test.ts", "")}: ${test.test}`,
  ]);
}

/** The cells of the table in `page`. */
export function rowsIn(page: string): string[][] {
  const [, table] = page.split(BEGIN);
  const lines = (table ?? "").split(END)[0].split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2).map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

/** The page with the table written anew. */
export function withTable(page: string, patches: readonly Patch[]): string {
  const [before, rest] = page.split(BEGIN);
  const [, after] = (rest ?? "").split(END);
  if (after === undefined) throw new Error(`${DOCS_PATH} has no place for the table`);
  const rows = [HEAD, HEAD.map(() => "---"), ...rowsOf(patches)];
  const table = rows.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
  return `${before}${BEGIN}\n\n${table}\n\n${END}${after}`;
}
