/**
 * The version of kvig, from the manifest that it was installed with.
 *
 * @module
 */

import { existsSync, readFileSync } from "node:fs";

/** The version, such as "1.2.3". */
export function readVersion(): string {
  // Beside cli/ where the sources run, further up where dist/cli/ or the package's file runs.
  for (const place of ["../package.json", "../../package.json", "../../../package.json"]) {
    const url = new URL(place, import.meta.url);
    if (!existsSync(url)) continue;
    const manifest = JSON.parse(readFileSync(url, "utf8")) as { name?: string; version?: string };
    if (manifest.name === "kvig" && manifest.version !== undefined) return manifest.version;
  }
  return "of unknown version";
}
