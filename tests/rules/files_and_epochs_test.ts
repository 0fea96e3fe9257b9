/**
 * The rules of the data file: pages that say what they are, epochs that never repeat, and the two
 * meta pages.
 */

import { checksum } from "../../core/checksum.ts";
import { encodeMeta, fileSeed, type Meta } from "../../core/meta.ts";
import { assert, assertEquals, assertGreaterOrEqual, assertNotEquals } from "../support/assert.ts";
import { Writings } from "../support/audit.ts";
import {
  cellsOf,
  childrenOf,
  decodePage,
  KINDS,
  metasOf,
  newestMeta,
  newestSlot,
  type PageView,
  reachOf,
  runReference,
} from "../support/image.ts";
import { withSeeds } from "../support/random.ts";
import type { Image, Operation } from "../support/recording_io.ts";
import { assertCodeSync } from "../support/store.ts";
import { Unrest } from "../support/unrest.ts";
import {
  changed,
  contentsOf,
  entriesOf,
  fill,
  finish,
  finishAsync,
  LOG,
  PATH,
  refusal,
  reopen,
  rule,
  shownBy,
  SMALL,
  watch,
  watchAsync,
  without,
  words,
} from "../support/watched.ts";

const PAGE = 512;

/** The page at `number` of a file. */
function pageOf(data: Uint8Array, number: number): PageView {
  const bytes = data.subarray(number * PAGE, (number + 1) * PAGE);
  const view = decodePage(bytes, fileSeed(newestMeta(data).fileId));
  if (typeof view === "string") throw new Error(`page ${number}: ${view}`);
  return view;
}

/** The pages that the newest meta page of an image reaches, without those of large values. */
function pagesOf(data: Uint8Array): PageView[] {
  const { entries, pages } = reachOf(data, newestMeta(data));
  assert(entries.size >= 0);
  const views: PageView[] = [];
  for (const number of pages.keys()) {
    const bytes = data.subarray(number * PAGE, (number + 1) * PAGE);
    const view = decodePage(bytes, fileSeed(newestMeta(data).fileId));
    if (typeof view !== "string") views.push(view);
  }
  return views;
}

/** Every writing of a page, in order: number, epoch and checksum. */
function writingsOf(operations: readonly Operation[]): { page: number; epoch: number }[] {
  return operations.filter(({ kind, path }) => kind === "batch" && path === PATH).flatMap(
    ({ pieces }) =>
      pieces.map(({ at, bytes }) => ({
        page: at / PAGE,
        epoch: new DataView(bytes.buffer).getUint32(8, true),
      })),
  );
}

/** Replaces a meta page. */
function withMeta(image: Image, slot: number, change: (meta: Meta) => void): Image {
  return changed(image, PATH, (data) => {
    const meta = metasOf(data)[slot] ?? newestMeta(data);
    change(meta);
    encodeMeta(meta, slot, data.subarray(slot * PAGE, (slot + 1) * PAGE));
  });
}

const flip = (data: Uint8Array, at: number): void => {
  data[at] ^= 0x10;
};

/** A closed store of some keys, large values among them, and its files. */
function closedStore(count = 400): Image {
  const it = watch();
  fill(it.store, count);
  it.store.putSync("large", "x".repeat(5000));
  finish(it);
  return it.io.killed();
}

rule("NAME holds pages and NAME-wal the log, and nothing else is made", () => {
  const it = watch();
  fill(it.store, 50);
  finish(it);
  const names = new Set(it.io.operations.map(({ path }) => path));
  assertEquals([...names].toSorted(), [PATH, LOG]);
  assertEquals([...it.io.killed().keys()].toSorted(), [PATH, LOG]);
});

rule("every page but the meta pages carries checksum, number and epoch", () => {
  const data = closedStore().get(PATH)!;
  const { pages } = reachOf(data, newestMeta(data));
  const views = pagesOf(data);
  assertGreaterOrEqual(views.length, 100);
  for (const { number, epoch, bytes } of views) {
    assertEquals(pages.get(number), epoch);
    assertEquals(typeof decodePage(bytes, 0), "string", "the checksum is seeded with the file id");
  }
});

rule("a reference to a child carries the number and the epoch of the child", () => {
  const data = closedStore().get(PATH)!;
  let references = 0;
  for (const view of pagesOf(data)) {
    for (const { page, epoch } of childrenOf(view)) {
      references++;
      assertEquals(pageOf(data, page).epoch, epoch);
    }
  }
  assertGreaterOrEqual(references, 100);
});

