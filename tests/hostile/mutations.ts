/**
 * What is done to files to make them hostile: changes that know what stands where, and some that do
 * not.
 *
 * @module
 */

import { DATA } from "../damage/subject.ts";
import { bases } from "./bases.ts";
import type { Target } from "./target.ts";

const HEADER_BYTES = 32;
const LEAF = 1;
const BLOCK_HEADER_BYTES = 64;

/** A change; it says in the target's story what it did. */
export type Mutation = (target: Target) => void;

/** A field: name, offset, size. */
type Field = readonly [name: string, at: number, bytes: number];

const PAGE_FIELDS: readonly Field[] = [
  ["page", 4, 4],
  ["epoch", 8, 4],
  ["kind", 12, 1],
  ["level", 13, 1],
  ["count", 14, 2],
  ["plen", 16, 2],
  ["fpl", 18, 2],
  ["heap", 20, 2],
  ["garbage", 22, 2],
  ["reserved", 24, 4],
];

const META_FIELDS: readonly Field[] = [
  ["magic", 4, 4],
  ["version", 12, 4],
  ["compatible", 16, 4],
  ["read-only", 20, 4],
  ["incompatible", 24, 4],
  ["page size", 28, 4],
  ["file id", 32, 4],
  ["log size", 48, 8],
  ["block size", 56, 4],
  ["flags", 60, 4],
  ["slot", 64, 4],
  ["epoch limit", 68, 4],
  ["checkpoint", 72, 8],
  ["group", 80, 8],
  ["position", 88, 8],
  ["salt", 96, 8],
  ["sequence", 104, 8],
  ["catalogue page", 112, 4],
  ["catalogue epoch", 116, 4],
  ["catalogue count", 120, 8],
  ["index page", 128, 4],
  ["index epoch", 132, 4],
  ["index level", 136, 4],
  ["page count", 140, 4],
  ["highest page", 144, 4],
  ["used pages", 148, 4],
  ["reserved", 152, 4],
];

const BLOCK_FIELDS: readonly Field[] = [
  ["used", 4, 2],
  ["flags", 6, 1],
  ["file id", 8, 4],
  ["salt", 24, 4],
  ["index", 28, 4],
  ["position", 32, 8],
  ["group", 40, 8],
  ["durable through", 48, 8],
];

/** A page of a kind that is shown; any page where there is none of it. */
function pageOf(target: Target, kind: "leaf" | "branch" | "bitmap" | "index"): number {
  const { random, base } = target;
  const some = base.pages[kind];
  if (some.length > 0) return random.pick(some);
  return 2 + random.below(Math.max(1, target.data.size / base.pageBytes - 2));
}

function anyPage(target: Target): number {
  const { random, base } = target;
  const shown = [...base.epochs.keys()];
  if (shown.length > 0 && !random.oneIn(6)) return random.pick(shown);
  return random.below(Math.max(1, Math.floor(target.data.size / base.pageBytes)));
}

/** A number and epoch that a reference may have: mostly those of a page that is there. */
function reference(target: Target): { page: number; epoch: number } {
  const { random, base } = target;
  const shown = [...base.epochs];
  if (shown.length > 0 && !random.oneIn(5)) {
    const [page, epoch] = random.pick(shown);
    return { page, epoch };
  }
  return { page: target.odd(2, 4), epoch: target.odd(1, 4) };
}

function refer(target: Target, at: number, what: string): void {
  const { page, epoch } = reference(target);
  target.story.push(`${what} refers to page ${page} of epoch ${epoch}`);
  target.set(target.data, at, 4, page);
  target.set(target.data, at + 4, 4, epoch);
}

/** A slot of a leaf or branch: where its head, offset and cell stand. */
function slotOf(
  target: Target,
  page: number,
): Record<"slot" | "count" | "head" | "offset" | "cell", number> {
  const at = target.pageAt(page);
  const count = target.get(target.data, at + 14, 2);
  const slot = target.random.below(Math.max(1, Math.min(count, 200)));
  const wide = target.data.live[at + 12] === LEAF ? 4 : 12;
  const offset = at + HEADER_BYTES + wide * count + 2 * slot;
  const cell = at + target.get(target.data, offset, 2);
  return { slot, count, head: at + HEADER_BYTES + 4 * slot, offset, cell };
}

