/**
 * What the bytes of a store's two files say: a small decoder of meta pages, pages and blocks of the
 * log that shares nothing with the engine but the checksum and the codec of meta pages.
 *
 * Layouts are those of docs/format.md. Nothing here changes the bytes or trusts the engine's
 * memory.
 *
 * @module
 */

import { checksum } from "../../core/checksum.ts";
import { decodeMeta, fileSeed, type Meta } from "../../core/meta.ts";

/** Kinds of pages. */
export const KINDS = { leaf: 1, branch: 2, bitmap: 3, index: 4 } as const;

const HEADER_BYTES = 32;
const OVERFLOW_FLAG = 1;

/** The header of a page, from its bytes or from the engine's memory. */
export interface PageHeader {
  /** Its own number. */
  number: number;
  /** Its epoch. */
  epoch: number;
  /** One of {@link KINDS}. */
  kind: number;
  /** Height above the leaves or bitmap pages. */
  level: number;
  /** Number of slots. */
  count: number;
  /** Bytes of the prefix, which stands at the page's end. */
  prefixBytes: number;
}

/** A page. */
export interface PageView extends PageHeader {
  /** All of its bytes. */
  bytes: Uint8Array;
}

/** A reference from one page to another. */
export interface PageReference {
  /** Its number. */
  page: number;
  /** Its epoch. */
  epoch: number;
}

/** A reference to a large value. */
export interface RunReference extends PageReference {
  /** Bytes of the value. */
  length: number;
  /** Checksum of the value. */
  sum: number;
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The two meta pages, `undefined` where there is no valid one. */
export function metasOf(data: Uint8Array): [Meta | undefined, Meta | undefined] {
  const first = data.length < 512 ? undefined : decodeMeta(data.subarray(0, 512), 0);
  for (let bytes = 512; bytes <= 65_536; bytes *= 2) {
    if (first !== undefined && first.pageBytes !== bytes) continue;
    if (data.length < bytes + 512) continue;
    const second = decodeMeta(data.subarray(bytes, bytes + 512), 1);
    if (second !== undefined && second.pageBytes === bytes) return [first, second];
  }
  return [first, undefined];
}

/** The meta page that counts; throws where there is none. */
export function newestMeta(data: Uint8Array): Meta {
  const [first, second] = metasOf(data);
  const newest = (first?.checkpoint ?? -1) > (second?.checkpoint ?? -1) ? first : second;
  if (newest === undefined) throw new Error("the image has no valid meta page");
  return newest;
}

/** The slot of the meta page that counts. */
export function newestSlot(data: Uint8Array): number {
  const [first, second] = metasOf(data);
  return (first?.checkpoint ?? -1) > (second?.checkpoint ?? -1) ? 0 : 1;
}

/** The page at `number`, or what is wrong with it. */
export function decodePage(
  bytes: Uint8Array,
  seed: number,
): PageView | string {
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== checksum(bytes, 4, bytes.length - 4, seed)) {
    return "its checksum does not fit";
  }
  return {
    bytes,
    number: view.getUint32(4, true),
    epoch: view.getUint32(8, true),
    kind: bytes[12],
    level: bytes[13],
    count: view.getUint16(14, true),
    prefixBytes: view.getUint16(16, true),
  };
}

/** The children of a branch or an index page. */
export function childrenOf(page: PageView): PageReference[] {
  const view = viewOf(page.bytes);
  const children: PageReference[] = [];
  if (page.kind === KINDS.branch) {
    const at = HEADER_BYTES + 4 * page.count;
    for (let slot = 0; slot < page.count; slot++) {
      const epoch = view.getUint32(at + 4 * page.count + 4 * slot, true);
      children.push({ page: view.getUint32(at + 4 * slot, true), epoch });
    }
  } else if (page.kind === KINDS.index) {
    for (let at = HEADER_BYTES; at + 12 <= page.bytes.length; at += 12) {
      const number = view.getUint32(at, true);
      if (number !== 0) children.push({ page: number, epoch: view.getUint32(at + 4, true) });
    }
  }
  return children;
}

