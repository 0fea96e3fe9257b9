/**
 * Stores that were written once and are kept, so that every version and every runtime goes on
 * reading them: what is in them, and how they are made anew when the format changes.
 *
 * `golden.ts make` writes them to tests/fixtures. Each is a data file and a log, packed by gzip.
 *
 * @module
 */

import fs from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";

import { type Kvig, openSync } from "./runtime.ts";
import { tempDir } from "./tmp.ts";

/** A kept store. */
export interface Golden {
  /** Its name below tests/fixtures. */
  readonly name: string;
  /** Size of its pages. */
  readonly pageSize: number;
  /** Number of its entries. */
  readonly entries: number;
  /** Whether it was closed; otherwise its last commits stand in the log alone. */
  readonly closed: boolean;
}

/** The kept stores. */
export const GOLDEN: readonly Golden[] = [
  { name: "v1-closed-4096", pageSize: 4096, entries: 2000, closed: true },
  { name: "v1-killed-4096", pageSize: 4096, entries: 2000, closed: false },
  { name: "v1-closed-512", pageSize: 512, entries: 1000, closed: true },
  { name: "v1-killed-512", pageSize: 512, entries: 1000, closed: false },
];

const encoder = new TextEncoder();

/** The key of entry `index`: decimal, binary, empty, or with a long prefix. */
function keyOf(index: number): Uint8Array {
  if (index === 0) return new Uint8Array(0);
  if (index % 3 === 0) return new Uint8Array([index >>> 8, index, 0, 255]);
  if (index % 3 === 1) return encoder.encode(`decimal ${String(index).padStart(8, "0")}`);
  return encoder.encode(`https://example.org/a/long/common/prefix/${index}`);
}

/** The value of entry `index`: of every length up to a few pages, the empty one included. */
function valueOf(index: number): Uint8Array {
  const length = index % 97 === 5 ? 9000 + index : (index * 7) % 120;
  return Uint8Array.from({ length }, (_, at) => (index * 31 + at * 17) & 255);
}

/** The entries of a kept store, in the order of their keys. */
export function goldenEntries({ entries }: Golden): [Uint8Array, Uint8Array][] {
  const all = Array.from({ length: entries }, (_, index) => index);
  // Every seventh one was put and deleted again.
  return all.filter((index) => index % 7 !== 3)
    .map((index): [Uint8Array, Uint8Array] => [keyOf(index), valueOf(index)])
    .sort(([a], [b]) => compare(a, b));
}

function compare(a: Uint8Array, b: Uint8Array): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    if (a[at] !== b[at]) return a[at] - b[at];
  }
  return a.length - b.length;
}

/** Unpacks a kept store to `path`. */
export function unpack({ name }: Golden, path: string): void {
  for (const [ending, packed] of [["", "data"], ["-wal", "log"]]) {
    const url = new URL(`../fixtures/${name}.${packed}.gz`, fixturesBase());
    fs.writeFileSync(`${path}${ending}`, gunzipSync(fs.readFileSync(url)));
  }
}

/** The sources' folder, also for what was compiled from them. */
function fixturesBase(): string {
  return import.meta.url.replace("/dist/tests/", "/tests/");
}

function fill(store: Kvig, golden: Golden): void {
  for (let index = 0; index < golden.entries; index++) {
    store.putSync(keyOf(index), valueOf(index), { durability: "deferred" });
    if (index === golden.entries >>> 1) store.checkpointSync();
  }
  for (let index = 3; index < golden.entries; index += 7) store.deleteSync(keyOf(index));
}

/** Makes a kept store anew. */
function make(golden: Golden): void {
  using dir = tempDir();
  const path = dir.file("golden");
  const options = { pageSize: golden.pageSize, logSize: 2 ** 20, cacheSize: 2 ** 20 };
  const store = openSync(path, options);
  fill(store, golden);
  // A copy of the files now is what a killed process leaves.
  if (golden.closed) store.closeSync();
  for (const [ending, packed] of [["", "data"], ["-wal", "log"]]) {
    const url = new URL(`../fixtures/${golden.name}.${packed}.gz`, fixturesBase());
    fs.mkdirSync(new URL("../fixtures/", fixturesBase()), { recursive: true });
    fs.writeFileSync(url, gzipSync(fs.readFileSync(`${path}${ending}`), { level: 9 }));
  }
  if (!golden.closed) store.closeSync();
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === "make") {
  for (const golden of GOLDEN) make(golden);
}
