/**
 * A worker as the job sees it: a process of one runtime that is told things and heard.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";

import { runtimeCommands } from "../../scripts/runtimes.ts";
import type { KvigErrorCode } from "../../mod.ts";
import { atEnd, type Undo } from "./cleanup.ts";
import type { Answer, Failure, Life, Told } from "./life.ts";

/** How to run a worker, by the name of its runtime. */
export const WORKERS: Readonly<Record<string, readonly string[]>> = runtimeCommands(
  "tests/kernel/worker.ts",
);

/** The runtimes. */
export const RUNTIMES: readonly string[] = Object.keys(WORKERS);

/** How long a worker may be silent before it counts as hanging. */
const SILENCE_LIMIT_MS = 60_000;
const KEPT_LINES = 60;

/** How a life went. */
export interface LifeEnd {
  /** Whether the store was open at some time. */
  opened: boolean;
  /** Whether it was looked at what it shows. */
  looked: boolean;
  /** What failed first. */
  failure: Failure | undefined;
  /** Commits that were acknowledged after that. */
  acknowledgedAfter: number;
  /** How the calls after it ended; those that succeeded have no code. */
  after: Partial<Failure>[];
  /** How the process ended, where it did. */
  died: string | undefined;
}

/** Called for every line of a life. */
export type Listener = (words: string[], line: string) => void;

/** One process. */
export class WorkerProcess {
  /** The name of its runtime. */
  readonly runtime: string;
  /** Settles when it can be told things. */
  readonly ready: Promise<string>;
  /** The last lines it said, for people. */
  readonly said: string[] = [];
  /** How it ended, as soon as it has. */
  ended: string | undefined = undefined;
  readonly #child: ChildProcess;
  readonly #undo: Undo;
  readonly #closed: Promise<void>;
  #hear: ((line: string) => void) | undefined = undefined;
  #lost: ((error: Error) => void) | undefined = undefined;
  #silence: NodeJS.Timeout | undefined = undefined;

  /** Starts it; words of `before` stand before its command. */
  constructor(runtime: string, before: readonly string[] = []) {
    this.runtime = runtime;
    const [program, ...words] = [...before, ...WORKERS[runtime]!];
    // It leads a group, so that it can be ended with what stands before it.
    this.#child = spawn(program!, words, { stdio: ["pipe", "pipe", "pipe"], detached: true });
    this.#undo = atEnd(() => this.kill());
    this.#child.stdin!.on("error", () => {/* it has died; its end is heard elsewhere */});
    this.#child.stderr!.on("data", (text: Buffer) => this.#note(`stderr: ${text}`));
    createInterface({ input: this.#child.stdout! }).on("line", (line) => this.#line(line));
    this.#closed = new Promise((resolve) => {
      this.#child.on("error", (error) => this.#end(String(error)));
      this.#child.on("close", (code, signal) => {
        this.#end(String(signal ?? code));
        resolve();
      });
    });
    this.ready = this.#until((line, done) => line.startsWith("ready ") && done(line));
  }

  /** Number of the process. */
  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`the worker of ${this.runtime} did not start`);
    return pid;
  }

  /** Kills it. */
  kill(): void {
    const { pid } = this.#child;
    if (pid === undefined || this.ended !== undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  /** Ends it and waits until it has. */
  async end(): Promise<void> {
    this.#child.stdin!.end();
    this.kill();
    await this.#closed;
    this.#undo.forget();
  }

  /** Lets it live; settles when it is down, or dead. */
  async live(life: Life, listener: Listener): Promise<LifeEnd> {
    const end: LifeEnd = {
      opened: false,
      looked: false,
      failure: undefined,
      acknowledgedAfter: 0,
      after: [],
      died: undefined,
    };
    let broken: unknown = undefined;
    this.#tell({ life });
    try {
      await this.#until((line, done) => {
        const words = line.split(" ");
        try {
          listener(words, line);
        } catch (error) {
          broken ??= error;
        }
        if (words[0] === "open") end.opened = true;
        else if (words[0] === "found") end.looked = true;
        else if (words[0] === "failed") end.failure = JSON.parse(line.slice(7)) as Failure;
        else if (words[0] === "a" && end.failure !== undefined) end.acknowledgedAfter++;
        else if (words[0] === "after") end.after.push(JSON.parse(line.slice(6)) as Failure);
        else if (words[0] === "down") done(line);
      });
    } catch (error) {
      if (this.ended === undefined) throw error;
      end.died = this.ended;
    }
    if (broken !== undefined) throw broken;
    return end;
  }

  /** Has it carry out one step that succeeds; returns its result. */
  async get(blocking: boolean, verb: string, ...words: unknown[]): Promise<unknown> {
    const { value, failure } = await this.step(blocking, verb, ...words);
    if (failure === undefined) return value;
    throw new Error(`${verb} gave ${failure.code}: ${failure.message}`);
  }

  /** Has it carry out one step that fails with one of `codes`; returns how. */
  async refusal(
    codes: readonly KvigErrorCode[],
    blocking: boolean,
    verb: string,
    ...words: unknown[]
  ): Promise<Failure> {
    const { value, failure } = await this.step(blocking, verb, ...words);
    if (failure === undefined) {
      throw new Error(`${verb} gave ${JSON.stringify(value)} and no error, not ${codes}`);
    }
    if ((codes as readonly string[]).includes(failure.code)) return failure;
    throw new Error(`${verb} gave ${failure.code}, not ${codes}: ${failure.message}`);
  }

  /** Has it carry out one step. */
  async step(blocking: boolean, verb: string, ...words: unknown[]): Promise<Answer> {
    this.#tell({ call: { verb, words, blocking } });
    const line = await this.#until((said, done) => said.startsWith("answer ") && done(said));
    return JSON.parse(line.slice("answer ".length)) as Answer;
  }

  #tell(told: Told): void {
    this.#child.stdin!.write(`${JSON.stringify(told)}\n`);
  }

  #note(line: string): void {
    this.said.push(line.slice(0, 400));
    if (this.said.length > KEPT_LINES) this.said.shift();
  }

  #line(line: string): void {
    this.#note(line);
    this.#silence?.refresh();
    this.#hear?.(line);
  }

  #end(how: string): void {
    this.ended ??= how;
    this.#lost?.(new Error(`the worker of ${this.runtime} ended with ${how}`));
  }

  #until(hear: (line: string, done: (line: string) => void) => unknown): Promise<string> {
    return new Promise<string>((resolve, reject) => {
      if (this.ended !== undefined) {
        reject(new Error(`the worker of ${this.runtime} ended with ${this.ended}`));
      }
      this.#lost = reject;
      this.#silence = setTimeout(() => {
        this.kill();
        reject(new Error(`the worker of ${this.runtime} was silent for ${SILENCE_LIMIT_MS} ms`));
      }, SILENCE_LIMIT_MS);
      this.#hear = (line) => hear(line, resolve);
    }).finally(() => {
      clearTimeout(this.#silence);
      this.#hear = undefined;
      this.#lost = undefined;
    });
  }
}

/** Starts a worker and waits until it can be told things. */
export async function startWorker(
  runtime: string,
  before: readonly string[] = [],
): Promise<WorkerProcess> {
  const worker = new WorkerProcess(runtime, before);
  await worker.ready;
  return worker;
}
