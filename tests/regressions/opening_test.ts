/**
 * Bugs of opening what a power cut left behind.
 *
 * @module
 */

import { openSync } from "../support/runtime.ts";
import { assertEquals, assertGreaterOrEqual } from "../support/assert.ts";
import { writesLog } from "../support/bounded.ts";
import { type Image, type Operation, RecordingIo } from "../support/recording_io.ts";
import {
  changed,
  contentsOf,
  entriesOf,
  finish,
  LOG,
  PATH,
  rule,
  SMALL,
  watch,
} from "../support/watched.ts";

/** Opens an image for writing; what `take` makes of the files before each operation. */
function whileOpening(
  image: Image,
  take: (io: RecordingIo, operation: Operation) => Image | undefined,
): Image[] {
  const io = new RecordingIo({ image });
  const images: Image[] = [];
  io.hold = (operation) => {
    const taken = take(io, operation);
    if (taken !== undefined) images.push(taken);
    return false;
  };
  openSync(PATH, { ...SMALL, io }).closeSync();
  io.check();
  return images;
}

/** A file that loses all of a write but its first sector. */
function firstSector(io: RecordingIo, { path, pieces: [{ at, bytes }] }: Operation): Image {
  return changed(io.powerCut(), path, (file) => {
    const torn = new Uint8Array(Math.max(file.length, at + 512));
    torn.set(file);
    torn.set(bytes.subarray(0, 512), at);
    return torn;
  });
}

/*
 * The last step of a creation wrote the first meta page and the growth to two pages in one piece. A
 * power cut that kept the page and not the size left a file with a valid meta page that was too
 * short: KVIG_CORRUPT for a store that never held anything, and for good.
 */
rule("a creation that is cut in its last write is made anew or opens", () => {
  const images = whileOpening(new Map(), (io, operation) => {
    const { kind, path } = operation;
    return kind === "write" && path === PATH ? firstSector(io, operation) : undefined;
  });
  assertGreaterOrEqual(images.length, 2);
  for (const image of images) {
    const it = watch({ image });
    it.store.putSync("a", "1");
    assertEquals(entriesOf(it.store), { a: "1" });
    finish(it);
  }
});

/*
 * A power cut had left a torn first meta page beside a blank log. The next opening made the store
 * anew, and a second cut tore one of its writes of zeros to the log. The log was no longer blank,
 * the data file was still not empty: KVIG_CORRUPT for a store that never was.
 */
rule("a creation that is cut again while it makes its log anew is made anew", () => {
  const half: Image = new Map([
    [PATH, new Uint8Array(512).fill(0xA5)],
    [LOG, new Uint8Array(SMALL.logSize!)],
  ]);
  const images = whileOpening(half, (io, operation) => {
    if (!writesLog(operation)) return undefined;
    return changed(io.powerCut(), LOG, (log) => log.fill(0x5A, 100, 200));
  });
  for (const image of images.slice(0, 4)) assertEquals(contentsOf(image), {});
});

/*
 * The first opening of a backup was cut while it made the log. The file said "no log yet", and for
 * writing it opened; a read-only opening scanned the half of a log as if it was one, and said
 * KVIG_CORRUPT of a backup that was whole.
 */
rule("a backup beside a log that was half made opens read-only too", () => {
  const it = watch();
  it.store.putSync("a", "1");
  it.store.backupSync("copy");
  const copy = it.io.killed().get("copy")!;
  finish(it);
  const images = whileOpening(
    new Map([[PATH, copy]]),
    (io, operation) => writesLog(operation) ? io.killed() : undefined,
  );
  assertEquals(images[1].get(LOG)!.length < SMALL.logSize!, true, "the log is half made");
  for (const image of images.slice(0, 3)) {
    for (const readOnly of [true, false]) {
      const store = openSync(PATH, { ...SMALL, readOnly, io: new RecordingIo({ image }) });
      assertEquals(entriesOf(store), { a: "1" });
      assertEquals(store.verifySync().problems, []);
      store.closeSync();
    }
  }
});
