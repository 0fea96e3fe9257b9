/**
 * The turn to write: first come, first served, and whoever is aborted leaves the queue.
 *
 * @module
 */

import { test } from "node:test";

import { runAsync, runSync } from "../../core/future.ts";
import { Turn } from "../../core/turn.ts";
import { assert, assertEquals } from "../support/assert.ts";
import { assertCode, assertCodeSync } from "../support/store.ts";

test("the turn goes round in the order of asking", async () => {
  const turn = new Turn();
  const order: number[] = [];
  const tasks = Array.from({ length: 10 }, async (_, i) => {
    await runAsync(turn.take());
    order.push(i);
    await Promise.resolve();
    turn.release();
  });
  await Promise.all(tasks);
  assertEquals(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals(turn.busy, false);
});

test("who is aborted while waiting is passed over", async () => {
  const turn = new Turn();
  runSync(turn.take());
  const controller = new AbortController();
  const aborted = assertCode(() => runAsync(turn.take(controller.signal)), "KVIG_ABORTED");
  const next = runAsync(turn.take());
  controller.abort();
  await aborted;
  turn.release();
  await next;
  turn.release();
  assertEquals(turn.busy, false);
});

test("an abort that comes with the turn gives the turn back", async () => {
  const turn = new Turn();
  runSync(turn.take());
  const controller = new AbortController();
  const first = runAsync(turn.take(controller.signal)).then(() => "had", () => "aborted");
  const second = runAsync(turn.take());
  turn.release();
  controller.abort();
  if (await first === "had") turn.release();
  await second;
  turn.release();
  assertEquals(turn.busy, false);
});

test("an aborted signal is refused at once, and listeners are taken back", async () => {
  const turn = new Turn();
  assertCodeSync(() => runSync(turn.take(AbortSignal.abort())), "KVIG_ABORTED");
  assertEquals(turn.busy, false);
  runSync(turn.take());
  let listeners = 0;
  const signal = {
    aborted: false,
    reason: undefined,
    addEventListener: () => listeners++,
    removeEventListener: () => listeners--,
  };
  const waiting = runAsync(turn.take(signal));
  assertEquals(listeners, 1);
  turn.release();
  await waiting;
  assertEquals(listeners, 0);
});

test("taking the turn without waiting fails and leaves the queue as it was", () => {
  const turn = new Turn();
  assert(turn.tryTake(), "free");
  assert(!turn.tryTake(), "held");
  assertCodeSync(() => runSync(turn.take()), "KVIG_WOULD_BLOCK");
  turn.release();
  assertEquals(turn.busy, false);
});
