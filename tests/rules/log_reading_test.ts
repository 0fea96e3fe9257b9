/**
 * The rules of the log as it is read: which groups count, what a salt says, and when a bad block
 * is damage and when it is a torn tail.
 *
 * @module
 */

import { openSync } from "../support/runtime.ts";
import { newestMeta, newestSlot } from "../support/image.ts";
import { assert, assertEquals, assertGreaterOrEqual } from "../support/assert.ts";
import {
  blockBytes,
  groupsIn,
  offsetOf,
  withBlock,
  withBlockOf,
  withDamage,
} from "../support/log_image.ts";
import { type Image, RecordingIo } from "../support/recording_io.ts";
import { assertCodeSync } from "../support/store.ts";
import {
  changed,
  contentsOf,
  entriesOf,
  fill,
  finish,
  LOG,
  PATH,
  refusal,
  rule,
  SMALL,
  watch,
  type Watched,
} from "../support/watched.ts";

const MIB = 1024 * 1024;
const DEFERRED = { durability: "deferred" } as const;

/** Writes what was appended, and syncs nothing. */
function writeOut({ engine }: Watched): void {
  engine.runBlocking(engine.log.flush(false));
}

/** Commits each pair as a group of its own that is written and not synced; returns the files. */
function unsynced(it: Watched, pairs: readonly (readonly [string, string])[]): Image {
  for (const [key, value] of pairs) {
    it.store.putSync(key, value, DEFERRED);
    writeOut(it);
  }
  return it.io.killed();
}

/** Fails unless an image is refused as damaged, with the log and a position named. */
function assertDamaged(image: Image, position: number, part = ""): void {
  const error = refusal(image);
  assertEquals(error.code, "KVIG_CORRUPT", error.message);
  assertEquals([error.file, error.position], [LOG, position]);
  assert(error.message.includes(part), error.message);
}

/** Every mixture of the blocks of two images from `position` on. */
function* mixtures(
  older: Image,
  newer: Image,
  position: number,
  count: number,
): Generator<[Image, boolean]> {
  const meta = newestMeta(newer.get(PATH)!);
  const bytesOf = (image: Image, place: number): string =>
    blockBytes(image.get(LOG)!, meta, place).join();
  for (let chosen = 0; chosen < 2 ** count; chosen++) {
    let image = newer;
    let whole = true;
    for (let i = 0; i < count; i++) {
      if ((chosen >>> i) % 2 === 1) continue;
      if (bytesOf(older, position + i) !== bytesOf(newer, position + i)) whole = false;
      image = withBlockOf(image, older, position + i);
    }
    yield [image, whole];
  }
}

rule("a group counts whole or not at all, whatever blocks of an older lap lie there", () => {
  const it = watch({ maxSize: 4 * MIB });
  // A lap of groups of several blocks; the ring goes round in the middle of them.
  while (it.engine.log.head < 300) {
    it.store.putSync("large", `${it.engine.log.head}`.padEnd(9000, "o"));
  }
  it.store.checkpointSync();
  const older = it.io.killed();
  const before = entriesOf(it.store);
  it.store.batchSync([
    { type: "put", key: "a", value: "1" },
    { type: "put", key: "large", value: "n".repeat(9000) },
    { type: "delete", key: "large" },
    { type: "put", key: "large", value: "m".repeat(5000) },
  ]);
  const newer = it.io.killed();
  const after = entriesOf(it.store);
  const [{ position, blocks }] = groupsIn(newer);
  assertEquals(blocks.length, 4);
  let looked = 0;
  for (const [image, whole] of mixtures(older, newer, position, blocks.length)) {
    assertEquals(contentsOf(image), whole ? after : before);
    looked++;
  }
  assertEquals(looked, 16);
  finish(it);
});

