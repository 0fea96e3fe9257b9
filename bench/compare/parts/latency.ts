/**
 * How long awaited gets and durable puts take while a checkpoint of at least 10,000 pages runs, and
 * while none does: one operation in every turn of the event loop.
 *
 * @module
 */

import { setImmediate } from "node:timers/promises";

import type { Engine } from "../engine.ts";
import type { Part, Work } from "../part.ts";
import { type Session, WARM_UP_OPERATIONS } from "../session.ts";
import { quantile } from "../statistics.ts";
import { fill, fillInBatches, inOrder } from "./filling.ts";

const STORE = "latency";
const LEAST_PAGES = 10_000;
const SAMPLES = { get: 20_000, put: 4_000 } as const;
const MOST_CHECKPOINTS = 20;
const STEP = 4;
const QUANTILES = { p50: 0.5, p99: 0.99, p999: 0.999, max: 1 } as const;
const VERBS = ["get", "put"] as const;
const TIMES = ["idle", "checkpoint"] as const;

type Verb = typeof VERBS[number];

/** Latencies. */
export const LATENCY: Part = {
  id: "latency",
  what: "latency of awaited operations, one in each turn of the event loop",
  works: VERBS.flatMap((verb) =>
    TIMES.flatMap((time) =>
      Object.keys(QUANTILES).map((name): Work => ({
        id: `latency-${verb}-${time}-${name}`,
        what: `awaited ${verb}, ${time === "idle" ? "idle" : "during a checkpoint"}, ${name}`,
        unit: "operation",
        ...(verb === "put" ? { durability: "synced when it ends" } : {}),
      }))
    )
  ),
  onlyKvig: true,
  async run(session) {
    const { data } = session;
    const engine = await session.open(STORE, { commits: "awaited" });
    if (engine.checkpoint === undefined) return await engine.close();
    await fillInBatches(engine, data, inOrder(data));
    await engine.checkpoint();
    const sampler = new Sampler(session, engine);
    for (let i = 0; i < WARM_UP_OPERATIONS / 100; i++) {
      for (let j = 0; j < 100; j++) await sampler.once("get");
    }
    await sampler.during("put", sampler.until(SAMPLES.put / 4), []);
    for (const verb of VERBS) {
      for (const time of TIMES) {
        if (!session.job.works.some((work) => work.startsWith(`latency-${verb}-${time}`))) continue;
        note(session, verb, time, await measure(sampler, verb, time));
      }
    }
    await engine.close();
  },
};

async function measure(sampler: Sampler, verb: Verb, time: string): Promise<number[]> {
  const samples: number[] = [];
  if (time === "idle") {
    await sampler.during(verb, sampler.until(SAMPLES[verb]), samples);
    return samples;
  }
  for (let i = 0; i < MOST_CHECKPOINTS && samples.length < SAMPLES[verb]; i++) {
    const checkpoint = await sampler.beginCheckpoint();
    await sampler.during(verb, () => checkpoint.running, samples);
    if (checkpoint.error !== undefined) throw checkpoint.error;
  }
  return samples;
}

function note(session: Session, verb: Verb, time: string, samples: readonly number[]): void {
  for (const [name, share] of Object.entries(QUANTILES)) {
    const work = `latency-${verb}-${time}-${name}`;
    if (session.wants(work)) session.noteTime(work, quantile(samples, share), 1);
  }
}

/** Takes the time of single operations. */
class Sampler {
  readonly #session: Session;
  readonly #engine: Engine;
  readonly #key: Uint8Array;
  #next = 0;
  #version = 1;

  constructor(session: Session, engine: Engine) {
    this.#session = session;
    this.#engine = engine;
    this.#key = session.data.shape.make();
  }

  /** True for so many calls. */
  until(samples: number): () => boolean {
    let left = samples;
    return () => left-- > 0;
  }

  /** One operation; its milliseconds. */
  async once(verb: Verb): Promise<number> {
    const { data } = this.#session;
    const number = data.readings[this.#next++ % data.entries];
    data.shape.write(this.#key, number);
    const begun = performance.now();
    if (verb === "get") {
      const found = await this.#engine.getAwaited!(this.#key);
      const milliseconds = performance.now() - begun;
      if (found?.length !== data.valueBytes) throw new Error("an entry is missing");
      return milliseconds;
    }
    await this.#engine.putAwaited!(this.#key, data.value(number, ++this.#version));
    return performance.now() - begun;
  }

  /** One operation in every turn, as long as `goesOn` says so; adds their times. */
  async during(verb: Verb, goesOn: () => boolean, samples: number[]): Promise<void> {
    while (goesOn()) {
      samples.push(await this.once(verb));
      await setImmediate();
    }
  }

  /** Changes nearly every page, and begins to write them. */
  async beginCheckpoint(): Promise<{ running: boolean; error: unknown }> {
    const { data } = this.#session;
    const version = ++this.#version;
    const numbers = data.readings.filter((_, at) => at % STEP === version % STEP);
    await fill(this.#engine, data, numbers, version);
    const checkpoint = { running: true, error: undefined as unknown };
    const ended = (pages: number): void => {
      checkpoint.running = false;
      if (pages < LEAST_PAGES && data.entries >= 500_000) {
        checkpoint.error = new Error(`a checkpoint of ${pages} pages is too small to tell`);
      }
    };
    const failed = (error: unknown): void => {
      checkpoint.running = false;
      checkpoint.error = error;
    };
    void Promise.resolve(this.#engine.checkpoint!()).then(ended, failed);
    return checkpoint;
  }
}
