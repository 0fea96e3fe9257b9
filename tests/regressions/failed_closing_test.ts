/**
 * Bugs where closing a file, or removing it, failed.
 *
 * @module
 */

import { test } from "node:test";

import { type PlannedFault, PlannedFaults, type SimOperation } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { openTiny, openTinySync } from "../sim/tiny_store.ts";
import { assertEquals } from "../support/assert.ts";
import { drain } from "../support/bounded.ts";
import { assertCode, assertCodeSync } from "../support/store.ts";

const PATH = "store";

const of = (path: string, kind: SimOperation["kind"]) => (operation: SimOperation): boolean =>
  operation.kind === kind && operation.path === path;

function faulty(...plan: PlannedFault[]): SimIo {
  return new SimIo({ faults: new PlannedFaults(plan) });
}

/** The files that are closed, in their order. */
function closings(io: SimIo): string[] {
  const paths: string[] = [];
  io.onOperation = ({ kind, path }) => {
    if (kind === "close") paths.push(path);
  };
  return paths;
}

/* The data file could not be closed (EIO): the log was left open for good. */
test("close() closes the log too where the data file cannot be closed", () => {
  const io = faulty({ kind: "close error", nth: 1, match: ({ kind }) => kind === "close" });
  const store = openTinySync(io, PATH);
  store.putSync("a", "1");
  const paths = closings(io);
  assertCodeSync(() => store.closeSync(), "KVIG_IO");
  assertEquals(paths, [PATH, "store-wal"]);
  const again = openTinySync(io, PATH);
  assertEquals(again.hasSync("a"), true, "nothing is lost");
  again.closeSync();
});

/*
 * Where the store had failed and its file could not be closed either, close() said KVIG_IO: nobody
 * learnt that commits which had not been acknowledged were in doubt.
 */
test("close() of a store that failed says so also where a file cannot be closed", () => {
  const io = faulty(
    { kind: "sync error", match: of("store-wal", "sync data") },
    { kind: "close error", match: of(PATH, "close") },
  );
  const store = openTinySync(io, PATH);
  assertCodeSync(() => store.putSync("a", "1"), "KVIG_FAILED");
  const paths = closings(io);
  assertEquals(assertCodeSync(() => store.closeSync(), "KVIG_FAILED").outcome, "none");
  assertEquals(paths, [PATH, "store-wal"]);
});

/* The turn was not passed on where a file could not be closed: who waited for it never knew. */
test("who waits for the writer's turn behind a close that fails is told", async () => {
  const io = faulty({ kind: "close error", nth: 1, match: ({ kind }) => kind === "close" });
  const store = await openTiny(io, PATH);
  const first = store.transaction(async (tx) => {
    await tx.put("a", "1");
    await drain();
  });
  const ends = Promise.allSettled([store.close(), store.put("b", "2")]);
  await first;
  assertEquals(
    (await ends).map((end) => end.status === "rejected" && end.reason.code),
    ["KVIG_IO", "KVIG_CLOSED"],
  );
});

/*
 * A backup that failed was closed and removed; where that failed too, its error came out instead of
 * the reason, and a file that could not be closed was not removed.
 */
test("backup() says why it failed, whatever becomes of the unfinished file", async () => {
  const plans: PlannedFault[][] = [
    [{ kind: "close error", match: of("copy", "close") }],
    [{ kind: "open error", match: of("copy", "remove") }],
  ];
  for (const also of plans) {
    const io = faulty({ kind: "full", match: of("copy", "write") }, ...also);
    const store = openTinySync(io, PATH);
    store.putSync("a", "1");
    await assertCode(() => store.backup("copy"), "KVIG_FULL");
    const removed = also[0].kind === "close error";
    assertEquals(io.disk.files.has("copy"), !removed);
    store.closeSync();
  }
});

/* Where memory could not be had, verify() and backup() threw the bare error of the Io. */
test("verify() and backup() without memory fail with KVIG_IO and its cause", () => {
  const io = new SimIo();
  const store = openTinySync(io, PATH);
  store.putSync("a", "1");
  for (const work of [() => store.verifySync(), () => store.backupSync("copy")]) {
    io.faults = new PlannedFaults([{ kind: "no memory" }]);
    const { cause } = assertCodeSync(work, "KVIG_IO");
    assertEquals(cause instanceof RangeError, true);
    assertEquals(io.disk.files.has("copy"), false);
    work();
  }
  store.closeSync();
});
