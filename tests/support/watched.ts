/**
 * Small stores on a {@link RecordingIo} under an {@link Audit}: what the tests of the rules open.
 *
 * @module
 */

import { test } from "node:test";

import { open, openSync } from "./runtime.ts";
import type { Engine } from "../../core/engine.ts";
import { KvigError } from "../../core/errors.ts";
import type { Kvig, OpenOptions } from "../../mod.ts";
import { assertEquals, assertThrows, fail } from "./assert.ts";
import { Audit, engineOf, type Writings } from "./audit.ts";
import { hex, newestMeta, reachOf } from "./image.ts";
import { type Image, type Operation, RecordingIo, type RecordingOptions } from "./recording_io.ts";

/** The path of the data file. */
export const PATH = "store";
/** The path of the log. */
export const LOG = "store-wal";

/** The smallest sizes there are. */
export const SMALL: Readonly<OpenOptions> = {
  pageSize: 512,
  cacheSize: 1024 * 1024,
  logSize: 1024 * 1024,
};

/** Registers the test of a rule, which its name states. */
export function rule(sentence: string, work: () => Promise<void> | void): void {
  test(sentence, { timeout: 120_000 }, work);
}

/** What a test of a rule works with. */
export interface Watched {
  /** The Io. */
  readonly io: RecordingIo;
  /** The audit. */
  readonly audit: Audit;
  /** The open store. */
  readonly store: Kvig;
  /** The engine of the store. */
  readonly engine: Engine;
}

/** How to open. */
export interface WatchedOptions extends OpenOptions, RecordingOptions {
  /** What was written before under which number and epoch. */
  writings?: Writings;
}

function ready(given: WatchedOptions): { io: RecordingIo; audit: Audit; options: OpenOptions } {
  const { image, canBlock, capacityBytes, idByte, writings, ...options } = given;
  const recording: RecordingOptions = {
    ...(image === undefined ? {} : { image }),
    ...(canBlock === undefined ? {} : { canBlock }),
    ...(capacityBytes === undefined ? {} : { capacityBytes }),
    ...(idByte === undefined ? {} : { idByte }),
  };
  const io = new RecordingIo(recording);
  return { io, audit: new Audit(io, PATH, writings), options: { ...SMALL, ...options, io } };
}

function watched(io: RecordingIo, audit: Audit, store: Kvig): Watched {
  audit.watch(store);
  return { io, audit, store, engine: engineOf(store) };
}

/** Opens a store that blocks, on an Io of its own. */
export function watch(given: WatchedOptions = {}): Watched {
  const { io, audit, options } = ready(given);
  return watched(io, audit, openSync(PATH, options));
}

/** Opens a store with the promise form, on an Io of its own that holds nothing yet. */
export async function watchAsync(given: WatchedOptions = {}): Promise<Watched> {
  const { io, audit, options } = ready(given);
  return watched(io, audit, await open(PATH, options));
}

/** Opens an image that must be refused, with every file left as it was and nothing written. */
export function refusal(image: Image, options: OpenOptions = {}): KvigError {
  const io = new RecordingIo({ image });
  const error = assertThrows(() => openSync(PATH, { ...SMALL, ...options, io }), KvigError);
  assertEquals(difference(io.killed(), image), "", "the files are untouched");
  const writes = io.operations.filter(({ kind }) => /write|batch|truncate|remove/.test(kind));
  assertEquals(words(writes), []);
  assertEquals(io.inFlight, []);
  return error;
}

/** Opens the store of the same Io again; it was closed. */
export function reopen({ io, audit }: Watched, options: OpenOptions = {}): Watched {
  return watched(io, audit, openSync(PATH, { ...SMALL, ...options, io }));
}

/** Verifies a store that blocks, closes it and checks the audit. */
export function finish({ io, audit, store }: Watched): void {
  io.hold = () => false;
  io.failNothing();
  io.settleAll();
  assertEquals(store.verifySync().problems, []);
  store.closeSync();
  audit.check();
}

/** The same with promises; nothing is held any more. */
export async function finishAsync({ io, audit, store }: Watched): Promise<void> {
  io.hold = () => false;
  io.failNothing();
  io.settleAll();
  assertEquals((await store.verify()).problems, []);
  await store.close();
  audit.check();
}

/** Opens what an image holds, returns its contents and verifies; the image stays as it is. */
export function contentsOf(image: Image, options: OpenOptions = {}): Record<string, string> {
  const it = watch({ image, ...options });
  const contents = entriesOf(it.store);
  finish(it);
  return contents;
}

const text = new TextDecoder();

/** Everything a store or a snapshot shows, as text; of long values the length and the beginning. */
export function entriesOf(reader: Pick<Kvig, "range">): Record<string, string> {
  const entries: Record<string, string> = {};
  for (const [key, value] of reader.range()) entries[text.decode(key)] = text.decode(value);
  return entries;
}

/** What the newest meta page of an image shows, without the engine. */
export function shownBy(data: Uint8Array, meta = newestMeta(data)): Record<string, string> {
  const reach = reachOf(data, meta);
  if (reach.problems.length > 0) fail(reach.problems.join("\n"));
  const entries: Record<string, string> = {};
  for (const key of [...reach.entries.keys()].toSorted()) {
    entries[text.decode(unhex(key))] = text.decode(reach.entries.get(key));
  }
  return entries;
}

function unhex(key: string): Uint8Array {
  const bytes = new Uint8Array(key.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(key.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** The name of a key in the maps of a decoder. */
export const keyName = (key: string): string => hex(new TextEncoder().encode(key));

/** Puts `count` keys with values of `bytes` bytes. */
export function fill(store: Kvig, count: number, bytes = 100, prefix = "key"): void {
  for (let i = 0; i < count; i++) {
    const key = `${prefix} ${i.toString().padStart(5, "0")}`;
    store.putSync(key, `${i}`.padEnd(bytes, "."), { durability: "deferred" });
  }
  store.flushSync();
}

/** A copy of an image, with one file replaced by what `change` makes of it. */
export function changed(
  image: Image,
  path: string,
  change: (bytes: Uint8Array) => Uint8Array | undefined | void,
): Image {
  const copy = new Map<string, Uint8Array>();
  for (const [name, bytes] of image) copy.set(name, bytes.slice());
  const bytes = copy.get(path) ?? new Uint8Array(0);
  const result = change(bytes);
  copy.set(path, result ?? bytes);
  return copy;
}

/** A copy of an image without one file. */
export function without(image: Image, path: string): Image {
  return new Map([...image].filter(([name]) => name !== path));
}

/** Operations in few words: "write store 0+512", "sync store full". */
export function words(operations: readonly Operation[]): string[] {
  return operations.map(({ kind, path, pieces, how, size }) => {
    const what = pieces.length > 1
      ? `${pieces.length} pieces`
      : pieces.map(({ at, length }) => `${at}+${length}`).join();
    return [kind, path, kind === "truncate" ? `${size}` : `${how}${what}`].join(" ").trim();
  });
}

/** Bytes that differ between two images, as "path at position"; "" where there are none. */
export function difference(one: Image, other: Image): string {
  const names = [...one.keys()].toSorted().join();
  if (names !== [...other.keys()].toSorted().join()) return `names ${names}`;
  for (const [path, bytes] of one) {
    const others = other.get(path)!;
    if (bytes.length !== others.length) return `size of ${path}`;
    const at = bytes.findIndex((byte, i) => byte !== others[i]);
    if (at >= 0) return `${path} at ${at}`;
  }
  return "";
}
