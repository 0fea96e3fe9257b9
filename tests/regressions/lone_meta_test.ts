/**
 * A bug of opening with only one valid meta page.
 *
 * @module
 */

import { assert, assertEquals } from "../support/assert.ts";
import { metasOf, newestMeta, newestSlot } from "../support/image.ts";
import { changed, finish, PATH, rule, watch } from "../support/watched.ts";

const PAGE = 512;

/*
 * Found by the model of the protocol (docs/protocol.md, bothAtOpening). A new store has one meta
 * page. Its first opening began a step above that one's limit and allowed itself another step, in a
 * second meta page that alone knew of it. That one was damaged later: the next opening had the
 * first one again, began at the same epoch, and wrote other pages with numbers and epochs that were
 * on the disk. A lost write among them would not have been noticed.
 */
rule("the epochs of a new store are not used twice where its second meta page is damaged", () => {
  const it = watch();
  const { epochLimit } = newestMeta(it.io.durable(PATH));
  assert(metasOf(it.io.durable(PATH)).every((meta) => meta !== undefined), "both are valid");
  for (const slot of [newestSlot(it.io.durable(PATH)), 1 - newestSlot(it.io.durable(PATH))]) {
    const image = changed(it.io.powerCut(), PATH, (data) => {
      data[slot * PAGE + 200] ^= 4;
    });
    const again = watch({ image });
    assert(again.engine.pages.epoch >= epochLimit - 1, "what the damaged one allowed is not used");
    finish(again);
  }
  finish(it);
  assertEquals(it.io.violations, []);
});
