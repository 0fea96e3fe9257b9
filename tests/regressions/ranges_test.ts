/**
 * Bugs of ranges: bounds that are too long, that are no ranges, or that change behind the call.
 *
 * @module
 */

import { Buffer } from "node:buffer";

import type { RangeOptions } from "../../mod.ts";
import { assertEquals, assertRejects, assertThrows } from "../support/assert.ts";
import { entriesOf, finish, finishAsync, rule, watch, watchAsync } from "../support/watched.ts";

/*
 * clear() logged its bounds whole. One that was longer than the buffer of the log broke an
 * invariant, in the middle of a transaction: the turn was given back, and what a user gave as
 * "behind everything" had cost the operation.
 */
rule("clear() takes a bound that is longer than the log's buffer", () => {
  const it = watch({ logSize: 8 * 1024 * 1024 });
  for (const key of ["a", "b", "c"]) it.store.putSync(key, "1");
  const long = "z".repeat(1_200_000);
  assertEquals(it.store.clearSync({ gte: `b${long}`, lt: "d" }), 1);
  assertEquals(it.store.clearSync({ gt: "a", lt: long }), 1);
  const image = it.io.powerCut();
  finish(it);
  const again = watch({ image });
  assertEquals(entriesOf(again.store), { a: "1" }, "replayed as well");
  finish(again);
});

/*
 * first() and last() spread whatever they were given: first(5) and first("key") gave the first
 * entry of the store, as if there was a range, and no error.
 */
rule("first() and last() refuse what is no range", async () => {
  const it = await watchAsync();
  await it.store.put("a", "1");
  for (const wrong of [5, "a", true, null, () => {}]) {
    const range = wrong as unknown as RangeOptions<string>;
    for (const verb of ["first", "last"] as const) {
      await assertRejects(() => it.store[verb](range), TypeError, "a range must be an object");
      const both = () => it.store[`${verb}Sync`](range);
      assertThrows(both, TypeError, "a range must be an object");
    }
  }
  await finishAsync(it);
});

/*
 * A bound given as a Node Buffer was not copied, because slice() of a Buffer copies nothing. A
 * caller that reused its buffer after the call, as pools do, moved the bounds of a walk that was
 * under way: an iteration left its range, and a clear() that waited for its turn removed other keys
 * than it was asked to.
 */
rule("bounds are the caller's to change once a call has returned", async () => {
  const it = await watchAsync();
  const keys = ["a", "b", "c", "d", "e"];
  for (const key of keys) await it.store.put(key, "1");
  const pool = Buffer.alloc(64);
  const of = (text: string, at: number): Buffer => {
    pool.write(text, at);
    return pool.subarray(at, at + text.length);
  };
  const name = ([key]: [Uint8Array, Uint8Array]): string => Buffer.from(key).toString();
  const scribble = (): unknown => pool.fill("z");
  for (const [low, high] of [["gte", "lte"], ["gt", "lt"], ["gte", "lt"]] as const) {
    const wanted = keys.filter((key) => low === "gt" ? key > "b" : key >= "b")
      .filter((key) => high === "lte" ? key <= "d" : key < "d");
    const iteration = it.store.range({ [low]: of("b", 0), [high]: of("d", 8) });
    scribble();
    assertEquals((await iteration.toArray()).map(name), wanted);
    const walk = it.store.range({ [low]: of("b", 0), [high]: of("d", 8) })[Symbol.iterator]();
    const found = [walk.next().value!];
    scribble();
    for (let step = walk.next(); step.done !== true; step = walk.next()) found.push(step.value);
    assertEquals(found.map(name), wanted);
  }
  const prefixed = it.store.keys({ prefix: of("c", 0) });
  scribble();
  assertEquals((await prefixed.toArray()).length, 1);
  const cleared = await it.store.transaction((tx) => {
    void tx;
    const clear = it.store.clear({ gte: of("b", 0), lt: of("d", 8) });
    scribble();
    return [clear];
  });
  assertEquals(await cleared[0], 2);
  assertEquals(Object.keys(entriesOf(it.store)), ["a", "d", "e"]);
  await finishAsync(it);
});
