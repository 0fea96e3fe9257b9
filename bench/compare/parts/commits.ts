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
const WARM_UP_COMMITS = 500;
/** Works that are awaited: tasks, and commits of each. */
const WAYS = [["commit-awaited", 1, COMMITS], ["commit-64", 64, 400]] as const;
/** Where commits take long, so many of them are enough. */
const LONGEST_MILLISECONDS = 3_000;
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
  const engine = await session.open(STORE, { commits: "blocking" });
  await engine.scan?.({ reverse: false }, () => {});
  if (engine.putBlocking !== undefined) {
    const writer = new Writer(session.data, engine);
    writer.blocking(WARM_UP_COMMITS);
    const begun = performance.now();
    const done = writer.blocking(COMMITS);
    session.noteTime("commit-blocking", performance.now() - begun, done);
    writer.check();
  }
  await engine.close();
}

async function measureAwaited(session: Session): Promise<void> {
  if (!session.wants("commit-awaited") && !session.wants("commit-64")) return;
  const engine = await session.open(STORE, { commits: "awaited" });
  await engine.scan?.({ reverse: false }, () => {});
  if (engine.putAwaited !== undefined) {
    const writer = new Writer(session.data, engine);
    for (const [work, tasks, each] of WAYS) {
      if (!session.wants(work)) continue;
      await writer.awaited(tasks, Math.ceil(each / 2));
      const begun = performance.now();
      const done = await writer.awaited(tasks, each);
      session.noteTime(work, performance.now() - begun, done);
      writer.check();
    }
  }
  await engine.close();
}

/** Commits puts, and remembers them. */
class Writer {
  readonly #data: Dataset;
  readonly #engine: Engine;
  /** How often an entry was written, by its number. */
  readonly #versions = new Map<number, number>();
  #next = 0;

  constructor(data: Dataset, engine: Engine) {
    this.#data = data;
    this.#engine = engine;
  }

  #step(): { number: number; value: Uint8Array } {
    const number = this.#data.readings[this.#next++ % this.#data.entries];
    const version = (this.#versions.get(number) ?? 0) + 1;
    this.#versions.set(number, version);
    return { number, value: this.#data.value(number, version) };
  }

  /** So many one after another, or fewer where they take long; returns how many. */
  blocking(commits: number): number {
    const end = performance.now() + LONGEST_MILLISECONDS;
    let done = 0;
    while (done < commits && performance.now() < end) {
      const { number, value } = this.#step();
      this.#engine.putBlocking!(this.#data.key(number), value);
      done++;
    }
    return done;
  }

  /** So many by each of some tasks, or fewer where they take long; returns how many. */
  async awaited(tasks: number, each: number): Promise<number> {
    const end = performance.now() + LONGEST_MILLISECONDS;
    let done = 0;
    const task = async (): Promise<void> => {
      // Each task has its key to itself: others write theirs while this one waits.
      const key = this.#data.shape.make();
      for (let i = 0; i < each && performance.now() < end; i++) {
        const { number, value } = this.#step();
        this.#data.shape.write(key, number);
        await this.#engine.putAwaited!(key, value);
        done++;
      }
    };
    await Promise.all(Array.from({ length: tasks }, task));
    return done;
  }

  /** Fails unless the entries have the values that were written last. */
  check(): void {
    if (this.#engine.get === undefined) return;
    for (const [number, version] of this.#versions) {
      const found = this.#engine.get(this.#data.key(number));
      assertSame(found, this.#data.value(number, version));
    }
  }
}
