/**
 * The rules of opening for writing and of recovery: what is made durable first, which meta page
 * counts, what is replayed and how, and that it can be cut off anywhere.
 *
 * @module
 */

import { open, openSync } from "../support/runtime.ts";
import { KvigError } from "../../core/errors.ts";
import { EPOCH_STEP } from "../../core/limits.ts";
import { assert, assertEquals, assertGreaterOrEqual, assertThrows } from "../support/assert.ts";
import { Audit, Writings } from "../support/audit.ts";
import { groupsOf, metasOf, newestMeta, newestSlot } from "../support/image.ts";
import { type FailureRule, type Image, RecordingIo } from "../support/recording_io.ts";
import {
  inFlight,
  isChange,
  isMeta,
  isPages,
  isPending,
  isSync,
  PAGE,
  stagesOf,
  until,
} from "../support/stages.ts";
import { drained } from "../support/unrest.ts";
import {
  changed,
  contentsOf,
  difference,
  entriesOf,
  fill,
  finish,
  finishAsync,
  LOG,
  PATH,
  refusal,
  reopen,
  rule,
  SMALL,
  watch,
  watchAsync,
} from "../support/watched.ts";

const OPENING = [
  "sync of the data, full",
  "sync of the log, full",
  "meta page",
  "sync of the data, full",
];

interface Killed {
  image: Image;
  entries: Record<string, string>;
  sequence: number;
}

/** A store that was killed with groups of every kind behind its last checkpoint. */
function killed(): Killed {
  const it = watch({ logSize: 4 * 1024 * 1024 });
  const { store } = it;
  fill(store, 200);
  store.checkpointSync();
  fill(store, 150, 60);
  store.deleteSync("key 00003");
  store.clearSync({ gte: "key 00050", lt: "key 00090" });
  store.putSync("large", "l".repeat(30_000));
  store.batchSync([{ type: "put", key: "batch", value: "b" }, {
    type: "delete",
    key: "key 00007",
  }]);
  store.transactionSync((tx) => {
    for (let i = 0; i < 40; i++) tx.putSync(`tx ${i}`, "t");
    tx.deleteSync("key 00009");
  });
  const result = {
    image: it.io.powerCut(),
    entries: entriesOf(store),
    sequence: store.stats().sequence,
  };
  finish(it);
  return result;
}

/** A store that was killed with more behind its last checkpoint than a small cache replays. */
function killedBig(): Killed {
  const it = watch({ cacheSize: 4 * 1024 * 1024, logSize: 8 * 1024 * 1024 });
  fill(it.store, 2600, 150);
  assertEquals(it.store.stats().checkpoints.count, 0);
  const result = {
    image: it.io.powerCut(),
    entries: entriesOf(it.store),
    sequence: it.store.stats().sequence,
  };
  finish(it);
  return result;
}

const flipMeta = (image: Image, slot: number): Image =>
  changed(image, PATH, (data) => {
    data[slot * PAGE + 200] ^= 4;
  });

rule("opening for writing syncs both files full before it writes anything", () => {
  const { image } = killed();
  const it = watch({ image });
  assertEquals(stagesOf(it.io.operations).slice(0, OPENING.length), OPENING);
  finish(it);
});

rule(
  "what the last process left in the system's cache is durable when an opening ends",
  async () => {
    const first = await watchAsync({ lock: false });
    await first.store.put("key", "durable");
    for (let i = 0; i < 20; i++) await first.store.put(`key ${i}`, "v", { durability: "deferred" });
    await until(() => !first.engine.log.pending, "the groups are written");
    assertEquals(Object.keys(contentsOf(first.io.powerCut())), ["key"], "and not synced");
    const it = reopen(first, { lock: false });
    assertEquals(Object.keys(contentsOf(it.io.powerCut())).length, 21);
    finish(it);
  },
);

rule("then a meta page is written and synced: the same roots, a raised limit", () => {
  const { image } = killed();
  const found = newestMeta(image.get(PATH)!);
  const it = watch({ image });
  const [first] = it.audit.metas;
  assertEquals(first.state.catalogue, found.state.catalogue);
  assertEquals([first.state.freePage, first.state.freeEpoch], [
    found.state.freePage,
    found.state.freeEpoch,
  ]);
  assertEquals([first.group, first.position], [found.group, found.position]);
  assertEquals(first.checkpoint, found.checkpoint + 1);
  assert(first.epochLimit > found.epochLimit);
  finish(it);
});

