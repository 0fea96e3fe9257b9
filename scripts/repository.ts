/**
 * What the scripts share: where the repository is, which files it has, how a check reports.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The repository's directory; scripts run as their sources, one level below it. */
export const root: string = join(import.meta.dirname, "..");

const NOT_OURS = new Set(["node_modules", "dist", "coverage"]);

/** Paths of all files below `directory` that end in `ending`, sorted, relative to the root. */
export function filesBelow(directory: string, ending: string): string[] {
  if (!existsSync(join(root, directory))) return [];
  const found: string[] = [];
  for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
    const path = directory === "" ? entry.name : `${directory}/${entry.name}`;
    if (entry.isDirectory()) {
      const skipped = NOT_OURS.has(entry.name) || entry.name.startsWith(".");
      if (!skipped) found.push(...filesBelow(path, ending));
    } else if (entry.name.endsWith(ending)) found.push(path);
  }
  return found.sort();
}

/** The text of a file of the repository. */
export function readText(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** The value that a JSON file of the repository holds, as an object. */
export function readJson(path: string): Record<string, unknown> {
  const value: unknown = JSON.parse(readText(path));
  if (typeof value !== "object" || value === null) throw new Error(`${path} holds no object`);
  return value as Record<string, unknown>;
}

/** Prints the complaints of a check and one closing line; any complaint fails the process. */
export function report(check: string, looked: string, complaints: readonly string[]): void {
  for (const complaint of complaints) console.error(complaint);
  console.log(`${check}: ${looked}, ${complaints.length} complaints`);
  if (complaints.length > 0) process.exitCode = 1;
}
