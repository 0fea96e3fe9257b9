/**
 * What an operation costs as the store grows, everything being cached: a process for each size.
 *
 * @module
 */

import { Dataset, glance } from "../dataset.ts";
import type { Engine } from "../engine.ts";
import type { Part, Work } from "../part.ts";
import { type Session, WARM_UP_OPERATIONS } from "../session.ts";
import { fill, fillInBatches, inOrder } from "./filling.ts";

const SIZES = [10_000, 100_000, 1_000_000, 10_000_000] as const;
const OPERATIONS = 200_000;
const STORE = "growth";
const BATCH = 20_000;
const ENTRY_OVERHEAD_BYTES = 60;

/** The growing store; for its length only where it is asked for. */
export const GROWTH: Part = {
  id: "growth",
  what: "cost of an operation from 10,000 to 10,000,000 keys, cached",
  works: SIZES.flatMap((size): Work[] => [
    { id: `growth-get-${size}`, what: `get, ${size.toLocaleString("en")} keys`, unit: "operation" },
    {
      id: `growth-put-${size}`,
      what: `overwrite in a transaction, ${size.toLocaleString("en")} keys`,
      unit: "operation",
      durability: "synced after 20,000",
    },
  ]),
  steps: SIZES.map(String),
  onRequest: true,
  async run(session) {
    const size = Number(session.job.step);
    const [get, put] = [`growth-get-${size}`, `growth-put-${size}`];
    if (!session.wants(get) && !session.wants(put)) return;
    const { shape, valueBytes } = session.data;
    const data = new Dataset(size, shape, valueBytes);
    // Pages are two thirds full where entries come in random order; room for writes besides.
    const cacheBytes = Math.max(
      session.job.cacheBytes,
      size * (shape.keyBytes + valueBytes + ENTRY_OVERHEAD_BYTES) * 2,
    );
    const engine = await session.open(STORE, { cacheBytes: Math.min(cacheBytes, 2 ** 32) });
    await fillInBatches(engine, data, inOrder(data), 0, BATCH);
    if (session.wants(get)) measureGets(session, engine, data, get);
    if (session.wants(put)) await measurePuts(session, engine, data, put);
    await engine.close();
    session.remove(STORE);
  },
};

function measureGets(session: Session, engine: Engine, data: Dataset, work: string): void {
  if (engine.get === undefined) return;
  const pass = (from: number, count: number): number => {
    let sum = 0;
    for (let i = from; i < from + count; i++) {
      sum += glance(engine.get!(data.key(data.readings[i % data.entries]))!);
    }
    return sum;
  };
  pass(0, WARM_UP_OPERATIONS * 2);
  const begun = performance.now();
  const sum = pass(WARM_UP_OPERATIONS, OPERATIONS);
  session.noteTime(work, performance.now() - begun, OPERATIONS);
  let wanted = 0;
  for (let i = WARM_UP_OPERATIONS; i < WARM_UP_OPERATIONS + OPERATIONS; i++) {
    wanted += glance(data.value(data.readings[i % data.entries]));
  }
  if (sum !== wanted) throw new Error(`${work}: other values were read`);
}

async function measurePuts(
  session: Session,
  engine: Engine,
  data: Dataset,
  work: string,
): Promise<void> {
  const pass = async (from: number, count: number, version: number): Promise<void> => {
    for (let at = from; at < from + count; at += BATCH) {
      const numbers = Uint32Array.from(
        { length: BATCH },
        (_, i) => data.readings[(at + i) % data.entries],
      );
      await fill(engine, data, numbers, version);
    }
  };
  await pass(0, WARM_UP_OPERATIONS, 1);
  const begun = performance.now();
  await pass(WARM_UP_OPERATIONS, OPERATIONS, 2);
  session.noteTime(work, performance.now() - begun, OPERATIONS);
}
