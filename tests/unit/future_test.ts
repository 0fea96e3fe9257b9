/**
 * Futures are taken once, tasks wait for them, signals wake tasks.
 *
 * @module
 */

import { test } from "node:test";

import { isKvigError, KvigError } from "../../core/errors.ts";
import { Future, FuturePool, runAsync, runSync, Signal, type Task } from "../../core/future.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "../support/assert.ts";

function assertCode(work: () => unknown, code: string): KvigError {
  const error = assertThrows(work, KvigError);
  assertEquals(error.code, code);
  return error;
}

function* sum(one: Future<number>, other: Future<number>): Task<number> {
  return (yield* one) + (yield* other);
}

test("take() gives the value once", () => {
  const future = Future.of(7);
  assert(future.settled);
  assertEquals(future.take(), 7);
  assertCode(() => future.take(), "KVIG_FUTURE_TAKEN");
  assertCode(() => future.take(future.generation), "KVIG_FUTURE_TAKEN");
});

test("take() throws the error of the operation once", () => {
  const cause = new Error("the system's own");
  const future = Future.failed("KVIG_FULL", "cannot write", cause);
  const error = assertCode(() => future.take(), "KVIG_FULL");
  assertEquals(error.message, "cannot write");
  assert(error.cause === cause, "the cause is kept");
  assertCode(() => future.take(), "KVIG_FUTURE_TAKEN");
});

test("take() of a pending future takes nothing", () => {
  const future = new Future<number>();
  assert(!future.settled);
  assertCode(() => future.take(), "KVIG_WOULD_BLOCK");
  future.settle(3);
  assertEquals(future.take(), 3);
});

test("the first completion wins", () => {
  const settled = new Future<number>();
  settled.settle(1);
  settled.settle(2);
  settled.fail("KVIG_IO", "late");
  assertEquals(settled.take(), 1);
  const failed = new Future<number>();
  failed.fail("KVIG_IO", "first");
  failed.settle(2);
  assertEquals(assertCode(() => failed.take(), "KVIG_IO").message, "first");
  failed.settle(2);
  assertCode(() => failed.take(), "KVIG_FUTURE_TAKEN");
});

test("promise() resolves when the future is settled, and never rejects", async () => {
  const future = new Future<number>();
  const early = future.promise();
  queueMicrotask(() => future.fail("KVIG_IO", "failed"));
  await early;
  assert(future.settled);
  await future.promise();
  assertCode(() => future.take(), "KVIG_IO");
  await Future.of(1).promise();
});

test("a pooled future is reused, and an old take of it is detected", () => {
  const pool = new FuturePool();
  const first = pool.settled("first");
  const generation = first.generation;
  assertEquals(first.take(generation), "first");
  assertCode(() => first.take(generation), "KVIG_FUTURE_TAKEN");
  const second = pool.settled("second");
  assert(second as unknown === first, "the object is reused");
  assertCode(() => first.take(generation), "KVIG_FUTURE_TAKEN");
  assertEquals(second.take(second.generation), "second");
});

test("a pooled future taken without a generation is not reused", () => {
  const pool = new FuturePool();
  const first = pool.settled(1);
  assertEquals(first.take(), 1);
  assertCode(() => first.take(), "KVIG_FUTURE_TAKEN");
  assert(pool.settled(2) !== first, "another object");
  assertCode(() => first.take(), "KVIG_FUTURE_TAKEN");
});

test("a pool reuses futures without end and keeps what it is asked for at once", () => {
  const pool = new FuturePool();
  for (let round = 0; round < 3; round++) {
    const futures = Array.from({ length: 200 }, (_, index) => pool.settled(index));
    assertEquals(new Set(futures).size, 200);
    futures.forEach((future, index) => assertEquals(future.take(future.generation), index));
  }
});

test("runSync() runs settled work to its end", () => {
  const pool = new FuturePool();
  assertEquals(runSync(sum(Future.of(1), pool.settled(2))), 3);
});

test("runSync() throws inside the task where it would have to wait", () => {
  let seen: unknown;
  function* task(): Task<string> {
    try {
      yield* new Future<number>();
    } catch (error) {
      seen = error;
      return "caught";
    }
    return "not reached";
  }
  assertEquals(runSync(task()), "caught");
  assert(isKvigError(seen, "KVIG_WOULD_BLOCK"));
  assertCode(() => runSync(sum(Future.of(1), new Future())), "KVIG_WOULD_BLOCK");
});