const pageHeader: Mutation = (target) => {
  const page = anyPage(target);
  const [name, at, bytes] = target.random.pick(PAGE_FIELDS);
  target.change(target.data, target.pageAt(page) + at, bytes, `page ${page}, ${name}`);
};

const leafSlot: Mutation = (target) => {
  const page = pageOf(target, "leaf");
  const { head, offset, cell, slot } = slotOf(target, page);
  const suffix = target.get(target.data, cell, 2);
  const value = cell + 5 + suffix;
  const where: Field[] = [
    ["head", head, 4],
    ["offset", offset, 2],
    ["suffix length", cell, 2],
    ["value length", cell + 2, 2],
    ["flags", cell + 4, 1],
    ["suffix", cell + 5, 1],
    ["value", value, 1],
    ["reference page", value, 4],
    ["reference epoch", value + 4, 4],
    ["reference length", value + 8, 4],
  ];
  const [name, at, bytes] = target.random.pick(where);
  target.change(target.data, at, bytes, `leaf ${page}, slot ${slot}, ${name}`);
};

const largeValue: Mutation = (target) => {
  const page = pageOf(target, "leaf");
  const { cell, slot } = slotOf(target, page);
  const value = cell + 5 + target.get(target.data, cell, 2);
  target.set(target.data, cell + 2, 2, target.random.oneIn(4) ? target.odd(16, 2) : 16);
  target.set(target.data, cell + 4, 1, 1);
  refer(target, value, `the large value of slot ${slot} of leaf ${page}`);
  target.change(target.data, value + 8, 4, "its length");
};

const swapSlots: Mutation = (target) => {
  const page = pageOf(target, target.random.oneIn(2) ? "leaf" : "branch");
  const [a, b] = [slotOf(target, page), slotOf(target, page)];
  target.story.push(`page ${page}, slots ${a.slot} and ${b.slot} changed places`);
  for (const [field, bytes] of [["head", 4], ["offset", 2]] as const) {
    const [first, second] = [a, b].map((slot) => target.get(target.data, slot[field], bytes));
    target.set(target.data, a[field], bytes, second!);
    if (!target.random.oneIn(4)) target.set(target.data, b[field], bytes, first!);
  }
};

const branchSlot: Mutation = (target) => {
  const page = pageOf(target, "branch");
  const { head, offset, cell, slot, count } = slotOf(target, page);
  const where: Field[] = [
    ["head", head, 4],
    ["child", head + 4 * count, 4],
    ["epoch", head + 8 * count, 4],
    ["offset", offset, 2],
    ["suffix length", cell, 2],
    ["suffix", cell + 2, 1],
  ];
  const [name, at, bytes] = target.random.pick(where);
  target.change(target.data, at, bytes, `branch ${page}, slot ${slot}, ${name}`);
};

const branchChild: Mutation = (target) => {
  const page = pageOf(target, "branch");
  const { head, slot, count } = slotOf(target, page);
  const own = target.random.oneIn(6);
  const to = own ? { page, epoch: target.base.epochs.get(page) ?? 0 } : reference(target);
  target.story.push(`branch ${page}, slot ${slot} leads to page ${to.page} of epoch ${to.epoch}`);
  target.set(target.data, head + 4 * count, 4, to.page);
  target.set(target.data, head + 8 * count, 4, to.epoch);
};

const bitmap: Mutation = (target) => {
  const page = pageOf(target, "bitmap");
  const pages = Math.floor(target.data.size / target.base.pageBytes);
  for (let i = target.random.between(1, 6); i > 0; i--) {
    const bit = target.random.below(pages + 4);
    const at = target.pageAt(page) + HEADER_BYTES + (bit >>> 3);
    target.story.push(`bit ${bit} of bitmap page ${page}`);
    target.set(target.data, at, 1, target.get(target.data, at, 1) ^ (1 << (bit & 7)));
  }
};

