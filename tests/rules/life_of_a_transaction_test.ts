/**
 * The rules of a transaction's life: copies that an abort drops, one group in the log, and for
 * those that outgrow it a commit by both meta pages.
 *
 * @module
 */

import { assert, assertEquals, assertGreaterOrEqual, assertNotEquals } from "../support/assert.ts";
import { metasOf, newestSlot } from "../support/image.ts";
import { groupsIn, recordsOf } from "../support/log_image.ts";
import type { Operation } from "../support/recording_io.ts";
import { assertCode, assertCodeSync } from "../support/store.ts";
import { drained } from "../support/unrest.ts";
import {
  changed,
  contentsOf,
  entriesOf,
  fill,
  finish,
  finishAsync,
  LOG,
  PATH,
  rule,
  watch,
  watchAsync,
  type Watched,
  words,
} from "../support/watched.ts";

const PAGE = 4096;
// Fewer pages make the large transactions here quicker.
const PAGES = { pageSize: PAGE };
const MIB = 1024 * 1024;
const DEFERRED = { durability: "deferred" } as const;

interface Putting {
  putSync(key: string, value: string): void;
}

/** Puts more than the cache and a quarter of the log hold. */
function putMuch(tx: Putting, letter = "m"): void {
  for (let i = 0; i < 5000; i++) tx.putSync(`much ${i}`, letter.repeat(200));
}

/** Fails unless an image shows `count` values of {@link putMuch} of that letter, and the rest. */
function assertShows(image: ReadonlyMap<string, Uint8Array>, count: number, letter = "m"): void {
  const entries = contentsOf(image, PAGES);
  const much = Object.entries(entries).filter(([key]) => key.startsWith("much "));
  assertEquals(much.length, count);
  assert(much.every(([, value]) => value === letter.repeat(200)));
  assertEquals(entries["a"], "1");
}

const isMeta = ({ kind, path, pieces }: Operation): boolean =>
  kind === "write" && path === PATH && pieces[0].at <= PAGE && pieces[0].length === PAGE;

class TakenBack extends Error {}

/** Does `work` in a transaction that is taken back. */
function abort({ store }: Watched, work: (tx: Putting) => void): void {
  let caught: unknown;
  try {
    store.transactionSync((tx) => {
      work(tx);
      throw new TakenBack();
    });
  } catch (error) {
    caught = error;
  }
  assert(caught instanceof TakenBack, String(caught));
}

rule("the first touch of a page copies it, and the next ones change the copy", () => {
  const it = watch(PAGES);
  it.store.putSync("a", "1");
  const { work } = it.engine.pages;
  const before = `${work.tree.page}/${work.tree.epoch}`;
  const { used } = it.store.stats().pages;
  it.store.transactionSync((tx) => {
    tx.putSync("a", "2");
    const first = `${work.tree.page}/${work.tree.epoch}`;
    assertNotEquals(first, before);
    for (let i = 0; i < 5; i++) tx.putSync(`b ${i}`, "3");
    assertEquals(`${work.tree.page}/${work.tree.epoch}`, first);
    assertEquals(entriesOf(it.store), { a: "1" }, "readers outside see what is committed");
  });
  assertEquals(it.store.stats().pages.used, used);
  finish(it);
});

rule("an abort drops the copies: everything is as it was", () => {
  const it = watch(PAGES);
  fill(it.store, 200);
  const { pages } = it.engine;
  const traces = (): unknown[] => {
    const { sequence, entries, pages: { used }, cache } = it.store.stats();
    return [sequence, entries, used, cache.dirty, pages.work.tree.page, pages.work.tree.epoch];
  };
  const before = traces();
  const wanted = entriesOf(it.store);
  abort(it, (tx) => {
    for (let i = 0; i < 200; i++) tx.putSync(`key ${i}`, "b".repeat(150));
    tx.putSync("large", "l".repeat(9000));
  });
  assertEquals(traces(), before);
  assertEquals(entriesOf(it.store), wanted);
  assertEquals(contentsOf(it.io.killed(), PAGES), wanted);
  finish(it);
});

