/**
 * One process of a benchmark: one contestant does the works of one part, and notes what each took.
 *
 * @module
 */

import fs from "node:fs";
import { join } from "node:path";

import { Dataset } from "./dataset.ts";
import type { Engine, EngineOptions, OpenEngine } from "./engine.ts";
import { KEY_SHAPES } from "./shapes.ts";

/** What a process shall do; made by the harness, passed as JSON. */
export interface Job {
  /** The part of the benchmark. */
  readonly part: string;
  /** The step of the part, for those that take several processes; else "run". */
  readonly step: string;
  /** Who does it. */
  readonly contestant: string;
  /** Works to be measured; the part may leave others out. */
  readonly works: readonly string[];
  /** A directory for the files, which all processes of one round and contestant share. */
  readonly directory: string;
  /** Entries of the store. */
  readonly entries: number;
  /** The shape of the keys. */
  readonly shape: string;
  /** Length of the values. */
  readonly valueBytes: number;
  /** Memory for pages. */
  readonly cacheBytes: number;
  /** Size of the log. */
  readonly logBytes: number;
  /** Whether the store fits the cache, so that reads never wait for the disk. */
  readonly fits: boolean;
  /** Which sources of kvig, where not the repository's own. */
  readonly kvigRoot?: string;
}

/** What a process prints as its last line, as JSON. */
export interface Outcome {
  /** What each work took: nanoseconds for an operation, or bytes; less is better. */
  readonly figures: Readonly<Record<string, number>>;
  /** Works that could not be measured here, with the reason. */
  readonly skipped: Readonly<Record<string, string>>;
}

/** Runs a piece of code often before its time is taken: this many operations at least. */
export const WARM_UP_OPERATIONS = 40_000;

/** One process's view of its job. */
export class Session {
  /** The job. */
  readonly job: Job;
  /** The entries. */
  readonly data: Dataset;
  readonly #open: OpenEngine;
  readonly #figures: Record<string, number> = {};
  readonly #skipped: Record<string, string> = {};

  /** Takes the job and who shall do it. */
  constructor(job: Job, open: OpenEngine) {
    this.job = job;
    this.#open = open;
    const shape = KEY_SHAPES.find(({ id }) => id === job.shape);
    if (shape === undefined) {
      throw new Error(`there is no shape of keys ${job.shape}`);
    }
    this.data = new Dataset(job.entries, shape, job.valueBytes);
  }

  /** Opens the contestant's store called `name`, creating it if need be. */
  async open(name: string, how: Partial<EngineOptions> = {}): Promise<Engine> {
    const directory = join(this.job.directory, name);
    fs.mkdirSync(directory, { recursive: true });
    const { cacheBytes, logBytes, kvigRoot, fits } = this.job;
    const usual = { commits: "blocking", text: false, cold: false } as const;
    const sizes = { cacheBytes, logBytes, fits };
    return await this.#open({ directory, kvigRoot, ...sizes, ...usual, ...how });
  }

  /** Removes the files of a store that is closed. */
  remove(name: string): void {
    fs.rmSync(join(this.job.directory, name), { recursive: true, force: true });
  }

  /** Whether this work shall be measured. */
  wants(work: string): boolean {
    return this.job.works.includes(work);
  }

  /** Notes that `operations` operations took so many milliseconds together. */
  noteTime(work: string, milliseconds: number, operations: number): void {
    this.#figures[work] = milliseconds * 1e6 / operations;
  }

  /** Notes a figure that is no time for an operation. */
  note(work: string, figure: number): void {
    this.#figures[work] = figure;
  }

  /** Notes why a work cannot be measured on this machine. */
  skip(work: string, why: string): void {
    this.#skipped[work] = why;
  }

  /** What was noted. */
  get outcome(): Outcome {
    return { figures: this.#figures, skipped: this.#skipped };
  }
}
