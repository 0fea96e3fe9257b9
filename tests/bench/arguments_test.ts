/**
 * The command line of `npm run bench`.
 */

import { test } from "node:test";

import { HELP, parsePlan, UsageError } from "../../bench/compare/arguments.ts";
import { Dataset } from "../../bench/compare/dataset.ts";
import { PARTS, WORKS } from "../../bench/compare/parts/all.ts";
import { KEY_SHAPES } from "../../bench/compare/shapes.ts";
import { TARGETS } from "../../bench/compare/targets.ts";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";

test("without words everything is measured on one runtime with the sizes of the targets", () => {
  const plan = parsePlan([]);
  assertEquals(plan.runtimes, ["node26"]);
  assertEquals([plan.entries, plan.valueBytes, plan.shapes], [500_000, [100], ["decimal"]]);
  const usual = PARTS.filter(({ onRequest }) => onRequest !== true);
  assertEquals(plan.works, usual.flatMap(({ works }) => works.map(({ id }) => id)));
  assertEquals(plan.caches, ["fits"]);
  assertEquals([plan.help, plan.list, plan.report, plan.json], [false, false, false, undefined]);
});

test("--only takes parts, works and pieces of the names of works", () => {
  assertEquals(parsePlan(["--only", "get"]).works, ["get"]);
  assertEquals(
    parsePlan(["--only", "commits"]).works,
    PARTS.find(({ id }) => id === "commits")
      ?.works.map(({ id }) => id),
  );
  assertEquals(parsePlan(["--only", "many,scan"]).works, [
    "get-many-16",
    "get-many-100",
    "scan",
  ]);
});

test("--quick is overridden by what is said outright", () => {
  const plan = parsePlan([
    "--quick",
    "--rounds",
    "9",
    "--runtime",
    "bun,node20",
    "--keys",
    "10_000",
  ]);
  assertEquals([plan.rounds, plan.entries, plan.runtimes], [9, 10_000, ["node20", "bun"]]);
  assert(parsePlan(["--quick"]).entries < parsePlan([]).entries);
});

test("a wrong word is named, with what is allowed", () => {
  const wrong: [string[], RegExp][] = [
    [["--only", "nothing"], /--only takes parts \(reads, .*got "nothing"/],
    [["--runtime", "node22"], /--runtime takes node26, .* or all, got "node22"/],
    [["--rounds", "0"], /--rounds takes a whole number from 1 to 1000, got "0"/],
    [["--keys", "many"], /--keys takes a whole number from 1000 .*got "many"/],
    [["--shapes", "square"], /--shapes takes decimal, .*got "square"/],
    [["--values", "1"], /--values takes .*got "1"/],
    [["--cache", "half"], /--cache takes fits, quarter or all, got "half"/],
    [["--peers", "oracle"], /--peers takes lmdb, .*got "oracle"/],
    [["--fast"], /--fast.*--help lists/],
    [["surprise"], /surprise.*--help lists/],
  ];
  for (const [words, message] of wrong) {
    const error = assertThrows(() => parsePlan(words), UsageError);
    assert(message.test(error.message), error.message);
  }
});

test("the help names every option, part of the tables that it can", () => {
  for (const { id } of KEY_SHAPES) assert(HELP.includes(id), id);
  for (const option of ["only", "runtime", "rounds", "keys", "quick", "json", "list", "report"]) {
    assert(HELP.includes(`--${option}`), option);
  }
});

test("works have one name each, and every target is of a work that is measured", () => {
  const ids = WORKS.map(({ id }) => id);
  assertEquals(new Set(ids).size, ids.length);
  for (const { work, itself = work } of TARGETS) {
    assert(ids.includes(work) && ids.includes(itself), work);
  }
});

test("keys of every shape are as long as it says and differ, and successive values do", () => {
  for (const shape of KEY_SHAPES) {
    const data = new Dataset(2000, shape, 100);
    const keys = new Set<string>();
    for (let number = 0; number < data.entries; number++) {
      const key = data.key(number);
      assertEquals(key.length, shape.keyBytes);
      if (shape.text) assert(key.every((byte) => byte < 0x80), shape.id);
      keys.add(Buffer.from(key).toString("hex"));
    }
    assertEquals(keys.size, data.entries, shape.id);
    for (let version = 0; version < 20; version++) {
      assert(Buffer.compare(data.value(7, version), data.value(7, version + 1)) !== 0);
    }
  }
});
