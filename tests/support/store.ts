/**
 * Stores for tests: small, in memory, verified at the end and once more after opening again.
 *
 * @module
 */

import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import { open, openSync } from "./runtime.ts";
import type { Io } from "../../core/io.ts";
import { isKvigError } from "../../core/errors.ts";
import type { Kvig, KvigError, KvigErrorCode, OpenOptions, VerifyReport } from "../../mod.ts";
import { assert, assertEquals, assertRejects, assertThrows, fail } from "./assert.ts";
import { KvigError as KvigErrorClass } from "../../core/errors.ts";

/** The smallest sizes there are: deep trees, evictions and checkpoints with little data. */
export const SMALL: Readonly<OpenOptions> = {
  pageSize: 512,
  cacheSize: 1024 * 1024,
  logSize: 1024 * 1024,
};

/** The path of stores in memory. */
export const PATH = "store";

/** Fails unless the report says that all is well. */
export function assertSound(report: VerifyReport): void {
  const [problem] = report.problems;
  if (problem !== undefined) {
    const { length } = report.problems;
    fail(
      `${length} problems, the first one: page ${problem.page} of ${problem.file}, ${problem.what}`,
    );
  }
  assert(report.ok, "a report without problems is ok");
}

/** What a test of a store works with. */
export interface StoreUnderTest {
  /** The open store. */
  store: Kvig;
  /** Where its files are. */
  readonly io: Io;
  /** What it was opened with. */
  readonly options: OpenOptions;
  /** Closes the store and opens it again; `options` replace those before. */
  reopen(options?: OpenOptions): Promise<Kvig>;
}

/** How to make a store for a test. */
export interface StoreTestOptions extends OpenOptions {
  /** Whether to open with `openSync`. Default: `open`. */
  blocking?: boolean;
}

/** Registers a test of a store that is made for it; whatever happens to it, it must be sound. */
export function storeTest(
  name: string,
  work: (subject: StoreUnderTest) => Promise<void> | void,
  given: StoreTestOptions = {},
): void {
  test(name, { timeout: 120_000 }, () => withStore(work, given));
}

/** Makes a store, lets `work` use it, verifies it, closes it, opens and verifies it again. */
export async function withStore(
  work: (subject: StoreUnderTest) => Promise<void> | void,
  given: StoreTestOptions = {},
): Promise<void> {
  const { blocking = false, ...wanted } = given;
  const io = wanted.io ?? memoryIo();
  const options = { ...SMALL, ...wanted, io };
  const opening = (more: OpenOptions): Promise<Kvig> =>
    blocking ? Promise.resolve(openSync(PATH, more)) : open(PATH, more);
  const subject: StoreUnderTest = {
    store: await opening(options),
    io,
    options,
    async reopen(more = {}) {
      await subject.store.close();
      subject.store = await opening({ ...options, ...more });
      return subject.store;
    },
  };
  await work(subject);
  assertSound(await subject.store.verify());
  const { entries } = subject.store.stats();
  await subject.store.close();
  const again = await opening(options);
  assertEquals(again.stats().entries, entries);
  assertSound(await again.verify());
  await again.close();
}

/** Fails unless `work` rejects with a KvigError of that code; returns the error. */
export async function assertCode(
  work: () => PromiseLike<unknown>,
  code: KvigErrorCode,
  part?: string,
): Promise<KvigError> {
  const error = await assertRejects(work, KvigErrorClass, part);
  assertEquals(error.code, code, error.message);
  return error;
}

/** The same for what throws at once. */
export function assertCodeSync(
  work: () => unknown,
  code: KvigErrorCode,
  part?: string,
): KvigError {
  const error = assertThrows(work, KvigErrorClass, part);
  assertEquals(error.code, code, error.message);
  return error;
}

/** The bytes of the file at `path`. */
export function readFileOf(io: Io, path: string): Uint8Array {
  const file = io.open(path, { readOnly: true, blocking: true }).take();
  const bytes = new Uint8Array(file.size);
  for (let at = 0; at < bytes.length;) {
    const count = file.read(at, bytes, at, bytes.length - at, { blocking: true }).take();
    assert(count > 0, "a read before the end gives bytes");
    at += count;
  }
  file.close({ blocking: true }).take();
  return bytes;
}

/** Makes the file at `path` hold `bytes` and nothing else. */
export function writeFileOf(io: Io, path: string, bytes: Uint8Array): void {
  const file = io.open(path, { create: true, blocking: true }).take();
  file.truncate(0, { blocking: true }).take();
  for (let at = 0; at < bytes.length;) {
    at += file.write(at, bytes, at, bytes.length - at, { blocking: true }).take();
  }
  file.close({ blocking: true }).take();
}

/** The files of the store at `path` as they are now, in memory of their own: as after a kill. */
export function copyOf(io: Io, path: string): Io {
  const copy = memoryIo();
  for (const name of [path, `${path}-wal`]) {
    try {
      writeFileOf(copy, name, readFileOf(io, name));
    } catch (error) {
      if (!isKvigError(error, "KVIG_NOT_FOUND")) throw error;
    }
  }
  return copy;
}

/** Text of bytes that are known to be text. */
export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}
