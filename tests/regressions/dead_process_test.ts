/**
 * Found by the simulator, seed 2133: a write and a write overlap in flight.
 *
 * The judge's mistake. The process died in the middle of `checkpointSync()`, whose write therefore
 * never ended; the store's code went on for some microtasks, as nothing tells code that it is dead,
 * and began a checkpoint in the background with the same pages. What a dead process begins does not
 * happen, so it breaks no rule.
 *
 * @module
 */

import { test } from "node:test";

import { live } from "../sim/life.ts";
import type { LifePlan } from "../sim/plan.ts";

const PLAN: LifePlan = {
  "seed": 3724143304,
  "profile": "posix",
  "blocking": "on request",
  "latency": 4,
  "shape": "long prefix",
  "pageBytes": 512,
  "blockBytes": 512,
  "logBlocks": 32,
  "cacheFrames": 128,
  "faults": {},
  "faultLimit": 2,
  "oddHost": false,
  "steps": [
    { "do": "crash", "how": "power" },
    { "do": "crash", "how": "power" },
    {
      "do": "transaction",
      "changes": [[32, 30], [47, 37], [51, 10], [24, 26], [33], [59, 201], [34], [34, 35]],
      "abort": false,
    },
    { "do": "checkpoint" },
    { "do": "put", "key": 2, "bytes": 2046 },
    { "do": "iterate on", "entries": 19 },
    { "do": "reopen" },
    {
      "do": "batch",
      "changes": [[56, 4], [30, 29], [59], [56, 22], [5, 2], [32, 6], [33, 4], [5], [7]],
    },
    { "do": "snapshot" },
    { "do": "compact" },
    { "do": "get", "key": 5 },
    { "do": "put", "key": 10, "bytes": 13 },
    {
      "do": "transaction",
      "changes": [[7, 21], [43, 191], [26, 32], [28, 13], [47, 8], [28], [58], [58, 31]],
      "abort": false,
    },
    { "do": "put", "key": 38, "bytes": 39 },
    { "do": "delete", "key": 32 },
    {
      "do": "batch",
      "changes": [[50, 3], [8, 202], [1, 15], [41, 21], [42, 16], [54], [16, 1], [33, 101]],
    },
    { "do": "delete", "key": 8 },
    { "do": "put", "key": 9, "bytes": 110 },
    { "do": "put", "key": 56, "bytes": 3, "sync": true, "deferred": true, "beside": 6 },
    { "do": "put", "key": 34, "bytes": 28, "beside": 8 },
    { "do": "crash", "how": "power" },
    {
      "do": "transaction",
      "changes": [[27], [9, 36], [1, 8], [41, 10], [34, 35], [19, 34], [50], [40, 22], [45], [
        18,
        18,
      ]],
      "abort": false,
      "beside": 3,
    },
    { "do": "put", "key": 54, "bytes": 16, "sync": true, "beside": 6 },
    { "do": "batch", "changes": [], "deferred": true, "beside": 8 },
    { "do": "checkpoint", "sync": true },
  ],
};

test("what a dead process goes on to try breaks no rule", async () => {
  await live(PLAN);
});
