/**
 * Writing: fills, overwrites, deletes, and how large the file is afterwards.
 *
 * @module
 */

import type { Engine } from "../engine.ts";
import { assertSame, type Dataset } from "../dataset.ts";
import { DURABLE, type Part } from "../part.ts";
import type { Session } from "../session.ts";
import { fill, fillInBatches, inOrder, remove, warmUpWrites } from "./filling.ts";

const RANDOM = "random";

/** Fills and changes of a store that fits the cache. */
export const WRITES: Part = {
  id: "writes",
  what: "writing",
  works: [
    {
      id: "fill-random",
      what: "fill random, one transaction",
      unit: "operation",
      durability: DURABLE,
    },
    {
      id: "fill-sequential",
      what: "fill sequential, one transaction",
      unit: "operation",
      durability: DURABLE,
    },
    {
      id: "fill-random-batches",
      what: "fill random, transactions of 1,000",
      unit: "operation",
      durability: DURABLE,
    },
    {
      id: "fill-sequential-batches",
      what: "fill sequential, transactions of 1,000",
      unit: "operation",
      durability: DURABLE,
    },
    {
      id: "overwrite",
      what: "overwrite random, one transaction",
      unit: "operation",
      durability: DURABLE,
    },
    {
      id: "delete",
      what: "delete random, one transaction",
      unit: "operation",
      durability: DURABLE,
    },
    {
      id: "size-filled",
      what: "data file after a random fill and close",
      unit: "bytes",
    },
    {
      id: "size-churned",
      what: "data file after overwriting all of it too",
      unit: "bytes",
    },
    { id: "size-log", what: "log file, fixed in size", unit: "bytes", alone: true },
  ],
  async run(session) {
    await warmUpWrites(session);
    await measureRandom(session);
    const { data } = session;
    await measureFill(
      session,
      "fill-sequential",
      (engine) => fill(engine, data, inOrder(data)),
    );
    await measureFill(
      session,
      "fill-random-batches",
      (engine) => fillInBatches(engine, data, data.insertions),
    );
    await measureFill(
      session,
      "fill-sequential-batches",
      (engine) => fillInBatches(engine, data, inOrder(data)),
    );
  },
};

async function measureRandom(session: Session): Promise<void> {
  const { data } = session;
  const wanted = [
    "fill-random",
    "overwrite",
    "delete",
    "size-filled",
    "size-churned",
    "size-log",
  ];
  if (!wanted.some((work) => session.wants(work))) return;
  let engine = await session.open(RANDOM);
  await timed(
    session,
    "fill-random",
    () => fill(engine, data, data.insertions),
  );
  engine = await reopened(session, engine);
  const filled = engine.sizes();
  if (session.wants("size-filled")) {
    session.note("size-filled", filled.dataBytes);
  }
  if (session.wants("size-log")) session.note("size-log", filled.logBytes);
  checkSome(engine, data, 0);
  await timed(session, "overwrite", () => fill(engine, data, data.readings, 1));
  engine = await reopened(session, engine);
  if (session.wants("size-churned")) {
    session.note("size-churned", engine.sizes().dataBytes);
  }
  checkSome(engine, data, 1);
  await timed(session, "delete", () => remove(engine, data, data.insertions));
  await checkEmpty(engine, data);
  await engine.close();
  session.remove(RANDOM);
}

async function reopened(session: Session, engine: Engine): Promise<Engine> {
  await engine.close();
  const opened = await session.open(RANDOM);
  // Reading through it brings into the cache what the next work finds there.
  await opened.scan?.({ reverse: false }, () => {});
  return opened;
}

async function measureFill(
  session: Session,
  work: string,
  run: (engine: Engine) => Promise<void>,
): Promise<void> {
  if (!session.wants(work)) return;
  const engine = await session.open(work);
  await timed(session, work, () => run(engine));
  checkSome(engine, session.data, 0);
  await engine.close();
  session.remove(work);
}

async function timed(
  session: Session,
  work: string,
  run: () => Promise<void>,
): Promise<void> {
  const begun = performance.now();
  await run();
  const milliseconds = performance.now() - begun;
  if (session.wants(work)) {
    session.noteTime(work, milliseconds, session.data.entries);
  }
}

function checkSome(engine: Engine, data: Dataset, version: number): void {
  if (engine.get === undefined) return;
  for (let i = 0; i < data.entries; i += 7) {
    assertSame(engine.get(data.key(i)), data.value(i, version));
  }
}

async function checkEmpty(engine: Engine, data: Dataset): Promise<void> {
  let left = 0;
  await engine.scan?.({ reverse: false }, () => void left++);
  if (left > 0) {
    throw new Error(`${left} of ${data.entries} entries were not deleted`);
  }
}
