/**
 * What a power cut leaves of one file: every mutation that no sync has covered is dropped, kept, or
 * torn, in any combination, and the size is one of those that the file had since.
 *
 * @module
 */

import { type DiskFile, grown, type Mutation, SECTOR_BYTES } from "./disk_file.ts";
import type { Random } from "./random.ts";

/** How much of a disk's freedom is used. */
export interface TearOptions {
  /** Tear writes: at the borders of sectors, and within them. Default: true. */
  tear?: boolean;
  /** Tear within sectors too: half of one, or garbage. Default: true. */
  tearSectors?: boolean;
  /** Put old sectors of the file, or garbage, where the size grew and the data did not. */
  oldSectors?: boolean;
}

/** How a disk treats the writes that are pending: each cut has one. */
type Mood = "none" | "all" | "few" | "most" | "half" | "first ones" | "last ones" | "one missing";
const MOODS: readonly Mood[] = [
  "none",
  "all",
  "few",
  "most",
  "half",
  "half",
  "first ones",
  "last ones",
  "one missing",
];

/** The bytes of `file` after a power cut. */
export function cutFile(file: DiskFile, random: Random, options: TearOptions): Uint8Array {
  const { pending } = file;
  if (pending.length === 0) return file.durable();
  let largest = file.durableSize;
  const sizes = [file.durableSize];
  for (const { at, bytes } of pending) {
    sizes.push(bytes === undefined ? at : Math.max(sizes.at(-1)!, at + bytes.length));
    largest = Math.max(largest, at + (bytes?.length ?? 0));
  }
  const image = grown(file.durable(), largest).slice(0, largest);
  const kept = chooseKept(pending, random);
  const touched = new Set<number>();
  pending.forEach((mutation, i) => {
    if (mutation.bytes === undefined) return;
    if (kept[i]) apply(image, mutation, touched);
    else if (options.tear !== false && random.oneIn(4)) {
      tear(image, mutation, random, options, touched);
    }
  });
  const size = random.oneIn(3) ? random.pick(sizes) : sizes.at(-1)!;
  if (options.oldSectors !== false && random.oneIn(4)) haunt(image, file, size, touched, random);
  return size <= image.length ? image.slice(0, size) : grown(image, size).slice(0, size);
}

function chooseKept(pending: readonly Mutation[], random: Random): boolean[] {
  const mood = random.pick(MOODS);
  const { length } = pending;
  const border = random.below(length + 1);
  const odd = random.below(length);
  return pending.map((_, i) => {
    switch (mood) {
      case "none":
        return false;
      case "all":
        return true;
      case "few":
        return random.oneIn(8);
      case "most":
        return !random.oneIn(8);
      case "half":
        return random.oneIn(2);
      case "first ones":
        return i < border;
      case "last ones":
        return i >= border;
      default:
        return i !== odd;
    }
  });
}

function apply(image: Uint8Array, { at, bytes }: Mutation, touched: Set<number>): void {
  image.set(bytes!, at);
  for (let sector = Math.floor(at / SECTOR_BYTES); sector * SECTOR_BYTES < at + bytes!.length;) {
    touched.add(sector++);
  }
}

/** Keeps some of the sectors of a write. */
function tear(
  image: Uint8Array,
  { at, bytes }: Mutation,
  random: Random,
  options: TearOptions,
  touched: Set<number>,
): void {
  const first = Math.floor(at / SECTOR_BYTES);
  const count = Math.ceil((at + bytes!.length) / SECTOR_BYTES) - first;
  const shape = random.below(6);
  const border = random.below(count);
  for (let i = 0; i < count; i++) {
    const keep = [
      i < border,
      i >= border,
      i !== border,
      i === border,
      i % 2 === 0,
      random.oneIn(2),
    ][shape];
    const from = Math.max(0, (first + i) * SECTOR_BYTES - at);
    const to = Math.min(bytes!.length, (first + i + 1) * SECTOR_BYTES - at);
    if (keep) {
      image.set(bytes!.subarray(from, to), at + from);
      touched.add(first + i);
    } else if (options.tearSectors !== false && random.oneIn(12)) {
      const middle = from + random.below(to - from);
      image.set(bytes!.subarray(from, middle), at + from);
      if (random.oneIn(2)) image.set(random.bytes(to - middle), at + middle);
      touched.add(first + i);
    }
  }
}

/** Fills sectors behind the durable end that no kept write covers with old ones or garbage. */
function haunt(
  image: Uint8Array,
  file: DiskFile,
  size: number,
  touched: ReadonlySet<number>,
  random: Random,
): void {
  const first = Math.ceil(file.durableSize / SECTOR_BYTES);
  const last = Math.min(Math.floor(size / SECTOR_BYTES), Math.floor(image.length / SECTOR_BYTES));
  const old = Math.floor(file.durableSize / SECTOR_BYTES);
  for (let sector = first; sector < last; sector++) {
    if (touched.has(sector) || random.oneIn(2)) continue;
    const to = sector * SECTOR_BYTES;
    if (old > 0 && random.oneIn(2)) {
      const from = random.below(old) * SECTOR_BYTES;
      image.copyWithin(to, from, from + SECTOR_BYTES);
    } else image.set(random.bytes(SECTOR_BYTES), to);
  }
}
