/**
 * The parts of the benchmark, in the order in which they run and are shown.
 *
 * @module
 */

import type { Part, Work } from "../part.ts";
import { COMMITS_PART } from "./commits.ts";
import { READS } from "./reads.ts";
import { WRITES } from "./writes.ts";

/** Every part. */
export const PARTS: readonly Part[] = [READS, WRITES, COMMITS_PART];

/** Every work, in the order of the parts. */
export const WORKS: readonly Work[] = PARTS.flatMap((part) => part.works);
