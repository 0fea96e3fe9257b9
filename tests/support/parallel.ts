/**
 * Divides work among threads, and notices one that does not come back: each says which case it is
 * at, and one that says nothing new for long hangs in that case.
 *
 * @module
 */

import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

/** How work is divided. */
export interface ParallelOptions<T, R> {
  /** The module that calls {@link serve}. */
  readonly program: URL;
  /** What there is to do. */
  readonly tasks: readonly T[];
  /** Threads. */
  readonly threads: number;
  /** After so long at one case it is taken to hang, in milliseconds. */
  readonly patienceMs: number;
  /** Told what came of a task. */
  readonly onResult: (task: T, result: R) => void;
  /** Told that a task hangs, and at which case; its other cases are lost. */
  readonly onHang: (task: T, at: number) => void;
}

interface Order {
  index: number;
  task: unknown;
}

interface Reply {
  result?: unknown;
  error?: string;
}

/** Carries out every task; rejects where one throws. */
export async function inThreads<T, R>(options: ParallelOptions<T, R>): Promise<void> {
  const queue = options.tasks.entries();
  const lane = async (): Promise<void> => {
    let thread = new Thread(options.program);
    try {
      for (const [index, task] of queue) {
        const reply = await thread.run({ index, task }, options.patienceMs);
        if (reply === undefined) {
          options.onHang(task, thread.at);
          await thread.end();
          thread = new Thread(options.program);
        } else if (reply.error !== undefined) throw new Error(reply.error);
        else options.onResult(task, reply.result as R);
      }
    } finally {
      await thread.end();
    }
  };
  await Promise.all(Array.from({ length: options.threads }, lane));
}

class Thread {
  readonly #shared = new Int32Array(new SharedArrayBuffer(4));
  readonly #worker: Worker;

  constructor(program: URL) {
    this.#worker = new Worker(program, { workerData: { beat: this.#shared } });
    // Whoever waits is told by the listener in run().
    this.#worker.on("error", () => {});
  }

  /** The case that it said last. */
  get at(): number {
    return Atomics.load(this.#shared, 0);
  }

  /** Carries out one task; undefined where it hangs. */
  run(order: Order, patienceMs: number): Promise<Reply | undefined> {
    return new Promise((resolve, reject) => {
      let last = -1;
      const watch = setInterval(() => {
        if (this.at === last) done(() => resolve(undefined));
        last = this.at;
      }, patienceMs);
      const done = (how: () => void): void => {
        clearInterval(watch);
        this.#worker.removeAllListeners("message");
        this.#worker.removeListener("error", failed);
        how();
      };
      const failed = (error: unknown): void => done(() => reject(error));
      this.#worker.once("message", (reply: Reply) => done(() => resolve(reply)));
      this.#worker.once("error", failed);
      this.#worker.postMessage(order);
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** In a thread: carries out tasks; `work` calls `beat` with the number of each case it begins. */
export function serve<T, R>(
  work: (task: T, beat: (at: number) => void) => R | Promise<R>,
): void {
  if (isMainThread || parentPort === null) throw new Error("serve() is for threads");
  const port = parentPort;
  const { beat } = workerData as { beat: Int32Array };
  const carryOut = async ({ task }: Order): Promise<Reply> => {
    try {
      return { result: await work(task as T, (at) => Atomics.store(beat, 0, at)) };
    } catch (error) {
      return { error: error instanceof Error ? error.stack ?? error.message : String(error) };
    }
  };
  port.on("message", (order: Order) => {
    carryOut(order).then((reply) => port.postMessage(reply));
  });
}
