/**
 * Entries of the catalogue: what the tree of keyspaces says of one keyspace. The layout is in
 * docs/format.md.
 *
 * @module
 */

import { getUint32, setUint32 } from "./bytes.ts";
import type { TreeRoot } from "./state.ts";

/** Bytes of an entry: root, epoch, count, number, flags, and room for options. */
export const CATALOGUE_ENTRY_BYTES = 40;
/** Number of the default keyspace, whose name is empty. */
export const DEFAULT_KEYSPACE = 0;

/** Writes the entry of keyspace `number` with the tree `root` into `bytes`. */
export function encodeEntry(bytes: Uint8Array, root: TreeRoot, number: number): void {
  bytes.fill(0);
  setUint32(bytes, 0, root.page);
  setUint32(bytes, 4, root.epoch);
  setUint32(bytes, 8, root.count >>> 0);
  setUint32(bytes, 12, Math.floor(root.count / 0x1_0000_0000));
  setUint32(bytes, 16, number);
}

/**
 * Reads the root in the entry at `at` of `bytes` into `root`; returns whether the entry is one of
 * keyspace `number`.
 */
export function decodeEntry(
  bytes: Uint8Array,
  at: number,
  root: TreeRoot,
  number: number,
): boolean {
  root.page = getUint32(bytes, at);
  root.epoch = getUint32(bytes, at + 4);
  root.count = getUint32(bytes, at + 8) + getUint32(bytes, at + 12) * 0x1_0000_0000;
  return root.count < 2 ** 52 && getUint32(bytes, at + 16) === number;
}
