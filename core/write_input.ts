/**
 * What goes into a write, checked and in bytes.
 *
 * @module
 */

import type { Engine } from "./engine.ts";
import { isKvigError, KvigError } from "./errors.ts";
import type { Signalled } from "./host.ts";
import { MAX_VALUE_BYTES } from "./limits.ts";
import { checkDurability, describe, type Durability } from "./options.ts";
import { encodeWith } from "./range.ts";
import type { Codecs } from "./reader.ts";

/** How a write is to be carried out. */
export interface WriteOptions {
  /** When it settles. Default: what the store was opened with. */
  durability?: Durability;
  /** Stops it as long as it waits for its turn. */
  signal?: Signalled;
}

/** One operation of a batch. */
export type BatchOperation<K, V> =
  | { type: "put"; key: K; value: V }
  | { type: "delete"; key: K };

/** One operation of a batch, in bytes; without a value it is a delete. */
export interface RawOperation {
  /** The key. */
  key: Uint8Array;
  /** The value, or undefined to delete. */
  value: Uint8Array | undefined;
}

/** Bytes of a key to write. @throws {KvigError} `KVIG_KEY_TOO_LARGE` */
export function keyToWrite<K, V, KO, VO>(
  engine: Engine,
  codecs: Codecs<K, V, KO, VO>,
  key: K,
): Uint8Array {
  const bytes = encodeWith(codecs.key, "key", key);
  if (bytes.length > engine.maxKeyBytes) {
    throw new KvigError(
      "KVIG_KEY_TOO_LARGE",
      `a key has ${bytes.length} bytes, over the limit of ${engine.maxKeyBytes} bytes`,
    );
  }
  return bytes;
}

/** Bytes of a value to write. @throws {KvigError} `KVIG_VALUE_TOO_LARGE` */
export function valueToWrite<K, V, KO, VO>(codecs: Codecs<K, V, KO, VO>, value: V): Uint8Array {
  const bytes = encodeWith(codecs.value, "value", value);
  if (bytes.length > MAX_VALUE_BYTES) {
    throw new KvigError(
      "KVIG_VALUE_TOO_LARGE",
      `a value has ${bytes.length} bytes, over the limit of ${MAX_VALUE_BYTES} bytes`,
    );
  }
  return bytes;
}

/** Checks the operations of a batch and turns them into bytes. */
export function rawOperations<K, V, KO, VO>(
  engine: Engine,
  codecs: Codecs<K, V, KO, VO>,
  operations: Iterable<BatchOperation<K, V>>,
): RawOperation[] {
  if (typeof operations !== "object" || operations === null || !(Symbol.iterator in operations)) {
    throw new TypeError(`operations must be an iterable, got ${describe(operations)}`);
  }
  const raw: RawOperation[] = [];
  for (const operation of operations) {
    const type: unknown = operation?.type;
    if (type !== "put" && type !== "delete") {
      throw new TypeError(
        `operation ${raw.length} of the batch must have the type "put" or "delete"`,
      );
    }
    try {
      const key = keyToWrite(engine, codecs, operation.key);
      const value = operation.type === "put" ? valueToWrite(codecs, operation.value) : undefined;
      raw.push({ key, value });
    } catch (error) {
      throw ofOperation(raw.length, error);
    }
  }
  return raw;
}

/** The error with the operation that it is about, as far as it is one of ours. */
function ofOperation(index: number, error: unknown): unknown {
  const where = `operation ${index} of the batch`;
  if (isKvigError(error)) {
    return new KvigError(error.code, `${where}: ${error.message}`, { cause: error });
  }
  if (error instanceof TypeError) {
    return new TypeError(`${where}: ${error.message}`, { cause: error });
  }
  return error;
}

/** Whether a write is to be durable when it settles. */
export function wantsSync(engine: Engine, options: WriteOptions | undefined): boolean {
  return checkDurability(options?.durability, engine.parts.sync);
}
