/**
 * The one-shot result of an Io operation, and tasks that wait for such results.
 *
 * A {@link Future} is either pending or settled, with a value or an error. It is taken **once**:
 * taking it again throws `KVIG_FUTURE_TAKEN`, also when the object has meanwhile been reused for
 * another operation, because a reused future has a new generation.
 *
 * A {@link Task} is a generator that yields the futures it waits for. {@link runSync} drives one
 * without waiting, {@link runAsync} behind a promise; so one body of code serves both forms.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { type IoErrorCode, KvigError } from "./errors.ts";

const PENDING = 0;
const FULFILLED = 1;
const FAILED = 2;
const TAKEN = 3;

/** The result of one operation: filled at once by a blocking Io, later by an asynchronous one. */
export class Future<T> {
  #state = PENDING;
  #generation = 0;
  #value: T | undefined = undefined;
  #code: IoErrorCode | undefined = undefined;
  #message = "";
  #cause: unknown = undefined;
  #promise: Promise<void> | undefined = undefined;
  #wake: (() => void) | undefined = undefined;
  #pool: FuturePool | undefined = undefined;

  /** Makes a pending future; one made by a {@link FuturePool} goes back there when taken. */
  constructor(pool?: FuturePool) {
    this.#pool = pool;
  }

  /** A new future that is settled with `value`. */
  static of<T>(value: T): Future<T> {
    const future = new Future<T>();
    future.settle(value);
    return future;
  }

  /** A new future that has failed. */
  static failed<T>(code: IoErrorCode, message: string, cause?: unknown): Future<T> {
    const future = new Future<T>();
    future.fail(code, message, cause);
    return future;
  }

  /** Whether {@link take} will return or throw the operation's own result. */
  get settled(): boolean {
    return this.#state !== PENDING;
  }

  /** Which use of this object it is; keep it to {@link take} a future that may be reused. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * Takes the result, once.
   *
   * With the `generation` that the future had when it was handed out, a pooled future is given back
   * for reuse, and any later take of that generation is detected. Without it the object is never
   * reused, so a second take of it is detected as well.
   *
   * @throws {KvigError} the operation's error, with the adapter's error as `cause`;
   *   `KVIG_FUTURE_TAKEN` when it was taken before; `KVIG_WOULD_BLOCK` while it is pending, which
   *   takes nothing.
   */
  take(generation?: number): T {
    const state = this.#state;
    if (state === TAKEN || (generation !== undefined && generation !== this.#generation)) {
      throw new KvigError(
        "KVIG_FUTURE_TAKEN",
        "a future is taken once, and this one was taken before",
      );
    }
    if (state === PENDING) {
      throw new KvigError(
        "KVIG_WOULD_BLOCK",
        "the operation is not complete and a synchronous call cannot wait for it",
      );
    }
    const value = this.#value as T;
    this.#value = undefined;
    this.#state = TAKEN;
    if (state === FAILED) throw this.#error();
    if (generation !== undefined && this.#pool !== undefined) this.#recycle(this.#pool);
    return value;
  }

  /** A promise that resolves, and never rejects, once the future is settled. Takes nothing. */
  promise(): Promise<void> {
    if (this.#promise === undefined) {
      this.#promise = this.#state === PENDING
        ? new Promise((resolve) => {
          this.#wake = resolve;
        })
        : Promise.resolve();
    }
    return this.#promise;
  }

  /** For the Io: the operation succeeded. The first completion wins; later ones are ignored. */
  settle(value: T): void {
    if (this.#state !== PENDING) return;
    this.#value = value;
    this.#state = FULFILLED;
    this.#wake?.();
  }

  /** For the Io: the operation failed. The first completion wins; later ones are ignored. */
  fail(code: IoErrorCode, message: string, cause?: unknown): void {
    if (this.#state !== PENDING) return;
    this.#code = code;
    this.#message = message;
    this.#cause = cause;
    this.#state = FAILED;
    this.#wake?.();
  }

  /** In a task: `const value = yield* future` waits for the future and takes it. */
  *[Symbol.iterator](): Generator<Future<unknown>, T, unknown> {
    const generation = this.#generation;
    if (this.#state === PENDING) yield this;
    return this.take(generation);
  }

  #error(): KvigError {
    const cause = this.#cause;
    this.#cause = undefined;
    const code = this.#code ?? "KVIG_IO";
    return new KvigError(code, this.#message, cause === undefined ? {} : { cause });
  }

  /** For {@link FuturePool}: makes a future that was taken and given back pending again. */
  reuse(): void {
    assert(this.#state === TAKEN, "a future is reused after it was taken");
    this.#state = PENDING;
    this.#promise = undefined;
    this.#wake = undefined;
  }

  #recycle(pool: FuturePool): void {
    this.#generation++;
    pool.put(this);
  }
}

/**
 * Reuses futures, for an Io whose operations are complete when they return: the only ones that a
 * late second completion cannot reach.
 */
export class FuturePool {
  readonly #free: Future<unknown>[] = [];
  /** Futures in {@link #free}: the array never shrinks, so it is never made anew. */
  #count = 0;

  /** A settled future, reused if one is free. */
  settled<T>(value: T): Future<T> {
    if (this.#count === 0) {
      const fresh = new Future<T>(this);
      fresh.settle(value);
      return fresh;
    }
    const future = this.#free[--this.#count] as Future<T>;
    future.reuse();
    future.settle(value);
    return future;
  }

  /** For {@link Future}: takes a future back. */
  put(future: Future<unknown>): void {
    if (this.#count < 64) this.#free[this.#count++] = future;
  }
}

/** Wakes any number of waiting tasks. Each waits on a future of its own. */
export class Signal {
  #waiting: Future<void>[] = [];

  /** A future that is settled by the next {@link fire}. */
  wait(): Future<void> {
    const future = new Future<void>();
    this.#waiting.push(future);
    return future;
  }

  /** Settles every future handed out since the last time. */
  fire(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const future of waiting) future.settle(undefined);
  }
}

/** A body of code that waits: a generator that yields the futures it waits for. */
export type Task<T> = Generator<Future<unknown>, T, unknown>;

/** A task that is over at once, with `value`. */
export function* completed<T>(value: T): Task<T> {
  yield* [];
  return value;
}

/**
 * Runs `task` to its end without waiting.
 *
 * @throws {KvigError} `KVIG_WOULD_BLOCK`, thrown inside the task, where it needs a pending future.
 */
export function runSync<T>(task: Task<T>): T {
  let step = task.next();
  while (step.done !== true) step = task.next();
  return step.value;
}

/** Runs `task` to its end, waiting for pending futures. Runs at once as far as it can. */
export function runAsync<T>(task: Task<T>): Promise<T> {
  try {
    const pending = advance(task);
    if (pending.done === true) return Promise.resolve(pending.value);
    return finish(task, pending.value);
  } catch (error) {
    return Promise.reject(error);
  }
}

function advance<T>(task: Task<T>): IteratorResult<Future<unknown>, T> {
  let step = task.next();
  while (step.done !== true && step.value.settled) step = task.next();
  return step;
}

async function finish<T>(task: Task<T>, first: Future<unknown>): Promise<T> {
  let future = first;
  for (;;) {
    await future.promise();
    const step = advance(task);
    if (step.done === true) return step.value;
    future = step.value;
  }
}
