/**
 * Checks the documentation against the repository: relative links and their anchors lead
 * somewhere, every `npm run` that is mentioned exists, and each block of README.md that is marked
 * `ts` compiles as it stands, as a module of its own, against the sources.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { filesBelow, readJson, readText, report, root } from "./repository.ts";

const EXAMPLES = "dist/.readme";
const complaints: string[] = [];

/** The text with fenced blocks emptied, so that line numbers stay. */
function withoutFences(text: string): string {
  return text.replace(/^```[^]*?^```/gm, (block) => block.replace(/[^\n]/g, ""));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}

/** The anchors of a Markdown file's headings, made the way that code hosts make them. */
function anchorsOf(path: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, title] of withoutFences(readText(path)).matchAll(/^#{1,6} +(.*)$/gm)) {
    const words = title!.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim();
    anchors.add(words.replace(/\s/g, "-"));
  }
  return anchors;
}

function checkLinks(path: string): void {
  const text = withoutFences(readText(path));
  for (const match of text.matchAll(/\[[^\]]*\]\(([^)\s]+)[^)]*\)|^\[[^\]]+\]: *(\S+)/gm)) {
    const link = match[1] ?? match[2]!;
    if (/^[a-z]+:/.test(link)) continue;
    const [file, anchor] = link.split("#") as [string, string | undefined];
    const target = file === "" ? path : posix.join(posix.dirname(path), file);
    const place = `${path}:${lineAt(text, match.index)}`;
    if (target.startsWith("..") || !existsSync(join(root, target))) {
      complaints.push(`${place}: the link ${link} leads nowhere`);
    } else if (anchor !== undefined && target.endsWith(".md") && !anchorsOf(target).has(anchor)) {
      complaints.push(`${place}: ${target} has no heading for #${anchor}`);
    }
  }
}

function checkCommands(path: string): void {
  const scripts = readJson("package.json")["scripts"] as Record<string, string>;
  const text = readText(path);
  for (const match of text.matchAll(/\bnpm (?:run ([\w:-]+)|(test)\b)/g)) {
    const name = match[1] ?? match[2]!;
    if (Object.hasOwn(scripts, name)) continue;
    complaints.push(`${path}:${lineAt(text, match.index)}: package.json has no script ${name}`);
  }
}

/** Where the package's own names lead when an example imports them: the entries' sources. */
function ownPaths(): Record<string, string[]> {
  const entries = readJson("deno.json")["exports"] as Record<string, string>;
  return Object.fromEntries(
    Object.entries(entries).map(([entry, source]) => [
      posix.join("kvig", entry),
      [posix.join("../..", source)],
    ]),
  );
}

/** Compiles the examples of one file; returns how many there were. */
function checkExamples(path: string): number {
  const text = readText(path);
  const blocks = [...text.matchAll(/^```ts\n([^]*?)^```/gm)];
  if (blocks.length === 0) return 0;
  const directory = join(root, EXAMPLES);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const files = blocks.map((block) => {
    const line = lineAt(text, block.index);
    const name = `line_${line}.ts`;
    // As many lines before the code as the document has, so that errors name the document's lines.
    writeFileSync(join(directory, name), "\n".repeat(line) + block[1]);
    return name;
  });
  const config = {
    extends: "../../tsconfig.base.json",
    compilerOptions: {
      composite: false,
      noEmit: true,
      noUnusedLocals: false,
      rootDir: "../..",
      types: ["node", "deno", "bun-types"],
      skipLibCheck: true,
      paths: ownPaths(),
    },
    files,
  };
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config, undefined, 2));
  const args = ["-p", EXAMPLES, "--pretty", "false"];
  const { status, stdout } = spawnSync("node_modules/.bin/tsc", args, {
    cwd: root,
    encoding: "utf8",
  });
  if (status !== 0) {
    const errors = stdout.trimEnd().split("\n");
    const inDocument = /^dist\/\.readme\/line_\d+\.ts\((\d+),(\d+)\)/;
    complaints.push(...errors.map((error) => error.replace(inDocument, `${path}:$1:$2`)));
  }
  return blocks.length;
}

const documents = filesBelow("", ".md");
for (const path of documents) {
  checkLinks(path);
  checkCommands(path);
}
let examples = 0;
if (documents.includes("README.md")) examples = checkExamples("README.md");
else complaints.push("README.md does not exist");
report("docs", `${documents.length} files, ${examples} examples`, complaints);
