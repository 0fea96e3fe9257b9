/**
 * Reads a store from the bytes of its two files by the tables of docs/format.md alone: nothing of
 * the engine is used. Throws where anything does not hold.
 *
 * @module
 */

import { Layout, type Names, type Table } from "./format_tables.ts";

const [P1, P2, P3, P4, P5] = [0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1];
const times = Math.imul;
const rotate = (x: number, r: number): number => (x << r) | (x >>> (32 - r));

/** xxHash32 after its description. */
export function xxHash32(bytes: Uint8Array, seed: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let hash = seed + P5;
  let at = 0;
  if (bytes.length >= 16) {
    const lanes = [seed + P1 + P2, seed + P2, seed, seed - P1];
    for (; at + 16 <= bytes.length; at += 16) {
      for (let i = 0; i < 4; i++) {
        const sum = (lanes[i] + times(view.getUint32(at + 4 * i, true), P2)) | 0;
        lanes[i] = times(rotate(sum, 13), P1);
      }
    }
    hash = [1, 7, 12, 18].reduce((sum, r, i) => sum + rotate(lanes[i] | 0, r), 0);
  }
  hash = (hash + bytes.length) | 0;
  for (; at + 4 <= bytes.length; at += 4) {
    hash = times(rotate((hash + times(view.getUint32(at, true), P3)) | 0, 17), P4);
  }
  for (; at < bytes.length; at++) hash = times(rotate((hash + times(bytes[at], P5)) | 0, 11), P1);
  hash = times(hash ^ (hash >>> 15), P2);
  hash = times(hash ^ (hash >>> 13), P3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Throws where the bytes are not what the document says. */
function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`the bytes do not follow docs/format.md: ${what}`);
}

type Entries = Map<string, Uint8Array>;
interface Reference {
  page: number;
  epoch: number;
}
interface Fences {
  low: string | undefined;
  high: string | undefined;
}

// A character for each byte: order and equality are those of the bytes.
const latin = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

/** One store. */
export class StoreParser {
  /** Height of the tree of the default keyspace, leaves included. */
  levels = 0;
  /** Bitmap pages met. */
  segments = 0;
  /** Whole groups met in the log. */
  groups = 0;
  /** Commits, those of the log included. */
  sequence = 0;
  /** Types of records met. */
  readonly types = new Set<string>();
  readonly #tables: Map<string, Table[]>;
  readonly #data: Uint8Array;
  readonly #log: Uint8Array;
  readonly #layouts = new Map<string, Layout>();
  readonly #reached = new Set<number>();
  readonly #pageBytes: number;
  readonly #seed: number;
  readonly #meta: number;

  /** Chooses the meta page of a store whose files are `data` and `log`. */
  constructor(tables: Map<string, Table[]>, data: Uint8Array, log: Uint8Array) {
    this.#tables = tables;
    this.#data = data;
    this.#log = log;
    const meta = this.#layout("Meta page");
    this.#pageBytes = meta.number(data, 0, "page size");
    const valid = [0, this.#pageBytes].filter((base, slot) => this.#validMeta(base, slot));
    valid.sort((a, b) => meta.number(data, b, "checkpoint") - meta.number(data, a, "checkpoint"));
    expect(valid.length > 0, "a meta page is valid");
    this.#meta = valid[0];
    this.#seed = xxHash32(meta.slice(data, this.#meta, "file id"), 0);
    this.sequence = this.#metaField("sequence");
  }

  #layout(section: string, index = 0): Layout {
    const name = `${section} ${index}`;
    let layout = this.#layouts.get(name);
    if (layout === undefined) {
      layout = new Layout(this.#tables.get(section)![index]);
      this.#layouts.set(name, layout);
    }
    return layout;
  }

  /** The bytes that a checksum covers, and its seed, after the table of checksums. */
  #covered(of: string, bytes: Uint8Array, used = 0): Uint8Array {
    const row = this.#tables.get("Checksums")![0].rows.find((each) => each["of"] === of);
    const [, from, to] = /^bytes (\d+) to (\d+|the end)/.exec(row?.["covers"] ?? "") ?? [];
    expect(from !== undefined, `the document says what the checksum of a ${of} covers`);
    const end = to === "the end" ? bytes.length : Number(to) + 1;
    return bytes.subarray(Number(from), end + used);
  }

