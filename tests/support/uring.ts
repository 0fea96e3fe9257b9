/**
 * The Io over io_uring for tests: whether there is a ring here, and calls of the library that fail
 * on demand.
 *
 * @module
 */

import process from "node:process";

import { bunFfi } from "../../adapters/uring/bun_ffi.ts";
import { denoFfi } from "../../adapters/uring/deno_ffi.ts";
import type { Ffi } from "../../adapters/uring/ffi.ts";
import { uringIo } from "../../adapters/uring/mod.ts";
import { nodeFfi } from "../../adapters/uring/node_ffi.ts";

const { description } = uringIo();

/** Why there is no ring on this runtime and system; undefined where there is one. */
export const whyNoRing: string | undefined = /without io_uring: (.*)$/s.exec(description)?.[1] ??
  (description.startsWith("io_uring") ? undefined : description);

/** The calls of the running runtime. */
export function runningFfi(): Ffi {
  if ("Deno" in globalThis) return denoFfi();
  return process.versions["bun"] === undefined ? nodeFfi() : bunFfi();
}

/** Which calls fail, with which error. */
export type Broken = Partial<Record<"setup" | "map" | "eventfd" | "register", number>>;

/** The calls of the running runtime, of which those in `broken` fail. */
export function brokenFfi(broken: Broken): Ffi {
  let last = 0;
  const calls = Object.entries(broken).map(([name, errno]) => {
    const call = (): number => {
      last = errno;
      return name === "map" ? 0 : -1;
    };
    return [name, call];
  });
  return changedFfi({ ...Object.fromEntries(calls), lastError: () => last });
}

/** The calls of the running runtime, with `changes`. */
export function changedFfi(changes: Partial<Ffi>): Ffi {
  const ffi = runningFfi();
  // The runtime's own methods want the object itself.
  const bound = NAMES.map((name) => [name, (ffi[name] as () => unknown).bind(ffi)]);
  return { ...Object.fromEntries(bound) as Ffi, ...changes };
}

const NAMES: readonly (keyof Ffi)[] = [
  "enter",
  "setup",
  "register",
  "eventfd",
  "close",
  "map",
  "unmap",
  "view",
  "addressOf",
  "lastError",
  "wait",
];
