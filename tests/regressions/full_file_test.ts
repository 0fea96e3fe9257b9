/**
 * Bugs of a file that is full, or nearly so: room that was not found, and searches for it that
 * never ended.
 *
 * @module
 */

import { memoryIo } from "../../adapters/memory/mod.ts";
import { isKvigError } from "../../core/errors.ts";
import { assertEquals, assertGreaterOrEqual } from "../support/assert.ts";
import { engineOf } from "../support/audit.ts";
import { withinOperations } from "../support/bounded.ts";
import { Player } from "../support/player.ts";
import { Random } from "../support/random.ts";
import { finish, rule, watch, type Watched } from "../support/watched.ts";

const DEFERRED = { durability: "deferred" } as const;
const MIB = 1024 * 1024;

/** Puts entries until there is no room; how many there were. No put may go on for ever. */
function fillUp({ store, io }: Watched, name: string, bytes: number): number {
  for (let i = 0;; i++) {
    const key = `${name} ${`${i}`.padStart(7, "0")}`;
    try {
      withinOperations(io, 300, () => store.putSync(key, "v".repeat(bytes), DEFERRED));
    } catch (error) {
      if (!isKvigError(error, "KVIG_FULL")) throw error;
      return i;
    }
  }
}

/*
 * A put into a file that was almost full found no room and made a checkpoint, to get places back.
 * The checkpoint froze the catalogue, so that trying again copied it first and took the places that
 * were needed: another checkpoint, for ever, with the writer's turn held and deletes behind it.
 */
rule("a put into an almost full file fails, and does not make checkpoints for ever", () => {
  for (const [maxSize, bytes] of [[MIB + 200_000, 180], [MIB + 77_777, 50]]) {
    const it = watch({ maxSize });
    const count = fillUp(it, "key", bytes);
    assertGreaterOrEqual(count, 1000);
    assertEquals(it.store.deleteSync("key 0000000"), true);
    finish(it);
  }
});

/*
 * The same for compact(), whose moves may go below a mark only, where places are few: each round of
 * its search froze the catalogue and copied it into the places that it had found. It takes large
 * values and snapshots all over a small store; this is the run of random operations that met it.
 */
rule("compact() below a mark with few places does not make checkpoints for ever", () => {
  const play = { pageSize: 512, shape: "of 0x00 and 0xFF", spread: 300, maxValueBytes: 3000 };
  const player = new Player(memoryIo(), new Random(3_299_414_159), { ...play, steps: 10 });
  for (let step = 0; step < 94; step++) player.step();
  const { checkpointer } = engineOf(player.store).parts;
  const run = checkpointer.run.bind(checkpointer);
  let rounds = 0;
  checkpointer.run = (...given) => {
    if (++rounds > 200) throw new Error("more than 200 checkpoints were needed");
    return run(...given);
  };
  player.step();
  assertEquals(player.trace.at(-1), "compact");
  checkpointer.run = run;
  player.run();
});

/*
 * The search for places went from segment to segment by a number that it changed itself: of three
 * segments it looked at two, one of them twice. The third was free, and the put was KVIG_FULL.
 */
rule("the search for places passes over no segment", () => {
  const it = watch({ maxSize: 3 * 3840 * 512 });
  fillUp(it, "large", 200_000);
  fillUp(it, "small", 180);
  it.store.checkpointSync();
  // Each takes 391 places: the first segment becomes free, the two others stay full.
  for (let i = 0; i < 9; i++) it.store.deleteSync(`large ${`${i}`.padStart(7, "0")}`);
  for (let i = 0; i < 2; i++) {
    it.store.putSync("a", `${i}`);
    it.store.checkpointSync();
  }
  const { engine } = it;
  const { total } = it.store.stats().pages;
  for (const from of [0, 1, 2]) {
    engine.runBlocking(engine.pager.makeMask(from));
    assertEquals(engine.runBlocking(engine.pager.findPlaces(1500, 0)), true, `from ${from}`);
    assertEquals(engine.free.segment, 0);
  }
  assertEquals(it.store.stats().pages.total, total);
  finish(it);
});
