/**
 * What the tests of the surface share: a small store whose keys and values are text, in memory and
 * verified at the end.
 *
 * @module
 */

import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import { open, openSync } from "./runtime.ts";
import { utf8 } from "../../core/codec.ts";
import type { Kvig, OpenOptions } from "../../mod.ts";
import { assertSound } from "./store.ts";

/** A store of text. */
export type TextStore = Kvig<string, string, string, string>;

/** Options of a store of text. */
export type TextOptions = OpenOptions<string, string, string, string>;

/** Small sizes, and text as keys and values. */
export const TEXT: Readonly<TextOptions> = {
  cacheSize: 1024 * 1024,
  logSize: 1024 * 1024,
  key: utf8,
  value: utf8,
};

/** Registers a test of a store of text; whatever happens to the store, it must be sound. */
export function textTest(
  name: string,
  work: (store: TextStore) => Promise<void> | void,
  options: TextOptions = {},
): void {
  test(name, { timeout: 60_000 }, async () => {
    const store = await open("store", { ...TEXT, io: memoryIo(), ...options });
    await work(store);
    assertSound(await store.verify());
    await store.close();
  });
}

/** Like {@link textTest}, with a store that `openSync` opened. */
export function textTestSync(name: string, work: (store: TextStore) => void): void {
  test(name, { timeout: 60_000 }, () => {
    const store = openSync("store", { ...TEXT, io: memoryIo() });
    work(store);
    assertSound(store.verifySync());
    store.closeSync();
  });
}
