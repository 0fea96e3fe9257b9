/**
 * The log of an image, taken apart and put together: records of its groups, damage to its blocks,
 * and blocks that nobody wrote.
 *
 * Layouts are those of docs/format.md; nothing of the engine is used but the checksum and the codec
 * of meta pages.
 *
 * @module
 */

import { checksum } from "../../core/checksum.ts";
import { fileSeed, type Meta } from "../../core/meta.ts";
import { groupsOf, type GroupView, newestMeta } from "./image.ts";
import type { Image } from "./recording_io.ts";
import { changed, LOG, PATH } from "./watched.ts";

/** One record of the log, with its key and value as text. */
export interface RecordView {
  /** Its type; see docs/format.md. */
  type: number;
  /** Number of the keyspace. */
  keyspace: number;
  /** The key. */
  key: string;
  /** The value. */
  value: string;
}

const HEADER_BYTES = 64;
const COMMIT = 4;
const text = new TextDecoder();

/** Offset in the log of the block at `position`. */
export function offsetOf(meta: Meta, position: number): number {
  const { logBytes, logBlockBytes } = meta;
  return (position % (logBytes / logBlockBytes)) * logBlockBytes;
}

/** The bytes of the block at `position`. */
export function blockBytes(log: Uint8Array, meta: Meta, position: number): Uint8Array {
  const at = offsetOf(meta, position);
  return log.subarray(at, at + meta.logBlockBytes);
}

/** The whole groups behind the newest meta page of an image. */
export function groupsIn(image: Image): GroupView[] {
  return groupsOf(image.get(LOG)!, newestMeta(image.get(PATH)!));
}

/** The records of a whole group. */
export function recordsOf(log: Uint8Array, meta: Meta, group: GroupView): RecordView[] {
  const bytes: number[] = [];
  for (const { position, used } of group.blocks) {
    bytes.push(...blockBytes(log, meta, position).subarray(HEADER_BYTES, HEADER_BYTES + used));
  }
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1;; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const take = (length: number): string => {
    at += length;
    return text.decode(Uint8Array.from(bytes.slice(at - length, at)));
  };
  const records: RecordView[] = [];
  while (at < bytes.length) {
    const type = bytes[at++];
    if (type === COMMIT) {
      records.push({ type, keyspace: 0, key: "", value: "" });
      continue;
    }
    const [keyspace, keyLength, valueLength] = [varint(), varint(), varint()];
    records.push({ type, keyspace, key: take(keyLength), value: take(valueLength) });
  }
  return records;
}

/** A copy of an image with another byte in the block at `position`. */
export function withDamage(image: Image, position: number, offset = 70): Image {
  const meta = newestMeta(image.get(PATH)!);
  return changed(image, LOG, (log) => {
    log[offsetOf(meta, position) + offset] ^= 0x20;
  });
}

/** A copy of an image whose block at `position` has the bytes of another one's. */
export function withBlockOf(image: Image, other: Image, position: number): Image {
  const meta = newestMeta(image.get(PATH)!);
  return changed(image, LOG, (log) => {
    log.set(blockBytes(other.get(LOG)!, meta, position), offsetOf(meta, position));
  });
}

/** What a made-up block says. */
export interface MadeBlock {
  /** Its salt. */
  salt: number;
  /** Its position. */
  position: number;
  /** Number of its group. */
  group: number;
  /** The last group that it says to be durable. */
  durableThrough?: number;
}

/** A copy of an image with a made-up group of one block, a commit of nothing, in its place. */
export function withBlock(image: Image, block: MadeBlock): Image {
  const meta = newestMeta(image.get(PATH)!);
  return changed(image, LOG, (log) => {
    const bytes = blockBytes(log, meta, block.position);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    bytes.fill(0);
    view.setUint16(4, 1, true);
    bytes[6] = 3;
    bytes.set(meta.fileId, 8);
    view.setUint32(24, block.salt, true);
    view.setBigUint64(32, BigInt(block.position), true);
    view.setBigUint64(40, BigInt(block.group), true);
    view.setBigUint64(48, BigInt(block.durableThrough ?? 0), true);
    bytes[HEADER_BYTES] = COMMIT;
    view.setUint32(0, checksum(bytes, 4, HEADER_BYTES - 4 + 1, fileSeed(meta.fileId)), true);
  });
}
