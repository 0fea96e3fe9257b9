/**
 * What every entry of kvig shows beside its own `open`: the types of the surface, the error, the
 * codecs.
 *
 * @module
 */

export { type BackupOptions } from "./backup.ts";
export { type Bytes, bytes, type Codec, json, utf8 } from "./codec.ts";
export { type CompactOptions, type CompactReport } from "./compact.ts";
export { type Cursor } from "./cursor.ts";
export { type Kvig } from "./database.ts";
export { type Entries } from "./entries.ts";
export {
  type IoErrorCode,
  KvigError,
  type KvigErrorCode,
  type KvigErrorDetails,
} from "./errors.ts";
export { type Located, type Signalled } from "./host.ts";
export { type OpenOptions } from "./open_store.ts";
export { type Durability, type StoreOptions } from "./options.ts";
export { type KeyRange, type RangeOptions } from "./range.ts";
export { type Reader } from "./reader.ts";
export { type Snapshot } from "./snapshot.ts";
export { type Stats } from "./stats.ts";
export { type Transaction } from "./transaction.ts";
export { type Problem, type VerifyOptions, type VerifyReport } from "./verify.ts";
export { type BatchOperation, type WriteOptions } from "./write_input.ts";