rule("a wrong number, an old epoch and a bad checksum are each told by the page", () => {
  const image = closedStore();
  const data = image.get(PATH)!;
  const [one, other] = pagesOf(data).filter((view) =>
    view.kind === KINDS.leaf && cellsOf(view)[0].key.length > 0
  );
  const place = one.number * PAGE;
  const key = new TextDecoder().decode(cellsOf(one)[0].key);
  const cases: [string, (bytes: Uint8Array) => void][] = [
    [`says that it is page ${other.number}`, (bytes) => bytes.set(other.bytes, place)],
    ["checksum", (bytes) => flip(bytes, place + 100)],
    [`where ${one.epoch} is referred to`, (bytes) => {
      const view = new DataView(bytes.buffer, place, PAGE);
      view.setUint32(8, one.epoch - 1, true);
      const seed = fileSeed(newestMeta(data).fileId);
      view.setUint32(0, checksum(bytes, place + 4, PAGE - 4, seed), true);
    }],
  ];
  for (const [part, change] of cases) {
    const { io, store } = watch({ image: changed(image, PATH, change) });
    const error = assertCodeSync(() => store.getSync(key), "KVIG_CORRUPT", part);
    assertEquals([error.file, error.page], [PATH, one.number]);
    assertNotEquals(store.getSync("large"), undefined, "the rest stays readable");
    assertEquals(store.verifySync().ok, false);
    store.closeSync();
    io.check();
  }
});

rule("a large value lies in adjacent pages without headers, found by page, epoch and sum", () => {
  const image = closedStore(10);
  const data = image.get(PATH)!;
  const cells = pagesOf(data).filter(({ kind }) => kind === KINDS.leaf).flatMap(cellsOf);
  const run = runReference(cells.find(({ large }) => large)!.value);
  assertEquals(run.length, 5000);
  const at = run.page * PAGE;
  assertEquals(data.subarray(at, at + 5000).every((byte) => byte === 120), true);
  const seed = (run.page ^ Math.imul(run.epoch, 0x9E3779B1)) >>> 0;
  assertEquals(run.sum, checksum(data, at, 5000, seed));
  for (const damaged of [at, at + 2500, at + 4999]) {
    const { store } = watch({ image: changed(image, PATH, (bytes) => flip(bytes, damaged)) });
    const error = assertCodeSync(() => store.getSync("large"), "KVIG_CORRUPT");
    assertEquals(error.page, run.page);
    store.closeSync();
  }
});

rule("a large value is read without displacing the cache", () => {
  const it = watch();
  fill(it.store, 300);
  it.store.putSync("large", "y".repeat(900_000));
  it.store.checkpointSync();
  entriesOf(it.store);
  const { reads, evictions, available } = it.store.stats().cache;
  for (let i = 0; i < 3; i++) assertEquals(it.store.getSync("large")?.length, 900_000);
  const after = it.store.stats().cache;
  assertEquals([after.reads, after.evictions, after.available], [reads, evictions, available]);
  finish(it);
});

rule("separators are cut to what tells two leaves apart", () => {
  const it = watch();
  for (let i = 0; i < 200; i++) it.store.putSync(`${i}`.padStart(3, "0").padEnd(100, "-"), "v");
  finish(it);
  const branches = pagesOf(it.io.live(PATH)).filter(({ kind }) => kind === KINDS.branch);
  assertGreaterOrEqual(branches.length, 1);
  for (const { bytes, count, prefixBytes } of branches) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let slot = 1; slot < count; slot++) {
      const cell = view.getUint16(32 + 12 * count + 2 * slot, true);
      assert(prefixBytes + view.getUint16(cell, true) <= 3, "a separator is as short as can be");
    }
  }
});

rule("an empty key and an empty value are legal", () => {
  const it = watch();
  it.store.putSync("", "");
  it.store.putSync("a", "");
  finish(it);
  assertEquals(shownBy(it.io.live(PATH)), { "": "", a: "" });
  assertEquals(contentsOf(it.io.killed()), { "": "", a: "" });
});

rule("the default keyspace is an entry of the catalogue like any other", () => {
  const data = closedStore(20).get(PATH)!;
  const { state } = newestMeta(data);
  const [{ key, value }] = cellsOf(pageOf(data, state.catalogue.page));
  assertEquals(key.length, 0);
  const view = new DataView(value.buffer, value.byteOffset);
  assertEquals([state.catalogue.count, view.getUint32(8, true)], [1, 21]);
  assertEquals(pageOf(data, view.getUint32(0, true)).epoch, view.getUint32(4, true));
});

