/**
 * `kvig conformance`: an adapter from a module is tested, and what came out is told.
 *
 * @module
 */

import { writeFileSync } from "node:fs";
import { test } from "node:test";

import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { RUNTIME_URL } from "../support/subprocess.ts";
import { type TempDir, tempDir } from "../support/tmp.ts";
import { fails, kvig, ok } from "./kvig.ts";

const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
const memoryUrl = new URL(`../../adapters/memory/io.${extension}`, import.meta.url).href;

/** Writes a module and returns its path. */
function moduleIn(dir: TempDir, code: string): string {
  const path = dir.file("adapter.mjs");
  const imports = `import { memoryIo } from ${JSON.stringify(memoryUrl)};\n`;
  writeFileSync(path, imports + code);
  return path;
}

/** The memory, of which `open` ignores `exclusive`. */
const BROKEN = `
export function createIo() {
  const io = memoryIo();
  const open = (path, options = {}) => io.open(path, { ...options, exclusive: false });
  return Object.assign(Object.create(io), {
    description: "broken", canBlock: true, open,
    remove: (path) => io.remove(path), syncDirectory: () => io.syncDirectory(),
    allocate: (bytes) => io.allocate(bytes), now: () => io.now(), random: (to) => io.random(to),
  });
}`;

test("conformance passes a good adapter and says what is not proven", () => {
  using dir = tempDir();
  const path = moduleIn(dir, "export const createIo = () => memoryIo();");
  const { code, out, err } = kvig(["conformance", path, "--only", "open: "]);
  assertEquals(code, 0, out + err);
  assertMatch(out, /^memory\nopen\n {2}passed {5}without create nothing is made/);
  assertMatch(
    out,
    /\n {2}not proven a directory is refused with KVIG_ACCESS\n +the harness offers no m/,
  );
  assertMatch(out, /\n\d+ passed, 0 failed, 6 not proven\n$/);
  assertMatch(err, /^ran \d+ cases in [\d.]+ s\n$/);
});

test("conformance of a broken adapter names the sentence that it breaks, and why", () => {
  using dir = tempDir();
  const path = moduleIn(dir, BROKEN);
  const { code, out } = kvig(["conformance", path, "--only", "exclusive with create", "--short"]);
  assertEquals(code, 1, out);
  const [description, group, mark, why, closing] = out.split("\n");
  assertEquals([description, group], ["broken", "open"]);
  assertEquals(mark, "  FAILED     exclusive with create wants a new name: KVIG_EXISTS");
  assertStringIncludes(why!, "expected KVIG_EXISTS, and it succeeded");
  assertEquals(closing, "0 passed, 1 failed, 0 not proven");
});

test("conformance takes what else the module exports, by name or in its default", () => {
  using dir = tempDir();
  const supports = "{ full: (capacityBytes) => memoryIo({ capacityBytes }) }";
  const words = ["--only", "a full disk", "--quiet"];
  for (
    const code of [
      `export const createIo = memoryIo; export const supports = ${supports};`,
      `export default memoryIo; export const supports = ${supports};`,
      `export default { createIo: memoryIo, supports: ${supports} };`,
    ]
  ) {
    const out = ok(["conformance", moduleIn(dir, code), ...words]);
    assertMatch(out, /\n2 passed, 0 failed, 0 not proven\n$/, code);
  }
  const none = ok(["conformance", moduleIn(dir, "export default memoryIo;"), ...words]);
  assertMatch(none, /\n0 passed, 0 failed, 2 not proven\n$/);
});

test("conformance --json prints one line", () => {
  using dir = tempDir();
  const path = moduleIn(dir, "export default memoryIo;");
  const out = ok(["conformance", path, "--json", "--only", "lock:", "--quiet"]);
  const report = JSON.parse(out) as { failed: number; results: Record<string, string>[] };
  assertEquals(out.trimEnd().split("\n").length, 1);
  assertEquals(report.failed, 0);
  assert(report.results.some(({ outcome }) => outcome === "passed"), out);
  const unproven = report.results.find(({ outcome }) => outcome === "not proven");
  assertStringIncludes(unproven!["why"]!, "the harness offers no");
});

test("conformance proves more of an adapter that keeps files of the system", () => {
  using dir = tempDir();
  const code = `
    import { runtimeIo } from ${JSON.stringify(RUNTIME_URL)};
    export const createIo = () => runtimeIo();`;
  const path = moduleIn(dir, code);
  for (const only of ["process", "symbolic link", "mode sets"]) {
    const out = ok(["conformance", path, "--only", only]);
    assertMatch(out, /\n\d passed, 0 failed, 0 not proven\n$/, out);
  }
});

test("conformance says why an adapter cannot be tested", () => {
  using dir = tempDir();
  fails(["conformance", dir.file("none.mjs")], 1, /there is no file ".*none.mjs"/);
  fails(["conformance", moduleIn(dir, "export const io = 1;")], 1, /does not export createIo/);
  fails(["conformance", moduleIn(dir, "throw new Error('no luck');")], 1, /cannot load.*no luck/);
  const path = moduleIn(dir, "export default memoryIo;");
  fails(["conformance", path, "--only", "nonsense"], 2, /--only takes a part of the name/);
  fails(["conformance"], 2, /conformance needs ADAPTER/);
});
