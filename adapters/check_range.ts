/**
 * The check of positions, offsets and lengths that every adapter makes before anything else.
 *
 * @module
 */

/**
 * Checks that `length` bytes from `offset` on lie within `memory`, and that `at` is a position.
 *
 * @throws {RangeError} when they do not: a bug of the caller, and no condition of operation.
 */
export function checkRange(at: number, memory: Uint8Array, offset: number, length: number): void {
  const whole = Number.isSafeInteger(at) && Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length);
  if (!whole || at < 0 || offset < 0 || length < 0 || offset + length > memory.length) {
    throw new RangeError(
      `wrong range: ${length} bytes at ${at}, ` +
        `from offset ${offset} of ${memory.length} bytes of memory`,
    );
  }
  checkPosition(at + length);
}

/**
 * Checks that `at` is a position or a size.
 *
 * @throws {RangeError} when it is not.
 */
export function checkPosition(at: number): void {
  if (!Number.isSafeInteger(at) || at < 0) {
    throw new RangeError(`wrong position ${at}: wanted a whole number of at least 0`);
  }
}