test("runAsync() waits for pending work", async () => {
  const one = new Future<number>();
  const other = new Future<number>();
  const total = runAsync(sum(one, other));
  other.settle(2);
  setTimeout(() => one.settle(1), 1);
  assertEquals(await total, 3);
});

test("runAsync() runs at once as far as it can", async () => {
  const reached: number[] = [];
  const gate = new Future<void>();
  function* task(): Task<void> {
    reached.push(1);
    yield* Future.of(0);
    reached.push(2);
    yield* gate;
    reached.push(3);
  }
  const done = runAsync(task());
  assertEquals(reached, [1, 2]);
  gate.settle(undefined);
  await done;
  assertEquals(reached, [1, 2, 3]);
});

test("runAsync() rejects with the error of the operation, before and after waiting", async () => {
  const failed = () => Future.failed<number>("KVIG_ACCESS", "cannot open");
  const early = await assertRejects(() => runAsync(sum(failed(), Future.of(1))), KvigError);
  assertEquals(early.code, "KVIG_ACCESS");
  const gate = new Future<number>();
  const late = runAsync(sum(gate, failed()));
  gate.settle(1);
  assertEquals((await assertRejects(() => late, KvigError)).code, "KVIG_ACCESS");
});

test("a task may catch the error of an operation and go on", async () => {
  const gate = new Future<number>();
  function* task(): Task<number> {
    try {
      return yield* gate;
    } catch (error) {
      assert(isKvigError(error, "KVIG_IO"));
      return yield* Future.of(5);
    }
  }
  const done = runAsync(task());
  gate.fail("KVIG_IO", "failed");
  assertEquals(await done, 5);
});

test("Signal wakes everyone who waits, once", async () => {
  const signal = new Signal();
  signal.fire();
  const one = signal.wait();
  const other = signal.wait();
  assert(one !== other && !one.settled && !other.settled);
  signal.fire();
  await one.promise();
  one.take();
  other.take();
  const next = signal.wait();
  assert(!next.settled, "an old firing wakes nobody");
});

test("tasks that wait for one future go on in the order in which they came", async () => {
  const future = new Future<void>();
  const order: number[] = [];
  function* wait(number: number): Task<void> {
    yield future;
    assert(future.settled, "nobody is woken before");
    order.push(number);
    // They wait for the next one at once: nobody is passed over, or woken for another.
    if (number % 2 === 0) yield* later;
    order.push(number + 10);
  }
  const later = new Future<void>();
  const runs = [0, 1, 2, 3].map((number) => runAsync(wait(number)));
  future.settle(undefined);
  assertEquals(order, [], "not within settle()");
  await future.promise();
  await undefined;
  assertEquals(order, [0, 1, 11, 2, 3, 13]);
  later.settle(undefined);
  const results = await Promise.allSettled(runs);
  assertEquals(order, [0, 1, 11, 2, 3, 13, 10]);
  assertEquals(
    results.map(({ status }) => status),
    ["fulfilled", "fulfilled", "rejected", "fulfilled"],
    "one of two who took it came too late",
  );
});

test("a task that throws when it is woken does not keep the others from going on", async () => {
  const future = new Future<void>();
  function* fail(): Task<void> {
    yield future;
    throw new RangeError("on purpose");
  }
  function* go(): Task<number> {
    yield future;
    return 1;
  }
  const failed = runAsync(fail());
  const went = runAsync(go());
  future.settle(undefined);
  await assertRejects(() => failed, RangeError);
  assertEquals(await went, 1);
});

test("a task waits for the futures of an adapter that has its own copy of kvig", async () => {
  // What another copy's class has in common with ours: its shape.
  const foreign = {
    settled: false,
    generation: 0,
    wake: (): void => {},
    promise(): Promise<void> {
      return new Promise((resolve) => this.wake = resolve);
    },
    take: () => 42,
  };
  function* wait(): Task<number> {
    const future = foreign as unknown as Future<number>;
    if (!future.settled) yield future;
    return future.take();
  }
  const run = runAsync(wait());
  foreign.settled = true;
  foreign.wake();
  assertEquals(await run, 42);
});