const bitmapFill: Mutation = (target) => {
  const page = pageOf(target, "bitmap");
  const at = target.pageAt(page) + HEADER_BYTES;
  const fill = target.random.pick([0, 0xFF]);
  target.story.push(`bitmap page ${page} is full of ${fill}`);
  target.put(target.data, at, new Uint8Array(target.random.between(1, 32)).fill(fill));
};

const indexEntry: Mutation = (target) => {
  const page = pageOf(target, "index");
  const at = target.pageAt(page) + HEADER_BYTES + 12 * target.random.below(3);
  if (target.random.oneIn(3)) target.change(target.data, at + 8, 4, `index ${page}, used`);
  else refer(target, at, `index ${page}`);
};

const metaField: Mutation = (target) => {
  const { random } = target;
  const slots = random.oneIn(3) ? [0, 1] : [random.below(2)];
  const [name, at, bytes] = random.pick(META_FIELDS);
  for (const slot of slots) {
    target.change(target.data, target.pageAt(slot) + at, bytes, `meta page ${slot}, ${name}`);
  }
};

const metaRoot: Mutation = (target) => {
  const slot = target.random.below(2);
  const [name, at] = target.random.pick([["catalogue", 112], ["index", 128]] as const);
  refer(target, target.pageAt(slot) + at, `meta page ${slot}: the root of the ${name}`);
  if (target.random.oneIn(2)) {
    target.change(target.data, target.pageAt(slot) + 136, 4, "the index level");
  }
};

const catalogue: Mutation = (target) => {
  const metas = target.base.metas.filter((meta) => meta !== undefined);
  const { page } = target.random.pick(metas).state.catalogue;
  if (page === 0) return metaRoot(target);
  const { cell } = slotOf(target, page);
  const value = cell + 5 + target.get(target.data, cell, 2);
  if (target.random.oneIn(2)) refer(target, value, "the catalogue's entry");
  else target.change(target.data, value + target.random.pick([8, 12, 16, 20]), 4, "its fields");
};

/** One page with the bytes of another, and the number and epoch of its own. */
const clonePage: Mutation = (target) => {
  const [from, to] = [anyPage(target), anyPage(target)];
  const at = target.pageAt(to);
  const [number, epoch] = [4, 8].map((field) => target.get(target.data, at + field, 4));
  const start = target.pageAt(from);
  target.put(target.data, at, target.data.live.slice(start, start + target.base.pageBytes));
  target.story.push(`page ${to} has the bytes of page ${from}`);
  if (target.random.oneIn(4)) return;
  target.set(target.data, at + 4, 4, number!);
  target.set(target.data, at + 8, 4, epoch!);
};

const block = (target: Target): number => {
  const blocks = Math.max(1, Math.floor(target.log.size / target.base.pageBytes));
  const meta = target.base.metas.find((meta) => meta !== undefined)!;
  const near = meta.position + target.random.between(-2, 14);
  return (target.random.oneIn(4) ? target.random.below(blocks) : Math.max(0, near)) % blocks;
};

const blockHeader: Mutation = (target) => {
  const number = block(target);
  const at = number * target.base.pageBytes;
  const [name, field, bytes] = target.random.pick(BLOCK_FIELDS);
  target.change(target.log, at + field, bytes, `block ${number}, ${name}`);
};

const record: Mutation = (target) => {
  const number = block(target);
  const at = number * target.base.pageBytes + BLOCK_HEADER_BYTES;
  const used = target.get(target.log, number * target.base.pageBytes + 4, 2);
  const near = target.random.oneIn(2) ? 6 : Math.max(1, Math.min(used, 400));
  const offset = target.random.below(near);
  const bytes = target.random.pick([1, 1, 1, 2, 4]);
  target.change(target.log, at + offset, bytes, `block ${number}, record byte ${offset}`);
};

