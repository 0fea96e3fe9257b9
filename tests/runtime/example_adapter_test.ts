/**
 * The Io that docs/io.md teaches keeps the contract, and is the one that is printed there.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { test } from "node:test";

import { createIo, supports } from "../../examples/adapter/array_io.ts";
import { assertEquals, assertStringIncludes } from "../support/assert.ts";
import { testIoOver } from "../support/conformance.ts";

testIoOver("the example", { createIo, supports });

test("docs/io.md prints the example as it is", () => {
  // The tests run in the root of the repository.
  const code = readFileSync("examples/adapter/array_io.ts", "utf8");
  const imported = code.replace('from "../../core/io.ts"', 'from "kvig/io"');
  assertEquals(imported === code, false);
  assertStringIncludes(readFileSync("docs/io.md", "utf8"), `\`\`\`ts\n${imported}\`\`\`\n`);
});
