/**
 * A queue of jobs that loses none and does none twice, not even when its program ends in the middle
 * of one. A job moves through the store:
 *
 *     ready/NUMBER    →    running/NUMBER    →    done/NUMBER
 *
 * and every move is one transaction, so that a job is always in exactly one place.
 *
 * @module
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { type Codec, json, type Kvig, open, utf8 } from "kvig";

interface Job {
  number: number;
  text: string;
  /** How often somebody began it. */
  tries: number;
  result?: string;
}

type Place = "ready" | "running" | "done";

type Store = Kvig<string, Job, string, Job>;

class JobQueue {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Adds jobs at the end. They are safe on the disk when the promise settles. */
  async add(texts: string[]): Promise<void> {
    await this.#store.transaction(async (tx) => {
      const known = await tx.count();
      for (const [i, text] of texts.entries()) {
        const number = known + i + 1;
        await tx.put(keyOf("ready", number), { number, text, tries: 0 });
      }
    });
  }

  /** Takes the oldest job that is ready. Whoever asks at the same time gets another one. */
  async take(): Promise<Job | undefined> {
    return await this.#store.transaction(async (tx) => {
      const oldest = await tx.first({ prefix: "ready/" });
      if (oldest === undefined) return undefined;
      const [key, job] = oldest;
      job.tries++;
      await tx.delete(key);
      await tx.put(keyOf("running", job.number), job);
      return job;
    });
  }

  /** Moves a job that was taken. */
  async move(job: Job, to: Place): Promise<void> {
    await this.#store.batch([
      { type: "delete", key: keyOf("running", job.number) },
      { type: "put", key: keyOf(to, job.number), value: job },
    ]);
  }

  /** Makes ready again what was running when the program ended; returns how many those were. */
  async recover(): Promise<number> {
    const lost = await this.#store.values({ prefix: "running/" }).toArray();
    for (const job of lost) await this.move(job, "ready");
    return lost.length;
  }
}

function keyOf(place: Place, number: number): string {
  return `${place}/${String(number).padStart(8, "0")}`;
}

/** Works until nothing is ready; every job whose number ends with a 5 fails at its first try. */
async function work(queue: JobQueue, name: string): Promise<void> {
  let done = 0;
  for (let job = await queue.take(); job !== undefined; job = await queue.take()) {
    await sleep(3); // The work.
    if (job.number % 10 === 5 && job.tries === 1) {
      await queue.move(job, "ready");
      continue;
    }
    job.result = `${job.text}, done by ${name}`;
    await queue.move(job, "done");
    done++;
  }
  console.log(`  ${name} did ${done} jobs`);
}

const directory = await mkdtemp(join(tmpdir(), "kvig-jobs-"));
const path = join(directory, "jobs");
const codecs = { key: utf8, value: json as Codec<Job> };
try {
  {
    await using store = await open(path, codecs);
    const queue = new JobQueue(store);
    await queue.add(Array.from({ length: 100 }, (_, i) => `make picture ${i + 1} smaller`));
    await Promise.all([queue.take(), queue.take(), queue.take()]);
    const running = await store.count({ prefix: "running/" });
    console.log(`${running} of ${await store.count()} jobs had begun when the program ended.`);
  }
  await using store = await open(path, codecs);
  const queue = new JobQueue(store);
  console.log(`Started again and made ${await queue.recover()} jobs ready again.`);
  await Promise.all(["Ada", "Grace", "Edsger"].map((name) => work(queue, name)));
  const jobs = await store.values({ prefix: "done/" }).toArray();
  const tries = jobs.filter(({ tries }) => tries > 1).map(({ number }) => number);
  console.log(`${jobs.length} jobs are done. These needed more than one try: ${tries.join(" ")}.`);
  console.log(`The last result is "${jobs.at(-1)!.result}".`);
  if (jobs.length !== 100) throw new Error("a job was lost");
} finally {
  await rm(directory, { recursive: true });
}
