/**
 * What kvig is meant to reach, as data: the least ratio to a peer's figure in the same round.
 *
 * @module
 */

import { BARE } from "./contestants.ts";

/** One target: against a peer, or against another work of kvig's own. */
export interface Target {
  /** The work. */
  readonly work: string;
  /** Against whom; the best of all stores where left out. */
  readonly peer?: string;
  /** The least median ratio, peer's figure to kvig's. */
  readonly ratio: number;
  /** The other work, where kvig is compared with itself: then the ratio is the most allowed. */
  readonly itself?: string;
}

/** Every target. */
export const TARGETS: readonly Target[] = [
  { work: "get", peer: "lmdb", ratio: 3 },
  { work: "get-into", peer: "lmdb", ratio: 2 },
  { work: "get-text", peer: "lmdb", ratio: 2 },
  { work: "get-many-16", peer: "lmdb", ratio: 3 },
  { work: "get-many-100", peer: "lmdb", ratio: 3 },
  { work: "scan", peer: "lmdb", ratio: 5 },
  { work: "scan-reverse", peer: "lmdb", ratio: 5 },
  { work: "fill-random", peer: "lmdb", ratio: 2 },
  { work: "overwrite", peer: "lmdb", ratio: 3 },
  { work: "commit-blocking", peer: "lmdb", ratio: 2 },
  { work: "commit-awaited", peer: "lmdb", ratio: 2 },
  { work: "commit-64", peer: "lmdb", ratio: 6 },
  { work: "ycsb-a", ratio: 4 },
  { work: "ycsb-f", ratio: 4 },
  { work: "cold-64", peer: "lmdb", ratio: 1.5 },
  { work: "size-filled", peer: "lmdb", ratio: 1 },
  { work: "commit-blocking", peer: BARE, ratio: 0.9 },
  { work: "growth-get-10000000", itself: "growth-get-1000000", ratio: 2 },
  { work: "latency-get-checkpoint-p999", itself: "latency-get-idle-p999", ratio: 5 },
];
