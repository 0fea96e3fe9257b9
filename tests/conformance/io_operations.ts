/**
 * Every operation of the contract, for cases that hold for each of them.
 *
 * @module
 */

import { type CallOptions, type Future, type IoFile, WriteBatch } from "../../core/io.ts";
import { isKvigError } from "../../core/errors.ts";
import { pattern, writeAll } from "./check.ts";
import type { Place } from "./harness.ts";

/** One operation, ready to be started once. */
export interface Operation {
  /** How it is called, for messages. */
  readonly name: string;
  /** Starts it. */
  start(options?: CallOptions): Future<unknown>;
}

let round = 0;

/**
 * Each operation once, on files made for it: those that succeed, and two that fail.
 */
export async function everyOperation(place: Place): Promise<Operation[]> {
  const { io } = place;
  const prefix = `operation-${++round}`;
  const path = (name: string) => place.path(`${prefix}-${name}`);
  const file = await place.open(path("file"));
  await writeAll(file, 0, pattern(10_000));
  const [locked, closing] = [await place.open(path("locked")), await place.open(path("closing"))];
  await place.open(path("removed"));
  const memory = pattern(4096, 3);
  const batch = new WriteBatch(memory, 2);
  batch.add(8192, 0, 100);
  batch.add(4096, 1000, 100);
  const make = { create: true };
  return [
    { name: "open()", start: (options) => io.open(path("new"), { ...make, ...options }) },
    { name: "open() of nothing", start: (options) => io.open(path("none"), { ...options }) },
    { name: "read()", start: (options) => file.read(0, new Uint8Array(99), 0, 99, options) },
    { name: "write()", start: (options) => file.write(0, memory, 0, 99, options) },
    { name: "writeBatch()", start: (options) => file.writeBatch(batch, options) },
    { name: "sync(data)", start: (options) => file.sync("data", options) },
    { name: "sync(full)", start: (options) => file.sync("full", options) },
    { name: "truncate()", start: (options) => file.truncate(20_000, options) },
    { name: "lock()", start: (options) => locked.lock("exclusive", options) },
    { name: "close()", start: (options) => closing.close(options) },
    { name: "remove()", start: (options) => io.remove(path("removed"), options) },
    { name: "remove() of nothing", start: (options) => io.remove(path("none"), options) },
    { name: "syncDirectory()", start: (options) => io.syncDirectory(path("file"), options) },
  ];
}

/** What a settled operation gave: a value or an error. A file is closed with the case. */
export function takeAny(place: Place, future: Future<unknown>, generation: number): unknown {
  try {
    const value = future.take(generation);
    if (typeof value === "object" && value !== null) place.keep(value as IoFile);
    return value;
  } catch (error) {
    if (isKvigError(error, "KVIG_NOT_FOUND", "KVIG_UNSUPPORTED")) return error;
    throw error;
  }
}