rule("no page is written before the sync of that meta page is over", async () => {
  const { image } = killedBig();
  const io = new RecordingIo({ image });
  const audit = new Audit(io, PATH);
  let syncs = 0;
  io.hold = (operation) => isSync(PATH)(operation) && ++syncs === 2;
  const opening = open(PATH, { ...SMALL, io });
  await inFlight(io, isSync(PATH));
  for (let i = 0; i < 5; i++) await drained();
  assertEquals(stagesOf(io.operations), OPENING);
  io.settleAll();
  const store = await opening;
  assert(io.operations.some(isPages));
  assertEquals((await store.verify()).problems, []);
  await store.close();
  audit.check();
});

rule("new epochs start at the old limit, a step higher where a meta page is not valid", () => {
  const { image } = killed();
  const data = image.get(PATH)!;
  const cases: [Image, number][] = [
    [image, newestMeta(data).epochLimit],
    [flipMeta(image, 1 - newestSlot(data)), newestMeta(data).epochLimit + EPOCH_STEP],
    [
      flipMeta(image, newestSlot(data)),
      metasOf(data)[1 - newestSlot(data)]!.epochLimit + EPOCH_STEP,
    ],
  ];
  for (const [each, limit] of cases) {
    const it = watch({ image: each });
    it.store.checkpointSync();
    const epochs = it.io.operations.filter(isPages).flatMap(({ pieces }) =>
      pieces.map(({ bytes }) => new DataView(bytes.buffer).getUint32(8, true))
    );
    assertGreaterOrEqual(Math.min(...epochs), limit);
    assert(Math.min(...epochs) <= limit + 4, "it starts there");
    assert(Math.max(...epochs) < it.audit.metas.at(-1)!.epochLimit);
    finish(it);
  }
});

rule("an opening that cannot sync or write its meta page fails, and changes nothing", () => {
  const { image, entries } = killed();
  const failures: FailureRule[] = [
    { match: isSync(PATH) },
    { match: isSync(LOG) },
    { match: isMeta },
    { match: isMeta, effect: true },
    { match: isSync(PATH), skip: 1 },
  ];
  for (const failure of failures) {
    const io = new RecordingIo({ image });
    io.failWhen(failure);
    assertThrows(() => openSync(PATH, { ...SMALL, io }), KvigError);
    assertEquals(io.operations.filter(isPages), []);
    for (const left of [io.powerCut(), io.killed()]) assertEquals(contentsOf(left), entries);
  }
});

rule("recovery takes the newest meta page and replays the groups behind its position", () => {
  const { image, entries, sequence } = killed();
  const meta = newestMeta(image.get(PATH)!);
  const behind = groupsOf(image.get(LOG)!, meta).length;
  assertGreaterOrEqual(behind, 5);
  assertGreaterOrEqual(meta.group, 2, "there are groups before it too");
  const it = watch({ image });
  assertEquals(entriesOf(it.store), entries);
  assertEquals(it.store.stats().sequence, sequence, "each commit counts once");
  assertEquals(it.store.countSync(), Object.keys(entries).length);
  assertEquals(it.engine.log.nextGroup, meta.group + behind);
  finish(it);
});

rule("where the newest meta page is damaged the older one does, with a longer replay", () => {
  const { image, entries, sequence } = killed();
  for (const slot of [0, 1]) {
    const it = watch({ image: flipMeta(image, slot) });
    assertEquals(entriesOf(it.store), entries, `without meta page ${slot}`);
    assertEquals(it.store.stats().sequence, sequence);
    finish(it);
    assert(
      metasOf(it.io.durable(PATH)).every((meta) => meta !== undefined),
      "both are valid again",
    );
  }
  assertEquals(refusal(flipMeta(flipMeta(image, 0), 1)).code, "KVIG_CORRUPT");
});

rule("an older meta page whose groups are written over is damage, not an old state", async () => {
  const it = await watchAsync();
  for (let i = 0; i < 300; i++) await it.store.put("key", `${i}`);
  await until(() => it.store.stats().checkpoints.count === 2, "two checkpoints are made");
  it.io.hold = isPages;
  for (let i = 0; !it.store.stats().checkpoints.running; i++) await it.store.put("key", `${i}`);
  for (let i = 0; i < 60; i++) await it.store.put("key", `further ${i}`);
  const image = it.io.powerCut();
  assertEquals(contentsOf(image), { key: "further 59" });
  const fallen = flipMeta(image, newestSlot(image.get(PATH)!));
  assertEquals(refusal(fallen).code, "KVIG_CORRUPT");
  await finishAsync(it);
});

