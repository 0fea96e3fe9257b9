/**
 * The rules of the log as it is written: a ring of fixed size, groups on blocks of their own,
 * blocks that say what they are and are never written over while they matter.
 *
 * How it is read is in log_reading_test.ts.
 *
 * @module
 */

import { newestMeta } from "../support/image.ts";
import { assert, assertEquals, assertGreaterOrEqual } from "../support/assert.ts";
import { groupsOf } from "../support/image.ts";
import { blockBytes, groupsIn, recordsOf } from "../support/log_image.ts";
import type { Operation } from "../support/recording_io.ts";
import { assertCodeSync } from "../support/store.ts";
import { drained } from "../support/unrest.ts";
import {
  contentsOf,
  entriesOf,
  fill,
  finish,
  finishAsync,
  LOG,
  PATH,
  reopen,
  rule,
  watch,
  watchAsync,
  type Watched,
  words,
} from "../support/watched.ts";

const BLOCK = 4096;
const MIB = 1024 * 1024;

/** Position and group of the blocks that an operation on the log writes. */
function blocksOf({ pieces }: Operation): { position: number; group: number }[] {
  return pieces.flatMap(({ bytes, length }) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return Array.from({ length: length / BLOCK }, (_, i) => ({
      position: Number(view.getBigUint64(i * BLOCK + 32, true)),
      group: Number(view.getBigUint64(i * BLOCK + 40, true)),
    }));
  });
}

/** Work of every kind that goes several times round a small ring. */
function manyLaps({ store }: Watched): void {
  for (let i = 0; i < 900; i++) {
    const key = `key ${i % 50}`;
    if (i % 7 === 0) store.deleteSync(key, { durability: "deferred" });
    else store.putSync(key, `${i}`.padEnd(100 + (i * 37) % 140, "v"));
    if (i % 50 === 0) store.putSync("large", `${i}`.padEnd(9000, "l"));
    if (i % 90 !== 0) continue;
    store.transactionSync((tx) => {
      for (let j = 0; j < 30; j++) tx.putSync(`tx ${j}`, `${i}`.padEnd(200, "t"));
    }, { durability: "deferred" });
  }
}

rule("the log is a ring of a fixed size, zero-written before its store is there", () => {
  for (const logSize of [MIB, 2 * MIB + BLOCK]) {
    const it = watch({ logSize });
    const first = it.io.recorded(PATH, "write")[0].index;
    const before = it.io.recorded(LOG, "write").filter(({ index }) => index < first);
    const pieces = before.flatMap((operation) => operation.pieces);
    assertEquals(pieces.reduce((sum, { length }) => sum + length, 0), logSize);
    assert(pieces.every(({ bytes }) => bytes.every((byte) => byte === 0)));
    assertEquals(it.io.durable(LOG).length, logSize);
    if (logSize === MIB) manyLaps(it);
    assertGreaterOrEqual(it.engine.log.head, logSize === MIB ? 2 * logSize / BLOCK : 0);
    assertEquals(it.io.live(LOG).length, logSize);
    finish(it);
    const again = reopen(it, { logSize: 8 * MIB });
    assertEquals(again.io.live(LOG).length, logSize, "fixed at creation");
    finish(again);
    assertEquals(it.io.recorded(LOG, "truncate").length, 0);
  }
});

rule("its blocks have 4 KiB, and 512 bytes only by option", () => {
  for (const [given, blockSize] of [[{}, 4096], [{ logBlockSize: 512 }, 512]] as const) {
    const it = watch(given);
    it.store.putSync("a", "1");
    it.store.putSync("b", "2".repeat(200));
    assertEquals(it.store.stats().log.blockSize, blockSize);
    const writes = it.io.recorded(LOG, "write").slice(-2);
    assertEquals(words(writes), [
      `write ${LOG} 0+${blockSize}`,
      `write ${LOG} ${blockSize}+${blockSize}`,
    ]);
    finish(it);
    assertEquals(Object.keys(contentsOf(it.io.killed())), ["a", "b"]);
  }
});

rule("once it is made its syncs are of data alone: no commit pays for metadata", () => {
  const it = watch();
  const from = it.io.operations.length;
  manyLaps(it);
  const syncs = it.io.recorded(LOG, "sync").filter(({ index }) => index >= from);
  assertGreaterOrEqual(syncs.length, 500);
  assert(syncs.every(({ how }) => how === "data"));
  finish(it);
});

