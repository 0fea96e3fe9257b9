/**
 * Power cuts in creation, at each step of it and of every creation that follows: what is left is
 * made anew or opened, and never refused.
 *
 * @module
 */

import { test } from "node:test";

import { openSync } from "../support/runtime.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { PowerCutIo } from "../support/power_cut_io.ts";
import { Random, runSeed } from "../support/random.ts";
import { assertCodeSync, assertSound, PATH, SMALL } from "../support/store.ts";

/** Opens what is left, works with it, and cuts that opening too, `depth` times more. */
function open(random: Random, disk: PowerCutIo, depth: number): number {
  const left: PowerCutIo[] = [];
  disk.onStep = () => {
    for (let i = depth === 2 ? 3 : 1; i > 0; i--) left.push(disk.cut(random));
  };
  const store = openSync(PATH, { ...SMALL, io: disk });
  disk.onStep = () => {};
  assertEquals(store.countSync(), 0);
  store.putSync("a", "b");
  assertSound(store.verifySync());
  store.closeSync();
  const again = openSync(PATH, { ...SMALL, io: disk.cut(random) });
  assertEquals(again.countSync(), 1);
  let cuts = left.length;
  if (depth > 0) {
    const some = depth === 2 ? left : random.shuffled(left).slice(0, 3);
    for (const image of some) cuts += open(random, image, depth - 1);
  }
  return cuts;
}

test("creation can be cut at each step, again and again", { timeout: 200_000 }, () => {
  const random = new Random(runSeed("creation"));
  const cuts = open(random, new PowerCutIo(), 2);
  console.log(`${cuts} power cuts`);
  assert(cuts > 200, "each step was cut");
});

test("a half-created store is not found by a reader, and not made by one", () => {
  const random = new Random(runSeed("half-created"));
  const disk = new PowerCutIo();
  const left: PowerCutIo[] = [];
  disk.onStep = () => {
    left.push(disk.cut(random), disk.cut(random));
  };
  openSync(PATH, { ...SMALL, io: disk });
  let refused = 0;
  for (const image of left) {
    const before = image.image();
    for (const options of [{ readOnly: true }, { createIfMissing: false }]) {
      try {
        openSync(PATH, { ...SMALL, ...options, io: image });
      } catch (error) {
        assertEquals((error as { code?: string }).code, "KVIG_NOT_FOUND", String(error));
        assertEquals(image.image(), before, "nothing was touched");
        refused++;
      }
    }
  }
  assert(refused > 5, "some were refused");
});

test("a creation that fails at any step can be done again", () => {
  for (let step = 1;; step++) {
    const disk = new PowerCutIo();
    disk.onStep = (words) => {
      if (disk.steps === step && !words.startsWith("remove")) throw new Error("no more");
    };
    let failed = false;
    try {
      openSync(PATH, { ...SMALL, io: disk });
    } catch (error) {
      failed = true;
      assert(error instanceof Error, String(error));
    }
    if (!failed) break;
    disk.onStep = () => {};
    const store = openSync(PATH, { ...SMALL, io: disk });
    assertSound(store.verifySync());
    store.closeSync();
    assertCodeSync(
      () => openSync(PATH, { ...SMALL, io: disk, errorIfExists: true }),
      "KVIG_EXISTS",
    );
  }
});
