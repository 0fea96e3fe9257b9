/**
 * Processes of the model: generators that yield what they wait for, and are advanced in any order.
 *
 * @module
 */

/** What a process waits for; undefined where it only lets others go first. */
export type Wait = (() => boolean) | undefined;

/** A piece of work that may wait. */
export type Task<T> = Generator<Wait, T, void>;

/** A task under way. */
export interface Process {
  /** What it does, for traces. */
  readonly name: string;
  readonly task: Task<void>;
  waits: Wait;
}
