/**
 * Writes of one operation: each takes the writer's turn, changes the tree, commits and passes the
 * turn on.
 *
 * @module
 */

import type { Engine } from "./engine.ts";
import { runAsync, type Task } from "./future.ts";
import type { Signalled } from "./host.ts";
import type { Group } from "./log.ts";

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
    return runAsync(this.#inTurn(signal, sync, work, scoped)).then((written) => {
      this.#engine.checkpointInBackground();
      const durable = written.group !== undefined && sync ? written.group.durable() : undefined;
      return durable === undefined ? written.result : durable.then(() => written.result);
    });
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
      if (sync) written.group?.durable().catch(ignore);
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

function ignore(): void {
  // Whoever waits for the group gets the error from its own promise.
}
