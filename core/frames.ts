/**
 * Frames: page-sized slots of one arena of memory, and the header fields of the page in each.
 *
 * While a page sits in a frame its header lives in `info`, an Int32Array that stays in the
 * processor's cache; {@link sealPage} writes header and checksum into the page's bytes before they
 * go to the file, {@link openPage} checks them and reads the header when they come from there.
 * The layout of a page is in docs/format.md.
 *
 * @module
 */

import { assert } from "./assert.ts";
import { signedChecksum } from "./checksum.ts";
import { shiftOf } from "./limits.ts";

/** Bytes of the header of every page but the meta pages. */
export const PAGE_HEADER_BYTES = 32;

/** Page of keys and values. */
export const LEAF = 1;
/** Page of separators and children. */
export const BRANCH = 2;
/** Page of one bit per place. */
export const BITMAP = 3;
/** Page of references to bitmap pages, or to index pages one level lower. */
export const INDEX = 4;

/** Fields of a frame in {@link Frames.info}. */
export const INFO_FIELDS = 8;
/** log2 of the numbers that a frame has in {@link Frames.info}. */
export const INFO_SHIFT = 4;
/** Number of slots. */
export const COUNT = 0;
/** Bytes that all keys of the page share; they stand at the page's end. */
export const PLEN = 1;
/** Bytes of the prefix that the separators above guarantee. */
export const FPL = 2;
/**
 * Height above the leaves; that of map pages, above the bitmap pages, has {@link MAP_LEVEL} added,
 * so that no tree ever takes one of them for a page of its own.
 */
export const LEVEL = 3;
/** LEAF, BRANCH, BITMAP or INDEX. */
export const KIND = 4;
/** Bytes from the lowest cell to the page's end, the prefix included. */
export const HEAP = 5;
/** Bytes of the heap that no cell uses any more. */
export const GARBAGE = 6;

/** Page number, as a signed integer; kept by the cache, as are those that follow. */
export const FRAME_PAGE = 8;
/** Epoch of the page, as a signed integer. */
export const FRAME_EPOCH = 9;
/** 1 where the page is there and may be used, 0 while it is loaded. */
export const FRAME_READY = 10;
/** 1 where the page was used since the hand of {@link Sieve} last came by. */
export const FRAME_VISITED = 11;

/** Added to the level of map pages while they are in memory. */
export const MAP_LEVEL = 64;

/** Page-sized frames of one arena. */
export class Frames {
  /** The arena: frame f begins at f × pageBytes. */
  readonly u8: Uint8Array;
  /** The same, to read and write wider numbers wherever they lie. */
  readonly view: DataView;
  /** The arena in units of 2 bytes. */
  readonly u16: Uint16Array;
  /** The arena in units of 4 bytes. */
  readonly u32: Uint32Array;
  /**
   * What look-ups want to know of each frame, in one line of the processor's cache: header fields,
   * and what the cache notes.
   */
  readonly info: Int32Array;
  /** Size of a page. */
  readonly pageBytes: number;
  /** log2 of the size of a page. */
  readonly pageShift: number;

  /** Divides `memory` into frames. */
  constructor(memory: Uint8Array, pageBytes: number) {
    this.pageBytes = pageBytes;
    this.pageShift = shiftOf(pageBytes);
    this.u8 = memory;
    this.view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
    this.u16 = new Uint16Array(memory.buffer, memory.byteOffset, memory.byteLength >>> 1);
    this.u32 = new Uint32Array(memory.buffer, memory.byteOffset, memory.byteLength >>> 2);
    this.info = new Int32Array((memory.byteLength / pageBytes) << INFO_SHIFT);
  }

  /** Where frame `frame` begins in the arena, in bytes. */
  base(frame: number): number {
    return frame * this.pageBytes;
  }

  /**
   * Words of the lines that a search of the page in `frame` reads first. They come from far away
   * while `info` does: the search itself cannot ask for them before it knows the number of slots.
   */
  ahead(frame: number): number {
    const { u32 } = this;
    const words = frame << (this.pageShift - 2);
    return u32[words + 8] | u32[words + 16] | u32[words + 32] | u32[words + 48];
  }