rule("a replay makes checkpoints as a running store would, and one at the end", () => {
  const { image, entries, sequence } = killedBig();
  const it = watch({ image });
  const metas = it.audit.metas;
  assertGreaterOrEqual(metas.length, 3, "one to begin, one in between, one at the end");
  const positions = metas.map(({ position }) => position);
  assertEquals(positions, positions.toSorted((a, b) => a - b));
  assertEquals(groupsOf(image.get(LOG)!, metas.at(-1)!), [], "nothing is left to replay");
  assertEquals(metas.at(-1)!.state.sequence, sequence);
  assertEquals(entriesOf(it.store), entries);
  assertEquals(it.store.stats().log.usedBlocks, 0);
  finish(it);
});

rule("the salt stays until the checkpoint with which a replay ends, and is raised there", () => {
  const { image } = killedBig();
  const { salt } = newestMeta(image.get(PATH)!);
  const it = watch({ image });
  const salts = it.audit.metas.map((meta) => meta.salt);
  assertEquals(salts, [...salts.slice(0, -1).map(() => salt), salt + 1]);
  it.store.putSync("key", "new");
  const [group] = groupsOf(it.io.durable(LOG), newestMeta(it.io.durable(PATH)));
  assertEquals(group.blocks[0].salt, salt + 1, "groups from then on carry it");
  finish(it);
});

rule("with nothing to replay the first meta page of an opening raises the salt", () => {
  const it = watch();
  fill(it.store, 30);
  finish(it);
  const { salt } = newestMeta(it.io.durable(PATH));
  const again = watch({ image: it.io.killed() });
  assertEquals(again.audit.metas.map((meta) => meta.salt), [salt + 1]);
  finish(again);
});

rule("an opening ends when the meta page with the new salt is durable, not before", async () => {
  const { image } = killed();
  const { salt } = newestMeta(image.get(PATH)!);
  const io = new RecordingIo({ image });
  const audit = new Audit(io, PATH);
  const raised = (): boolean => audit.metas.at(-1)?.salt === salt + 1;
  io.hold = (operation) => isSync(PATH)(operation) && raised();
  const opening = open(PATH, { ...SMALL, io });
  await inFlight(io, isSync(PATH));
  assert(await isPending(opening));
  assertEquals(stagesOf(io.operations).includes("log"), false, "no group was written");
  io.hold = () => false;
  io.settleAll();
  const store = await opening;
  assertEquals((await store.verify()).problems, []);
  await store.close();
  audit.check();
});

/** The files when an opening is cut off before its change number `count`; undefined at its end. */
async function cutOff(
  image: Image,
  count: number,
  writings: Writings,
  kill: boolean,
): Promise<Image | undefined> {
  const io = new RecordingIo({ image });
  const audit = new Audit(io, PATH, writings);
  let changes = 0;
  io.hold = (operation) => isChange(operation) && changes++ >= count;
  let over = false;
  const opening = open(PATH, { ...SMALL, io }).then((store) => {
    over = true;
    return store;
  });
  await until(() => over || io.inFlight.length > 0, "it ends or is cut off");
  audit.check();
  if (!over) return kill ? io.killed() : io.powerCut();
  io.hold = () => false;
  const store = await opening;
  assertEquals((await store.verify()).problems, []);
  await store.close();
  return undefined;
}

rule("a replay that is cut off anywhere starts again, and loses nothing", async () => {
  const { image, entries } = killedBig();
  let cuts = 0;
  for (let count = 0;; count += 1 + (count >> 1)) {
    const left = await cutOff(image, count, new Writings(), count % 2 === 0);
    if (left === undefined) break;
    cuts++;
    assertEquals(contentsOf(left), entries, `cut off before change ${count}`);
  }
  assertGreaterOrEqual(cuts, 5);
});

rule("a replay that is cut off again and again starts from its last checkpoint", async () => {
  const { image, entries } = killedBig();
  const writings = new Writings();
  const positions = [newestMeta(image.get(PATH)!).position];
  let left = image;
  for (let count = 2;; count += 4) {
    const next = await cutOff(left, count, writings, count % 2 === 0);
    if (next === undefined) break;
    left = next;
    positions.push(newestMeta(left.get(PATH)!).position);
  }
  assertEquals(positions, positions.toSorted((a, b) => a - b));
  assert(new Set(positions).size >= 2, "a checkpoint was made on the way");
  assertEquals(contentsOf(left), entries);
});

rule("reading only replays into memory, and leaves both files alone", () => {
  const { image, entries, sequence } = killed();
  const it = watch({ image, readOnly: true });
  assertEquals(entriesOf(it.store), entries);
  assertEquals(it.store.stats().sequence, sequence);
  assertEquals(it.store.verifySync().problems, []);
  it.store.closeSync();
  assertEquals(it.io.operations.filter(isChange), []);
  assertEquals(difference(it.io.killed(), image), "");
});
