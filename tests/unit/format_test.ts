/**
 * Pins docs/format.md: its tables are read and compared with the bytes that the code writes, and a
 * whole store is read back by a parser of its own that knows nothing but those tables.
 *
 * A change of the format, or of the document, alone fails here.
 */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { memoryIo } from "../../adapters/memory/mod.ts";
import {
  INDEX_ENTRY_BYTES,
  indexEntries,
  segmentPlaces,
  setBit,
  setEntry,
  setEntryUsed,
} from "../../core/bitmap.ts";
import { formatBranch, insertBranchCell } from "../../core/branch.ts";
import { CATALOGUE_ENTRY_BYTES, encodeEntry } from "../../core/catalogue_entry.ts";
import { checksum } from "../../core/checksum.ts";
import {
  BITMAP,
  BRANCH,
  COUNT,
  FPL,
  Frames,
  GARBAGE,
  HEAP,
  INDEX,
  KIND,
  LEAF,
  LEVEL,
  PAGE_HEADER_BYTES,
  PLEN,
  sealPage,
} from "../../core/frames.ts";
import type { Io } from "../../core/io.ts";
import { formatLeaf, insertLeafCell, maxInlineBytes, OVERFLOW_FLAG } from "../../core/leaf.ts";
import {
  DEFAULT_PAGE_BYTES,
  MAX_PAGE_BYTES,
  MAX_VALUE_BYTES,
  maxKeyBytes,
  MIN_PAGE_BYTES,
} from "../../core/limits.ts";
import { BLOCK_HEADER_BYTES, BlockCodec } from "../../core/log_block.ts";
import {
  CLEAR_RECORD,
  CLEAR_TO_END_RECORD,
  COMMIT_RECORD,
  DELETE_RECORD,
  PUT_RECORD,
} from "../../core/log_record.ts";
import {
  encodeMeta,
  fileSeed,
  FORMAT_VERSION,
  MAGIC,
  type Meta,
  META_BYTES,
} from "../../core/meta.ts";
import { openStoreSync } from "../../core/open_store.ts";
import { OVERFLOW_REFERENCE_BYTES, OverflowReference } from "../../core/overflow.ts";
import { BRANCH_CELL_BYTES, LEAF_CELL_BYTES, setPrefix } from "../../core/slots.ts";
import { State, TreeRoot } from "../../core/state.ts";
import { assert, assertEquals, assertStringIncludes } from "../support/assert.ts";
import { Layout, type Names, readTables, type Table } from "../support/format_tables.ts";
import { StoreParser, xxHash32 } from "../support/store_parser.ts";

const DOCUMENT = readDocument();
const TABLES = readTables(DOCUMENT);

/** docs/format.md of the repository that this file, or what it was compiled to, lies in. */
function readDocument(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, "docs/format.md"))) directory = dirname(directory);
  return readFileSync(join(directory, "docs/format.md"), "utf8");
}

function tableOf(section: string, index = 0): Table {
  const table = TABLES.get(section)?.[index];
  assert(table !== undefined, `docs/format.md has a table number ${index} under "${section}"`);
  return table;
}

function layoutOf(section: string, index = 0): Layout {
  return new Layout(tableOf(section, index));
}

/** Every field that the document names, but reserved ones, and no other, has the value expected. */
function assertFields(
  layout: Layout,
  bytes: Uint8Array,
  expected: Readonly<Record<string, number | number[]>>,
  names: Names = {},
): void {
  const found: Record<string, number | number[]> = {};
  for (const field of layout.fields) {
    const value = layout.value(bytes, 0, field, names);
    if (field.startsWith("reserved")) {
      assert([value].flat().every((byte) => byte === 0), `${field} is zero`);
    } else found[field] = value;
  }
  assertEquals(found, { ...expected });
}

const PAGE_BYTES = 512;