rule("its records form one group, written at its commit", () => {
  const it = watch(PAGES);
  it.store.putSync("a", "1");
  it.store.putSync("b", "2", DEFERRED);
  const from = it.io.operations.length;
  it.store.transactionSync((tx) => {
    for (let i = 0; i < 300; i++) tx.putSync(`key ${i % 100}`, "v".repeat(100));
    tx.deleteSync("a");
    assertEquals(it.io.recorded(LOG).filter(({ index }) => index >= from), []);
  });
  const writes = it.io.operations.slice(from).filter(({ path }) => path === LOG);
  assertEquals(writes.map(({ kind }) => kind), ["write", "sync"]);
  it.store.putSync("c", "3");
  const image = it.io.killed();
  const groups = groupsIn(image);
  assertEquals(groups.length, 4, "what came before it and after it has groups of its own");
  const records = recordsOf(image.get(LOG)!, it.audit.metas.at(-1)!, groups[2]);
  assertEquals(records.length, 302);
  assertEquals(records.map(({ type }) => type).indexOf(4), 301, "one commit, at the end");
  finish(it);
});

rule("small transactions of many tasks share a group and its sync with single writes", async () => {
  const it = await watchAsync(PAGES);
  await it.store.put("a", "1");
  const groups = groupsIn(it.io.killed()).length;
  const syncs = it.io.recorded(LOG, "sync").length;
  const tasks = Array.from({ length: 12 }, async (_, i) => {
    if (i % 4 === 3) return await it.store.put(`single ${i}`, "s");
    await it.store.transaction((tx) => {
      tx.putSync(`first ${i}`, "f");
      tx.putSync(`second ${i}`, "s");
      if (i % 4 === 2) throw new TakenBack();
    }).catch((error) => assert(error instanceof TakenBack, String(error)));
  });
  await Promise.all(tasks);
  const image = it.io.killed();
  const added = groupsIn(image).slice(groups);
  assertEquals([added.length, it.io.recorded(LOG, "sync").length - syncs], [1, 1]);
  const records = recordsOf(image.get(LOG)!, it.audit.metas.at(-1)!, added[0]);
  assertEquals(records.filter(({ type }) => type === 4).length, 9, "a commit for each");
  assertEquals(records.length, 6 * 3 + 3 * 2, "nothing of those that were taken back");
  const shown = Object.keys(contentsOf(it.io.powerCut(), PAGES));
  assertEquals(shown.length, 1 + 6 * 2 + 3);
  await finishAsync(it);
});

rule("records that outgrow the buffer are streamed into the ring ahead of the commit", () => {
  const it = watch({ ...PAGES, logSize: 8 * MIB, cacheSize: 8 * MIB });
  it.store.putSync("a", "1");
  const from = it.io.operations.length;
  const metas = it.audit.metas.length;
  let ahead = 0;
  it.store.transactionSync((tx) => {
    for (let i = 0; i < 7000; i++) tx.putSync(`much ${i % 5000}`, "m".repeat(200));
    ahead = it.io.recorded(LOG, "write").filter(({ index }) => index > from).length;
    assertShows(it.io.killed(), 0);
  });
  assertGreaterOrEqual(ahead, 1);
  assertEquals(it.io.recorded(LOG, "sync").filter(({ index }) => index > from).length, 1);
  assertEquals(it.audit.metas.length, metas, "the log alone commits it");
  assertEquals(groupsIn(it.io.killed()).length, 2);
  assertShows(it.io.powerCut(), 5000);
  finish(it);
});

rule("an abandoned group counts as nothing, and gives its number and position back", () => {
  const it = watch({ ...PAGES, logSize: 8 * MIB });
  it.store.putSync("a", "1");
  const { nextGroup, head } = it.engine.log;
  const streams = (tx: Putting): void => {
    for (let i = 0; i < 7000; i++) tx.putSync(`much ${i % 5000}`, "m".repeat(200));
  };
  const outgrows = (tx: Putting): void => {
    for (let i = 0; i < 10_500; i++) tx.putSync(`much ${i % 5000}`, "m".repeat(200));
  };
  for (const work of [(tx: Putting) => tx.putSync("b", "2"), streams, outgrows]) {
    const writes = it.io.recorded(LOG, "write").length;
    abort(it, work);
    assert(work === streams || work === outgrows || it.io.recorded(LOG, "write").length === writes);
    assertEquals([it.engine.log.nextGroup, it.engine.log.head], [nextGroup, head]);
    assertShows(it.io.killed(), 0);
  }
  it.store.putSync("c", "3");
  const groups = groupsIn(it.io.killed());
  assertEquals(groups.map(({ number, position }) => [number, position]), [
    [nextGroup - 1, head - 1],
    [nextGroup, head],
  ]);
  assertEquals(contentsOf(it.io.powerCut(), PAGES), { a: "1", c: "3" });
  finish(it);
});

