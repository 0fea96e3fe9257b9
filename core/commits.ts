/**
 * Writes of one operation: each takes the writer's turn, changes the tree, commits and passes the
 * turn on.
 *
 * @module
 */

import { DONE } from "./btree.ts";
import type { Engine } from "./engine.ts";
import { runAsync, type Task } from "./future.ts";
import type { Signalled } from "./host.ts";
import type { Group } from "./group.ts";
import { Log } from "./log.ts";

/** What a write gave back, and the group of the log that its commit is in. */
export interface Written<T> {
  /** What the operation gave back. */
  result: T;
  /** The group; undefined where nothing was changed, or where a checkpoint made it durable. */
  group: Group | undefined;
}

/** A write: its body, made anew for the turn it gets. */
export type Work<T> = () => Task<T>;

/** Carries out writes of one operation. */
export class Commits {
  readonly #engine: Engine;

  /** For one store. */
  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Writes and settles when it is durable, if `sync`, else when it is applied. With `scoped` it is
   * taken back as a whole where it fails.
   */
  write<T>(
    signal: Signalled | undefined,
    sync: boolean,
    work: Work<T>,
    scoped: boolean,
  ): Promise<T> {
    return runAsync(this.#write(signal, sync, work, scoped));
  }

  /** Sets a key to a value that a leaf can hold; settles like {@link write}. */
  put(
    signal: Signalled | undefined,
    sync: boolean,
    key: Uint8Array,
    value: Uint8Array,
  ): Promise<void> {
    return runAsync(this.#single(signal, sync, key, value, nothing));
  }

  /** Removes a key; settles like {@link write} with whether it was there. */
  remove(signal: Signalled | undefined, sync: boolean, key: Uint8Array): Promise<boolean> {
    return runAsync(this.#single(signal, sync, key, undefined, itself));
  }

  *#write<T>(
    signal: Signalled | undefined,
    sync: boolean,
    work: Work<T>,
    scoped: boolean,
  ): Task<T> {
    const { result, group } = yield* this.#inTurn(signal, sync, work, scoped);
    this.#engine.checkpointInBackground();
    if (group !== undefined && sync) {
      const decided = group.decided();
      if (!decided.settled) yield decided;
      group.check();
    }
    return result;
  }

  /**
   * Puts, or removes where there is no value. The whole life of a write in one task: thousands of
   * them may be alive at once, and tasks for its parts would make each several times as large.
   */
  *#single<T>(
    signal: Signalled | undefined,
    sync: boolean,
    key: Uint8Array,
    value: Uint8Array | undefined,
    resultOf: (changed: boolean) => T,
  ): Task<T> {
    const engine = this.#engine;
    const waiting = engine.turn.ask(signal);
    if (waiting !== undefined) {
      // Its page is loaded while others have the turn; who may be aborted waits for nothing else.
      try {
        let load = signal === undefined ? engine.loadAhead(key) : undefined;
        while (load !== undefined && !waiting.settled) {
          if (!load.settled) yield load;
          load = load.fault === "" ? engine.loadAhead(key) : undefined;
        }
      } catch (error) {
        engine.turn.leave(waiting);
        throw error;
      }
      if (!waiting.settled) yield waiting;
      engine.turn.enter(waiting);
    }
    let group: Group | undefined;
    try {
      engine.checkWritable();
      let status = this.#tryNow(key, value);
      while (status !== DONE) {
        yield* engine.supply(status, recordBytes(key, value));
        status = this.#tryNow(key, value);
      }
      if (engine.tree.changed > 0 || value !== undefined) group = engine.commitSingle(sync);
      engine.log.schedule();
    } finally {
      engine.turn.release();
    }
    engine.checkpointInBackground();
    if (group !== undefined && sync) {
      const decided = group.decided();
      if (!decided.settled) yield decided;
      group.check();
    }
    return resultOf(group !== undefined);
  }

  #tryNow(key: Uint8Array, value: Uint8Array | undefined): number {
    if (value === undefined) return this.#engine.removeNow(key, key.length);
    return this.#engine.putNow(key, key.length, value, 0, value.length, 0);
  }

  /** Like {@link write}, at once. */
  writeSync<T>(sync: boolean, work: Work<T>, scoped: boolean): T {
    const engine = this.#engine;
    const { result, group } = engine.runBlocking(this.#inTurn(undefined, sync, work, scoped));
    if (sync && group !== undefined) engine.runBlocking(engine.log.syncThrough(group.number));
    engine.checkpointNow();
    return result;
  }

  /** Takes the turn, writes, commits and passes the turn on. */
  *#inTurn<T>(
    signal: Signalled | undefined,
    sync: boolean,
    work: Work<T>,
    scoped: boolean,
  ): Task<Written<T>> {
    const engine = this.#engine;
    yield* this.takeTurn(signal);
    try {
      const written = scoped ? yield* this.#scoped(sync, work) : yield* this.#unscoped(sync, work);
      engine.log.schedule();
      return written;
    } finally {
      engine.turn.release();
    }
  }

  *#unscoped<T>(sync: boolean, work: Work<T>): Task<Written<T>> {
    const engine = this.#engine;
    const { recordBytes } = engine.log;
    const result = yield* work();
    const group = engine.log.recordBytes === recordBytes ? undefined : engine.commitSingle(sync);
    return { result, group };
  }

  *#scoped<T>(sync: boolean, work: Work<T>): Task<Written<T>> {
    const engine = this.#engine;
    const scope = engine.beginScope();
    try {
      const result = yield* work();
      scope.changes = 1;
      return { result, group: yield* engine.commitScope(sync) };
    } catch (error) {
      if (engine.scope === scope) yield* engine.abortScope();
      throw error;
    }
  }

  /** Waits for the writer's turn. */
  *takeTurn(signal: Signalled | undefined): Task<void> {
    yield* this.#engine.turn.take(signal);
    try {
      this.#engine.checkWritable();
    } catch (error) {
      this.#engine.turn.release();
      throw error;
    }
  }
}

function recordBytes(key: Uint8Array, value: Uint8Array | undefined): number {
  return Log.RECORD_OVERHEAD_BYTES + key.length + (value?.length ?? 0);
}

function nothing(): void {
  // A put has no result.
}

function itself(changed: boolean): boolean {
  return changed;
}