rule("whatever blocks of an abandoned group of the same number and position lie there", () => {
  const it = watch({ logSize: 5 * MIB });
  it.store.putSync("a", "1");
  it.store.checkpointSync();
  const values = ["p".repeat(3000), "q".repeat(6000)];
  try {
    it.store.transactionSync((tx) => {
      // The same records as those of the next group to begin with; more than the buffer holds.
      values.forEach((value, i) => tx.putSync(`key ${i}`, value));
      for (let i = 0; i < 12; i++) tx.putSync(`large ${i}`, "l".repeat(100_000));
      throw new RangeError("taken back");
    });
  } catch (error) {
    assert(error instanceof RangeError);
  }
  const older = it.io.killed();
  const before = entriesOf(it.store);
  it.store.transactionSync((tx) => {
    values.forEach((value, i) => tx.putSync(`key ${i}`, value));
    tx.putSync("key 2", "r".repeat(5000));
  });
  const newer = it.io.killed();
  const after = entriesOf(it.store);
  const [{ position, number, blocks }] = groupsIn(newer);
  assertEquals(blocks.length, 4);
  const meta = newestMeta(newer.get(PATH)!);
  const abandoned = new DataView(blockBytes(older.get(LOG)!, meta, position + 1).slice().buffer);
  assertEquals(Number(abandoned.getBigUint64(40, true)), number, "its number was given back");
  for (const [image, whole] of mixtures(older, newer, position, blocks.length)) {
    assertEquals(contentsOf(image), whole ? after : before);
  }
  finish(it);
});

rule("each block's checksum is chained to the one before it, and the last says so", () => {
  const it = watch();
  it.store.putSync("a", "1");
  it.store.batchSync([{ type: "put", key: "b", value: "x".repeat(14_000) }]);
  const image = it.io.killed();
  finish(it);
  const [, { position, blocks }] = groupsIn(image);
  assertEquals(blocks.length, 4);
  for (let i = 0; i < 4; i++) {
    // In the header, behind it, and in the last byte that is used.
    for (const offset of [6, 30, 48, 64, 63 + blocks[i].used]) {
      assertEquals(contentsOf(withDamage(image, position + i, offset)), { a: "1" });
    }
    // What stands behind the used bytes means nothing.
    if (blocks[i].used < 4000) {
      assertEquals(Object.keys(contentsOf(withDamage(image, position + i, 4090))), ["a", "b"]);
    }
  }
});

rule("a bad block is damage where a later group says that its group was durable", () => {
  const it = watch();
  const start = it.engine.log.head;
  it.store.batchSync([{ type: "put", key: "a", value: "x".repeat(9000) }]);
  it.store.putSync("b", "2");
  it.store.putSync("c", "3");
  const image = it.io.killed();
  finish(it);
  for (let i = 0; i < 3; i++) {
    for (const offset of [0, 6, 24, 40, 1000]) {
      assertDamaged(withDamage(image, start + i, offset), start, "group 1 was durable");
    }
    const lost = withBlockOf(image, new Map([[LOG, new Uint8Array(MIB)]]), start + i);
    assertDamaged(lost, start, "group 1 was durable");
  }
  assertDamaged(withDamage(image, start + 3), start + 3, "group 2 was durable");
  assertEquals(Object.keys(contentsOf(withDamage(image, start + 4))), ["a", "b"]);
});

rule("the proof of damage counts at any distance, and from any block of a later group", () => {
  const it = watch();
  const start = it.engine.log.head;
  it.store.putSync("a", "1");
  for (let i = 0; i < 60; i++) it.store.putSync(`b ${i}`, "2", DEFERRED), writeOut(it);
  it.store.putSync("c", "3");
  it.store.putSync("d", "4");
  const image = it.io.killed();
  finish(it);
  // Everything between the first group and the last one is bad: only that one tells.
  let broken = image;
  for (let i = 0; i < 62; i++) broken = withDamage(broken, start + i);
  assertDamaged(broken, start);
  // A made-up group far behind, whose word is as good.
  const empty = withDamage(image, start);
  const blank = changed(empty, LOG, (log) => {
    log.fill(0, offsetOf(newestMeta(image.get(PATH)!), start + 1));
  });
  const { salt } = newestMeta(image.get(PATH)!);
  assertEquals(contentsOf(blank), {});
  const says = (durableThrough: number): Image =>
    withBlock(blank, { salt, position: 200, group: 99, durableThrough });
  assertDamaged(says(1), start);
  assertDamaged(says(98), start);
  assertEquals(contentsOf(says(0)), {});
});

