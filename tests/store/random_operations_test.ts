/**
 * Random operations on a store that blocks, compared with a sorted map at every step: all page
 * sizes, hard shapes of keys, values up to 50 KB, and stores several times the cache.
 *
 * @module
 */

import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import { KEY_SHAPES } from "../support/keys.ts";
import { type Play, Player } from "../support/player.ts";
import { withSeeds } from "../support/random.ts";

function playTest(name: string, count: number, play: Omit<Play, "shape">): void {
  for (const shape of Object.keys(KEY_SHAPES)) {
    test(`keys ${shape}, ${name}`, { timeout: 300_000 }, async () => {
      await withSeeds(`keys ${shape}, ${name}`, count, (random) => {
        const player = new Player(memoryIo(), random, { ...play, shape });
        try {
          player.run();
        } catch (error) {
          console.log(`after ${player.trace.length} steps: … ${player.trace.slice(-20).join(" ")}`);
          throw error;
        }
      });
    });
  }
}

playTest("few, in pages of 512 bytes", 3, {
  pageSize: 512,
  spread: 300,
  maxValueBytes: 3000,
  steps: 150,
});
playTest("many, in pages of 512 bytes", 1, {
  pageSize: 512,
  spread: 100_000,
  maxValueBytes: 50_000,
  steps: 350,
});
playTest("many, in pages of 4096 bytes", 1, {
  pageSize: 4096,
  spread: 20_000,
  maxValueBytes: 50_000,
  steps: 300,
});
playTest("some, in pages of 65536 bytes", 1, {
  pageSize: 65_536,
  spread: 3000,
  maxValueBytes: 50_000,
  steps: 60,
});
