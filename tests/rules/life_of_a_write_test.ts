/**
 * The rules of a write's life: its turn, its copy, the page that it changes, the flush that makes
 * it durable, and what a synchronous one does where it would have to wait.
 *
 * Transactions are in life_of_a_transaction_test.ts.
 *
 * @module
 */

import { runAsync } from "../../core/future.ts";
import { BUSY, DIRTY, USED } from "../../core/page_cache.ts";
import { assert, assertEquals, assertGreaterOrEqual, assertNotEquals } from "../support/assert.ts";
import { newestMeta } from "../support/image.ts";
import { groupsIn, recordsOf } from "../support/log_image.ts";
import type { Operation } from "../support/recording_io.ts";
import { assertCode, assertCodeSync } from "../support/store.ts";
import { drained } from "../support/unrest.ts";
import {
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

const BLOCK = 4096;
const MIB = 1024 * 1024;
const DEFERRED = { durability: "deferred" } as const;
const text = new TextDecoder();
const bytes = (letters: string): Uint8Array => new TextEncoder().encode(letters);

/** Lets microtasks run, and nothing else. */
async function microtasks(): Promise<void> {
  for (let i = 0; i < 20; i++) await undefined;
}

/** A store with the room that the next writes need; its log goes on at position 1. */
async function warm(): Promise<Watched> {
  const it = await watchAsync();
  await it.store.put("warm", "");
  return it;
}

/** Operations from `index` on, in few words. */
const since = ({ io }: Watched, index: number): string[] => words(io.operations.slice(index));

/** Keys and commits of the groups in the log. */
function logged({ io }: Watched): string[] {
  const image = io.killed();
  const meta = newestMeta(image.get(PATH)!);
  return groupsIn(image).flatMap((group) => recordsOf(image.get(LOG)!, meta, group))
    .filter(({ type }) => type !== 4).map(({ key, value }) => `${key}=${value.slice(0, 5)}`);
}

rule("keys and values are copied at the turn: then the bytes are the caller's again", async () => {
  const it = await watchAsync();
  const writes: readonly ((key: Uint8Array, value: Uint8Array) => Promise<unknown>)[] = [
    (key, value) => Promise.resolve(it.store.putSync(key, value, DEFERRED)),
    (key, value) => it.store.put(key, value, DEFERRED),
    (key, value) => it.store.batch([{ type: "put", key, value }], DEFERRED),
    (key, value) => it.store.transaction((tx) => tx.put(key, value), DEFERRED),
    (key, value) => Promise.resolve(it.store.transactionSync((tx) => tx.putSync(key, value))),
  ];
  const wanted: Record<string, string> = {};
  for (const [i, write] of writes.entries()) {
    for (const length of [10, 3000]) {
      const key = bytes(`key ${i} ${length}`);
      const value = bytes("v".repeat(length));
      await write(key, value);
      key.fill(0x21);
      value.fill(0x21);
      wanted[`key ${i} ${length}`] = "v".repeat(length);
    }
  }
  // A put with a free turn has copied them when it returns.
  const [key, value] = [bytes("own"), bytes("value")];
  const put = it.store.put(key, value);
  key.fill(0x21);
  value.fill(0x21);
  await put;
  wanted["own"] = "value";
  assertEquals(entriesOf(it.store), wanted);
  await it.store.flush();
  assertEquals(contentsOf(it.io.powerCut()), wanted);
  await finishAsync(it);
});

rule(
  "the turn is fair: writes go one by one in the order in which they were asked for",
  async () => {
    const it = await watchAsync();
    const order: string[] = [];
    const note = (name: string) => (): number => order.push(name);
    const first = it.store.transaction(async (tx) => {
      await drained();
      await tx.put("1", "tx");
    }).then(note("1"));
    const rest = [
      it.store.put("2", "put").then(note("2")),
      it.store.delete("1").then(note("3")),
      it.store.transaction(async (tx) => {
        assertEquals(text.decode(await tx.get("2")), "put");
        await drained();
        await tx.put("2", "tx");
      }).then(note("4")),
      it.store.batch([{ type: "put", key: "2", value: "batch" }]).then(note("5")),
      it.store.clear({ gte: "3" }).then(note("6")),
      it.store.put("6", "put").then(note("7")),
    ];
    assertEquals(it.store.stats().sequence, 0, "the first one has the turn");
    await Promise.all([first, ...rest]);
    // Nothing was there to clear; that one waits for no sync.
    assertEquals(order.filter((name) => name !== "6"), ["1", "2", "3", "4", "5", "7"]);
    assertEquals(logged(it), ["1=tx", "2=put", "1=", "2=tx", "2=batch", "6=put"]);
    await finishAsync(it);
  },
);

rule("waiting for the turn can be aborted, and then nothing is done", async () => {
  const it = await watchAsync();
  const controllers = Array.from({ length: 5 }, () => new AbortController());
  const [put, remove, batch, transaction, late] = controllers.map(({ signal }) => ({ signal }));
  await it.store.put("a", "1");
  let end = (): void => {};
  const first = it.store.transaction(() => new Promise<void>((resolve) => end = resolve));
  await microtasks();
  const waiting = [
    it.store.put("b", "2", put),
    it.store.delete("a", remove),
    it.store.batch([{ type: "put", key: "c", value: "3" }], batch),
    it.store.transaction(() => assert(false, "it never begins"), transaction),
  ];
  const goesOn = it.store.put("d", "4", late);
  for (const controller of controllers.slice(0, 4)) controller.abort();
  for (const write of waiting) await assertCode(() => write, "KVIG_ABORTED");
  assertEquals(it.engine.turn.held, true);
  end();
  await first;
  // Once it has its turn nothing stops it any more.
  controllers[4].abort();
  await goesOn;
  assertEquals(entriesOf(it.store), { a: "1", d: "4" });
  await finishAsync(it);
});

/** Number and epoch of the only page of the tree. */
const rootOf = ({ engine }: Watched): string => {
  const { page, epoch } = engine.pages.work.tree;
  return `${page}/${epoch}`;
};

rule("a page that nobody holds and whose place was never written is changed in place", () => {
  const it = watch();
  it.store.putSync("a", "0");
  const root = rootOf(it);
  const { used } = it.store.stats().pages;
  for (let i = 0; i < 20; i++) it.store.putSync("a", `${i}`);
  it.store.deleteSync("a");
  it.store.putSync("b", "1");
  assertEquals([rootOf(it), it.store.stats().pages.used], [root, used]);
  finish(it);
});

const copied: readonly (readonly [string, (it: Watched) => (() => void) | void])[] = [
  ["a snapshot holds", ({ store }) => {
    const snapshot = store.snapshot();
    return () => snapshot.close();
  }],
  ["a checkpoint has made durable", ({ store }) => store.checkpointSync()],
  ["a spill wrote to its place", ({ engine, io }) => {
    const { length } = io.operations;
    engine.runBlocking(engine.pager.spill());
    assertEquals(io.operations[length].kind, "batch");
  }],
  ["a failed spill may have written to its place", ({ engine, io }) => {
    io.failWhen({ match: ({ kind }) => kind === "batch" });
    assertCodeSync(() => engine.runBlocking(engine.pager.spill()), "KVIG_IO");
  }],
  ["a dropped checkpoint wrote to its place", ({ store, io }) => {
    io.failWhen({ match: ({ kind }) => kind === "batch", effect: true });
    assertCodeSync(() => store.checkpointSync(), "KVIG_IO");
  }],
  ["a dropped checkpoint may have written to its place", ({ store, io }) => {
    io.failWhen({ match: ({ kind }) => kind === "batch" });
    assertCodeSync(() => store.checkpointSync(), "KVIG_IO");
  }],
];

for (const [what, prepare] of copied) {
  rule(`a page that ${what} is copied, once`, () => {
    const it = watch();
    it.store.putSync("a", "0");
    const before = rootOf(it);
    const end = prepare(it);
    it.store.putSync("a", "1");
    const after = rootOf(it);
    assertNotEquals(after, before);
    assertNotEquals(after.split("/")[0], before.split("/")[0], "another place");
    it.store.putSync("a", "2");
    assertEquals(rootOf(it), after);
    end?.();
    it.store.checkpointSync();
    finish(it);
    assertEquals(contentsOf(it.io.killed()), { a: "2" });
  });
}

rule("a running checkpoint holds its pages: writes beside it copy them", async () => {
  const it = await watchAsync();
  await it.store.put("a", "0");
  const before = rootOf(it);
  it.io.hold = ({ kind }) => kind === "batch";
  const checkpoint = it.store.checkpoint();
  await drained();
  assertEquals(it.io.inFlight.length, 1);
  await it.store.put("a", "1");
  assertNotEquals(rootOf(it), before);
  it.io.hold = () => false;
  it.io.settleAll();
  await checkpoint;
  await finishAsync(it);
});

rule("a write whose path cannot be read fails alone and changed nothing", () => {
  const it = watch();
  fill(it.store, 300);
  it.store.checkpointSync();
  const wanted = entriesOf(it.store);
  const { cache } = it.engine;
  const cool = (): void => {
    for (let frame = 0; frame < cache.capacity; frame++) {
      if ((cache.flags[frame] & (USED | DIRTY | BUSY)) === USED) cache.drop(frame);
    }
  };
  for (let skip = 0; skip < 3; skip++) {
    cool();
    // The read of one page of the path fails, however often it is tried again.
    const places: number[] = [];
    const match = ({ kind, pieces: [piece] }: Operation): boolean => {
      if (kind !== "read") return false;
      if (!places.includes(piece.at)) places.push(piece.at);
      return places.indexOf(piece.at) === skip;
    };
    it.io.failWhen({ match, times: 100 });
    const { sequence, log } = it.store.stats();
    assertCodeSync(() => it.store.putSync("key 00100", "other"), "KVIG_IO");
    it.io.failNothing();
    assertEquals(it.store.stats().sequence, sequence);
    assertEquals(it.store.stats().log.recordBytes, log.recordBytes);
  }
  assertEquals(entriesOf(it.store), wanted);
  it.store.putSync("key 00100", "other");
  finish(it);
});

rule("a flush is one write of whole blocks and one sync of data", () => {
  const it = watch();
  for (const [length, blocks] of [[10, 1], [9000, 3], [40_000, 10]]) {
    const from = it.io.operations.length;
    const at = it.engine.log.head * BLOCK;
    it.store.batchSync([{ type: "put", key: "a", value: "v".repeat(length) }]);
    const flush = it.io.operations.slice(from).filter(({ path }) => path === LOG);
    assertEquals(words(flush), [`write ${LOG} ${at}+${blocks * BLOCK}`, `sync ${LOG} data`]);
  }
  finish(it);
});

rule("the first flush starts when the tick ends: one task pays no delay", async () => {
  const it = await warm();
  const from = it.io.operations.length;
  it.io.hold = () => true;
  const put = it.store.put("a", "1");
  assertEquals(since(it, from), [], "not before");
  // No timer, no turn of the event loop: microtasks.
  await microtasks();
  assertEquals(since(it, from), [`write ${LOG} ${BLOCK}+${BLOCK}`]);
  it.io.settle(it.io.inFlight[0]);
  await microtasks();
  assertEquals(since(it, from).at(-1), `sync ${LOG} data`);
  it.io.hold = () => false;
  it.io.settleAll();
  await put;
  await finishAsync(it);
});

rule("64 tasks share one write, one sync and one promise", async () => {
  const it = await warm();
  const from = it.io.operations.length;
  const puts = Array.from({ length: 64 }, (_, i) => it.store.put(`key ${i}`, "v"));
  assertEquals(new Set(puts).size, 1);
  await Promise.all(puts);
  assertEquals(since(it, from), [`write ${LOG} ${BLOCK}+${BLOCK}`, `sync ${LOG} data`]);
  assertEquals(groupsIn(it.io.killed()).length, 2);
  await finishAsync(it);
});

rule("the next flush starts when the running one ends, with all that came meanwhile", async () => {
  const it = await warm();
  it.io.hold = ({ path }) => path === LOG;
  const first = it.store.put("first", "1");
  await microtasks();
  const from = it.io.operations.length;
  const puts = [];
  for (let i = 0; i < 64; i++) {
    puts.push(it.store.put(`key ${i}`, "v"));
    if (i % 8 === 0) await drained();
  }
  assertEquals(since(it, from), [], "one flush at a time");
  it.io.settle(it.io.inFlight[0]);
  await microtasks();
  assertEquals(since(it, from), [`sync ${LOG} data`]);
  it.io.settle(it.io.inFlight[0]);
  await first;
  it.io.hold = () => false;
  it.io.settleAll();
  await Promise.all(puts);
  assertEquals(since(it, from + 1), [`write ${LOG} ${2 * BLOCK}+${BLOCK}`, `sync ${LOG} data`]);
  await finishAsync(it);
});

rule("the promise settles when the sync of its group has settled, not before", async () => {
  const it = await watchAsync();
  it.io.hold = ({ path }) => path === LOG;
  const writes = [
    it.store.put("a", "1"),
    it.store.delete("b").then(() => it.store.put("b", "2")),
    it.store.batch([{ type: "put", key: "c", value: "3" }]),
    it.store.transaction((tx) => tx.put("d", "4")),
  ];
  let settled = 0;
  for (const write of writes) write.then(() => settled++);
  for (const kind of ["write", "sync"]) {
    for (let i = 0; i < 5; i++) await drained();
    assertEquals([it.io.inFlight.map((operation) => operation.kind), settled], [[kind], 0]);
    assertEquals(contentsOf(it.io.powerCut()), {});
    it.io.settle(it.io.inFlight[0]);
  }
  await writes[0];
  it.io.hold = () => false;
  it.io.settleAll();
  await Promise.all(writes);
  assertEquals(contentsOf(it.io.powerCut()), { a: "1", b: "2", c: "3", d: "4" });
  await finishAsync(it);
});

rule(
  "a deferred write settles when it is applied, and goes to the file as the tick ends",
  async () => {
    const it = await warm();
    const from = it.io.operations.length;
    it.io.hold = ({ path }) => path === LOG;
    const put = it.store.put("a", "1", DEFERRED);
    assertEquals(text.decode(it.store.getSync("a")), "1", "it is applied at once");
    assertEquals(since(it, from), []);
    await put;
    await microtasks();
    assertEquals(since(it, from), [`write ${LOG} ${BLOCK}+${BLOCK}`]);
    it.io.hold = () => false;
    it.io.settleAll();
    await drained();
    assertEquals(since(it, from), [`write ${LOG} ${BLOCK}+${BLOCK}`], "and no sync");
    assertEquals(contentsOf(it.io.killed()), { a: "1", warm: "" });
    assertEquals(contentsOf(it.io.powerCut()), { warm: "" });
    await finishAsync(it);
  },
);

rule("a deferred write is durable with the next sync commit, or with flush()", async () => {
  const it = await watchAsync();
  await it.store.put("a", "1", DEFERRED);
  await drained();
  await it.store.put("b", "2");
  assertEquals(contentsOf(it.io.powerCut()), { a: "1", b: "2" });
  await it.store.put("c", "3", DEFERRED);
  await drained();
  assertEquals(contentsOf(it.io.powerCut()), { a: "1", b: "2" });
  await it.store.flush();
  assertEquals(contentsOf(it.io.powerCut()), { a: "1", b: "2", c: "3" });
  it.store.putSync("d", "4", DEFERRED);
  it.store.flushSync();
  assertEquals(Object.keys(contentsOf(it.io.powerCut())), ["a", "b", "c", "d"]);
  await finishAsync(it);
});

rule("a full buffer is written in the middle of a tick, without a sync", () => {
  const it = watch({ logSize: 8 * MIB });
  const from = it.io.operations.length;
  const writes = (): string[] =>
    since(it, from).filter((word) => word.includes(LOG)).map((word) => word.split(" ")[0]);
  for (let i = 0; i < 3000; i++) it.store.putSync(`key ${i % 200}`, "v".repeat(200), DEFERRED);
  assertEquals(writes(), []);
  for (let i = 0; i < 4000; i++) it.store.putSync(`key ${i % 200}`, "v".repeat(200), DEFERRED);
  assertEquals(writes(), ["write"], "of what had gathered");
  finish(it);
});

/** What a refused write must leave as it was. */
function traces(it: Watched): unknown[] {
  const { sequence, entries, pages, log } = it.store.stats();
  return [sequence, entries, pages.used, log.recordBytes, log.commits, it.io.operations.length];
}

/** Every synchronous write with a sync would block and leaves no trace. */
function assertWouldBlock(it: Watched): void {
  const { store } = it;
  const before = traces(it);
  const writes: readonly (() => unknown)[] = [
    () => store.putSync("sync", "1"),
    () => store.putSync("large", "1".repeat(5000)),
    () => store.deleteSync("a"),
    () => store.batchSync([{ type: "put", key: "sync", value: "1" }]),
    () => store.clearSync(),
    () => store.transactionSync((tx) => tx.putSync("sync", "1")),
  ];
  for (const write of writes) assertCodeSync(write, "KVIG_WOULD_BLOCK");
  assertEquals(traces(it), before);
}

rule("a sync commit would block from a flush's write until its sync was taken", async () => {
  const it = await watchAsync();
  await it.store.put("a", "0");
  it.io.hold = ({ path, blocking }) => path === LOG && !blocking;
  const put = it.store.put("a", "1");
  await microtasks();
  assertEquals(it.io.inFlight.map(({ kind }) => kind), ["write"]);
  assertWouldBlock(it);
  it.io.settle(it.io.inFlight[0]);
  assertWouldBlock(it);
  await microtasks();
  assertEquals(it.io.inFlight.map(({ kind }) => kind), ["sync"]);
  assertWouldBlock(it);
  it.io.settle(it.io.inFlight[0]);
  // It is over, and nobody has looked at its result yet: it may have failed.
  assertWouldBlock(it);
  await put;
  it.store.putSync("b", "2");
  assertEquals(contentsOf(it.io.powerCut()), { a: "1", b: "2" });
  await finishAsync(it);
});

rule("a synchronous write would block where another one has the turn", async () => {
  const it = await watchAsync();
  await it.store.put("a", "0");
  await it.store.transaction(async (tx) => {
    await tx.put("b", "1");
    assertWouldBlock(it);
    const before = traces(it);
    assertCodeSync(() => it.store.putSync("c", "2", DEFERRED), "KVIG_WOULD_BLOCK");
    assertEquals(traces(it), before);
  });
  it.store.putSync("c", "2");
  await finishAsync(it);
  assertEquals(contentsOf(it.io.killed()), { a: "0", b: "1", c: "2" });
});

rule("a synchronous write would block where it needs a load that is under way", async () => {
  const it = await watchAsync();
  await it.store.put("a", "0");
  await it.store.checkpoint();
  const { cache } = it.engine;
  for (let frame = 0; frame < cache.capacity; frame++) {
    if ((cache.flags[frame] & (USED | DIRTY | BUSY)) === USED) cache.drop(frame);
  }
  it.io.hold = ({ kind }) => kind === "read";
  const get = it.store.get("a");
  assertEquals(it.io.inFlight.length, 1);
  const before = traces(it);
  assertCodeSync(() => it.store.deleteSync("a"), "KVIG_WOULD_BLOCK");
  assertEquals(traces(it).slice(0, 5), before.slice(0, 5));
  it.io.hold = () => false;
  it.io.settleAll();
  assertEquals(text.decode(await get), "0");
  assertEquals(it.store.deleteSync("a"), true);
  await finishAsync(it);
});

rule("a synchronous write would block where it needs a checkpoint that is under way", async () => {
  const it = await watchAsync();
  await it.store.put("a", "0");
  it.io.hold = ({ kind }) => kind === "batch";
  const checkpoint = it.store.checkpoint();
  await drained();
  let before: unknown[] = [];
  let count = 0;
  const error = assertCodeSync(() => {
    for (;; count++) {
      before = traces(it);
      it.store.putSync(`key ${count % 100}`, "v".repeat(200), DEFERRED);
    }
  }, "KVIG_WOULD_BLOCK");
  assertEquals(error.outcome, undefined);
  assertEquals(traces(it).slice(0, 5), before.slice(0, 5));
  assertGreaterOrEqual(count, 3000, "the log took all that it has room for");
  it.io.hold = () => false;
  it.io.settleAll();
  await checkpoint;
  it.store.putSync("b", "1");
  await finishAsync(it);
});

rule(
  "on an Io that cannot block a synchronous write works on what is there, deferred",
  async () => {
    const it = await watchAsync({ canBlock: false });
    await it.store.put("a", "0");
    assertWouldBlock(it);
    it.store.putSync("b", "1", DEFERRED);
    assertEquals(it.store.deleteSync("a", DEFERRED), true);
    await it.store.flush();
    assertEquals(contentsOf(it.io.powerCut()), { b: "1" });
    await finishAsync(it);
  },
);

rule(
  "a sync commit on a store that blocks waits for nobody: nothing is ever in flight",
  async () => {
    const it = watch();
    it.io.hold = () => true;
    for (let i = 0; i < 50; i++) {
      it.store.putSync(`key ${i}`, "v".repeat(150), i % 2 === 0 ? DEFERRED : {});
      if (i % 10 === 0) it.store.checkpointSync();
      assertEquals(it.io.inFlight, []);
    }
    const spill = runAsync(it.engine.log.flush(true));
    it.io.hold = () => false;
    it.io.settleAll();
    await spill;
    finish(it);
  },
);
