/**
 * Merging the log into the data file: how fast, where a store does that apart from its commits.
 *
 * @module
 */

import type { Part } from "../part.ts";
import { fill, fillInBatches, inOrder } from "./filling.ts";

const STORE = "checkpoints";
const CHECKPOINTS = 3;
/** One entry in so many is written anew: enough that nearly every page changes. */
const STEP = 8;

/** Checkpoints. */
export const CHECKPOINTS_PART: Part = {
  id: "checkpoints",
  what: "merging the log",
  works: [{
    id: "checkpoint",
    what: "checkpoint, a page",
    unit: "operation",
    durability: "synced when it ends",
  }],
  async run(session) {
    const { data } = session;
    const engine = await session.open(STORE, { commits: "awaited" });
    if (engine.checkpoint === undefined) return await engine.close();
    await fillInBatches(engine, data, inOrder(data));
    await engine.checkpoint();
    let milliseconds = 0;
    let pages = 0;
    for (let i = 0; i < CHECKPOINTS + 1; i++) {
      const numbers = data.readings.filter((_, at) => at % STEP === i);
      await fill(engine, data, numbers, i + 1);
      const begun = performance.now();
      const written = await engine.checkpoint();
      // The first one warms up.
      if (i === 0) continue;
      milliseconds += performance.now() - begun;
      pages += written;
    }
    if (pages > 0) session.noteTime("checkpoint", milliseconds, pages);
    await engine.close();
  },
};
