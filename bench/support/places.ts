/**
 * Where things are in the repository, for programs that run from the sources and for those that
 * were compiled from them.
 *
 * @module
 */

import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Whether this runs from the sources, and not from what was compiled. */
export const fromSource: boolean = import.meta.url.endsWith(".ts");

/** The root of the repository. */
export const root: string = fileURLToPath(
  new URL(fromSource ? "../.." : "../../..", import.meta.url),
)
  .replace(/\/$/, "");

/** The benchmarks' own package, with the stores that kvig is compared with. */
export const benchDirectory: string = join(root, "bench");

/**
 * A package of `bench/package.json`. It is loaded by name when it is needed, so that the
 * repository's own checks do without it.
 */
export function benchPackage(name: string): unknown {
  return createRequire(join(benchDirectory, "package.json"))(name);
}
