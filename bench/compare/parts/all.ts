/**
 * The parts of the benchmark, in the order in which they run and are shown.
 *
 * @module
 */

import type { Part, Work } from "../part.ts";
import { CHECKPOINTS_PART } from "./checkpoints.ts";
import { COLD } from "./cold.ts";
import { COMMITS_PART } from "./commits.ts";
import { GROWTH } from "./growth.ts";
import { LATENCY } from "./latency.ts";
import { MEMORY } from "./memory.ts";
import { OPENINGS } from "./openings.ts";
import { READS } from "./reads.ts";
import { WRITES } from "./writes.ts";
import { YCSB } from "./ycsb.ts";

/** Every part. */
export const PARTS: readonly Part[] = [
  READS,
  WRITES,
  COMMITS_PART,
  YCSB,
  COLD,
  CHECKPOINTS_PART,
  OPENINGS,
  MEMORY,
  LATENCY,
  GROWTH,
];

/** Every work, in the order of the parts. */
export const WORKS: readonly Work[] = PARTS.flatMap((part) => part.works);