rule("no two writings share number and epoch, whatever is aborted or cut off", async () => {
  await withSeeds("no two writings", 5, async (random) => {
    const unrest = new Unrest(random, {
      ...SMALL,
      keys: 300,
      valueBytes: 150,
      largeBytes: 4000,
      weights: { huge: 2, abort: 12, crash: 4, kill: 2, reopen: 2 },
      pageFailures: true,
    });
    await unrest.run(900);
  });
});

rule("no two writings share number and epoch across spills of an aborted transaction", () => {
  const it = watch();
  fill(it.store, 2000);
  for (let round = 0; round < 3; round++) {
    assertCodeSync(() =>
      it.store.transactionSync((tx) => {
        for (let i = 0; i < 6000; i++) {
          tx.putSync(`round ${round} ${i}`, "z".repeat(200));
        }
        tx.putSync("k".repeat(1000), "");
      }), "KVIG_KEY_TOO_LARGE");
  }
  assertGreaterOrEqual(it.store.stats().cache.spills, 1000);
  it.audit.check();
  assertEquals(it.store.countSync(), 2000);
  finish(it);
});

rule("no two writings share number and epoch across a dropped checkpoint", () => {
  const it = watch();
  for (let round = 0; round < 8; round++) {
    fill(it.store, 300, 50 + round);
    it.io.failWhen({ match: ({ kind }) => kind === "batch", effect: round % 2 === 0 });
    assertCodeSync(() => it.store.checkpointSync(), "KVIG_IO");
    it.store.deleteSync(`key ${`${round}`.padStart(5, "0")}`);
  }
  it.store.checkpointSync();
  it.audit.check();
  finish(it);
});

rule("the epoch moves on before a place written under it is handed out again", () => {
  const it = watch();
  for (let round = 0; round < 40; round++) {
    fill(it.store, 200, 100 + round);
    it.store.checkpointSync();
  }
  const last = new Map<number, number>();
  let again = 0;
  for (const { page, epoch } of writingsOf(it.io.operations)) {
    const before = last.get(page);
    if (before !== undefined) {
      again++;
      assert(epoch > before, `page ${page} was written under ${before}, then ${epoch}`);
    }
    last.set(page, epoch);
  }
  assertGreaterOrEqual(again, 200, "places were used again");
  finish(it);
});

rule("pages are written only below the limit; when it is reached one more meta page comes", () => {
  const it = watch({ logSize: 4 * 1024 * 1024 });
  fill(it.store, 20);
  it.store.checkpointSync();
  const before = it.audit.metas.at(-1)!;
  for (let i = 0; i < 400; i++) it.store.putSync("large", `${i}`.padEnd(1000, "x"));
  const raised = it.audit.metas.slice(it.audit.metas.indexOf(before) + 1);
  const same = raised.filter(({ state, position }) =>
    state.sequence === before.state.sequence && position === before.position &&
    state.catalogue.page === before.state.catalogue.page
  );
  assertGreaterOrEqual(same.length, 1, "with the durable roots and position");
  const limits = [before, ...raised].map(({ epochLimit }) => epochLimit);
  assertEquals(limits, limits.toSorted((a, b) => a - b));
  it.audit.check();
  finish(it);
  assertGreaterOrEqual(it.audit.writings.highestEpoch, before.epochLimit);
});

rule("raising the limit never takes a checkpoint back that ends meanwhile", async () => {
  const it = await watchAsync();
  await it.store.put("a", "1");
  it.io.hold = ({ kind, path, pieces }) =>
    kind === "write" && path === PATH && pieces[0].at < 2 * PAGE;
  const checkpoint = it.store.checkpoint();
  for (let i = 0; i < 600 && it.io.inFlight.length === 0; i++) await Promise.resolve();
  assertEquals(it.io.inFlight.length, 1, "the meta page of the checkpoint is in flight");
  let large = Promise.resolve();
  for (let i = 0; i < 300; i++) large = it.store.put("large", `${i}`.padEnd(600, "x"));
  for (let i = 0; i < 20_000; i++) await Promise.resolve();
  it.io.hold = () => false;
  it.io.settleAll();
  await checkpoint;
  await large;
  it.audit.check();
  assertGreaterOrEqual(newestMeta(it.io.durable(PATH)).state.sequence, 1);
  assertEquals(Object.keys(contentsOf(it.io.powerCut())), ["a", "large"]);
  await finishAsync(it);
});