/** Two frames: one for a page, and one behind it. */
function oneFrame(): Frames {
  return new Frames(new Uint8Array(2 * PAGE_BYTES), PAGE_BYTES);
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

test("every table of offsets is without gaps and as long as the code says", () => {
  assertEquals(layoutOf("Meta page").end({}), META_BYTES);
  assertEquals(layoutOf("Page header").end({}), PAGE_HEADER_BYTES);
  assertEquals(layoutOf("Leaf", 1).end({ s: 0, v: 0 }), LEAF_CELL_BYTES);
  assertEquals(layoutOf("Leaf", 1).end({ s: 7, v: 9 }), LEAF_CELL_BYTES + 16);
  assertEquals(layoutOf("Branch", 1).end({ s: 7 }), BRANCH_CELL_BYTES + 7);
  assertEquals(layoutOf("Large values").end({}), OVERFLOW_REFERENCE_BYTES);
  assertEquals(layoutOf("Index page").end({}), INDEX_ENTRY_BYTES);
  assertEquals(layoutOf("Catalogue").end({}), CATALOGUE_ENTRY_BYTES);
  assertEquals(layoutOf("Block").end({}), BLOCK_HEADER_BYTES);
});

test("the numbers in the text are those of the code", () => {
  const plain = DOCUMENT.replace(/\s+/g, " ");
  const sentences = [
    `S = (page size − ${PAGE_HEADER_BYTES}) × 8`,
    `E = ⌊(page size − ${PAGE_HEADER_BYTES}) / ${INDEX_ENTRY_BYTES}⌋ entries from offset ` +
    `${PAGE_HEADER_BYTES} on`,
    `at most (page size − ${PAGE_HEADER_BYTES}) / 2 − 11 bytes`,
    `power of two from ${MIN_PAGE_BYTES} to ${MAX_PAGE_BYTES.toLocaleString("en-US")}; the ` +
    `default is ${DEFAULT_PAGE_BYTES.toLocaleString("en-US")}`,
    `they begin at offset ${BLOCK_HEADER_BYTES}`,
    `or ${OVERFLOW_REFERENCE_BYTES} for a reference`,
    `Only the first ${META_BYTES} bytes are used`,
    "A key has at most a quarter of the page size",
    "length of the value, up to 2<sup>31</sup> − 1",
  ];
  for (const sentence of sentences) assertStringIncludes(plain, sentence);
  for (const pageBytes of [512, 4096, 65_536]) {
    assertEquals(segmentPlaces(pageBytes), (pageBytes - 32) * 8);
    assertEquals(indexEntries(pageBytes), Math.floor((pageBytes - 32) / 12));
    assertEquals(maxInlineBytes(pageBytes), (pageBytes - 32) / 2 - 11);
    assertEquals(maxKeyBytes(pageBytes), pageBytes / 4);
  }
  assertEquals(MAX_VALUE_BYTES, 2 ** 31 - 1);
});

test("kinds of pages, types of records and bits of flags are those of the code", () => {
  const kinds = tableOf("Page header", 1).rows.map((row) => [row["name"], Number(row["kind"])]);
  const codes = { leaf: LEAF, branch: BRANCH, bitmap: BITMAP, index: INDEX };
  assertEquals(Object.fromEntries(kinds), codes);
  const types = tableOf("Records").rows.map((row) => [row["record"], Number(row["type"])]);
  assertEquals(Object.fromEntries(types), {
    put: PUT_RECORD,
    delete: DELETE_RECORD,
    clear: CLEAR_RECORD,
    commit: COMMIT_RECORD,
    "clear to end": CLEAR_TO_END_RECORD,
  });
  const flags = tableOf("Leaf", 2).rows.filter((row) => row["flag"] === "overflow");
  assertEquals(flags.map((row) => 1 << Number(row["bit"])), [OVERFLOW_FLAG]);
  assertEquals(layoutOf("Meta page").bits("flags"), ["the log has yet to be made (a backup)"]);
  const blockBits = layoutOf("Block").bits("flags");
  assertEquals(blockBits, ["the first block of its group", "the last one"]);
});

test("the checksum is xxHash32", () => {
  const vectors: [string, number][] = [
    ["", 0x02CC5D05],
    ["a", 0x550D7456],
    ["abc", 0x32D153FF],
    ["Nobody inspects the spammish repetition", 0xE2293B2F],
  ];
  for (const [input, sum] of vectors) {
    assertEquals(checksum(text(input), 0, input.length, 0), sum);
    assertEquals(xxHash32(text(input), 0), sum);
  }
  const bytes = new Uint8Array(5000).map((_, i) => i * 7);
  for (const [at, length, seed] of [[0, 5000, 1], [3, 77, 0xFFFFFFFF], [1, 4095, 0x9E3779B1]]) {
    const sum = xxHash32(bytes.subarray(at, at + length), seed);
    assertEquals(checksum(bytes, at, length, seed), sum);
  }
});

test("a meta page is written as the table says", () => {
  const state = new State();
  Object.assign(state, { freePage: 201, freeEpoch: 202, freeLevel: 3, pageCount: 204 });
  Object.assign(state, { highestPage: 205, usedPages: 206, sequence: 2 ** 45 + 207 });
  Object.assign(state.catalogue, { page: 208, epoch: 209, count: 2 ** 40 + 210 });
  const meta: Meta = {
    version: FORMAT_VERSION,
    compatible: 101,
    readOnlyCompatible: 102,
    incompatible: 103,
    pageBytes: 1024,
    fileId: new Uint8Array(16).map((_, i) => i + 1),
    logBytes: 2 ** 34,
    logBlockBytes: 512,
    noLog: true,
    checkpoint: 2 ** 41 + 104,
    state,
    group: 2 ** 42 + 105,
    position: 2 ** 43 + 106,
    salt: 2 ** 31 + 107,
    epochLimit: 2 ** 32 - 108,
  };
  const page = new Uint8Array(1024).fill(0xEE);
  encodeMeta(meta, 1, page);
  const magic = /`((?:[0-9A-F]{2} ?)+)`/.exec(layoutOf("Meta page").meaning("magic"))?.[1];
  assertEquals(magic?.split(" ").map((byte) => Number.parseInt(byte, 16)), [...MAGIC]);
  assertFields(layoutOf("Meta page"), page, {
    checksum: xxHash32(page.subarray(4, 512), 0),
    magic: [...MAGIC],
    version: 1,
    compatible: 101,
    "read-only": 102,
    incompatible: 103,
    "page size": 1024,
    "file id": [...meta.fileId],
    "log size": 2 ** 34,
    "log block size": 512,
    flags: 1,
    slot: 1,
    "epoch limit": 2 ** 32 - 108,
    checkpoint: 2 ** 41 + 104,
    group: 2 ** 42 + 105,
    position: 2 ** 43 + 106,
    salt: 2 ** 31 + 107,
    sequence: 2 ** 45 + 207,
    "catalogue page": 208,
    "catalogue epoch": 209,
    "catalogue count": 2 ** 40 + 210,
    "index page": 201,
    "index epoch": 202,
    "index level": 3,
    "page count": 204,
    "highest page": 205,
    "used pages": 206,
  });
  assert(page.subarray(512).every((byte) => byte === 0), "the rest of a meta page is zero");
});

test("a page header is written as the table says", () => {
  const frames = oneFrame();
  frames.u8.fill(0xEE);
  const fields = [[KIND, 2], [LEVEL, 3], [COUNT, 301], [PLEN, 302], [FPL, 303], [HEAP, 304]];
  for (const [field, value] of [...fields, [GARBAGE, 305]]) frames.set(0, field, value);
  sealPage(frames, 0, 0xFEDCBA98, 0xFEDCBA97, 77);
  assertFields(layoutOf("Page header"), frames.u8, {
    checksum: xxHash32(frames.u8.subarray(4, PAGE_BYTES), 77),
    page: 0xFEDCBA98,
    epoch: 0xFEDCBA97,
    kind: 2,
    level: 3,
    count: 301,
    plen: 302,
    fpl: 303,
    heap: 304,
    garbage: 305,
  });
});

/** The elements of the arrays that the document says are at the front of a page. */
function arraysOf(section: string, page: Uint8Array, count: number): Record<string, number[]> {
  const arrays = layoutOf(section);
  return Object.fromEntries(arrays.fields.map((name) => [
    name,
    Array.from(
      { length: count },
      (_, slot) => arrays.value(page, arrays.size(name, {}) * slot, name, { n: count }) as number,
    ),
  ]));
}

test("a leaf is written as the tables say", () => {
  const frames = oneFrame();
  formatLeaf(frames, 0);
  setPrefix(frames, 0, text("pre"), 3, 2);
  const put = (slot: number, key: string, value: string, flags: number): void =>
    insertLeafCell(frames, 0, slot, text(key), key.length, text(value), 0, value.length, flags);
  put(0, "prefix", "second", 0);
  put(0, "pre", "", 0);
  put(2, "prez", "0123456789abcdef", OVERFLOW_FLAG);
  const { heads, offsets } = arraysOf("Leaf", frames.u8, 3);
  assertEquals(heads, [0, 0x66697800, 0x7A000000]);
  const first = PAGE_BYTES - 3 - (5 + 3 + 6);
  assertEquals(offsets, [first - 5, first, first - 5 - (5 + 1 + 16)]);
  const cell = layoutOf("Leaf", 1);
  assertFields(cell, frames.u8.subarray(offsets[1]), {
    "suffix length": 3,
    "value length": 6,
    flags: 0,
    suffix: [...text("fix")],
    value: [...text("second")],
  }, { s: 3, v: 6 });
  assertFields(cell, frames.u8.subarray(offsets[2]), {
    "suffix length": 1,
    "value length": 16,
    flags: OVERFLOW_FLAG,
    suffix: [...text("z")],
    value: [...text("0123456789abcdef")],
  }, { s: 1, v: 16 });
  assertEquals([...frames.u8.subarray(PAGE_BYTES - 3, PAGE_BYTES)], [...text("pre")]);
  assertEquals(frames.get(0, HEAP), PAGE_BYTES - offsets[2]);
});

test("a branch is written as the tables say", () => {
  const frames = oneFrame();
  formatBranch(frames, 0, 4);
  setPrefix(frames, 0, text("k"), 1, 0);
  insertBranchCell(frames, 0, 0, text(""), 0, 1001, 11);
  insertBranchCell(frames, 0, 1, text("kmn"), 3, 0xFFFFFFF1, 0xFFFFFFF2);
  insertBranchCell(frames, 0, 1, text("kab"), 3, 1002, 12);
  const { heads, children, epochs, offsets } = arraysOf("Branch", frames.u8, 3);
  assertEquals(heads, [0, 0x61620000, 0x6D6E0000]);
  assertEquals(children, [1001, 1002, 0xFFFFFFF1]);
  assertEquals(epochs, [11, 12, 0xFFFFFFF2]);
  const lowest = PAGE_BYTES - 1 - 2 - 4 - 4;
  assertEquals(offsets, [PAGE_BYTES - 1 - 2, lowest, lowest + 4]);
  const cell = layoutOf("Branch", 1);
  const separator = { "suffix length": 2, suffix: [...text("mn")] };
  assertFields(cell, frames.u8.subarray(offsets[2]), separator, { s: 2 });
});

test("references, map entries and catalogue entries are written as the tables say", () => {
  const bytes = new Uint8Array(16);
  const reference = new OverflowReference();
  Object.assign(reference, { page: 2 ** 32 - 2, epoch: 2 ** 32 - 3, length: 2 ** 31 - 1, sum: 5 });
  reference.write(bytes, 0);
  const fields = { page: 2 ** 32 - 2, epoch: 2 ** 32 - 3, length: 2 ** 31 - 1, checksum: 5 };
  assertFields(layoutOf("Large values"), bytes, fields);

  const frames = oneFrame();
  setEntry(frames, 0, 2, 2 ** 32 - 4, 2 ** 32 - 5);
  setEntryUsed(frames, 0, 2, 2 ** 32 - 6);
  const entry = frames.u8.subarray(PAGE_HEADER_BYTES + 2 * INDEX_ENTRY_BYTES);
  const expected = { page: 2 ** 32 - 4, epoch: 2 ** 32 - 5, used: 2 ** 32 - 6 };
  assertFields(layoutOf("Index page"), entry, expected);

  const bitmap = oneFrame();
  for (const bit of [0, 13, 31, 40, 3839]) setBit(bitmap, 0, bit);
  for (let bit = 0; bit < segmentPlaces(PAGE_BYTES); bit++) {
    const set = ((bitmap.u8[32 + Math.floor(bit / 8)] >> (bit % 8)) & 1) === 1;
    assertEquals(set, [0, 13, 31, 40, 3839].includes(bit), `bit ${bit}`);
  }

  const root = new TreeRoot();
  Object.assign(root, { page: 71, epoch: 72, count: 2 ** 44 + 73 });
  const catalogue = new Uint8Array(CATALOGUE_ENTRY_BYTES).fill(0xEE);
  encodeEntry(catalogue, root, 74);
  const values = { page: 71, epoch: 72, count: 2 ** 44 + 73, number: 74, flags: 0 };
  assertFields(layoutOf("Catalogue"), catalogue, values);
});

test("a block of the log is written as the table says", () => {
  const fileId = new Uint8Array(16).map((_, i) => 100 + i);
  const buffer = new Uint8Array(1024).fill(0xEE);
  const seed = xxHash32(fileId, 0);
  assertEquals(fileSeed(fileId), seed);
  const codec = new BlockCodec(buffer, 512, fileId, seed);
  codec.finish(0, 448, false);
  const chain = codec.seal(0, 0, 0, 2 ** 32 - 1, 2 ** 40 + 1, 2 ** 41 + 2, 2 ** 42 + 3);
  codec.finish(512, 10, true);
  codec.seal(512, 1, chain, 2 ** 32 - 1, 2 ** 40 + 2, 2 ** 41 + 2, 2 ** 42 + 3);
  const common = { "file id": [...fileId], salt: 2 ** 32 - 1, group: 2 ** 41 + 2 };
  const through = { "durable through": 2 ** 42 + 3 };
  const first = buffer.subarray(0, 512);
  const header = { checksum: xxHash32(first.subarray(4), seed), used: 448, flags: 1, index: 0 };
  const place = { position: 2 ** 40 + 1 };
  assertFields(layoutOf("Block"), first, { ...header, ...common, ...place, ...through });
  const last = buffer.subarray(512);
  const sum = xxHash32(last.subarray(4, 64 + 10), chain);
  const rest = { checksum: sum, used: 10, flags: 2, index: 1, position: 2 ** 40 + 2 };
  assertFields(layoutOf("Block"), last, { ...rest, ...common, ...through });
});

/** The bytes of a file, behind the back of whoever has it open. */
function fileBytes(io: Io, path: string): Uint8Array {
  const file = io.open(path, { readOnly: true }).take();
  const bytes = new Uint8Array(file.size);
  assertEquals(file.read(0, bytes, 0, bytes.length).take(), bytes.length);
  file.close().take();
  return bytes;
}

type Model = Map<string, Uint8Array>;

function sorted(model: Model): [string, Uint8Array][] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1));
}

