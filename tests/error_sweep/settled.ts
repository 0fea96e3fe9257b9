/**
 * Waiting for what may never be over: until it is, or until nothing moves any more.
 *
 * @module
 */

import type { SimIo } from "../sim/io.ts";

/** What {@link settled} gives for a promise that nothing will ever settle. */
export const STUCK: unique symbol = Symbol("stuck");

/** Turns of the queue of microtasks in which nothing has to happen, to call it standstill. */
const STILL_TURNS = 1500;

/** The value of `promise`, or {@link STUCK} once nothing is in flight and nothing happens. */
export async function settled<T>(promise: Promise<T>, io: SimIo): Promise<T | typeof STUCK> {
  let over = false;
  const end = (): void => {
    over = true;
  };
  promise.then(end, end);
  await standstill(io, () => over);
  return over ? await promise : STUCK;
}

/** Waits until nothing is in flight and nothing happens, or until `over` says so. */
export async function standstill(io: SimIo, over: () => boolean = () => false): Promise<void> {
  let { operations } = io;
  for (let still = 0; still < STILL_TURNS && !over(); still++) {
    await Promise.resolve();
    if (io.inFlight === 0 && io.operations === operations) continue;
    still = 0;
    operations = io.operations;
  }
}
