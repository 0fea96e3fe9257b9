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
  /** Loads what it needs. */
  load(): Promise<OpenEngine>;
}

const EVERYWHERE: readonly RuntimeId[] = ["node20", "node26", "deno", "bun"];

/** kvig itself; every ratio is of a peer's figure to this one's. */
export const KVIG = "kvig";

/** Whether a contestant is kvig, or one of its commits: "kvig 1234abc". */
export function isKvig(id: string): boolean {
  return id === KVIG || id.startsWith(`${KVIG} `);
}

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
    load: async () => (await import("./engines/lmdb.ts")).openLmdb,
  },
  {
    id: "classic-level",
    runtimes: EVERYWHERE,
    load: async () => (await import("./engines/level.ts")).openLevel,
  },
  {
    id: "better-sqlite3",
    // Its prebuilt program ends the process of Node.js 20, for which it is not made.
    runtimes: ["node26", "deno", "bun"],
    load: async () => (await import("./engines/sql_bindings.ts")).openBetterSqlite,
  },
  {
    id: "node:sqlite",
    runtimes: ["node26", "deno"],
    load: async () => (await import("./engines/sql_bindings.ts")).openNodeSqlite,
  },
  {
    id: "bun:sqlite",
    runtimes: ["bun"],
    load: async () => (await import("./engines/sql_bindings.ts")).openBunSqlite,
  },
  {
    id: "Deno.openKv",
    runtimes: ["deno"],
    // A transaction of a thousand writes is the largest that it takes.
    parts: ["commits", "ycsb"],
    load: async () => (await import("./engines/deno_kv.ts")).openDenoKv,
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
  const found = CONTESTANTS.find((each) => each.id === (isKvig(id) ? KVIG : id));
  if (found === undefined) throw new Error(`there is no contestant ${id}`);
  return found;
}
