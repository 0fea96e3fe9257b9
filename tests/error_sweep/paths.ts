/**
 * Where the files of the sweep are.
 *
 * @module
 */

/** Path of the store. */
export const PATH = "store";
/** What the paths of backups begin with. */
export const COPY = "copy";