  #seedOf(of: string, seeds: Readonly<Record<string, number>>): number {
    const row = this.#tables.get("Checksums")![0].rows.find((each) => each["of"] === of);
    const seed = seeds[row?.["seed"] ?? ""];
    expect(seed !== undefined, `the seed of a ${of} is one of ${Object.keys(seeds).join(", ")}`);
    return seed;
  }

  #validMeta(base: number, slot: number): boolean {
    const meta = this.#layout("Meta page");
    const bytes = this.#data.subarray(base, base + this.#pageBytes);
    const seed = this.#seedOf("meta page", { 0: 0 });
    return meta.number(bytes, 0, "slot") === slot && meta.number(bytes, 0, "version") === 1 &&
      meta.number(bytes, 0, "checksum") === xxHash32(this.#covered("meta page", bytes), seed);
  }

  #metaField(name: string): number {
    return this.#layout("Meta page").number(this.#data, this.#meta, name);
  }

  /** The bytes of a page whose reference is at hand, after checking its header. */
  #page({ page, epoch }: Reference, level: number): Uint8Array {
    const at = page * this.#pageBytes;
    const bytes = this.#data.subarray(at, at + this.#pageBytes);
    const header = this.#layout("Page header");
    const seed = this.#seedOf("every other page", { "file seed": this.#seed });
    const sum = xxHash32(this.#covered("every other page", bytes), seed);
    expect(header.number(bytes, 0, "checksum") === sum, `checksum of page ${page}`);
    expect(header.number(bytes, 0, "page") === page, `number of page ${page}`);
    expect(header.number(bytes, 0, "epoch") === epoch, `epoch of page ${page}`);
    expect(epoch < this.#metaField("epoch limit"), `epoch of page ${page} is below the limit`);
    if (level >= 0) expect(header.number(bytes, 0, "level") === level, `level of page ${page}`);
    this.#reach(page);
    return bytes;
  }

  #reach(page: number): void {
    expect(page >= 2 && !this.#reached.has(page), `page ${page} is reached once`);
    expect(page <= this.#metaField("highest page"), `page ${page} is not above the highest`);
    this.#reached.add(page);
  }

  #kind(page: Uint8Array): string {
    const kind = this.#layout("Page header").number(page, 0, "kind");
    const row = this.#tables.get("Page header")![1].rows.find((each) => +each["kind"] === kind);
    return row?.["name"] ?? "unknown";
  }

  /** The entries of the newest state in the data file. */
  entries(): Entries {
    this.#reached.clear();
    const catalogue: Entries = new Map();
    this.#root(catalogue, {
      page: this.#metaField("catalogue page"),
      epoch: this.#metaField("catalogue epoch"),
    }, this.#metaField("catalogue count"));
    const entries: Entries = new Map();
    const entry = catalogue.get("");
    if (entry === undefined) return entries;
    const field = (name: string): number => this.#layout("Catalogue").number(entry, 0, name);
    expect(entry.length === this.#layout("Catalogue").end({}), "length of a catalogue entry");
    const root = { page: field("page"), epoch: field("epoch") };
    this.levels = this.#root(entries, root, field("count"));
    return entries;
  }

  /** Reads a tree; returns how many levels it has. */
  #root(into: Entries, root: Reference, count: number): number {
    if (root.page === 0) return 0;
    const fences = { low: undefined, high: undefined };
    const levels = this.#tree(into, root, -1, fences);
    expect(into.size === count, `the tree has ${into.size} entries, and ${count} count`);
    return levels;
  }

  #tree(into: Entries, reference: Reference, level: number, fences: Fences): number {
    const page = this.#page(reference, level);
    const own = this.#layout("Page header").number(page, 0, "level");
    const kind = this.#kind(page);
    expect(kind === (own === 0 ? "leaf" : "branch"), `page ${reference.page} is a ${kind}`);
    const keys = this.#keys(page, kind === "leaf" ? "Leaf" : "Branch");
    this.#checkKeys(keys.slice(kind === "leaf" ? 0 : 1), fences);
    if (kind === "leaf") this.#leaf(into, page, keys);
    else {
      const arrays = this.#layout("Branch");
      for (let slot = 0; slot < keys.length; slot++) {
        const element = (name: string): number =>
          arrays.number(page, arrays.size(name) * slot, name, { n: keys.length });
        const low = slot === 0 ? fences.low : keys[slot];
        const high = slot + 1 === keys.length ? fences.high : keys[slot + 1];
        const child = { page: element("children"), epoch: element("epochs") };
        this.#tree(into, child, own - 1, { low, high });
      }
    }
    return own + 1;
  }

  #checkKeys(keys: readonly string[], { low, high }: Fences): void {
    for (let i = 0; i < keys.length; i++) {
      expect(i === 0 || keys[i - 1] < keys[i], "keys ascend");
      expect(low === undefined || keys[i] >= low, "keys are not below the lower fence");
      expect(high === undefined || keys[i] < high, "keys are below the upper fence");
    }
  }

  #cell(page: Uint8Array, section: string, slot: number): { at: number; names: Names } {
    const n = this.#layout("Page header").number(page, 0, "count");
    const arrays = this.#layout(section);
    const at = arrays.number(page, arrays.size("offsets") * slot, "offsets", { n });
    const cell = this.#layout(section, 1);
    const s = cell.number(page, at, "suffix length");
    const v = section === "Leaf" ? cell.number(page, at, "value length") : 0;
    return { at, names: { s, v } };
  }

  /** The keys of a leaf, or the separators of a branch. */
  #keys(page: Uint8Array, section: string): string[] {
    const header = this.#layout("Page header");
    const n = header.number(page, 0, "count");
    const plen = header.number(page, 0, "plen");
    const lowest = page.length - header.number(page, 0, "heap");
    const prefix = latin(page.subarray(page.length - plen));
    expect(header.number(page, 0, "fpl") <= plen, "fpl is at most plen");
    const arrays = this.#layout(section);
    const cell = this.#layout(section, 1);
    const keys: string[] = [];
    let live = plen;
    for (let slot = 0; slot < n; slot++) {
      const { at, names } = this.#cell(page, section, slot);
      const end = at + cell.end(names);
      expect(at >= lowest && end <= page.length - plen, "a cell lies in the heap");
      live += cell.end(names);
      const suffix = cell.slice(page, at, "suffix", names);
      const head = arrays.number(page, arrays.size("heads") * slot, "heads", { n });
      const bytes = [0, 1, 2, 3].map((i) => suffix[i] ?? 0);
      const wanted = new DataView(Uint8Array.from(bytes).buffer).getUint32(0);
      expect(head === wanted, "a head is the first four bytes behind the prefix");
      keys.push(prefix + latin(suffix));
    }
    expect(live + header.number(page, 0, "garbage") === page.length - lowest, "garbage is counted");
    return keys;
  }

  #leaf(into: Entries, page: Uint8Array, keys: readonly string[]): void {
    const cell = this.#layout("Leaf", 1);
    const flag = this.#tables.get("Leaf")![2].rows.find((row) => row["flag"] === "overflow");
    for (let slot = 0; slot < keys.length; slot++) {
      const { at, names } = this.#cell(page, "Leaf", slot);
      const value = cell.slice(page, at, "value", names);
      const flags = cell.number(page, at, "flags");
      into.set(keys[slot], flags === 1 << Number(flag?.["bit"]) ? this.#run(value) : value);
      expect(flags <= 1, "no other flag is set");
    }
  }

  /** A large value. */
  #run(reference: Uint8Array): Uint8Array {
    const layout = this.#layout("Large values");
    const field = (name: string): number => layout.number(reference, 0, name);
    const at = field("page") * this.#pageBytes;
    const value = this.#data.slice(at, at + field("length"));
    const mixed = (field("page") ^ times(field("epoch"), 0x9E3779B1)) >>> 0;
    const seed = this.#seedOf("large value", {
      "page number XOR (epoch × 0x9E3779B1 modulo 2<sup>32</sup>)": mixed,
    });
    expect(xxHash32(value, seed) === field("checksum"), "checksum of a large value");
    const pages = Math.max(1, Math.ceil(value.length / this.#pageBytes));
    for (let i = 0; i < pages; i++) this.#reach(field("page") + i);
    return value;
  }

  /** Checks that the map marks exactly what {@link entries} and the map itself reach. */
  checkMap(): void {
    this.entries();
    const marked = new Set<number>();
    this.segments = 0;
    const root = { page: this.#metaField("index page"), epoch: this.#metaField("index epoch") };
    if (root.page !== 0) this.#map(marked, root, this.#metaField("index level"), 0);
    expect(marked.size === this.#metaField("used pages"), "the number of pages that are marked");
    expect(marked.size === this.#reached.size, "as many are marked as reached");
    for (const page of this.#reached) expect(marked.has(page), `page ${page} is marked`);
  }

  /** Reads a page of the map; returns how many bits are set below. */
  #map(marked: Set<number>, reference: Reference, level: number, segment: number): number {
    const page = this.#page(reference, level);
    const places = (this.#pageBytes - 32) * 8;
    let used = 0;
    if (level === 0) {
      expect(this.#kind(page) === "bitmap", "a bitmap page is one");
      this.segments++;
      for (let i = 0; i < places; i++) {
        if (((page[32 + Math.floor(i / 8)] >> (i % 8)) & 1) === 0) continue;
        marked.add(segment * places + i);
        used++;
      }
      return used;
    }
    expect(this.#kind(page) === "index", "an index page is one");
    const entry = this.#layout("Index page");
    const entries = Math.floor((this.#pageBytes - 32) / 12);
    for (let e = 0; e < entries; e++) {
      const field = (name: string): number => entry.number(page, 32 + e * entry.end({}), name);
      if (field("page") === 0) continue;
      const child = { page: field("page"), epoch: field("epoch") };
      const below = this.#map(marked, child, level - 1, segment + e * entries ** (level - 1));
      expect(below === field("used"), "the used count of an entry");
      used += below;
    }
    return used;
  }

  /** The entries of the newest state, and what the log adds to them. */
  replayed(): Entries {
    const entries = this.entries();
    let position = this.#metaField("position");
    for (let group = this.#metaField("group");; group++) {
      const blocks = this.#group(position, group);
      if (blocks.length === 0) return entries;
      this.#replay(entries, blocks);
      position += blocks.length;
      this.groups++;
    }
  }

  /** The used bytes of the blocks of a group, or none where it is not whole. */
  #group(position: number, group: number): Uint8Array[] {
    const size = this.#metaField("log block size");
    const ring = this.#metaField("log size") / size;
    expect(this.#log.length === ring * size, "the size of the log");
    const header = this.#layout("Block");
    const bits = header.bits("flags");
    const firstBit = 1 << bits.findIndex((bit) => bit.includes("first"));
    const lastBit = 1 << bits.findIndex((bit) => bit.includes("last"));
    const pieces: Uint8Array[] = [];
    let chain = 0;
    for (let index = 0; index < ring; index++) {
      const at = ((position + index) % ring) * size;
      const block = this.#log.subarray(at, at + size);
      const field = (name: string): number => header.number(block, 0, name);
      const used = field("used");
      const covered = this.#covered("first block of a group", block, used);
      const seed = index === 0
        ? this.#seedOf("first block of a group", { "file seed": this.#seed })
        : this.#seedOf("any further block of a group", {
          "the checksum of the block before it": chain,
        });
      const first = (field("flags") & firstBit) !== 0;
      const belongs = field("position") === position + index && field("group") === group &&
        field("salt") === this.#metaField("salt") && field("index") === index &&
        first === (index === 0);
      if (!belongs || field("checksum") !== xxHash32(covered, seed)) return [];
      pieces.push(block.subarray(header.end({}), header.end({}) + used));
      if ((field("flags") & lastBit) !== 0) return pieces;
      chain = field("checksum");
    }
    return [];
  }

  #replay(entries: Entries, blocks: readonly Uint8Array[]): void {
    const bytes = Uint8Array.from(blocks.flatMap((block) => [...block]));
    const rows = this.#tables.get("Records")![0].rows;
    let at = 0;
    const varint = (): number => {
      let value = 0;
      for (let scale = 1;; scale *= 128) {
        const byte = bytes[at++];
        value += (byte % 128) * scale;
        if (byte < 128) return value;
      }
    };
    while (at < bytes.length) {
      const type = bytes[at++];
      const record = rows.find((row) => Number(row["type"]) === type)?.["record"] ?? "";
      this.types.add(record);
      if (record === "commit") {
        this.sequence++;
        continue;
      }
      expect(varint() === 0, "the keyspace of a record");
      const [keyLength, valueLength] = [varint(), varint()];
      const key = latin(bytes.subarray(at, at += keyLength));
      this.#apply(entries, record, key, bytes.slice(at, at += valueLength));
    }
    expect(at === bytes.length, "a group ends with a record");
  }

  #apply(entries: Entries, record: string, key: string, value: Uint8Array): void {
    if (record === "put") entries.set(key, value);
    else if (record === "delete") entries.delete(key);
    else {
      expect(record === "clear" || record === "clear to end", `the record "${record}" is known`);
      const end = record === "clear" ? latin(value) : undefined;
      for (const each of [...entries.keys()]) {
        if (each >= key && (end === undefined || each < end)) entries.delete(each);
      }
    }
  }
}