  /** A header field of the page in `frame`. */
  get(frame: number, field: number): number {
    return this.info[(frame << INFO_SHIFT) + field];
  }

  /** Sets a header field of the page in `frame`. */
  set(frame: number, field: number, value: number): void {
    this.info[(frame << INFO_SHIFT) + field] = value;
  }

  /** Copies page and header fields from one frame to another. */
  copy(from: number, to: number): void {
    const base = this.base(from);
    this.u8.copyWithin(this.base(to), base, base + this.pageBytes);
    const info = from << INFO_SHIFT;
    this.info.copyWithin(to << INFO_SHIFT, info, info + INFO_FIELDS);
  }

  /** Makes the page in `frame` an empty one; its bytes are left as they are. */
  format(frame: number, kind: number, level: number): void {
    const info = frame << INFO_SHIFT;
    this.info.fill(0, info, info + INFO_FIELDS);
    this.info[info + KIND] = kind;
    this.info[info + LEVEL] = level;
  }
}

/** What belongs into the first four bytes of the page that begins at `base`. */
function pageChecksum(frames: Frames, base: number, seed: number): number {
  return signedChecksum(frames.view, base + 4, frames.pageBytes - 4, seed);
}

/** Writes header and checksum into the bytes of the page in `frame`. */
export function sealPage(
  frames: Frames,
  frame: number,
  page: number,
  epoch: number,
  seed: number,
): void {
  const base = frames.base(frame);
  const { u8, u16, u32, info } = frames;
  const fields = frame << INFO_SHIFT;
  u32[(base >>> 2) + 1] = page;
  u32[(base >>> 2) + 2] = epoch;
  u8[base + 12] = info[fields + KIND];
  u8[base + 13] = info[fields + LEVEL] & (MAP_LEVEL - 1);
  u16[(base + 14) >>> 1] = info[fields + COUNT];
  u16[(base + 16) >>> 1] = info[fields + PLEN];
  u16[(base + 18) >>> 1] = info[fields + FPL];
  u16[(base + 20) >>> 1] = info[fields + HEAP];
  u16[(base + 22) >>> 1] = info[fields + GARBAGE];
  u32[(base >>> 2) + 6] = 0;
  u32[(base >>> 2) + 7] = 0;
  u32[base >>> 2] = pageChecksum(frames, base, seed);
}

/**
 * Checks the page in `frame` against the reference that led to it and reads its header.
 * Returns "" or what is wrong with it.
 */
export function openPage(
  frames: Frames,
  frame: number,
  page: number,
  epoch: number,
  seed: number,
): string {
  const base = frames.base(frame);
  const { u8, u16, u32, info } = frames;
  if ((u32[base >>> 2] | 0) !== pageChecksum(frames, base, seed)) {
    return "its checksum does not fit its bytes";
  }
  const ownPage = u32[(base >>> 2) + 1];
  if (ownPage !== page) return `it says that it is page ${ownPage}: a misdirected write or read`;
  const ownEpoch = u32[(base >>> 2) + 2];
  if (ownEpoch !== epoch) {
    return `it has epoch ${ownEpoch} where ${epoch} is referred to: a lost or stale write`;
  }
  const fields = frame << INFO_SHIFT;
  info[fields + KIND] = u8[base + 12];
  info[fields + LEVEL] = u8[base + 13] + (u8[base + 12] >= BITMAP ? MAP_LEVEL : 0);
  info[fields + COUNT] = u16[(base + 14) >>> 1];
  info[fields + PLEN] = u16[(base + 16) >>> 1];
  info[fields + FPL] = u16[(base + 18) >>> 1];
  info[fields + HEAP] = u16[(base + 20) >>> 1];
  info[fields + GARBAGE] = u16[(base + 22) >>> 1];
  info[fields + 7] = 0;
  return "";
}

/** Refuses a processor whose integers are not little-endian: pages are used where they lie. */
export function littleEndian(): boolean {
  const probe = new Uint8Array(new Uint32Array([1]).buffer);
  assert(probe.length === 4, "an unsigned integer has four bytes");
  return probe[0] === 1;
}
