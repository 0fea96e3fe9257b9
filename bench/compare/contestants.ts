/**
 * Who takes part: kvig and its peers, on which runtimes each runs, and in which works it competes.
 *
 * @module
 */

import type { OpenEngine } from "./engine.ts";
import type { RuntimeId } from "./runtimes.ts";

/** One who takes part. */
export interface Contestant {
  /** What tables and the command line call it. */
  readonly id: string;
  /** The runtimes on which it works. */
  readonly runtimes: readonly RuntimeId[];
  /** The parts in which it competes; all of them where left out. */
  readonly parts?: readonly string[];
  /** Works in which a package of `bench/package.json` is needed. */
  readonly package?: string;
  /** Loads what it needs. */
  load(): Promise<OpenEngine>;
}

const EVERYWHERE: readonly RuntimeId[] = ["node20", "node26", "deno", "bun"];

/** kvig itself; every ratio is of a peer's figure to this one's. */
export const KVIG = "kvig";

/** The loop without a store. */
export const BARE = "bare loop";

/** Everyone, kvig first. */
export const CONTESTANTS: readonly Contestant[] = [
  {
    id: KVIG,
    runtimes: EVERYWHERE,
    load: async () => (await import("./engines/kvig.ts")).openKvig,
  },
  {
    id: "lmdb",
    runtimes: EVERYWHERE,
    package: "lmdb",
    load: async () => (await import("./engines/lmdb.ts")).openLmdb,
  },
  {
    id: BARE,
    runtimes: EVERYWHERE,
    parts: ["commits"],
    load: async () => (await import("./engines/bare.ts")).openBare,
  },
];

/** The contestant of that name. */
export function contestant(id: string): Contestant {
  const found = CONTESTANTS.find((each) => each.id === id);
  if (found === undefined) throw new Error(`there is no contestant ${id}`);
  return found;
}
