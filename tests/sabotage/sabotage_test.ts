/**
 * The patches of `npm run sabotage` fit the sources of now, and docs/testing.md lists them.
 *
 * That the checks notice them is shown by the job itself.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { CASES } from "./cases.ts";
import { casesOf, DETECTORS } from "./detectors.ts";
import { applyEdits, filesOf, GENERAL } from "./patch.ts";
import { PATCHES } from "./patches.ts";
import { DOCS_PATH, repositoryRoot, rowsIn, rowsOf } from "./table.ts";

const read = (...path: string[]): string => readFileSync(join(repositoryRoot(), ...path), "utf8");

test("every patch applies: what it replaces stands there exactly once", () => {
  for (const patch of PATCHES) {
    for (const file of filesOf(patch)) applyEdits(patch.name, file, read(file), patch.edits);
  }
});

test("a patch that does not apply any more is refused", () => {
  const edits = [{ file: "core/x.ts", find: "sync()", put: "" }];
  for (const source of ["", "sync(); sync();"]) {
    assertThrows(() => applyEdits("old", "core/x.ts", source, edits), Error, "does not apply");
  }
  assertEquals(applyEdits("old", "core/x.ts", "sync();", edits), ";");
});

test("every patch has a name of its own, a sentence, and somebody who is to notice", () => {
  assertEquals(new Set(PATCHES.map(({ name }) => name)).size, PATCHES.length);
  for (const { name, breaks, general, test: named } of PATCHES) {
    assert(/^[a-z-]+$/.test(name) && /^[A-Z].*\.$/.test(breaks), name);
    assert(general !== undefined || named !== undefined, `${name}: nobody notices`);
    if (general !== undefined) assert(general.at < DETECTORS[general.by].cases, name);
    if (named === undefined) continue;
    const text = read("tests", named.file);
    assert(text.includes(JSON.stringify(named.test)), `${name}: ${named.file} has no such test`);
  }
});

test("the case that is known to notice comes first, and none is left out", () => {
  const all = casesOf("sim", 7);
  assertEquals(all.slice(0, 3), [7, 0, 1]);
  assertEquals(new Set(all).size, DETECTORS.sim.cases);
});

test("every case that is tried is one that its detector has", () => {
  for (const name of GENERAL) {
    const { count } = CASES[name]();
    const { few, cases } = DETECTORS[name];
    assert(few <= cases, name);
    if (count === Infinity) continue;
    assertEquals(cases, count, `${name}: the number in detectors.ts`);
  }
});

test("docs/testing.md lists the patches: npm run sabotage -- --write-docs", () => {
  assertEquals(rowsIn(read(DOCS_PATH)), rowsOf(PATCHES));
});
