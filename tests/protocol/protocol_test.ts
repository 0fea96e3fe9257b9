/**
 * A short share of the protocol's model: nothing goes wrong with all rules on, something does
 * without each of them, and docs/protocol.md tells what. `npm run protocol` does more.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { test } from "node:test";

import { assert, assertEquals, assertThrows } from "../support/assert.ts";
import { runSeed } from "../support/random.ts";
import { readSchedule, writeSchedule } from "./chooser.ts";
import { DOCS_PATH, docsText, flowing } from "./docs.ts";
import { checkKept, readKept, repositoryFile } from "./kept.ts";
import { readOptions, UsageError } from "./options.ts";
import { RULE_NAMES } from "./rules.ts";
import { search, type SearchLimits } from "./search.ts";

const LIMITS: SearchLimits = { seed: 0, stride: 1, steps: 10_000, seconds: 60, wanted: 1 };

test("nothing goes wrong in the model with all rules on", () => {
  const seed = runSeed("the protocol's model");
  const { found, steps, openings } = search("", { ...LIMITS, seed });
  assertEquals(found, []);
  assert(steps >= LIMITS.steps && openings > 0);
});

test("the same seed does the same in the model", () => {
  const first = search("copyHeld", { ...LIMITS, seed: 1 });
  assertEquals(search("copyHeld", { ...LIMITS, seed: 1 }), first);
});

test("something goes wrong in the model without each rule that is not named as needless", () => {
  const { caught, needless, complaints } = checkKept(readKept());
  assertEquals(complaints, []);
  assertEquals(caught.length + needless.length, RULE_NAMES.length);
});

test("what is kept for each rule is read as it was written", () => {
  for (const { schedule } of readKept().values()) {
    assertEquals(writeSchedule(readSchedule(schedule)), schedule);
  }
});

test(`${DOCS_PATH} tells what the model does`, () => {
  const page = readFileSync(repositoryFile(DOCS_PATH), "utf8");
  assertEquals(flowing(page), flowing(docsText(readKept())));
});

test("the command names what it was given and what is allowed", () => {
  const unknown = assertThrows(() => readOptions(["--rule", "nonsense"]), UsageError);
  assert(unknown.message.includes('"nonsense"') && unknown.message.includes("bothMetas"));
  const negative = assertThrows(() => readOptions(["--steps=-5"]), UsageError);
  assert(negative.message.includes("--steps") && negative.message.includes('"-5"'));
  assertThrows(() => readOptions(["--nonsense"]), UsageError);
  assertEquals(readOptions(["--help"]), undefined);
  assertEquals(readOptions(["--seed", "7"])?.seed, 7);
});
