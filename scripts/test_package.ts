/**
 * Tries the package as its users get it: packed, installed into empty projects, run on each
 * runtime, type-checked, bundled, and looked at by the tools of the registries.
 *
 * Each step is a line with its result; the first thing that is printed below a failed one is what
 * the command said. Ends with status 1 when a step failed.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

import { readJson, root } from "./repository.ts";

const tools = join(root, "tests/package/node_modules");
const NODE20 = process.env["npm_node_execpath"] ?? "";
const NODE24 = join(tools, "node24/bin/node");
const NODE26 = join(root, "node_modules/node26/bin/node");
const DENO = join(root, "node_modules/.bin/deno");
const BUN = join(root, "node_modules/.bin/bun");
const EXAMPLES = ["counter", "event_log", "job_queue", "session_cache", "simulation"];
const STEP_LIMIT_MS = 5 * 60_000;

const work = mkdtempSync(join(tmpdir(), "kvig-package-"));
let failed = 0;
let done = 0;

/** Runs a command and prints how it went; returns what it said on standard output. */
function step(what: string, folder: string, program: string, ...words: string[]): string {
  const child = spawnSync(program, words, {
    cwd: folder,
    encoding: "utf8",
    timeout: STEP_LIMIT_MS,
    env: { ...process.env, NO_COLOR: "1", CI: "1" },
  });
  done++;
  const good = child.status === 0;
  console.log(`${good ? "ok    " : "FAILED"}  ${what}`);
  if (!good) {
    failed++;
    console.log(child.error?.message ?? `${child.stdout}${child.stderr}`);
  }
  return child.stdout;
}

/** An empty project. */
function project(name: string, manifest: Record<string, unknown> = {}): string {
  const folder = join(work, name);
  mkdirSync(folder);
  const whole = { name, version: "1.0.0", private: true, type: "module", ...manifest };
  writeFileSync(join(folder, "package.json"), JSON.stringify(whole));
  return folder;
}

/** The program must be the runtime that its line names. */
function expectVersion(program: string, version: string, ...words: string[]): void {
  const said = spawnSync(program, words, { encoding: "utf8" }).stdout?.trim() ?? "";
  done++;
  if (said.includes(version)) return console.log(`ok      ${program} is ${said.split("\n")[0]}`);
  failed++;
  console.log(`FAILED  ${program} is no ${version}: ${said}`);
}

function checkRuntimes(): void {
  expectVersion(NODE20, "v20.", "--version");
  expectVersion(NODE24, "v24.", "--version");
  expectVersion(NODE26, "v26.", "--version");
  expectVersion(DENO, "deno 2.", "--version");
  expectVersion(BUN, "1.", "--version");
}

/** Packs the repository; returns the path of the tarball. */
function pack(): string {
  step("npm run build", root, "npm", "run", "build");
  step("npm pack", root, "npm", "pack", "--ignore-scripts", "--pack-destination", work);
  const [tarball] = readdirSync(work).filter((name) => name.endsWith(".tgz"));
  return join(work, tarball ?? "missing.tgz");
}

function copyExamples(folder: string): void {
  for (const name of EXAMPLES) {
    cpSync(join(root, "examples", `${name}.ts`), join(folder, `${name}.ts`));
    // Node.js 20 and 24 get what the compiler made of them.
    cpSync(join(root, "dist/examples", `${name}.js`), join(folder, `${name}.js`));
  }
}

/** Every example on every runtime, from the package as npm installs it. */
function runExamples(folder: string): void {
  for (const name of EXAMPLES) {
    step(`${name} on Node.js 20`, folder, NODE20, `${name}.js`);
    step(`${name} on Node.js 24`, folder, NODE24, `${name}.js`);
    step(`${name} on Node.js 26`, folder, NODE26, `${name}.ts`);
    step(`${name} on Bun`, folder, BUN, `${name}.ts`);
    step(`${name} on Deno`, folder, DENO, "run", "-A", "--no-check", `${name}.ts`);
  }
  const require = 'require("kvig").open("required.kvig").then((s) => s.close())';
  step("require() on Node.js 20", folder, NODE20, "-e", require);
  const kvig = join(folder, "node_modules/.bin/kvig");
  step("the command line", folder, NODE20, kvig, "put", "--create", "cli.kvig", "a", "b");
  step("the same on Bun", folder, BUN, kvig, "get", "cli.kvig", "a");
  step("the same on Deno", folder, DENO, "run", "-A", kvig, "verify", "cli.kvig");
}

