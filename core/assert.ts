/**
 * Assertions: broken invariants of kvig itself, kept on in production.
 *
 * @module
 */

/** A bug in kvig or in an adapter, never a condition that operation can meet. */
export class AssertionError extends Error {
  /** Always `"AssertionError"`. */
  override readonly name = "AssertionError";
}

/**
 * Throws {@link AssertionError} unless `condition` holds. `message` must not be built at the call.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(`kvig invariant broken: ${message}`);
}
