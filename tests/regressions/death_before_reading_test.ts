/**
 * A death that a step had set came after an opening and before the first read. The judge waited for
 * the read, and took the silence of a dead process for a store that hangs. Found by the simulator,
 * seed 2828596 and five others.
 *
 * @module
 */

import { test } from "node:test";

import { live } from "../sim/life.ts";
import type { LifePlan } from "../sim/plan.ts";

const PLAN: LifePlan = {
  "seed": 2520734368,
  "profile": "posix",
  "blocking": "always",
  "latency": 0,
  "shape": "decimal",
  "pageBytes": 512,
  "blockBytes": 4096,
  "logBlocks": 32,
  "cacheFrames": 128,
  "faults": {},
  "faultLimit": 2,
  "oddHost": false,
  "steps": [
    { "do": "crash", "how": "kill" },
    { "do": "put", "key": 13, "bytes": 208 },
    { "do": "compact" },
    { "do": "read snapshot" },
    { "do": "crash", "how": "power" },
  ],
};

test("a process that dies between opening and reading is no store that hangs", async () => {
  await live(PLAN);
});