rule("a commit never meets a full disk in the log", () => {
  const it = watch();
  fill(it.store, 50);
  it.store.checkpointSync();
  // From here on the files may not grow by a byte.
  it.io.failWhen({
    match: ({ kind, pieces, sizeBefore }) =>
      kind === "write" && pieces.some(({ at, length }) => at + length > sizeBefore),
    code: "KVIG_FULL",
    times: 1e9,
  });
  for (let i = 0; i < 400; i++) it.store.putSync(`key ${i % 50}`, `${i}`);
  assertGreaterOrEqual(it.engine.log.head, 256, "the ring went round");
  finish(it);
});

rule("records are logical: keyspace, put, delete or clear, key, value", () => {
  const it = watch();
  it.store.putSync("a", "1");
  it.store.deleteSync("a");
  it.store.putSync("large", "l".repeat(6000));
  it.store.clearSync({ gte: "b", lt: "m" });
  it.store.putSync("z", "");
  it.store.clearSync();
  const image = it.io.killed();
  const meta = newestMeta(image.get(PATH)!);
  const log = image.get(LOG)!;
  const commit = { type: 4, keyspace: 0, key: "", value: "" };
  const records = groupsIn(image).map((group) => recordsOf(log, meta, group));
  const [put, remove, clear, toEnd] = [1, 2, 3, 5];
  assertEquals(records, [
    [{ type: put, keyspace: 0, key: "a", value: "1" }, commit],
    [{ type: remove, keyspace: 0, key: "a", value: "" }, commit],
    [{ type: put, keyspace: 0, key: "large", value: "l".repeat(6000) }, commit],
    [{ type: clear, keyspace: 0, key: "b", value: "m" }, commit],
    [{ type: put, keyspace: 0, key: "z", value: "" }, commit],
    [{ type: toEnd, keyspace: 0, key: "", value: "" }, commit],
  ]);
  finish(it);
});

rule("each group starts on its own block, right behind the group before it", () => {
  const it = watch();
  it.store.putSync("a", "1");
  it.store.batchSync([{ type: "put", key: "b", value: "x".repeat(9000) }]);
  it.store.putSync("c", "3", { durability: "deferred" });
  it.store.putSync("d", "4");
  it.store.transactionSync((tx) => tx.putSync("e", "5"));
  const groups = groupsIn(it.io.killed());
  assertEquals(groups.map(({ blocks }) => blocks.length), [1, 3, 1, 1]);
  let position = 0;
  for (const { blocks, number } of groups) {
    assertEquals(blocks.map((block) => block.position), blocks.map((_, i) => position + i));
    assertEquals(blocks.map(({ first }) => first), blocks.map((_, i) => i === 0));
    assertEquals(blocks.map(({ last }) => last), blocks.map((_, i) => i === blocks.length - 1));
    assertEquals(new Set(blocks.map(({ group }) => group)), new Set([number]));
    position += blocks.length;
  }
  assertEquals(groups.map(({ number }) => number), [1, 2, 3, 4]);
  finish(it);
});

rule("a durable block is never rewritten", () => {
  const it = watch();
  manyLaps(it);
  const durable = new Set<number>();
  let written: number[] = [];
  let last = -1;
  for (const operation of it.io.recorded(LOG, "write", "sync")) {
    if (operation.kind === "sync") {
      for (const position of written) durable.add(position);
      written = [];
      continue;
    }
    for (const { position, group } of blocksOf(operation)) {
      if (group === 0) continue;
      assert(!durable.has(position), `position ${position} is durable and written again`);
      assertEquals(position, last + 1);
      last = position;
      written.push(position);
    }
  }
  assertGreaterOrEqual(last, 3 * 256, "three laps");
  finish(it);
});

rule("no block is written that the durable meta page still needs", () => {
  const it = watch();
  let needed = 0;
  it.io.onDone = chained(it.io.onDone, () => {
    needed = newestMeta(it.io.durable(PATH)).position;
  });
  it.io.onIssue = chained(it.io.onIssue, (operation) => {
    if (operation.kind !== "write" || operation.path !== LOG) return;
    for (const { position } of blocksOf(operation)) {
      assert(position < needed + 256, `position ${position} is written, ${needed} is needed`);
    }
  });
  manyLaps(it);
  finish(it);
});

type Listener = ((operation: Operation) => void) | undefined;

/** First one listener, then the other. */
function chained(first: Listener, second: (operation: Operation) => void): Listener {
  return (operation) => {
    first?.(operation);
    second(operation);
  };
}