function assertSame(found: Model, model: Model): void {
  assertEquals([...found.keys()].sort(), [...model.keys()].sort());
  for (const [key, value] of model) assertEquals(found.get(key), value, key);
}

test("a whole store is read by the document alone: its pages, its map, its log", () => {
  const io = memoryIo();
  const sizes = { cacheSize: 1 << 20, logSize: 1 << 20, pageSize: PAGE_BYTES };
  const store = openStoreSync(io, "store", sizes);
  const model: Model = new Map();
  const put = (key: string, length: number): void => {
    const value = new Uint8Array(length).map((_, i) => i + length);
    store.putSync(key, value, { durability: "deferred" });
    model.set(key, value);
  };
  const parse = (): StoreParser =>
    new StoreParser(TABLES, fileBytes(io, "store"), fileBytes(io, "store-wal"));

  for (let i = 0; i < 9000; i++) put(`city/${(i * 7919) % 9000}/${"x".repeat(i % 40)}`, i % 60);
  put("", 0);
  for (const length of [229, 230, 512, 513, 5000]) put(`large/${length}`, length);
  store.checkpointSync();
  const before = parse();
  assertSame(before.entries(), model);
  before.checkMap();
  assert(before.levels >= 3, "the tree has branches above branches");
  assert(before.segments >= 2, "the map has more than one bitmap page");

  // What follows stands in the log alone.
  for (let i = 0; i < 300; i++) put(`city/${i}/new`, 100);
  put("large/2", 3000);
  const gone = sorted(model).filter(([key]) => key >= "city/1" && key < "city/12");
  assertEquals(store.clearSync({ gte: "city/1", lt: "city/12" }), gone.length);
  for (const [key] of gone) model.delete(key);
  store.transactionSync((tx) => {
    for (const key of ["large/512", "large/513"]) assert(tx.deleteSync(key));
    tx.putSync("tx", "a".repeat(700));
  });
  for (const key of ["large/512", "large/513"]) model.delete(key);
  model.set("tx", text("a".repeat(700)));
  store.clearSync({ gte: "tw", lt: "tx" });
  put("u", 1);
  put("v", 2);
  assertEquals(store.clearSync({ gte: "u" }), 2);
  for (const key of ["u", "v"]) model.delete(key);
  assert(store.deleteSync(""));
  model.delete("");

  const after = parse();
  assertSame(after.replayed(), model);
  const { sequence } = store.stats();
  assertEquals(after.sequence, sequence);
  assert(after.types.size === 5, "records of every type were met");
  const report = store.verifySync();
  assertEquals(report.problems, []);
  assertEquals(report.entries, model.size);
  store.closeSync();

  const closed = parse();
  assertSame(closed.replayed(), model);
  closed.checkMap();
  assertEquals(closed.groups, 0, "a store that was closed has nothing to replay");
});
