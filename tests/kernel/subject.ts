/**
 * A store that the job hurts: its files, how it was made, what it must show; and the lives that it
 * lives in workers.
 *
 * @module
 */

import fs from "node:fs";

import type { KvigErrorCode, OpenOptions } from "../../mod.ts";
import { assert, fail } from "../support/assert.ts";
import type { Random } from "../support/random.ts";
import { Expected } from "./expected.ts";
import type { Failure, Life } from "./life.ts";
import type { LifeEnd, Listener, WorkerProcess } from "./worker_process.ts";

const MIB = 2 ** 20;

/** Codes that a store may give when its disk fails; damage is none of them. */
const CODES_OF_FAILING: readonly KvigErrorCode[] = [
  "KVIG_IO",
  "KVIG_FAILED",
  "KVIG_ACCESS",
  "KVIG_FULL",
  "KVIG_NOT_FOUND",
];

/** What a life is like, where nothing else is said. */
const CALM = {
  limit: 200,
  window: 1,
  checkpointEvery: 0,
  compactEvery: 0,
  reopenEvery: 0,
  tryAfter: false,
  blocking: false,
} as const;

/** One store. */
export class Subject {
  /** Its data file. */
  path: string;
  /** What it must show. */
  readonly expected = new Expected();
  /** Whether its creation was acknowledged. */
  created = false;
  /** The options it was made with. */
  readonly made: OpenOptions;
  /** How often it was looked at what it shows. */
  looks = 0;

  /** A store that is not there yet. */
  constructor(path: string, random: Random) {
    this.path = path;
    const pageSize = random.pick([512, 4096, 4096, 16384]);
    this.made = {
      pageSize,
      logBlockSize: random.pick([4096, 4096, 512]),
      cacheSize: Math.max(MIB, pageSize * 128),
      logSize: MIB,
    };
  }

  /** Its files that are there. */
  get files(): string[] {
    return [this.path, `${this.path}-wal`].filter((path) => fs.existsSync(path));
  }

  /** A plan for its next life. */
  plan(given: Partial<Life>): Life {
    const options = { ...this.made, createIfMissing: !this.created, ...given.options };
    return { ...CALM, path: this.path, first: this.expected.issued + 1, ...given, options };
  }

  /** The same with whatever may be drawn. */
  draw(random: Random, given: Partial<Life> = {}): Life {
    const blocking = given.blocking ?? random.oneIn(2);
    const options = random.oneIn(3) ? {} : { direct: random.oneIn(2) };
    return this.plan({
      limit: 2000,
      blocking,
      window: blocking ? 1 : random.pick([1, 2, 8, 24]),
      checkpointEvery: random.oneIn(3) ? random.between(1, 40) : 0,
      compactEvery: random.oneIn(5) ? random.between(5, 60) : 0,
      reopenEvery: random.oneIn(5) ? random.between(5, 80) : 0,
      ...given,
      options: { ...options, ...given.options },
    });
  }

  /**
   * Lives in a worker until it is down. `listener` hears every line once it is taken; `hurt` says
   * whether the disk may be failing already, so that what is met may be that.
   */
  async live(
    worker: WorkerProcess,
    life: Life,
    hurt: () => boolean,
    listener: Listener = () => {},
  ): Promise<LifeEnd> {
    const end = await worker.live(life, (words, line) => {
      this.#take(words, line, hurt);
      listener(words, line);
    });
    for (const failure of [end.failure, ...end.after]) {
      if (failure !== undefined) checkTyped(failure, hurt());
    }
    return end;
  }

  /** Opens it in peace, looks at it, works on, closes and opens once more. */
  async assertWell(worker: WorkerProcess, given: Partial<Life> = {}): Promise<void> {
    const { looks } = this;
    const end = await this.live(
      worker,
      this.plan({ limit: 30, reopenEvery: 15, checkpointEvery: 20, ...given }),
      () => false,
    );
    assert(end.died === undefined, `the worker died: ${end.died}`);
    assert(this.looks > looks + 1, "it was looked at before and after");
  }

  #take(words: string[], line: string, hurt: () => boolean): void {
    switch (words[0]) {
      case "open":
        this.created = true;
        break;
      case "found":
        this.expected.take(Number(words[1]), Number(words[2]));
        // Where the disk is failing, that is what verify() may have met: the next look tells.
        if (words[3] !== "sound" && !hurt()) fail(`verify() reports ${line}`);
        this.looks++;
        break;
      case "i":
        this.expected.issue(Number(words[1]));
        break;
      case "a":
        this.expected.acknowledge(Number(words[1]));
        break;
    }
  }
}

function checkTyped(failure: Partial<Failure>, hurt: boolean): void {
  const { code, call, message } = failure;
  if (code === undefined) return;
  const words = `${call} gave ${code || "an error without a code"}: ${message}`;
  if (!hurt) fail(`on a sound disk ${words}`);
  if (!(CODES_OF_FAILING as readonly string[]).includes(code)) fail(words);
}
