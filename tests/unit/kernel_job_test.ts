/**
 * What `npm run kernel` judges with: it must find what is wrong, and nothing else.
 *
 * @module
 */

import fs from "node:fs";
import { test } from "node:test";

import { hashOf, nameOf } from "../sim/model.ts";
import { assertEquals, assertThrows } from "../support/assert.ts";
import { changesOf, COUNTER, verbOf } from "../support/numbered_commits.ts";
import { tempDir } from "../support/tmp.ts";
import { Expected } from "../kernel/expected.ts";
import { failureOf, placeOf } from "../kernel/life.ts";
import { readOptions, SCENARIOS, UsageError } from "../kernel/options.ts";
import { Trace } from "../kernel/trace.ts";
import { KvigError } from "../../core/errors.ts";

/** What strace would have written: one call, `at` seconds after the beginning. */
type Step = [at: number, name: string, file: "store" | "store-wal" | "mark", result: string];

/** What the judge says about calls of one thread, each of which takes half a second. */
function judge(
  steps: readonly Step[],
  marks: Readonly<Record<string, number>> = {},
  storeFailed = false,
): unknown {
  using dir = tempDir();
  const trace = new Trace(dir.file("store"), dir.path);
  const lines = steps.map(([at, name, file, result]) => {
    return `${1000 + at}.0 ${name}(5<${dir.file(file)}>)  = ${result} <0.500000>`;
  });
  for (const [name, at] of Object.entries(marks)) {
    lines.push(`${1000 + at}.0 mkdir("${trace.marks}/${name}", 0777) = 0 <0.000010>`);
  }
  fs.writeFileSync(dir.file("trace.1"), lines.join("\n"));
  return trace.judge(storeFailed);
}

const EIO = "-1 EIO (Input/output error) (INJECTED)";

test("the trace tells syncs that were tried again from others", () => {
  const fine = { failures: 0, failed: 0, logFailed: false, retried: 0 };
  assertEquals(judge([[1, "fdatasync", "store", "0"], [2, "fdatasync", "store", "0"]]), fine);
  const failed = { failures: 1, failed: 1, logFailed: false, retried: 0 };
  const data: Step = [1, "fsync", "store", EIO];
  assertEquals(judge([data], { failed: 3 }), failed);
  assertEquals(judge([data, [2, "fsync", "store", "0"]], { failed: 3 }), { ...failed, retried: 1 });
  assertEquals(
    judge([[1, "pwrite64", "store-wal", EIO], [2, "fdatasync", "store-wal", "0"]]),
    { ...fine, failures: 1 },
  );
  assertEquals(judge([[1, "fdatasync", "store-wal", EIO]]), { ...failed, logFailed: true });
});

test("the trace tells syncs of a store that failed from those that were under way", () => {
  const marks = { failed: 3, settled: 6, closed: 9 };
  const log = (at: number): Step => [at, "fdatasync", "store-wal", "0"];
  const retried = (...steps: Step[]): number =>
    (judge([[1, "fsync", "store", EIO], ...steps], marks) as { retried: number }).retried;
  assertEquals(retried(log(2)), 0, "before anybody knew");
  assertEquals(retried(log(4)), 0, "it may have been under way");
  assertEquals(retried(log(4), log(5)), 1, "the second one cannot");
  assertEquals(retried(log(7)), 1, "everything under way had settled");
  assertEquals(retried(log(10)), 0, "after it was closed");
  const writeFailed: Step[] = [[1, "pwrite64", "store-wal", EIO], log(7)];
  assertEquals((judge(writeFailed, marks, true) as { retried: number }).retried, 1);
});

/** The sum of the hashes of the entries after the first `count` commits, and how many there are. */
function stateAfter(count: number): [sum: number, entries: number] {
  const entries = new Map<string, string>();
  let transactions = 0;
  for (let number = 0; number < count; number++) {
    const { task, n } = placeOf(number);
    if (verbOf(task, n) === "transaction") entries.set(COUNTER, String(++transactions));
    for (const { key, value } of changesOf(task, n)) {
      if (value === undefined) entries.delete(key);
      else entries.set(key, value);
    }
  }
  const encoder = new TextEncoder();
  let sum = 0;
  for (const [key, value] of entries) {
    sum = (sum + hashOf(nameOf(encoder.encode(key)), encoder.encode(value))) % 2 ** 52;
  }
  return [sum, entries.size];
}

test("a state is taken when it is that after a commit that may be the last", () => {
  const expected = new Expected();
  expected.take(0, 0);
  for (let number = 0; number < 30; number++) expected.issue(number);
  expected.acknowledge(20);
  assertThrows(() => new Expected().acknowledge(1), Error, "issued are -1");
  expected.take(...stateAfter(25));
  assertThrows(() => expected.take(...stateAfter(24)), Error, "after commit 23");
});

test("a state that lacks something acknowledged is refused", () => {
  for (
    const [count, words] of [[12, "but after commit 11"], [31, "nor after any other"]] as const
  ) {
    const expected = new Expected();
    for (let number = 0; number < 30; number++) expected.issue(number);
    expected.acknowledge(20);
    assertThrows(() => expected.take(...stateAfter(count)), Error, words);
  }
});

test("errors are said with their innermost cause", () => {
  const system = Object.assign(new Error("no room"), { code: "ENOSPC" });
  const inner = new KvigError("KVIG_FULL", "cannot write", { cause: system });
  const outer = new KvigError("KVIG_FAILED", "failed", { cause: inner, outcome: "unknown" });
  const { code, cause, outcome } = failureOf(outer, "put");
  assertEquals([code, cause, outcome], ["KVIG_FAILED", "ENOSPC", "unknown"]);
  assertEquals(failureOf(new TypeError("odd"), "put").code, "");
});

test("a command line that cannot be followed says what is allowed", () => {
  assertThrows(() => readOptions(["--only", "nope"]), UsageError, "power-cuts, kills");
  assertThrows(() => readOptions(["--cuts", "0"]), UsageError, "--cuts 0: it must be");
  assertThrows(() => readOptions(["--seed", "1.5"]), UsageError, "from 0 to 4294967295");
  assertThrows(() => readOptions(["--frob"]), UsageError, "--frob");
  assertEquals(readOptions(["--help"]), undefined);
  assertEquals(readOptions([])?.scenarios.length, Object.keys(SCENARIOS).length);
  assertEquals(readOptions(["--long", "--cuts", "7"])?.kills, 10_000);
  assertEquals(readOptions(["--long", "--cuts", "7"])?.cuts, 7);
});