rule("otherwise a bad block is a torn tail: it is cut, with whatever stands behind it", () => {
  const pairs = [["a", "1"], ["b", "2"], ["c", "3"], ["d", "4"]] as const;
  for (let bad = 0; bad < pairs.length; bad++) {
    const it = watch();
    const start = it.engine.log.head;
    const image = withDamage(unsynced(it, pairs), start + bad);
    finish(it);
    assertEquals(contentsOf(image), Object.fromEntries(pairs.slice(0, bad)));
  }
});

rule("what was cut never comes back, not behind a group of the same number and length", () => {
  const it = watch();
  const start = it.engine.log.head;
  const image = withDamage(unsynced(it, [["a", "1"], ["b", "2"], ["c", "3"], ["d", "4"]]), start);
  finish(it);
  const again = watch({ image });
  assertEquals(entriesOf(again.store), {});
  assertEquals(contentsOf(again.io.killed()), {}, "nor when nothing was written");
  again.store.putSync("new", "n");
  const killed = again.io.killed();
  const [{ number, position, blocks }] = groupsIn(killed);
  assertEquals([number, position, blocks.length], [1, start, 1]);
  assertEquals(groupsIn(image).length, 0);
  assertEquals(contentsOf(killed), { new: "n" });
  finish(again);
});

rule("damage behind the position of a closed store harms nothing", () => {
  const it = watch();
  fill(it.store, 50);
  for (let i = 0; i < 20; i++) it.store.putSync("key", `${i}`);
  const wanted = entriesOf(it.store);
  finish(it);
  const image = it.io.killed();
  const { position } = newestMeta(image.get(PATH)!);
  assertGreaterOrEqual(position, 20);
  for (let i = 0; i < position; i += 3) {
    assertEquals(contentsOf(withDamage(image, i)), wanted);
  }
});

rule("the salt is raised by the first meta page of an opening that has nothing to replay", () => {
  const it = watch();
  fill(it.store, 20);
  finish(it);
  let image = it.io.killed();
  for (let round = 0; round < 3; round++) {
    const { salt } = newestMeta(image.get(PATH)!);
    const again = watch({ image });
    assertEquals(again.audit.metas.map((meta) => meta.salt), [salt + 1]);
    assertEquals(again.engine.log.salt, salt + 1);
    finish(again);
    assertEquals(newestMeta(again.io.live(PATH)).salt, salt + 1);
    image = again.io.killed();
  }
});

rule("with groups to replay it is raised by the last one, and only then a group is written", () => {
  const it = watch({ cacheSize: 8 * MIB, logSize: 4 * MIB });
  fill(it.store, 3500, 200);
  const image = it.io.killed();
  const wanted = entriesOf(it.store);
  finish(it);
  const { salt } = newestMeta(image.get(PATH)!);
  const again = watch({ image });
  const { metas } = again.audit;
  assertGreaterOrEqual(metas.length, 3, "a checkpoint was made while it was replayed");
  assertEquals(metas.slice(0, -1).map((meta) => meta.salt), metas.slice(0, -1).map(() => salt));
  assertEquals(metas.at(-1)!.salt, salt + 1);
  assertEquals(again.io.recorded(LOG, "write"), []);
  again.store.putSync("new", "n");
  const [group] = groupsIn(again.io.killed());
  assertEquals(group.blocks[0].salt, salt + 1);
  assertEquals(group.number, metas.at(-1)!.group);
  assertEquals(entriesOf(again.store), { ...wanted, new: "n" });
  finish(again);
});

rule("an opening cut off before that meta page leaves the salt that its groups have", () => {
  const it = watch({ cacheSize: 8 * MIB, logSize: 4 * MIB });
  fill(it.store, 2000, 200);
  const image = it.io.killed();
  const wanted = entriesOf(it.store);
  finish(it);
  const { salt } = newestMeta(image.get(PATH)!);
  const cuts: Image[] = [];
  const whole = watch({ image });
  const syncs = whole.io.recorded(PATH, "sync").length;
  finish(whole);
  for (let skip = 2; skip < syncs; skip++) {
    cuts.push(cutOff(image, skip));
  }
  assertGreaterOrEqual(cuts.length, 2);
  for (const cut of cuts) {
    assertEquals(newestMeta(cut.get(PATH)!).salt, salt);
    assertEquals(contentsOf(cut), wanted);
  }
});

