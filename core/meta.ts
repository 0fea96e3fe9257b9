/**
 * Meta pages: the two pages that say where everything is. The newest valid one counts.
 *
 * The layout is in docs/format.md. Only the first {@link META_BYTES} bytes of the page are used, so
 * that a meta page can be read before the page size is known.
 *
 * @module
 */

import { getUint64, setUint64 } from "./bytes.ts";
import { checksum } from "./checksum.ts";
import { MAX_PAGE_BYTES, MIN_PAGE_BYTES } from "./limits.ts";
import { FILE_ID_BYTES } from "./log_block.ts";
import { State, type TreeRoot } from "./state.ts";

/** Bytes of a meta page that are used. */
export const META_BYTES = 512;
/** Version of the format that this program writes. */
export const FORMAT_VERSION = 1;
/** First bytes of a data file behind its checksum: 0x6B 'v' 'i' 'g' CR LF 0x1A 0x00. */
export const MAGIC: readonly number[] = [0x6B, 0x76, 0x69, 0x67, 0x0D, 0x0A, 0x1A, 0x00];

const NO_LOG_FLAG = 1;

/** What a meta page says. */
export interface Meta {
  /** Version of the format. */
  version: number;
  /** Features that may be ignored. */
  compatible: number;
  /** Features that must be known to write. */
  readOnlyCompatible: number;
  /** Features that must be known to read. */
  incompatible: number;
  /** Size of a page. */
  pageBytes: number;
  /** Id of the file. */
  fileId: Uint8Array;
  /** Size of the log. */
  logBytes: number;
  /** Size of a block of the log. */
  logBlockBytes: number;
  /** Whether the log has yet to be made: a backup. */
  noLog: boolean;
  /** Number of the checkpoint: the highest one is the newest. */
  checkpoint: number;
  /** The durable state. */
  state: State;
  /** Number of the first group that is not in the state. */
  group: number;
  /** Position of that group in the log, in blocks. */
  position: number;
  /** Salt of the groups from there on. */
  salt: number;
  /** Above the epoch of every page. */
  epochLimit: number;
}

/** Seed of the checksums of a file's pages and blocks. */
export function fileSeed(fileId: Uint8Array): number {
  return checksum(fileId, 0, FILE_ID_BYTES, 0);
}

/**
 * Writes `meta` for page `slot` into the first {@link META_BYTES} bytes of `page`; zeros the rest.
 */
export function encodeMeta(meta: Meta, slot: number, page: Uint8Array): void {
  page.fill(0);
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  page.set(MAGIC, 4);
  view.setUint32(12, meta.version, true);
  view.setUint32(16, meta.compatible, true);
  view.setUint32(20, meta.readOnlyCompatible, true);
  view.setUint32(24, meta.incompatible, true);
  view.setUint32(28, meta.pageBytes, true);
  page.set(meta.fileId, 32);
  setUint64(view, 48, meta.logBytes);
  view.setUint32(56, meta.logBlockBytes, true);
  view.setUint32(60, meta.noLog ? NO_LOG_FLAG : 0, true);
  view.setUint32(64, slot, true);
  view.setUint32(68, meta.epochLimit, true);
  setUint64(view, 72, meta.checkpoint);
  setUint64(view, 80, meta.group);
  setUint64(view, 88, meta.position);
  setUint64(view, 96, meta.salt);
  const { state } = meta;
  setUint64(view, 104, state.sequence);
  setRoot(view, 112, state.catalogue);
  view.setUint32(128, state.freePage, true);
  view.setUint32(132, state.freeEpoch, true);
  view.setUint32(136, state.freeLevel, true);
  view.setUint32(140, state.pageCount, true);
  view.setUint32(144, state.highestPage, true);
  view.setUint32(148, state.usedPages, true);
  view.setUint32(0, checksum(page, 4, META_BYTES - 4, 0), true);
}

function setRoot(view: DataView, at: number, root: TreeRoot): void {
  view.setUint32(at, root.page, true);
  view.setUint32(at + 4, root.epoch, true);
  setUint64(view, at + 8, root.count);
}

/** Reads a meta page from the first {@link META_BYTES} bytes of `page`; undefined if not valid. */
export function decodeMeta(page: Uint8Array, slot: number): Meta | undefined {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  if (!hasMagic(page) || view.getUint32(0, true) !== checksum(page, 4, META_BYTES - 4, 0)) {
    return undefined;
  }
  if (view.getUint32(64, true) !== slot) return undefined;
  const pageBytes = view.getUint32(28, true);
  const meta: Meta = {
    version: view.getUint32(12, true),
    compatible: view.getUint32(16, true),
    readOnlyCompatible: view.getUint32(20, true),
    incompatible: view.getUint32(24, true),
    pageBytes,
    fileId: page.slice(32, 32 + FILE_ID_BYTES),
    logBytes: getUint64(view, 48),
    logBlockBytes: view.getUint32(56, true),
    noLog: (view.getUint32(60, true) & NO_LOG_FLAG) !== 0,
    checkpoint: getUint64(view, 72),
    state: decodeState(view),
    group: getUint64(view, 80),
    position: getUint64(view, 88),
    salt: getUint64(view, 96),
    epochLimit: view.getUint32(68, true),
  };
  return meta;
}

/** Whether the bytes begin like a meta page, valid or not. */
export function hasMagic(page: Uint8Array): boolean {
  return MAGIC.every((byte, i) => page[4 + i] === byte);
}

/** What is implausible in a meta page whose checksum fits; "" if nothing. */
export function checkMeta(meta: Meta): string {
  const { pageBytes, state } = meta;
  if (pageBytes < MIN_PAGE_BYTES || pageBytes > MAX_PAGE_BYTES || !isPowerOfTwo(pageBytes)) {
    return `its page size of ${pageBytes} bytes is not a power of two from 512 to 65536`;
  }
  const block = meta.logBlockBytes;
  if (
    (block !== 512 && block !== 4096) || meta.logBytes % block !== 0 || meta.logBytes < 8 * block
  ) {
    return `its log of ${meta.logBytes} bytes in blocks of ${block} is not possible`;
  }
  const numbers = [meta.checkpoint, meta.group, meta.position, meta.salt, state.sequence];
  numbers.push(meta.logBytes, state.catalogue.count);
  if (!numbers.every((value) => value < 2 ** 52) || meta.salt >= 2 ** 32) {
    return "one of its numbers is out of range";
  }
  if (state.freeLevel < 1 || state.freeLevel > 7) return "its free-space index has an odd height";
  if (state.highestPage < 1 || state.highestPage >= Math.max(2, state.pageCount)) {
    return `its highest page ${state.highestPage} is none of its ${state.pageCount}`;
  }
  if (state.usedPages >= state.highestPage && state.usedPages > 0) {
    return `it reaches ${state.usedPages} pages up to page ${state.highestPage}`;
  }
  return "";
}

function decodeState(view: DataView): State {
  const state = new State();
  state.sequence = getUint64(view, 104);
  state.catalogue.page = view.getUint32(112, true);
  state.catalogue.epoch = view.getUint32(116, true);
  state.catalogue.count = getUint64(view, 120);
  state.freePage = view.getUint32(128, true);
  state.freeEpoch = view.getUint32(132, true);
  state.freeLevel = view.getUint32(136, true);
  state.pageCount = view.getUint32(140, true);
  state.highestPage = view.getUint32(144, true);
  state.usedPages = view.getUint32(148, true);
  return state;
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}