rule("up to a quarter of the log a group commits it, beyond that a checkpoint", () => {
  const it = watch({ ...PAGES, logSize: 4 * MIB });
  for (const [bytes, byLog] of [[900_000, true], [1_100_000, false]] as const) {
    const metas = it.audit.metas.length;
    const { head } = it.engine.log;
    it.store.transactionSync((tx) => {
      for (let done = 0; done < bytes; done += 100_000) {
        tx.putSync(`large ${done}`, "l".repeat(100_000));
      }
    });
    assertEquals(it.audit.metas.length - metas >= 2, !byLog);
    assertEquals(it.engine.log.head - head >= 200, byLog);
  }
  const wanted = entriesOf(it.store);
  finish(it);
  assertEquals(contentsOf(it.io.killed(), PAGES), wanted);
});

rule("a transaction of any size works: its pages are spilled, both meta pages commit it", () => {
  const it = watch(PAGES);
  it.store.putSync("a", "1");
  const from = it.io.operations.length;
  const { nextGroup } = it.engine.log;
  it.store.transactionSync((tx) => {
    for (const letter of ["x", "y", "m"]) putMuch(tx, letter);
    tx.putSync("large", "l".repeat(2 * MIB));
  });
  assertGreaterOrEqual(it.store.stats().cache.spills, 60);
  assertEquals(it.engine.log.nextGroup, nextGroup + 1, "it took a number and left no group");
  const batch = it.io.operations.findLastIndex(({ kind }) => kind === "batch");
  assert(batch > from);
  const said = words(it.io.operations.slice(batch + 1));
  assertEquals(said.toSpliced(1, 1), [
    `sync ${PATH} full`,
    `sync ${PATH} full`,
    `write ${PATH} ${newestSlot(it.io.live(PATH)) * PAGE}+${PAGE}`,
    `sync ${PATH} full`,
  ]);
  const [first, second] = metasOf(it.io.durable(PATH));
  assertEquals([first!.state.sequence, second!.state.sequence], [2, 2]);
  assertEquals(first!.state.catalogue, second!.state.catalogue);
  assertEquals([first!.group, first!.position], [second!.group, second!.position]);
  assertShows(it.io.powerCut(), 5000);
  finish(it);
});

rule("one damaged meta page never takes such a transaction back", () => {
  const it = watch(PAGES);
  it.store.putSync("a", "1");
  it.store.transactionSync((tx) => putMuch(tx));
  const image = it.io.powerCut();
  finish(it);
  for (const slot of [0, 1]) {
    assertShows(changed(image, PATH, (data) => void (data[slot * PAGE + 90] ^= 1)), 5000);
  }
});

rule("the first sync of a meta page is the commit point, the second one acknowledges", async () => {
  const it = await watchAsync(PAGES);
  await it.store.put("a", "1");
  it.io.hold = (operation) => isMeta(operation);
  let settled = false;
  const work = it.store.transaction((tx) => putMuch(tx)).then(() => settled = true);
  const queued = it.store.put("queued", "q");
  const held = async (): Promise<Operation> => {
    for (let i = 0; i < 500 && !it.io.inFlight.some(isMeta); i++) await drained();
    // Others could go on as far as they may.
    for (let i = 0; i < 5; i++) await drained();
    const [operation] = it.io.inFlight.filter(isMeta);
    assert(operation !== undefined, "a meta page is written");
    return operation;
  };
  const first = await held();
  assertEquals(settled, false);
  assertShows(it.io.powerCut(), 0);
  it.io.settle(first);
  const second = await held();
  assertNotEquals(second.pieces[0].at, first.pieces[0].at, "the other slot");
  assertEquals([settled, it.engine.turn.held], [false, true]);
  assertShows(it.io.powerCut(), 5000);
  assertEquals(await it.store.get("queued"), undefined, "the turn is kept until it is durable");
  assertEquals(await it.store.get("much 1"), undefined, "and nobody sees it before");
  it.io.hold = () => false;
  it.io.settle(second);
  await work;
  await queued;
  assertEquals(it.store.stats().sequence, 3);
  await finishAsync(it);
});

rule("it waits for a running checkpoint first, at whatever step that is", async () => {
  const steps: readonly ((operation: Operation) => boolean)[] = [
    ({ kind }) => kind === "batch",
    isMeta,
  ];
  for (const step of steps) {
    const it = await watchAsync(PAGES);
    await it.store.put("a", "1");
    it.io.hold = step;
    const checkpoint = it.store.checkpoint();
    for (let i = 0; i < 20; i++) await drained();
    assertEquals(it.io.inFlight.map(step), [true]);
    it.io.hold = () => false;
    const metas = it.io.operations.filter(isMeta).length;
    let done = false;
    const work = it.store.transaction((tx) => putMuch(tx)).then(() => done = true);
    for (let i = 0; i < 60; i++) await drained();
    assertEquals([done, it.io.operations.filter(isMeta).length], [false, metas]);
    it.io.settleAll();
    await checkpoint;
    await work;
    const sequences = it.audit.metas.slice(-3).map(({ state }) => state.sequence);
    assertEquals(sequences, [1, 2, 2]);
    await finishAsync(it);
  }
});

