/**
 * Durable commits: one put a commit, one task after another or 64 at once, over entries that are
 * there already.
 *
 * @module
 */

import { assertSame, type Dataset } from "../dataset.ts";
import type { Engine } from "../engine.ts";
import { DURABLE, type Part } from "../part.ts";
import type { Session } from "../session.ts";
import { fillInBatches, inOrder, warmUpWrites } from "./filling.ts";

const COMMITS = 1_500;
const WARM_UP_COMMITS = 300;
const TASKS = 64;
const COMMITS_OF_A_TASK = 300;
const STORE = "commits";

/** Commits of one put. */
export const COMMITS_PART: Part = {
  id: "commits",
  what: "durable commits",
  works: [
    {
      id: "commit-blocking",
      what: "durable commit, one task, blocking",
      unit: "operation",
      durability: DURABLE,
    },
    {
      id: "commit-awaited",
      what: "durable commit, one task, awaited",
      unit: "operation",
      durability: DURABLE,
    },
    {
      id: "commit-64",
      what: "durable commits, 64 tasks",
      unit: "operation",
      durability: DURABLE,
    },
  ],
  async run(session) {
    await warmUpWrites(session);
    const { data } = session;
    const filling = await session.open(STORE);
    await fillInBatches(filling, data, inOrder(data));
    await filling.close();
    if (session.wants("commit-blocking")) await measureBlocking(session);
    await measureAwaited(session);
  },
};

async function measureBlocking(session: Session): Promise<void> {
  const { data } = session;
  const engine = await session.open(STORE, { commits: "blocking" });
  await readThrough(engine);
  if (engine.putBlocking !== undefined) {
    const commit = (from: number, until: number): void => {
      for (let i = from; i < until; i++) {
        const number = data.readings[i % data.entries];
        engine.putBlocking!(data.key(number), data.value(number, i + 1));
      }
    };
    commit(0, WARM_UP_COMMITS);
    const end = WARM_UP_COMMITS + COMMITS;
    const begun = performance.now();
    commit(WARM_UP_COMMITS, end);
    session.noteTime("commit-blocking", performance.now() - begun, COMMITS);
    checkLast(engine, data, end);
  }
  await engine.close();
}

async function measureAwaited(session: Session): Promise<void> {
  if (!session.wants("commit-awaited") && !session.wants("commit-64")) return;
  const { data } = session;
  const engine = await session.open(STORE, { commits: "awaited" });
  await readThrough(engine);
  if (engine.putAwaited !== undefined) {
    const commit = async (
      from: number,
      until: number,
      step: number,
    ): Promise<void> => {
      // Each task has its key to itself: others write theirs while this one waits.
      const key = data.shape.make();
      for (let i = from; i < until; i += step) {
        const number = data.readings[i % data.entries];
        data.shape.write(key, number);
        await engine.putAwaited!(key, data.value(number, i + 1));
      }
    };
    const together = async (from: number, until: number): Promise<void> => {
      const tasks = Array.from(
        { length: TASKS },
        (_, task) => commit(from + task, until, TASKS),
      );
      await Promise.all(tasks);
    };
    if (session.wants("commit-awaited")) {
      await commit(0, WARM_UP_COMMITS, 1);
      const begun = performance.now();
      await commit(WARM_UP_COMMITS, WARM_UP_COMMITS + COMMITS, 1);
      session.noteTime("commit-awaited", performance.now() - begun, COMMITS);
      checkLast(engine, data, WARM_UP_COMMITS + COMMITS);
    }
    if (session.wants("commit-64")) {
      const count = TASKS * COMMITS_OF_A_TASK;
      await together(0, count);
      const begun = performance.now();
      await together(count, count * 2);
      session.noteTime("commit-64", performance.now() - begun, count);
      checkLast(engine, data, count * 2);
    }
  }
  await engine.close();
}

async function readThrough(engine: Engine): Promise<void> {
  await engine.scan?.({ reverse: false }, () => {});
}

/** Fails unless the entries that were written last have the values of those writes. */
function checkLast(engine: Engine, data: Dataset, end: number): void {
  if (engine.get === undefined) return;
  for (let i = Math.max(0, end - Math.min(1000, data.entries)); i < end; i++) {
    const number = data.readings[i % data.entries];
    assertSame(engine.get(data.key(number)), data.value(number, i + 1));
  }
}
