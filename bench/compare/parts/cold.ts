/**
 * Random reads of a store four times as large as the cache, which nobody has in memory: the store
 * was just opened, and the system's own cache was emptied.
 *
 * A peer that has several ways to read is measured in each, and the best one counts.
 *
 * @module
 */

import { isKvig } from "../contestants.ts";
import { assertSame } from "../dataset.ts";
import type { Engine } from "../engine.ts";
import { dropKernelCache } from "../kernel_cache.ts";
import type { Part } from "../part.ts";
import type { Session } from "../session.ts";
import { fillInBatches, inOrder } from "./filling.ts";

const READS = { "cold-1": 3_000, "cold-64": 12_000 } as const;
const TASKS = 64;
const STORE = "cold";
const BATCH = 20_000;
const CACHE_BYTES = 64 * 2 ** 20;

/** Cold reads. */
export const COLD: Part = {
  id: "cold",
  what: "reading from the disk; cache of 64 MiB",
  works: [
    { id: "cold-1", what: "cold random reads, one task", unit: "operation" },
    { id: "cold-64", what: "cold random reads, 64 tasks", unit: "operation" },
  ],
  cacheBytes: CACHE_BYTES,
  timesCache: 4,
  async run(session) {
    const why = dropKernelCache();
    if (why !== undefined) {
      for (const work of Object.keys(READS)) session.skip(work, why);
      return;
    }
    const { data } = session;
    const filling = await session.open(STORE);
    await fillInBatches(filling, data, inOrder(data), 0, BATCH);
    await filling.close();
    const times = { "cold-1": [] as number[], "cold-64": [] as number[] };
    if (session.wants("cold-1")) times["cold-1"].push(await blocking(session, READS["cold-1"], 0));
    if (session.wants("cold-64")) {
      times["cold-64"].push(await awaited(session));
      if (!isKvig(session.job.contestant)) {
        times["cold-64"].push(await blocking(session, READS["cold-64"], 1));
      }
    }
    for (const [work, found] of Object.entries(times)) {
      const measured = found.filter((time) => !Number.isNaN(time));
      if (measured.length === 0) continue;
      session.noteTime(work, Math.min(...measured), READS[work as keyof typeof READS]);
    }
  },
};

/** Milliseconds that `reads` blocking reads take. */
async function blocking(session: Session, reads: number, turn: number): Promise<number> {
  return await cold(session, "blocking", (engine) => {
    if (engine.get === undefined) return Promise.resolve(NaN);
    const { data } = session;
    const begun = performance.now();
    for (let i = 0; i < reads; i++) {
      const number = numberOf(session, turn, i);
      assertSame(engine.get(data.key(number)), data.value(number));
    }
    return Promise.resolve(performance.now() - begun);
  });
}

/** Milliseconds that the reads of all tasks take together. */
async function awaited(session: Session): Promise<number> {
  return await cold(session, "awaited", async (engine) => {
    if (engine.getAwaited === undefined) return NaN;
    const { data } = session;
    const each = Math.ceil(READS["cold-64"] / TASKS);
    const task = async (index: number): Promise<void> => {
      const key = data.shape.make();
      for (let i = 0; i < each; i++) {
        const number = numberOf(session, 2, index * each + i);
        data.shape.write(key, number);
        assertSame(await engine.getAwaited!(key), data.value(number));
      }
    };
    const begun = performance.now();
    await Promise.all(Array.from({ length: TASKS }, (_, index) => task(index)));
    return performance.now() - begun;
  });
}

async function cold(
  session: Session,
  commits: "blocking" | "awaited",
  measure: (engine: Engine) => Promise<number>,
): Promise<number> {
  dropKernelCache();
  const engine = await session.open(STORE, { commits, cold: true });
  const milliseconds = await measure(engine);
  await engine.close();
  return milliseconds;
}

/** Each turn reads other entries. */
function numberOf({ data }: Session, turn: number, i: number): number {
  return data.readings[(Math.floor(data.entries / 3) * turn + i) % data.entries];
}