/** Deno with no more permissions than the store's folder. */
function runConfined(folder: string): void {
  const data = join(folder, "data");
  mkdirSync(data);
  const path = JSON.stringify(join(data, "store.kvig"));
  writeFileSync(
    join(folder, "confined.ts"),
    `import { open } from "kvig";
await using store = await open(${path});
await store.put("hello", "world");
if ((await store.get("hello"))?.length !== 5) throw new Error("not there");
`,
  );
  const permissions = [`--allow-read=${data}`, `--allow-write=${data}`, "--no-prompt"];
  step(
    "Deno with --allow-read and --allow-write of one folder",
    folder,
    DENO,
    "run",
    "--no-check",
    ...permissions,
    "confined.ts",
  );
}

function bundleExample(folder: string): void {
  const esbuild = join(root, "node_modules/.bin/esbuild");
  const flags = ["--bundle", "--platform=node", "--format=esm", "--outdir=out", "--target=es2022"];
  step("an esbuild bundle", folder, esbuild, "counter.ts", ...flags, "--out-extension:.js=.mjs");
  step("the bundle on Node.js 20", folder, NODE20, "out/counter.mjs");
  step("the bundle on Node.js 26", folder, NODE26, "out/counter.mjs");
  step("the bundle on Bun", folder, BUN, "out/counter.mjs");
  step("the bundle on Deno", folder, DENO, "run", "-A", "out/counter.mjs");
}

/** Uses a name of every entry, so that the types of all of them are read. */
const ALL_ENTRIES = `/// <reference lib="esnext.disposable" />
import { open, type Kvig, KvigError } from "kvig";
import { nodeIo, openSync } from "kvig/node";
import { denoIo } from "kvig/deno";
import { bunIo } from "kvig/bun";
import { memoryIo } from "kvig/memory";
import { Future, type Io } from "kvig/io";
import { conformance } from "kvig/conformance";

const store: Kvig = await open("types.kvig", { io: memoryIo() });
const value: Uint8Array | undefined = await store.get("key");
const ios: Io[] = [nodeIo(), denoIo(), bunIo(), memoryIo()];
export { conformance, Future, ios, KvigError, openSync, value };
`;

function checkTypes(folder: string): void {
  writeFileSync(join(folder, "entries.ts"), ALL_ENTRIES);
  const compilers = {
    "5.6": join(tools, "typescript"),
    "7": join(root, "node_modules/typescript"),
  };
  for (const [version, compiler] of Object.entries(compilers)) {
    for (const [module, resolution] of [["esnext", "bundler"], ["nodenext", "nodenext"]]) {
      step(
        `types in TypeScript ${version}, ${resolution}`,
        folder,
        NODE26,
        join(compiler, "bin/tsc"),
        ...["--noEmit", "--strict", "--target", "es2022", "--lib", "es2023,dom,esnext.disposable"],
        ...["--skipLibCheck", "false", "--module", module!],
        ...["--moduleResolution", resolution!, "entries.ts"],
      );
    }
  }
  step("types in deno check", folder, DENO, "check", "entries.ts");
}

/** What the registries' own tools say. */
function askTheTools(tarball: string): void {
  const bin = join(root, "node_modules/.bin");
  step("publint", root, join(bin, "publint"), tarball, "--strict");
  step("attw", root, join(bin, "attw"), tarball, "--profile", "esm-only");
  step("deno publish --dry-run", root, DENO, "publish", "--dry-run", "--allow-dirty", "--no-check");
  const entries = Object.values(readJson("deno.json")["exports"] as Record<string, string>);
  step("deno doc --lint", root, DENO, "doc", "--lint", ...entries);
}

step("npm ci for the tools", join(root, "tests/package"), "npm", "ci");
checkRuntimes();
const tarball = pack();
const npmProject = project("npm-user");
step("npm install", npmProject, "npm", "install", tarball);
copyExamples(npmProject);
runExamples(npmProject);
runConfined(npmProject);
bundleExample(npmProject);
checkTypes(npmProject);
const bunProject = project("bun-user");
step("bun add", bunProject, BUN, "add", tarball);
copyExamples(bunProject);
step("counter on Bun, by bun add", bunProject, BUN, "counter.ts");
askTheTools(tarball);
rmSync(work, { recursive: true, force: true });
console.log(`package: ${done - failed} of ${done} steps passed`);
if (failed > 0) process.exitCode = 1;