/** The files after a power cut in an opening whose sync number `skip` of the data file fails. */
function cutOff(image: Image, skip: number): Image {
  const io = new RecordingIo({ image });
  io.failWhen({ match: ({ kind, path }) => kind === "sync" && path === PATH, skip });
  assertCodeSync(() => openSync(PATH, { ...SMALL, io }), "KVIG_FAILED");
  return io.powerCut();
}

rule("blocks of an older salt are the end of the log", () => {
  const it = watch();
  it.store.putSync("a", "1");
  it.store.putSync("b", "2");
  const image = it.io.killed();
  finish(it);
  const { salt, position, group } = newestMeta(image.get(PATH)!);
  const next = { position: position + 2, group: group + 2, durableThrough: group + 1 };
  assertEquals(Object.keys(contentsOf(withBlock(image, { ...next, salt: salt - 1 }))), ["a", "b"]);
  // Nor does an older one prove anything, whatever it says.
  const torn = withDamage(image, position + 1);
  const old = { salt: salt - 1, position: 40, group: group + 9, durableThrough: group + 8 };
  assertEquals(contentsOf(withBlock(torn, old)), { a: "1" });
});

rule("a newer salt anywhere in the ring proves a lost meta page", () => {
  const it = watch();
  it.store.putSync("a", "1");
  const image = it.io.killed();
  finish(it);
  const { salt } = newestMeta(image.get(PATH)!);
  for (const position of [1, 100, 255, 4 * 256 - 1]) {
    for (const group of [1, 500]) {
      const made = withBlock(image, { salt: salt + 1, position, group });
      assertDamaged(made, position, "newer than the meta page");
    }
  }
  // One that is not valid proves nothing.
  const bad = withDamage(withBlock(image, { salt: salt + 1, position: 99, group: 9 }), 99, 64);
  assertEquals(contentsOf(bad), { a: "1" });
});

rule("a lost meta page of an opening is told by the salt of what was written since", () => {
  const it = watch();
  it.store.putSync("a", "1");
  finish(it);
  const before = it.io.killed();
  const again = watch({ image: before });
  const idle = again.io.killed();
  again.store.putSync("b", "2");
  const after = again.io.killed();
  finish(again);
  assertEquals(contentsOf(after), { a: "1", b: "2" });
  const losses: readonly ((image: Image) => Image)[] = [
    (image) => changed(image, PATH, (data) => data.set(before.get(PATH)!.subarray(0, 1024))),
    (image) => changed(image, PATH, (data) => void (data[newestSlot(data) * 512 + 80] ^= 1)),
  ];
  for (const lose of losses) {
    assertDamaged(lose(after), 1, "newer than the meta page");
    assertEquals(contentsOf(lose(idle)), { a: "1" });
  }
});

rule("a position that a later lap overwrote proves a lost meta page", () => {
  const it = watch();
  it.store.putSync("a", "1");
  it.store.checkpointSync();
  const before = it.io.killed();
  const { salt, position, group } = newestMeta(before.get(PATH)!);
  while (it.engine.log.head < 300) it.store.putSync("key", `${it.engine.log.head}`);
  const after = it.io.killed();
  finish(it);
  assertDamaged(new Map([[PATH, before.get(PATH)!], [LOG, after.get(LOG)!]]), position);
  const later = { salt, position: position + 256, group: group + 100 };
  assertDamaged(withBlock(before, later), position, "overwritten by a later one");
});

rule("the log of another store is damage", () => {
  const images = [1, 77].map((idByte) => {
    const it = watch({ idByte });
    it.store.putSync("a", `${idByte}`);
    const image = it.io.killed();
    finish(it);
    return image;
  });
  const mixed = changed(images[0], LOG, () => images[1].get(LOG)!.slice());
  const error = refusal(mixed);
  assertEquals([error.code, error.file], ["KVIG_CORRUPT", LOG]);
});