const copyBlock: Mutation = (target) => {
  const [from, to] = [block(target), block(target)];
  const { pageBytes } = target.base;
  target.story.push(`block ${to} has the bytes of block ${from}`);
  const bytes = target.log.live.slice(from * pageBytes, (from + 1) * pageBytes);
  if (bytes.length === pageBytes) target.put(target.log, to * pageBytes, bytes);
};

/** Changes that know what stands where. */
export const KNOWING: readonly Mutation[] = [
  pageHeader,
  pageHeader,
  leafSlot,
  leafSlot,
  largeValue,
  swapSlots,
  branchSlot,
  branchChild,
  branchChild,
  bitmap,
  bitmapFill,
  indexEntry,
  metaField,
  metaField,
  metaRoot,
  catalogue,
  clonePage,
  blockHeader,
  blockHeader,
  record,
  record,
  copyBlock,
];

const someFile = (target: Target) => target.random.oneIn(3) ? target.log : target.data;

const bytes: Mutation = (target) => {
  const file = someFile(target);
  for (let i = target.random.between(1, 8); i > 0 && file.size > 0; i--) {
    const at = target.random.below(file.size);
    target.story.push(`byte ${at} of ${file.path}`);
    target.set(file, at, 1, file.live[at]! ^ target.random.between(1, 255));
  }
};

const fill: Mutation = (target) => {
  const file = someFile(target);
  const at = target.random.below(Math.max(1, file.size));
  const length = Math.min(file.size - at, target.random.between(1, 1500));
  const byte = target.random.pick([0, 0xFF, 1]);
  target.story.push(`${length} bytes of ${byte} at ${at} of ${file.path}`);
  if (length > 0) target.put(file, at, new Uint8Array(length).fill(byte));
};

const move: Mutation = (target) => {
  const [from, to] = [someFile(target), someFile(target)];
  const unit = target.random.pick([1, 4, 32, 512]);
  const [a, b] = [from, to].map((file) =>
    target.random.below(Math.max(1, file.size / unit)) * unit
  );
  const length = Math.min(from.size - a!, to.size - b!, target.random.between(1, 2048));
  target.story.push(`${length} bytes of ${from.path} at ${a} moved to ${b} of ${to.path}`);
  if (length > 0) target.put(to, b!, from.live.slice(a!, a! + length));
};

const splice: Mutation = (target) => {
  const other = target.random.pick(bases().filter((base) => base !== target.base));
  const file = someFile(target);
  const source = file.path === DATA ? other.data : other.log ?? other.data;
  const { pageBytes } = target.base;
  const unit = target.random.below(Math.max(1, Math.floor(source.length / pageBytes)));
  const piece = source.slice(unit * pageBytes, (unit + 1) * pageBytes);
  const at = target.random.oneIn(2)
    ? unit * pageBytes
    : target.random.below(Math.max(1, file.size / pageBytes)) * pageBytes;
  if (at + piece.length > file.size) return;
  target.story.push(`unit ${unit} of ${other.name} at ${at} of ${file.path}`);
  target.put(file, at, piece);
};

const shorten: Mutation = (target) => {
  const file = someFile(target);
  const size = target.random.below(file.size + 1);
  const even = target.random.oneIn(2) ? size - size % target.base.pageBytes : size;
  target.story.push(`${file.path} is cut to ${even} of ${file.size} bytes`);
  file.resize(even);
};

const lengthen: Mutation = (target) => {
  const file = someFile(target);
  const at = file.size;
  const length = target.random.between(1, 3 * target.base.pageBytes);
  file.resize(at + length);
  target.story.push(`${file.path} is ${length} bytes longer`);
  if (target.random.oneIn(2)) file.put(at, target.random.bytes(length));
  else file.put(at, file.live.slice(0, Math.min(length, at)));
};

const absent: Mutation = (target) => {
  const file = someFile(target);
  target.story.push(`${file.path} is not there`);
  file.resize(0);
  file.named = target.random.oneIn(2);
};

/** Changes that know nothing. */
export const UNKNOWING: readonly Mutation[] = [
  bytes,
  bytes,
  fill,
  move,
  splice,
  splice,
  shorten,
  lengthen,
  absent,
];
