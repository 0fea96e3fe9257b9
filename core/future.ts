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
 * A task that waits takes no promise for that: what many tasks leave behind at once makes V8
 * enlarge its young generation, for good. It stands in a list of its future, and all that were
 * woken go on in one microtask, in the order in which they were woken.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { type IoErrorCode, KvigError } from "./errors.ts";
import { atEndOfTick } from "./host.ts";

const PENDING = 0;
const FULFILLED = 1;
const FAILED = 2;
const TAKEN = 3;

/** Somebody who waits for one future at a time. */
export interface Waiter {
  /** For the list it stands in. */
  next: Waiter | undefined;
  /** The future is settled. Must not throw. */
  wake(): void;
}

interface Failure {
  readonly code: IoErrorCode;
  readonly message: string;
  readonly cause: unknown;
}

// What reaches the fields of a future from outside of its class, which defines it.
let isOurs: (future: Future<unknown>) => boolean;
let addWaiter: (future: Future<unknown>, waiter: Waiter) => void;

type Settler<T> = (result: T) => void;

let keptResolve: Settler<unknown>;
let keptReject: Settler<unknown>;

/** Made for a promise whose functions are picked up right after it, without a closure for each. */
function keepSettlers(resolve: Settler<never>, reject: Settler<unknown>): void {
  keptResolve = resolve as Settler<unknown>;
  keptReject = reject;
}

/** Those who are to go on, in their order. */
let firstWoken: Waiter | undefined;
let lastWoken: Waiter | undefined;
/** Whether {@link wakeAll} will see to whoever is added to the list. */
let waking = false;

function wakeLater(waiter: Waiter): void {
  waiter.next = undefined;
  if (lastWoken === undefined) firstWoken = waiter;
  else lastWoken.next = waiter;
  lastWoken = waiter;
  if (waking) return;
  waking = true;
  atEndOfTick(wakeAll);
}

function wakeAll(): void {
  try {
    for (let waiter = firstWoken; waiter !== undefined; waiter = firstWoken) {
      firstWoken = waiter.next;
      if (firstWoken === undefined) lastWoken = undefined;
      // An old one that nobody needs must not keep all those alive that came after it.
      waiter.next = undefined;
      waiter.wake();
    }
  } finally {
    waking = firstWoken !== undefined;
    if (waking) atEndOfTick(wakeAll);
  }
}

/** The result of one operation: filled at once by a blocking Io, later by an asynchronous one. */
export class Future<T> {
  #state = PENDING;
  #generation = 0;
  #value: T | undefined = undefined;
  #failure: Failure | undefined = undefined;
  #promise: Promise<void> | undefined = undefined;
  #wake: (() => void) | undefined = undefined;
  /** The last of a ring of those who wait. */
  #waiting: Waiter | undefined = undefined;
  #pool: FuturePool | undefined = undefined;

  static {
    isOurs = (future) => #waiting in future;
    addWaiter = (future, waiter) => {
      const last = future.#waiting;
      waiter.next = last === undefined ? waiter : last.next;
      if (last !== undefined) last.next = waiter;
      future.#waiting = waiter;
    };
  }

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
      if (this.#state === PENDING) {
        this.#promise = new Promise<void>(keepSettlers);
        this.#wake = keptResolve as () => void;
      } else {
        this.#promise = Promise.resolve();
      }
    }
    return this.#promise;
  }

  /** For the Io: the operation succeeded. The first completion wins; later ones are ignored. */
  settle(value: T): void {
    if (this.#state !== PENDING) return;
    this.#value = value;
    this.#state = FULFILLED;
    this.#tell();
  }

  /** For the Io: the operation failed. The first completion wins; later ones are ignored. */
  fail(code: IoErrorCode, message: string, cause?: unknown): void {
    if (this.#state !== PENDING) return;
    this.#failure = { code, message, cause };
    this.#state = FAILED;
    this.#tell();
  }

  /** In a task: `const value = yield* future` waits for the future and takes it. */
  *[Symbol.iterator](): Generator<Future<unknown>, T, unknown> {
    const generation = this.#generation;
    if (this.#state === PENDING) yield this;
    return this.take(generation);
  }

  #tell(): void {
    this.#wake?.();
    const last = this.#waiting;
    if (last === undefined) return;
    this.#waiting = undefined;
    for (let waiter = last.next; waiter !== undefined;) {
      const next: Waiter | undefined = waiter === last ? undefined : waiter.next;
      wakeLater(waiter);
      waiter = next;
    }
  }

  #error(): KvigError {
    const failure = this.#failure;
    assert(failure !== undefined, "a failed future knows why");
    this.#failure = undefined;
    const { code, message, cause } = failure;
    return new KvigError(code, message, cause === undefined ? {} : { cause });
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

  /** Has `future` settled by the next {@link fire}. */
  add(future: Future<void>): void {
    this.#waiting.push(future);
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
    const promise = new Promise<T>(keepSettlers);
    const run = new Run(task, keptResolve as Settler<T>, keptReject);
    wakeWhenSettled(pending.value, run);
    return promise;
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Wakes `waiter` when `future` is settled, in a microtask of its own. Takes nothing. */
export function wakeWhenSettled(future: Future<unknown>, waiter: Waiter): void {
  if (future.settled) wakeLater(waiter);
  else if (isOurs(future)) addWaiter(future, waiter);
  // It comes with an adapter that has another copy of kvig.
  else future.promise().then(() => waiter.wake());
}

function advance<T>(task: Task<T>): IteratorResult<Future<unknown>, T> {
  let step = task.next();
  while (step.done !== true && step.value.settled) step = task.next();
  return step;
}

/** A task behind a promise. */
class Run<T> implements Waiter {
  next: Waiter | undefined = undefined;
  readonly #task: Task<T>;
  readonly #resolve: Settler<T>;
  readonly #reject: Settler<unknown>;

  constructor(task: Task<T>, resolve: Settler<T>, reject: Settler<unknown>) {
    this.#task = task;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  wake(): void {
    try {
      const step = advance(this.#task);
      if (step.done === true) this.#resolve(step.value);
      else wakeWhenSettled(step.value, this);
    } catch (error) {
      this.#reject(error);
    }
  }
}
