/**
 * Checks that package.json, deno.json and jsr.json tell the same story, that what they name exists,
 * and that those who install kvig get no dependency and run no script.
 *
 * @module
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { readJson, readText, report, root } from "./repository.ts";

const NPM_NAME = "kvig";
/** JSR has no names without a scope. */
const JSR_NAME = "@kvig/kvig";
const SHARED_BY_DENO_AND_JSR = ["name", "version", "license", "exports", "publish"];
const FOREIGN_CODE = [
  "dependencies",
  "optionalDependencies",
  "peerDependencies",
  "bundleDependencies",
  "bundledDependencies",
];
const INSTALL_SCRIPTS = ["preinstall", "install", "postinstall"];

const complaints: string[] = [];
const npm = readJson("package.json");
const deno = readJson("deno.json");
const jsr = readJson("jsr.json");

function expect(holds: boolean, complaint: string): void {
  if (!holds) complaints.push(complaint);
}

function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function table(manifest: Record<string, unknown>, field: string): Record<string, unknown> {
  return (manifest[field] ?? {}) as Record<string, unknown>;
}

function checkAgreement(): void {
  expect(npm["name"] === NPM_NAME, `package.json: the name is not ${NPM_NAME}`);
  expect(deno["name"] === JSR_NAME, `deno.json: the name is not ${JSR_NAME}`);
  for (const field of SHARED_BY_DENO_AND_JSR) {
    expect(same(deno[field], jsr[field]), `deno.json and jsr.json differ in ${field}`);
  }
  for (const field of ["version", "license"]) {
    expect(same(npm[field], deno[field]), `package.json and deno.json differ in ${field}`);
  }
  const heading = `## ${npm["version"]}`;
  const headings = readText("CHANGELOG.md").split("\n").filter((line) => line.startsWith("## "));
  const first = headings[0] ?? "";
  expect(first.startsWith(heading), `CHANGELOG.md: the first entry is not "${heading}"`);
}

/** The exports of package.json must be what those of deno.json become when compiled. */
function checkExports(): void {
  const [compiled, sources] = [table(npm, "exports"), table(deno, "exports")];
  const [npmEntries, denoEntries] = [Object.keys(compiled), Object.keys(sources)];
  expect(
    same(npmEntries, denoEntries),
    `package.json exports ${npmEntries.join(" ")}, deno.json ${denoEntries.join(" ")}`,
  );
  for (const [entry, source] of Object.entries(sources)) {
    const path = String(source);
    expect(existsSync(join(root, path)), `deno.json: ${entry} points at ${path}, which is missing`);
    const stem = path.replace(/^\.\//, "").replace(/\.ts$/, "");
    const wanted = { types: `./dist/${stem}.d.ts`, default: `./dist/npm/${stem}.js` };
    const sentence = `package.json: ${entry} must be exactly ${JSON.stringify(wanted)}`;
    expect(same(compiled[entry], wanted), sentence);
    const files = npm["files"] as string[];
    const shipped = (path: string): boolean =>
      files.some((kept) =>
        path === `./${kept}` || path.startsWith(`./${kept.replace("**/*.d.ts", "")}`)
      );
    expect(
      shipped(wanted.types) && shipped(wanted.default),
      `package.json: "files" leaves out ${entry}`,
    );
  }
  for (const [name, path] of Object.entries(table(npm, "bin"))) {
    const source = String(path).replace(/^dist\/npm\//, "").replace(/\.js$/, ".ts");
    const runs = existsSync(join(root, source)) && readText(source).startsWith("#!/usr/bin/env ");
    expect(runs, `package.json: bin ${name}: ${source} is missing or has no #! line`);
  }
}

function checkNothingForeign(): void {
  for (const field of FOREIGN_CODE) {
    expect(!(field in npm), `package.json: kvig has no dependencies, found ${field}`);
  }
  for (const script of INSTALL_SCRIPTS) {
    expect(!(script in table(npm, "scripts")), `package.json: no install scripts, found ${script}`);
  }
  for (const [name, version] of Object.entries(table(npm, "devDependencies"))) {
    const exact = /^(npm:[\w@/.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(String(version));
    expect(exact, `package.json: ${name} is not pinned to an exact version: ${version}`);
  }
}

checkAgreement();
checkExports();
checkNothingForeign();
report("manifests", `${Object.keys(table(deno, "exports")).length} entries`, complaints);
