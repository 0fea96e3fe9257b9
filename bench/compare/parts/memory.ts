/**
 * Memory of a process that has read every entry of a store that fits the cache.
 *
 * @module
 */

import fs from "node:fs";

import type { Part } from "../part.ts";
import { fillInBatches, inOrder } from "./filling.ts";

const STORE = "memory";

/** Memory. */
export const MEMORY: Part = {
  id: "memory",
  what: "memory, beyond that of the process before opening",
  works: [
    { id: "memory-own", what: "memory of the process's own", unit: "bytes" },
    { id: "memory-all", what: "memory with mapped pages of files", unit: "bytes" },
  ],
  steps: ["fill", "read"],
  async run(session) {
    if (session.job.step === "fill") {
      const engine = await session.open(STORE);
      await fillInBatches(engine, session.data, inOrder(session.data));
      return await engine.close();
    }
    const before = residentBytes();
    if (before === undefined) {
      for (const { id } of MEMORY.works) session.skip(id, "it takes /proc/self/status of Linux");
      return;
    }
    const engine = await session.open(STORE);
    let seen = 0;
    await engine.scan?.({ reverse: false }, () => void seen++);
    const after = residentBytes()!;
    if (engine.scan !== undefined && seen !== session.data.entries) throw new Error("incomplete");
    if (session.wants("memory-own")) session.note("memory-own", after.own - before.own);
    if (session.wants("memory-all")) session.note("memory-all", after.all - before.all);
    await engine.close();
  },
};

function residentBytes(): { own: number; all: number } | undefined {
  if (!fs.existsSync("/proc/self/status")) return undefined;
  const status = fs.readFileSync("/proc/self/status", "utf8");
  const bytes = (field: string): number =>
    Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, "m").exec(status)?.[1] ?? NaN) * 1024;
  return { own: bytes("RssAnon") + bytes("RssShmem"), all: bytes("VmRSS") };
}
