/**
 * Bugs of a data file that grows: zeros over pages that are reached, and a size that no sync made
 * durable.
 *
 * @module
 */

import { isKvigError } from "../../core/errors.ts";
import { assert, assertEquals, fail } from "../support/assert.ts";
import { cutBehindMeta, drain, grows, holdFirst, syncs, writesZeros } from "../support/bounded.ts";
import type { Image } from "../support/recording_io.ts";
import { assertCodeSync } from "../support/store.ts";
import {
  contentsOf,
  entriesOf,
  fill,
  finish,
  finishAsync,
  PATH,
  rule,
  watch,
  watchAsync,
  type Watched,
} from "../support/watched.ts";

/** A file of 4,000 pages whose only entries, fifty of them, lie where `from` came to lie. */
function hollow(from: number): Image {
  const it = watch();
  fill(it.store, 5000, 200);
  it.store.clearSync({ lt: `key 0${from}` });
  it.store.clearSync({ gte: `key 0${from + 50}` });
  it.store.checkpointSync();
  it.store.checkpointSync();
  const image = it.io.killed();
  finish(it);
  return image;
}

/** Moves pages to the front, in memory only: the checkpoint behind it fails. */
function failToCompact({ store, io }: Watched): void {
  const onProgress = (): void => {
    io.failNothing();
    io.failWhen({ match: ({ kind, path }) => kind === "batch" && path === PATH, times: 1000 });
  };
  assertCodeSync(() => store.compactSync({ onProgress }), "KVIG_IO");
  io.failNothing();
}

/** Puts a value of `bytes`; a kill right behind the growth for it must leave `entries`. */
function putAndKill({ store, io }: Watched, bytes: number, entries: unknown): void {
  let image: Image | undefined;
  io.hold = (operation) => {
    const { kind, path } = operation;
    const writes = path === PATH && (kind === "write" || kind === "batch");
    if (writes && !writesZeros(operation)) image ??= io.killed();
    return false;
  };
  const value = "x".repeat(bytes);
  const put = (): unknown => store.putSync("large", value, { durability: "deferred" });
  const full = isFull(put);
  assert(image !== undefined, "something was written");
  assertEquals(contentsOf(image), entries);
  assertEquals(full, false, "there is room");
}

function isFull(put: () => unknown): boolean {
  try {
    put();
    return false;
  } catch (error) {
    if (isKvigError(error, "KVIG_FULL")) return true;
    throw error;
  }
}

/** The files after a power cut when the next meta page is written, and its sync not done. */
function cutAtMetaSync({ io }: Watched): () => Image {
  let image: Image | undefined;
  let seen = 0;
  io.hold = (operation) => {
    if (syncs(operation, PATH) && ++seen === 2) image = cutBehindMeta(io);
    return false;
  };
  return () => {
    if (image === undefined) fail("no meta page was written");
    return image;
  };
}

/*
 * compact() lowered the page count of the working state, and the checkpoint that should have made
 * that durable failed (KVIG_IO). The store stayed usable, and the next growth wrote zeros from the
 * lower count on: over pages that both durable meta pages reached. After a crash the store was
 * KVIG_CORRUPT, with everything in it.
 */
rule("growth behind a compact() that failed spares what the meta pages reach", () => {
  const it = watch({ image: hollow(4950) });
  const entries = entriesOf(it.store);
  assertEquals(Object.keys(entries).length, 50);
  failToCompact(it);
  putAndKill(it, 2_100_000, entries);
  finish(it);
});

/*
 * The same again where maxSize is below the size of the file: the check that should take the pages
 * behind the count into use gave up, because all of them did not fit, and zeros were written.
 */
rule("the same in a file that is larger than maxSize", () => {
  const image = hollow(4000);
  const it = watch({ image, maxSize: image.get(PATH)!.length - 65_536 });
  const entries = entriesOf(it.store);
  failToCompact(it);
  putAndKill(it, 1_850_000, entries);
  finish(it);
});

/*
 * compact() lowered the page count to behind the last page of the working state, though a snapshot
 * reached pages above it. The file stayed long for the snapshot's sake, but the next growth wrote
 * zeros from the count on, over those pages: the snapshot's reader met KVIG_CORRUPT.
 */
rule("growth behind compact() spares what a snapshot reaches", () => {
  const it = watch();
  fill(it.store, 500, 200, "first");
  fill(it.store, 4000, 200);
  it.store.clearSync({ prefix: "first" });
  for (let i = 0; i < 3; i++) {
    it.store.putSync("a", `${i}`);
    it.store.checkpointSync();
  }
  const snapshot = it.store.snapshot();
  const before = entriesOf(snapshot);
  it.store.clearSync({ gte: "key 00010" });
  it.store.compactSync();
  it.store.putSync("large", "x".repeat(3_000_000));
  assertEquals(entriesOf(snapshot), before);
  snapshot.close();
  finish(it);
});

/*
 * Growth failed half-way (KVIG_IO): the file was longer by then, and nothing said so. Later writes
 * took the pages behind the count into use, and the checkpoint synced "data", which makes no size
 * durable. A power cut behind its meta page left a file shorter than its pages: KVIG_CORRUPT.
 */
rule("places of a growth that failed are synced with their size before they count", () => {
  const it = watch();
  it.store.putSync("a", "1");
  it.store.checkpointSync();
  it.io.failWhen({ match: writesZeros, skip: 2, times: 100 });
  assertCodeSync(() => it.store.putSync("large", "x".repeat(3_000_000)), "KVIG_IO");
  it.io.failNothing();
  const { length } = it.io.live(PATH);
  assert(length > it.io.durable(PATH).length + 200_000, "the file has grown a little");
  const image = cutAtMetaSync(it);
  it.store.putSync("behind", "y".repeat(length - 100_000), { durability: "deferred" });
  it.store.checkpointSync();
  assertEquals(Object.keys(contentsOf(image())), ["a", "behind"]);
  finish(it);
});

/*
 * A checkpoint's full sync ran while a put was making the file longer: it covered what was written
 * by then, and the note "the file grew" was taken back for all of it. The checkpoint that followed
 * synced "data" only, and a power cut behind its meta page left a file that was too short.
 */
rule("growth that goes on beside a full sync is covered by another full one", async () => {
  const it = await watchAsync();
  await it.store.put("a", "1");
  const slow = holdFirst(it.io, (operation) => grows(operation) && operation.pieces[0].at > 1e6);
  const put = it.store.put("large", "x".repeat(2_000_000), { durability: "deferred" });
  await drain();
  assertEquals(slow.operation.state, "in flight");
  await it.store.checkpoint();
  const image = cutAtMetaSync(it);
  it.io.settle(slow.operation);
  await put;
  await it.store.checkpoint();
  assertEquals(Object.keys(contentsOf(image())), ["a", "large"]);
  await finishAsync(it);
});
