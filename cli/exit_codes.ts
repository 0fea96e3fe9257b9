/**
 * The exit codes of the program; those of an interruption are in `interruption.ts`.
 *
 * @module
 */

/** Exit code: all went well. */
export const EXIT_OK = 0;
/** Exit code: an operation failed, a key was not found, or `verify` found problems. */
export const EXIT_FAILED = 1;
/** Exit code: the command line is wrong. */
export const EXIT_USAGE = 2;