rule("every meta page raises the limit, takes the next number and the older slot", () => {
  const it = watch();
  for (let round = 0; round < 6; round++) {
    it.store.putSync("key", `${round}`);
    it.store.checkpointSync();
    if (round % 2 === 0) it.store.compactSync();
  }
  it.store.transactionSync((tx) => {
    for (let i = 0; i < 3000; i++) tx.putSync(`many ${i}`, "m".repeat(150));
  });
  finish(it);
  const again = reopen(it);
  finish(again);
  const slots = it.io.recorded(PATH, "write").filter(({ pieces: [{ at, length }] }) =>
    length === PAGE && at <= PAGE
  ).map(({ pieces }) => pieces[0].at / PAGE);
  assertGreaterOrEqual(slots.length, 12);
  slots.forEach((slot, i) => assertEquals(slot, i % 2));
  const { metas } = it.audit;
  assertEquals(metas.map(({ checkpoint }) => checkpoint), metas.map((_, i) => i + 2));
  for (let i = 1; i < metas.length; i++) assert(metas[i].epochLimit > metas[i - 1].epochLimit);
});

rule("opening for writing syncs both files full, then writes and syncs the same roots", () => {
  const image = closedStore();
  const it = watch({ image });
  const said = words(it.io.operations.filter(({ kind }) => /sync|write|batch/.test(kind)));
  const slot = 1 - newestSlot(image.get(PATH)!);
  assertEquals(said, [
    `sync ${PATH} full`,
    `sync ${LOG} full`,
    `write ${PATH} ${slot * PAGE}+${PAGE}`,
    `sync ${PATH} full`,
  ]);
  const [first, second] = metasOf(it.io.durable(PATH));
  assertEquals(first!.state.catalogue, second!.state.catalogue);
  assertEquals(first!.state.freePage, second!.state.freePage);
  assertEquals(first!.position, second!.position);
  finish(it);
});

rule("new epochs start at the limit that the opening found", () => {
  const image = closedStore();
  const limit = newestMeta(image.get(PATH)!).epochLimit;
  const it = watch({ image });
  it.store.putSync("new", "n");
  it.store.checkpointSync();
  const epochs = writingsOf(it.io.operations).map(({ epoch }) => epoch);
  assertEquals(Math.min(...epochs), limit);
  assert(epochs.every((epoch) => epoch < newestMeta(it.io.durable(PATH)).epochLimit));
  finish(it);
});

rule("epochs written under a meta page that is lost do not come again", () => {
  const writings = new Writings();
  const it = watch({ writings, logSize: 4 * 1024 * 1024 });
  for (let i = 0; i < 200; i++) it.store.putSync("large", `${i}`.padEnd(600, "a"));
  it.store.checkpointSync();
  const older = metasOf(it.io.live(PATH))[1 - newestSlot(it.io.live(PATH))]!;
  for (let i = 0; i < 100; i++) it.store.putSync("large", `${i}`.padEnd(600, "b"));
  const { highestEpoch } = writings;
  assertGreaterOrEqual(highestEpoch, older.epochLimit, "above the limit of the older meta page");
  const image = changed(it.io.killed(), PATH, (data) => flip(data, newestSlot(data) * PAGE + 200));
  const again = watch({ image, writings });
  fill(again.store, 100, 40);
  again.store.checkpointSync();
  const epochs = writingsOf(again.io.operations).map(({ epoch }) => epoch);
  assert(Math.min(...epochs) > highestEpoch, `${Math.min(...epochs)} came after ${highestEpoch}`);
  finish(again);
});

rule("the newest valid meta page counts", () => {
  const it = watch();
  it.store.putSync("key", "one");
  it.store.checkpointSync();
  const before = it.io.killed();
  it.store.putSync("key", "two");
  it.store.checkpointSync();
  const after = it.io.killed();
  finish(it);
  assertEquals(contentsOf(after), { key: "two" });
  // Both orders of the slots.
  assertNotEquals(newestSlot(before.get(PATH)!), newestSlot(after.get(PATH)!));
  assertEquals(contentsOf(before), { key: "one" });
});