rule("a block carries file id, salt, position and group number", () => {
  const it = watch();
  fill(it.store, 20);
  it.store.batchSync([{ type: "put", key: "large", value: "x".repeat(9000) }]);
  finish(it);
  const again = reopen(it);
  again.store.putSync("more", "m");
  const image = it.io.killed();
  const meta = newestMeta(image.get(PATH)!);
  const [group] = groupsIn(image);
  const block = blockBytes(image.get(LOG)!, meta, group.position);
  const view = new DataView(block.buffer, block.byteOffset);
  assertEquals(block.subarray(8, 24), meta.fileId);
  assertEquals(view.getUint32(24, true), meta.salt);
  assertEquals(Number(view.getBigUint64(32, true)), meta.position);
  assertEquals(Number(view.getBigUint64(40, true)), meta.group);
  assertGreaterOrEqual(meta.group, 3, "group numbers go on behind a clean close");
  finish(again);
});

rule("each block names the last group known durable when it was written", async () => {
  const it = await watchAsync();
  const deferred = { durability: "deferred" } as const;
  await it.store.put("1", "synced");
  for (const key of ["2", "3"]) {
    await it.store.put(key, "written", deferred);
    await drained();
  }
  await it.store.put("4", "synced");
  // The sync of this one is in flight when the next ones are appended.
  it.io.hold = ({ kind, path }) => kind === "sync" && path === LOG;
  const fifth = it.store.put("5", "synced");
  await drained();
  await it.store.put("6", "large".repeat(1500), deferred);
  it.io.hold = () => false;
  it.io.settleAll();
  await fifth;
  await it.store.flush();
  const groups = groupsIn(it.io.killed());
  const through = groups.map(({ blocks }) => blocks.map(({ durableThrough }) => durableThrough));
  assertEquals(through, [[0], [1], [1], [1], [4], [5, 5]]);
  await finishAsync(it);
});

rule("a position is not written while an older write of it is in flight", async () => {
  const it = await watchAsync({ logSize: 5 * MIB });
  await it.store.put("a", "1");
  it.io.hold = ({ kind, path }) => kind === "write" && path === LOG;
  const failed = it.store.transaction(async (tx) => {
    for (let i = 0; i < 7; i++) await tx.put(`large ${i}`, "l".repeat(180_000));
    throw new RangeError("taken back");
  }).catch((error: unknown) => error);
  const next = it.store.put("b", "2");
  const positions: number[] = [];
  for (let rounds = 0; rounds < 200 && positions.length < 2; rounds++) {
    await drained();
    const writes = it.io.inFlight.filter(({ kind }) => kind === "write");
    assert(writes.length <= 1, "one write of the log at a time");
    if (writes.length === 0) continue;
    positions.push(blocksOf(writes[0])[0].position);
    // It takes its time, and whoever could goes on meanwhile.
    for (let i = 0; i < 20; i++) await drained();
    assertEquals(it.io.inFlight.length, 1);
    it.io.settle(writes[0]);
  }
  assert(await failed instanceof RangeError);
  await next;
  assertEquals(positions, [1, 1], "the abandoned group gave its position back");
  await finishAsync(it);
  assertEquals(contentsOf(it.io.powerCut()), { a: "1", b: "2" });
});

rule("groups go round the end of the ring and are replayed from there", () => {
  const it = watch();
  while (it.engine.log.head < 254) it.store.putSync("key", `${it.engine.log.head}`);
  it.store.checkpointSync();
  it.store.putSync("large", "l".repeat(14_000));
  it.store.putSync("last", "one");
  const image = it.io.killed();
  const meta = newestMeta(image.get(PATH)!);
  const [group] = groupsOf(image.get(LOG)!, meta);
  assert(group.position < 256 && group.position + group.blocks.length > 256);
  const wanted = entriesOf(it.store);
  assertEquals(Object.keys(wanted), ["key", "large", "last"]);
  finish(it);
  assertEquals(contentsOf(image), wanted);
});

rule("a failed write or sync of the log fails the store, and nothing follows it", () => {
  for (const kind of ["write", "sync"] as const) {
    const it = watch();
    it.store.putSync("a", "1");
    it.io.failWhen({ match: (operation) => operation.path === LOG && operation.kind === kind });
    const { length } = it.io.operations;
    const error = assertCodeSync(() => it.store.putSync("b", "2"), "KVIG_FAILED");
    assertEquals(error.outcome, "unknown");
    assertEquals(it.io.operations.at(-1)!.state, "failed");
    assertEquals(assertCodeSync(() => it.store.putSync("c", "3"), "KVIG_FAILED").outcome, "none");
    assertCodeSync(() => it.store.getSync("a"), "KVIG_FAILED");
    assert(it.io.operations.length <= length + 2, "nothing is tried again");
    const image = it.io.killed();
    assertCodeSync(() => it.store.closeSync(), "KVIG_FAILED");
    it.audit.check();
    assertEquals(contentsOf(image)["a"], "1");
  }
});
