/**
 * Fills that the parts share: they make the store of which the works are measured.
 *
 * @module
 */

import type { Dataset } from "../dataset.ts";
import type { Engine, Writes } from "../engine.ts";
import type { Session } from "../session.ts";
import { WARM_UP_OPERATIONS } from "../session.ts";

/** Writes of which a transaction consists where a fill comes in batches. */
export const BATCH = 1000;

const WARM_UP_LOG_BYTES = 16 * 2 ** 20;

/** Sets the entries with these numbers in one transaction. */
export async function fill(
  engine: Engine,
  data: Dataset,
  numbers: Iterable<number>,
  version = 0,
): Promise<void> {
  await engine.transaction((writes) => {
    for (const number of numbers) {
      writes.put(data.key(number), data.value(number, version));
    }
  });
}

/** Sets the entries with these numbers in transactions of {@link BATCH}. */
export async function fillInBatches(
  engine: Engine,
  data: Dataset,
  numbers: Uint32Array,
  version = 0,
  batch = BATCH,
): Promise<void> {
  for (let at = 0; at < numbers.length; at += batch) {
    await fill(engine, data, numbers.subarray(at, at + batch), version);
  }
}

/** Removes the entries with these numbers in one transaction. */
export async function remove(
  engine: Engine,
  data: Dataset,
  numbers: Iterable<number>,
): Promise<void> {
  await engine.transaction((writes: Writes) => {
    for (const number of numbers) writes.delete(data.key(number));
  });
}

/** The numbers of all entries, in order. */
export function inOrder(data: Dataset): Uint32Array {
  return Uint32Array.from({ length: data.entries }, (_, number) => number);
}

/** Warms the code of writing up, on a store of its own that is gone afterwards. */
export async function warmUpWrites(session: Session): Promise<void> {
  const { data } = session;
  const engine = await session.open("warm-up", { logBytes: WARM_UP_LOG_BYTES });
  const some = data.insertions.subarray(0, WARM_UP_OPERATIONS);
  // Few entries are written again and again where there are not enough of them.
  for (
    let done = 0, version = 0;
    done < WARM_UP_OPERATIONS;
    done += some.length, version++
  ) {
    await fillInBatches(engine, data, some, version);
    if (engine.mostWrites === undefined) await fill(engine, data, some, version + 1);
  }
  if (engine.mostWrites === undefined) await remove(engine, data, some);
  await engine.close();
  session.remove("warm-up");
}
