/**
 * Writes to pages that are not in memory: what they load while they wait for the writer's turn, and
 * that neither order, signals nor errors depend on it.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLessOrEqual,
} from "../support/assert.ts";
import type { Operation } from "../support/recording_io.ts";
import { assertCode } from "../support/store.ts";
import { drained } from "../support/unrest.ts";
import {
  entriesOf,
  fill,
  finish,
  finishAsync,
  PATH,
  rule,
  watch,
  watchAsync,
  type Watched,
} from "../support/watched.ts";

const isRead = ({ kind, path }: Operation): boolean => kind === "read" && path === PATH;
const keyOf = (i: number): string => `key ${`${i}`.padStart(5, "0")}`;
const text = new TextDecoder();
const STEP = 400;
const COUNT = 12;
/** Keys on pages that are far from each other. */
const KEYS = Array.from({ length: COUNT }, (_, i) => keyOf(i * STEP));

/** A store on an Io of its own with nothing in its cache but the upper pages. */
async function cold(): Promise<Watched> {
  const first = watch();
  fill(first.store, COUNT * STEP, 150);
  finish(first);
  const it = await watchAsync({ image: first.io.killed() });
  await it.store.get(keyOf(200));
  return it;
}

/** Takes the turn with a transaction that does nothing until it is told to end. */
async function holdTurn(it: Watched): Promise<() => Promise<void>> {
  let end = (): void => {};
  const transaction = it.store.transaction(() => new Promise<void>((resolve) => end = resolve));
  await drained();
  return async () => {
    end();
    await transaction;
  };
}

rule("the pages of writes that wait for the turn are loaded meanwhile, all at once", async () => {
  const it = await cold();
  const endTurn = await holdTurn(it);
  it.io.hold = isRead;
  const { sequence, log } = it.store.stats();
  const writes = KEYS.map((key, i) =>
    i % 3 === 2 ? it.store.delete(key) : it.store.put(key, `new ${i}`)
  );
  await drained();
  // Some share a page above their leaves.
  assertGreaterOrEqual(it.io.inFlight.length, COUNT / 2);
  assertEquals(it.store.stats().sequence, sequence, "none has the turn");
  it.io.hold = () => false;
  it.io.settleAll();
  await drained();
  const { reads } = it.store.stats().cache;
  await endTurn();
  await Promise.all(writes);
  // What is read now is of the catalogue and the map of places.
  const more = it.store.stats().cache.reads - reads;
  assertLessOrEqual(more, COUNT / 3, "the turn finds the leaves there");
  const after = it.store.stats();
  assertEquals(after.sequence, sequence + COUNT);
  assertLessOrEqual(after.log.syncs - log.syncs, 2, "they share a sync");
  for (const [i, key] of KEYS.entries()) {
    const value = await it.store.get(key);
    assertEquals(value && text.decode(value), i % 3 === 2 ? undefined : `new ${i}`);
  }
  await finishAsync(it);
});

rule(
  "a write whose page comes late keeps its place before those whose pages are there",
  async () => {
    const it = await cold();
    const key = keyOf(2 * STEP);
    await it.store.get(keyOf(200));
    const endTurn = await holdTurn(it);
    it.io.hold = isRead;
    const order: string[] = [];
    const note = (name: string) => (): number => order.push(name);
    const writes = [
      it.store.put(key, "1").then(note("cold")),
      it.store.put(keyOf(200), "2").then(note("warm")),
      it.store.put(key, "3").then(note("cold again")),
      it.store.delete(keyOf(200)).then(note("warm again")),
    ];
    await drained();
    await endTurn();
    await drained();
    assertEquals(order, [], "the first one waits for its page and has the turn");
    it.io.hold = () => false;
    it.io.settleAll();
    await Promise.all(writes);
    assertEquals(order, ["cold", "warm", "cold again", "warm again"]);
    assertEquals(text.decode(await it.store.get(key)), "3");
    assertEquals(await it.store.get(keyOf(200)), undefined);
    await finishAsync(it);
  },
);

rule("a write that may be aborted waits for the turn and for nothing else", async () => {
  const it = await cold();
  const endTurn = await holdTurn(it);
  it.io.hold = isRead;
  const controller = new AbortController();
  const put = it.store.put(KEYS[5], "never", { signal: controller.signal });
  await drained();
  controller.abort();
  await assertCode(() => put, "KVIG_ABORTED");
  it.io.hold = () => false;
  it.io.settleAll();
  await endTurn();
  assert(text.decode(await it.store.get(KEYS[5])) !== "never");
  await finishAsync(it);
});

rule("a page that cannot be loaded ahead is tried again in the turn", async () => {
  const it = await cold();
  const endTurn = await holdTurn(it);
  it.io.failWhen({ match: isRead, times: 1000 });
  const well = it.store.put(KEYS[3], "well");
  const badly = it.store.put(KEYS[4], "badly");
  await drained();
  it.io.failNothing();
  it.io.failWhen({
    match: (operation) => isRead(operation) && isOf(it, operation, 4),
    times: 1000,
  });
  await endTurn();
  await well;
  await assertCode(() => badly, "KVIG_IO");
  it.io.failNothing();
  assertEquals(entriesOf(it.store)[KEYS[3]], "well");
  assertEquals(entriesOf(it.store)[KEYS[4]].length, 150);
  await finishAsync(it);
});

/** Whether a read is one of the page that is missing on the way to key number `index`. */
function isOf(it: Watched, { pieces: [{ at }] }: Operation, index: number): boolean {
  const { pages, tree } = it.engine;
  const key = new TextEncoder().encode(KEYS[index]);
  tree.find(pages.work.tree, key, key.length);
  return at === pages.missPage * it.engine.cache.frames.pageBytes;
}
