/**
 * A transaction had failed and was rolled back, and a put behind it applied, in the same turn of
 * the event loop in which an iteration read the store: nobody had been told of the failure yet. The
 * judge knew of no version with the put and without the transaction. Found by the simulator, seed
 * 2327139.
 *
 * @module
 */

import { test } from "node:test";

import { live } from "../sim/life.ts";
import type { LifePlan } from "../sim/plan.ts";

const PLAN: LifePlan = {
  "seed": 3969335185,
  "profile": "posix",
  "blocking": "on request",
  "latency": 0,
  "shape": "binary",
  "pageBytes": 512,
  "blockBytes": 512,
  "logBlocks": 128,
  "cacheFrames": 128,
  "faults": {
    "full": 25,
  },
  "faultLimit": 2,
  "oddHost": false,
  "steps": [
    { "do": "put", "key": 49, "bytes": 10, "beside": 5 },
    { "do": "put", "key": 11, "bytes": 10, "beside": 6 },
    { "do": "checkpoint" },
    { "do": "delete", "key": 4 },
    { "do": "put", "key": 4, "bytes": 160, "beside": 3 },
    { "do": "put", "key": 35, "bytes": 11, "beside": 6 },
    { "do": "put", "key": 59, "bytes": 27 },
    { "do": "put", "key": 22, "bytes": 38 },
    { "do": "clear", "from": 52 },
    {
      "do": "transaction",
      "changes": [[22], [31, 2358], [23], [4, 3], [24, 3], [44, 9]],
      "abort": false,
      "deferred": true,
      "beside": 8,
    },
    { "do": "put", "key": 48, "bytes": 119, "beside": 8 },
    { "do": "checkpoint", "beside": 4 },
    { "do": "iterate", "range": { "from": 56, "reverse": true }, "sync": true, "beside": 7 },
    { "do": "iterate on", "entries": 20 },
  ],
};

test("what is read in the turn of a failure is judged when it is known", async () => {
  await live(PLAN);
});
