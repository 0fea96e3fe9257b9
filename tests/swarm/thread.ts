/**
 * One thread of a swarm.
 *
 * @module
 */

import { serve } from "../support/parallel.ts";
import { liveSeeds, type ShareTotals } from "./share.ts";

/** Seeds that a thread lives in one go. */
export interface SwarmTask {
  /** The first one. */
  readonly from: number;
  /** Behind the last one. */
  readonly to: number;
  /** Steps of each life. */
  readonly steps: number;
}

// Most lives make errors on purpose: their stacks cost more than they say. `--replay` shows them.
Error.stackTraceLimit = 2;
serve<SwarmTask, ShareTotals>(({ from, to, steps }, beat) => {
  return liveSeeds(from, to, 1, steps, (seed) => beat(seed));
});