/** The entries of a leaf. */
export function cellsOf(
  page: PageView,
): { key: Uint8Array; value: Uint8Array; large: boolean }[] {
  const view = viewOf(page.bytes);
  const end = page.bytes.length;
  const prefix = page.bytes.subarray(end - page.prefixBytes, end);
  const cells: { key: Uint8Array; value: Uint8Array; large: boolean }[] = [];
  for (let slot = 0; slot < page.count; slot++) {
    const cell = view.getUint16(HEADER_BYTES + 4 * page.count + 2 * slot, true);
    const suffix = view.getUint16(cell, true);
    const length = view.getUint16(cell + 2, true);
    const key = new Uint8Array(prefix.length + suffix);
    key.set(prefix);
    key.set(page.bytes.subarray(cell + 5, cell + 5 + suffix), prefix.length);
    const value = page.bytes.subarray(cell + 5 + suffix, cell + 5 + suffix + length);
    cells.push({ key, value, large: (page.bytes[cell + 4] & OVERFLOW_FLAG) !== 0 });
  }
  return cells;
}

/** Reads the reference that the cell of a large value holds. */
export function runReference(value: Uint8Array): RunReference {
  const view = viewOf(value);
  return {
    page: view.getUint32(0, true),
    epoch: view.getUint32(4, true),
    length: view.getUint32(8, true),
    sum: view.getUint32(12, true),
  };
}

/** Pages that a run takes. */
export function runPages(run: RunReference, pageBytes: number): number {
  return Math.max(1, Math.ceil(run.length / pageBytes));
}

/** What a state reaches, and what it says. */
export interface Reach {
  /** Epoch of each page that is reached, those of large values included. */
  pages: Map<number, number>;
  /** Pages that the free-space map marks. */
  marked: Set<number>;
  /** The entries of the default keyspace, by their keys in hexadecimal. */
  entries: Map<string, Uint8Array>;
  /** Everything that is wrong. */
  problems: string[];
}

/** Bytes as text that can be a key of a Map. */
export const hex = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) text += byte < 16 ? `0${byte.toString(16)}` : byte.toString(16);
  return text;
};

/** Finds a page of a state that is walked: its view, or what is wrong. */
export type FindPage = (page: number, epoch: number) => PageView | string;

/** Walks everything that `meta` shows in the file `data`. */
export function reachOf(data: Uint8Array, meta: Meta): Reach {
  const { pageBytes } = meta;
  const seed = fileSeed(meta.fileId);
  const find: FindPage = (page, epoch) => {
    if (page < 2 || (page + 1) * pageBytes > data.length) return "it lies outside of the file";
    const view = decodePage(data.subarray(page * pageBytes, (page + 1) * pageBytes), seed);
    if (typeof view === "string") return view;
    if (view.number !== page) return `it says that it is page ${view.number}`;
    if (view.epoch !== epoch) return `it has epoch ${view.epoch}, ${epoch} is referred to`;
    return view;
  };
  return new StateWalk(data, pageBytes, find).walk(meta.state);
}

/** The roots of a state. */
export interface Roots {
  /** Tree of keyspaces. */
  readonly catalogue: PageReference & { readonly count: number };
  /** Root of the free-space index: page. */
  readonly freePage: number;
  /** Root of the free-space index: epoch. */
  readonly freeEpoch: number;
  /** Pages that are reached, as the state counts them. */
  readonly usedPages: number;
  /** No page above is reached. */
  readonly highestPage: number;
}

