/**
 * The adapter of the runtime that runs the tests: the same tests hold on each of them.
 *
 * @module
 */

import process from "node:process";

import type * as nodeAdapter from "../../adapters/node/mod.ts";
import type { Io } from "../../core/io.ts";

/** Name of the running runtime. */
export const runtimeName: "node" | "deno" | "bun" = "Deno" in globalThis
  ? "deno"
  : process.versions["bun"] === undefined
  ? "node"
  : "bun";

/**
 * Whether long tests run at their full length here. The engine is the same on every runtime, so
 * that is done on one of them: Node.js 20, where what was compiled starts fastest.
 */
export const fullLength: boolean = runtimeName === "node" &&
  process.versions.node.startsWith("20.");

/** How an adapter's Io is chosen. */
export interface RuntimeIoOptions {
  /** Whether every operation is complete when it returns. */
  blocking?: boolean;
  /** Whether to bypass the system's page cache. */
  direct?: boolean;
}

interface Adapter {
  readonly open: typeof nodeAdapter.open;
  readonly openSync: typeof nodeAdapter.openSync;
  readonly runtimeIo: (options?: RuntimeIoOptions) => Io;
}

const adapter: Adapter = await load();

async function load(): Promise<Adapter> {
  if (runtimeName === "deno") {
    const { denoIo, open, openSync } = await import("../../adapters/deno/mod.ts");
    return { open, openSync, runtimeIo: denoIo };
  }
  if (runtimeName === "bun") {
    const { bunIo, open, openSync } = await import("../../adapters/bun/mod.ts");
    return { open, openSync, runtimeIo: bunIo };
  }
  const { nodeIo, open, openSync } = await import("../../adapters/node/mod.ts");
  return { open, openSync, runtimeIo: nodeIo };
}

/** Opens a store with the runtime's adapter. */
export const open: Adapter["open"] = adapter.open;
/** Opens a store with the runtime's adapter and an Io that blocks. */
export const openSync: Adapter["openSync"] = adapter.openSync;
/** Makes an Io of the runtime. */
export const runtimeIo: Adapter["runtimeIo"] = adapter.runtimeIo;

export * from "../../core/public.ts";
