/**
 * Stores that earlier versions and other runtimes wrote are read, written and verified.
 *
 * @module
 */

import { test } from "node:test";

import { assertEquals } from "../support/assert.ts";
import { GOLDEN, goldenEntries, unpack } from "../support/golden.ts";
import { assertSameEntries } from "../support/model.ts";
import { open, openSync } from "../support/runtime.ts";
import { assertSound } from "../support/store.ts";
import { tempDir } from "../support/tmp.ts";

const CACHE = { cacheSize: 2 ** 20 };

for (const golden of GOLDEN) {
  test(`${golden.name} is read, without and with a replay of its log`, () => {
    using dir = tempDir();
    const path = dir.file("store");
    unpack(golden, path);
    for (const readOnly of [true, false]) {
      const store = openSync(path, { ...CACHE, readOnly });
      assertEquals(store.stats().pages.size, golden.pageSize);
      assertSameEntries(store.range().toArraySync(), goldenEntries(golden));
      assertSound(store.verifySync());
      store.closeSync();
    }
  });

  test(`${golden.name} is written to`, async () => {
    using dir = tempDir();
    const path = dir.file("store");
    unpack(golden, path);
    const store = await open(path, CACHE);
    await store.clear({ prefix: "https" });
    await store.put("new", "entry");
    assertSound(await store.verify());
    await store.close();
    const again = await open(path, CACHE);
    assertEquals(await again.count({ prefix: "https" }), 0);
    assertEquals(await again.count({ prefix: "new" }), 1);
    assertSound(await again.verify());
    await again.close();
  });
}