/** One walk. */
export class StateWalk {
  readonly #data: Uint8Array;
  readonly #pageBytes: number;
  readonly #find: FindPage;
  readonly #reach: Reach = {
    pages: new Map(),
    marked: new Set(),
    entries: new Map(),
    problems: [],
  };
  #count = 0;

  /** Walks pages that `find` finds; large values are read from `data`. */
  constructor(data: Uint8Array, pageBytes: number, find: FindPage) {
    this.#data = data;
    this.#pageBytes = pageBytes;
    this.#find = find;
  }

  /** Walks everything; a large value is compared with its checksum. */
  walk(roots: Roots): Reach {
    const reach = this.#reach;
    this.#tree(roots.catalogue, -1, (_key, value, large) => {
      if (large || value.length !== 40) return this.#problem(roots.catalogue.page, "odd entry");
      const view = viewOf(value);
      const root = { page: view.getUint32(0, true), epoch: view.getUint32(4, true) };
      const count = view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32;
      this.#count = 0;
      this.#tree(root, -1, this.#entry);
      if (this.#count !== count) {
        this.#problem(root.page, `${this.#count} entries where ${count} count`);
      }
    });
    if (roots.freePage !== 0) {
      this.#map({ page: roots.freePage, epoch: roots.freeEpoch }, 0);
    }
    if (reach.problems.length === 0) this.#compare(roots);
    return reach;
  }

  #compare(roots: Roots): void {
    const { pages, marked } = this.#reach;
    for (const page of pages.keys()) {
      if (!marked.has(page)) this.#problem(page, "it is reached and not marked");
      if (page > roots.highestPage) this.#problem(page, "it lies above the highest page");
    }
    for (const page of marked) {
      if (!pages.has(page)) this.#problem(page, "it is marked and not reached");
    }
    if (pages.size !== roots.usedPages) {
      this.#problem(0, `${pages.size} pages are reached where ${roots.usedPages} count`);
    }
  }

  #problem(page: number, what: string): void {
    this.#reach.problems.push(`page ${page}: ${what}`);
  }

  #enter(reference: PageReference): PageView | undefined {
    const { page, epoch } = reference;
    if (this.#reach.pages.has(page)) {
      this.#problem(page, "it is reached twice");
      return undefined;
    }
    const view = this.#find(page, epoch);
    this.#reach.pages.set(page, epoch);
    if (typeof view !== "string") return view;
    this.#problem(page, view);
    return undefined;
  }

  #tree(
    reference: PageReference,
    above: number,
    entry: (key: Uint8Array, value: Uint8Array, large: boolean) => void,
  ): void {
    if (reference.page === 0) return;
    const view = this.#enter(reference);
    if (view === undefined) return;
    if (above >= 0 && view.level !== above - 1) this.#problem(reference.page, "wrong level");
    if (view.kind === KINDS.branch) {
      for (const child of childrenOf(view)) this.#tree(child, view.level, entry);
    } else if (view.kind === KINDS.leaf) {
      for (const { key, value, large } of cellsOf(view)) entry(key, value, large);
    } else this.#problem(reference.page, "it is no page of a tree");
  }

  readonly #entry = (key: Uint8Array, value: Uint8Array, large: boolean): void => {
    this.#count++;
    if (!large) {
      this.#reach.entries.set(hex(key), value);
      return;
    }
    const run = runReference(value);
    for (let i = 0; i < runPages(run, this.#pageBytes); i++) {
      if (this.#reach.pages.has(run.page + i)) this.#problem(run.page + i, "it is reached twice");
      this.#reach.pages.set(run.page + i, run.epoch);
    }
    const at = run.page * this.#pageBytes;
    const bytes = this.#data.subarray(at, at + run.length);
    const seed = (run.page ^ Math.imul(run.epoch, 0x9E3779B1)) >>> 0;
    if (bytes.length < run.length || checksum(bytes, 0, run.length, seed) !== run.sum) {
      this.#problem(run.page, "the large value from there on does not fit its checksum");
    }
    this.#reach.entries.set(hex(key), bytes);
  };

  #map(reference: PageReference, first: number): number {
    const view = this.#enter(reference);
    if (view === undefined) return 0;
    if (view.kind === KINDS.bitmap) return this.#bitmap(view, first);
    const segment = (this.#pageBytes - HEADER_BYTES) * 8;
    const entries = Math.floor((this.#pageBytes - HEADER_BYTES) / 12);
    const span = segment * entries ** (view.level - 1);
    const bytes = viewOf(view.bytes);
    let all = 0;
    for (let entry = 0; entry < entries; entry++) {
      const at = HEADER_BYTES + 12 * entry;
      const page = bytes.getUint32(at, true);
      if (page === 0) continue;
      const used = this.#map({ page, epoch: bytes.getUint32(at + 4, true) }, first + entry * span);
      all += used;
      if (used !== bytes.getUint32(at + 8, true)) {
        this.#problem(page, `${used} places are marked below an entry that counts others`);
      }
    }
    return all;
  }

  #bitmap(view: PageView, first: number): number {
    let used = 0;
    for (let at = HEADER_BYTES; at < view.bytes.length; at++) {
      for (let bits = view.bytes[at]; bits !== 0; bits &= bits - 1) {
        const bit = 31 - Math.clz32(bits & -bits);
        this.#reach.marked.add(first + (at - HEADER_BYTES) * 8 + bit);
        used++;
      }
    }
    return used;
  }
}

/** One block of the log. */
export interface BlockView {
  /** Bytes of records. */
  used: number;
  /** Whether it is the first of its group. */
  first: boolean;
  /** Whether it is the last of its group. */
  last: boolean;
  /** Its salt. */
  salt: number;
  /** Its number in its group. */
  index: number;
  /** Its position. */
  position: number;
  /** Number of its group. */
  group: number;
  /** The last group known durable when it was written. */
  durableThrough: number;
  /** The checksum that it carries. */
  sum: number;
}

/** The block in `bytes`; `undefined` where its checksum does not fit behind `chain`. */
export function decodeBlock(
  bytes: Uint8Array,
  fileId: Uint8Array,
  chain: number | undefined,
): BlockView | undefined {
  const view = viewOf(bytes);
  const used = view.getUint16(4, true);
  if (used > bytes.length - 64) return undefined;
  for (let i = 0; i < 16; i++) if (bytes[8 + i] !== fileId[i]) return undefined;
  const sum = view.getUint32(0, true);
  if (sum !== checksum(bytes, 4, 60 + used, chain ?? fileSeed(fileId))) return undefined;
  return {
    used,
    first: (bytes[6] & 1) !== 0,
    last: (bytes[6] & 2) !== 0,
    salt: view.getUint32(24, true),
    index: view.getUint32(28, true),
    position: Number(view.getBigUint64(32, true)),
    group: Number(view.getBigUint64(40, true)),
    durableThrough: Number(view.getBigUint64(48, true)),
    sum,
  };
}

/** One whole group of the log. */
export interface GroupView {
  /** Its number. */
  number: number;
  /** Position of its first block. */
  position: number;
  /** Its blocks. */
  blocks: BlockView[];
}

/** The whole group at `position`, or `undefined` where there is none. */
export function groupAt(
  log: Uint8Array,
  meta: Meta,
  position: number,
  number: number,
  salt: number,
): GroupView | undefined {
  const blocks: BlockView[] = [];
  const ringBlocks = meta.logBytes / meta.logBlockBytes;
  for (let index = 0; index < ringBlocks; index++) {
    const at = ((position + index) % ringBlocks) * meta.logBlockBytes;
    const bytes = log.subarray(at, at + meta.logBlockBytes);
    const block = decodeBlock(bytes, meta.fileId, index === 0 ? undefined : blocks[index - 1].sum);
    if (block === undefined || block.position !== position + index || block.salt !== salt) break;
    if (block.group !== number || block.index !== index || block.first !== (index === 0)) break;
    blocks.push(block);
    if (block.last) return { number, position, blocks };
  }
  return undefined;
}

/** The whole groups behind `meta`, in their order. */
export function groupsOf(log: Uint8Array, meta: Meta): GroupView[] {
  const groups: GroupView[] = [];
  let { position, group } = meta;
  const end = position + meta.logBytes / meta.logBlockBytes;
  while (position < end) {
    const found = groupAt(log, meta, position, group, meta.salt);
    if (found === undefined) break;
    groups.push(found);
    position += found.blocks.length;
    group++;
  }
  return groups;
}