rule("a data page that fails in a spill or at its commit aborts it with KVIG_IO", () => {
  for (const effect of [false, true]) {
    for (const atCommitOnly of [false, true]) {
      const it = watch(PAGES);
      it.store.putSync("a", "1");
      const { used } = it.store.stats().pages;
      const { nextGroup } = it.engine.log;
      // The last batches are those of the commit's checkpoint.
      let atCommit = false;
      const match = ({ kind }: Operation): boolean =>
        kind === "batch" && (atCommit || !atCommitOnly);
      it.io.failWhen({ match, effect });
      assertCodeSync(() =>
        it.store.transactionSync((tx) => {
          putMuch(tx);
          atCommit = true;
        }), "KVIG_IO");
      assertEquals(entriesOf(it.store), { a: "1" });
      assertEquals(it.store.stats().pages.used, used);
      assertEquals(it.engine.log.nextGroup, nextGroup, "the number is given back");
      assertEquals(contentsOf(it.io.killed(), PAGES), { a: "1" });
      it.io.failNothing();
      if (effect) it.store.transactionSync((tx) => putMuch(tx));
      finish(it);
      assertShows(it.io.powerCut(), effect ? 5000 : 0);
    }
  }
});

rule("what was aborted never shows up later", () => {
  const it = watch(PAGES);
  it.store.putSync("a", "1");
  for (let round = 0; round < 3; round++) {
    abort(it, (tx) => {
      putMuch(tx, "x");
      tx.putSync("aborted", "x");
    });
    abort(it, (tx) => tx.putSync("aborted", "x"));
    it.store.putSync("b", `${round}`);
    const wanted = { a: "1", b: `${round}` };
    assertEquals(contentsOf(it.io.killed(), PAGES), wanted);
    assertEquals(contentsOf(it.io.powerCut(), PAGES), wanted);
    if (round === 1) it.store.checkpointSync();
  }
  finish(it);
  assertEquals(contentsOf(it.io.killed(), PAGES), { a: "1", b: "2" });
});

rule("a failed write or sync leaves the outcome unknown: all of it or nothing", () => {
  const sizes: readonly ((tx: Putting) => void)[] = [
    (tx) => tx.putSync("much 0", "m".repeat(200)),
    (tx) => putMuch(tx),
  ];
  for (const [i, work] of sizes.entries()) {
    const decisive = (operation: Operation): boolean =>
      i === 0 ? operation.path === LOG : operation.kind === "sync" && operation.path === PATH;
    for (const skip of [0, 1]) {
      for (const effect of [false, true]) {
        const it = watch(PAGES);
        it.store.putSync("a", "1");
        it.io.failWhen({ match: decisive, skip, effect });
        const error = assertCodeSync(() => it.store.transactionSync(work), "KVIG_FAILED");
        assertEquals(error.outcome, "unknown");
        assertCodeSync(() => it.store.putSync("b", "2"), "KVIG_FAILED");
        const all = i === 0 ? 1 : 5000;
        const image = effect ? it.io.killed() : it.io.powerCut();
        const count = Object.keys(contentsOf(image, PAGES)).length - 1;
        assert(count === 0 || count === all, `${count} of ${all} are there`);
        assertCodeSync(() => it.store.closeSync(), "KVIG_FAILED");
        it.audit.check();
      }
    }
  }
});

rule("a transaction that changed nothing leaves nothing behind", async () => {
  const it = await watchAsync(PAGES);
  await it.store.put("a", "1");
  const { sequence } = it.store.stats();
  const from = it.io.operations.length;
  await it.store.transaction(async (tx) => {
    await tx.get("a");
    assertEquals(await tx.delete("b"), false);
  });
  assertEquals(it.store.stats().sequence, sequence);
  assertEquals(words(it.io.operations.slice(from)), []);
  await assertCode(
    () => it.store.transaction((tx) => tx.put("k".repeat(1025), "")),
    "KVIG_KEY_TOO_LARGE",
  );
  assertEquals(it.store.stats().sequence, sequence);
  await finishAsync(it);
});