rule("a damaged newest meta page is passed over, and the log replays what it said", () => {
  const it = watch();
  for (let i = 0; i < 20; i++) {
    it.store.putSync("key", `${i}`);
    it.store.putSync(`key ${i}`, `${i}`);
    it.store.checkpointSync();
    const image = it.io.killed();
    const wanted = entriesOf(it.store);
    for (const at of [0, 4, 70, 300, 511]) {
      const broken = changed(image, PATH, (bytes) => flip(bytes, newestSlot(bytes) * PAGE + at));
      if (i % 5 === 0 || at === 70) assertEquals(contentsOf(broken), wanted);
    }
  }
  finish(it);
});

rule("on falling back to the older meta page the highest page counts, not the page count", () => {
  const it = watch();
  fill(it.store, 6000, 200);
  it.store.checkpointSync();
  it.store.clearSync({ gte: "key 00500" });
  it.store.checkpointSync();
  finish(it);
  const image = it.io.killed();
  const data = image.get(PATH)!;
  const [one, other] = metasOf(data);
  assert(one !== undefined && other !== undefined);
  // The older page counts more pages than the file has; it reaches no more than there are.
  const long = withMeta(image, 1 - newestSlot(data), ({ state }) => {
    state.pageCount = data.length / PAGE + 500;
  });
  const fallen = changed(long, PATH, (bytes) => flip(bytes, newestSlot(bytes) * PAGE + 90));
  assertEquals(Object.keys(contentsOf(fallen)).length, 500);
  const high = withMeta(image, 1 - newestSlot(data), ({ state }) => {
    state.highestPage = data.length / PAGE + 500;
  });
  const beyond = changed(high, PATH, (bytes) => flip(bytes, newestSlot(bytes) * PAGE + 90));
  assertCodeSync(() => watch({ image: beyond }), "KVIG_CORRUPT");
});

rule("a file longer than its page count opens, a shorter one is damage", () => {
  const image = closedStore();
  const longer = changed(image, PATH, (data) => {
    const grown = new Uint8Array(data.length + 100_000).fill(0xA5);
    grown.set(data);
    return grown;
  });
  assertEquals(contentsOf(longer), contentsOf(image));
  const count = newestMeta(image.get(PATH)!).state.pageCount;
  for (const pages of [count - 1, 3, 2]) {
    const shorter = changed(image, PATH, (data) => data.slice(0, pages * PAGE));
    assertCodeSync(() => watch({ image: shorter }), "KVIG_CORRUPT");
  }
});

rule("the feature flags of a meta page are ignored, keep from writing, or from opening", () => {
  const image = closedStore(20);
  const both = (change: (meta: Meta) => void): Image =>
    withMeta(withMeta(image, 0, change), 1, change);
  const wanted = contentsOf(image);
  assertEquals(contentsOf(both((meta) => meta.compatible = 1 << 30)), wanted);
  const readOnly = both((meta) => meta.readOnlyCompatible = 2);
  assertCodeSync(() => watch({ image: readOnly }), "KVIG_FORMAT");
  const reader = watch({ image: readOnly, readOnly: true });
  assertEquals(entriesOf(reader.store), wanted);
  reader.store.closeSync();
  const changes: ((meta: Meta) => void)[] = [
    (meta) => meta.incompatible = 4,
    (meta) => meta.version = 2,
  ];
  for (const change of changes) {
    const refused = both(change);
    for (const only of [false, true]) {
      const io = { image: refused, readOnly: only };
      assertCodeSync(() => watch(io), "KVIG_FORMAT");
    }
  }
});

rule("an opening that is refused leaves the files as they were", () => {
  const image = closedStore(20);
  const broken: Image[] = [
    changed(image, PATH, (data) => data.fill(0, 0, 2 * PAGE)),
    changed(image, PATH, (data) => data.slice(0, 3 * PAGE)),
    changed(image, LOG, (log) => log.slice(0, -4096)),
    without(image, LOG),
    without(withGroups(), PATH),
    withMeta(withMeta(image, 0, (meta) => meta.version = 9), 1, (meta) => meta.version = 9),
  ];
  for (const each of broken) {
    const { code } = refusal(each);
    assert(code === "KVIG_CORRUPT" || code === "KVIG_FORMAT", code);
  }
});

/** The files of a store whose log holds groups. */
function withGroups(): Image {
  const it = watch();
  fill(it.store, 20);
  const image = it.io.killed();
  finish(it);
  return image;
}
