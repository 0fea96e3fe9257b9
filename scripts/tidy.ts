/**
 * The style of the house as an executable test: the order of layers, what the core may not name,
 * sizes, docstrings, banned words. The data it checks against is in `tidy_tables.ts`.
 *
 * What the formatter, the linter and the compiler check is not checked here again.
 *
 * @module
 */

import { parse } from "@babel/parser";
import type { Comment, File, Node } from "@babel/types";
import { posix } from "node:path";
import { filesBelow, readText, report } from "./repository.ts";
import {
  BANNED_WORDS,
  BLOCK_IS_PLAIN,
  CORE_FORBIDDEN_GLOBALS,
  CORE_LAYERS,
  LIMITS,
  LONG_FUNCTIONS,
  type Part,
  PARTS,
  RUNTIME_NAMES,
} from "./tidy_tables.ts";

interface Source {
  readonly path: string;
  readonly part: Part;
  readonly lines: readonly string[];
  readonly file: File;
  readonly comments: readonly Comment[];
  /** The comment that opens the file, where it is a docstring. */
  readonly header: Comment | undefined;
}

type Complain = (source: { readonly path: string }, line: number, message: string) => void;
type Rule = (source: Source, complain: Complain) => void;
type Visit = (syntax: Node, parents: readonly Node[]) => void;

const CORE_RANKS = new Map(
  Object.values(CORE_LAYERS).flatMap((names, rank) =>
    names.split(/\s+/).map((name) => [`core/${name}.ts`, rank] as [string, number])
  ),
);
const LAYER_NAMES = Object.keys(CORE_LAYERS);

const lineOf = (syntax: Node | Comment): number => syntax.loc?.start.line ?? 1;
const isSyntax = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";

/** Calls `visit` for each node of the syntax tree, parents (nearest last) before children. */
function walk(syntax: Node, visit: Visit, parents: Node[] = []): void {
  visit(syntax, parents);
  parents.push(syntax);
  for (const [key, value] of Object.entries(syntax)) {
    if (key.endsWith("Comments") || key === "comments" || key === "tokens") continue;
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isSyntax(child)) walk(child, visit, parents);
    }
  }
  parents.pop();
}

function nameOf(syntax: Node | null | undefined): string | undefined {
  if (syntax?.type === "Identifier") return syntax.name;
  if (syntax?.type === "PrivateName") return `#${syntax.id.name}`;
  if (syntax?.type === "StringLiteral") return syntax.value;
  return undefined;
}

/** Whether an identifier only picks or declares a member, so that it is no name of a scope. */
function isMemberName(syntax: Node, parent: Node | undefined): boolean {
  if (parent === undefined) return false;
  if (parent.type === "PrivateName" || parent.type === "TSQualifiedName") return true;
  if (parent.type === "MemberExpression" || parent.type === "OptionalMemberExpression") {
    return parent.property === syntax && !parent.computed;
  }
  return "key" in parent && parent.key === syntax && !("computed" in parent && parent.computed);
}

/** The words of a name in any case style, in small letters: "pageCount2" is "page", "count". */
function wordsOf(text: string): string[] {
  return (text.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase());
}

// ── Imports ──────────────────────────────────────────────────────────────────

/** Every module that a file names, types included, with the line. */
function importsOf(source: Source): { specifier: string; line: number }[] {
  const found: { specifier: string; line: number }[] = [];
  walk(source.file.program, (syntax) => {
    let from: Node | null | undefined;
    if (syntax.type === "ImportDeclaration" || syntax.type === "ExportAllDeclaration") {
      from = syntax.source;
    } else if (syntax.type === "ExportNamedDeclaration") from = syntax.source;
    else if (syntax.type === "ImportExpression") from = syntax.source;
    else if (syntax.type === "TSImportType") from = syntax.argument;
    if (isSyntax(from) && from.type === "StringLiteral") {
      found.push({ specifier: from.value, line: lineOf(syntax) });
    }
  });
  return found;
}

function checkPackageImport(source: Source, specifier: string, line: number, complain: Complain) {
  if (specifier === "node:assert" || specifier.startsWith("node:assert/")) {
    if (source.path !== "tests/support/assert.ts" && source.part.name === "tests") {
      complain(source, line, "assertions come from tests/support/assert.ts");
    }
  }
  if (!source.part.product) return;
  const runtimeModule = /^(node|bun):/.test(specifier);
  const mayNameRuntime = /^(adapter|uring|cli)/.test(source.part.name);
  if (!runtimeModule) complain(source, line, `kvig has no dependencies, found "${specifier}"`);
  else if (!mayNameRuntime) complain(source, line, `only adapters/ and cli/ import "${specifier}"`);
}

function checkOwnImport(source: Source, target: string, line: number, complain: Complain) {
  const part = partOf(target);
  if (part === undefined) return complain(source, line, `imports ${target} from no known part`);
  if (part.name === source.part.name) {
    const [ours, theirs] = [part.files.exec(source.path)?.[1], part.files.exec(target)?.[1]];
    if (ours !== theirs) complain(source, line, `adapters never import each other: ${target}`);
  } else if (!source.part.imports.includes(part.name)) {
    complain(source, line, `${source.part.name} may not import ${target}`);
  }
  const [rank, targetRank] = [CORE_RANKS.get(source.path), CORE_RANKS.get(target)];
  if (rank !== undefined && targetRank !== undefined && targetRank > rank) {
    const [layer, targetLayer] = [LAYER_NAMES[rank], LAYER_NAMES[targetRank]];
    complain(source, line, `${layer} may not import ${target}: ${targetLayer} is above it`);
  }
}

const checkImports: Rule = (source, complain) => {
  if (source.part.name === "core" && !CORE_RANKS.has(source.path)) {
    complain(source, 1, "has no layer yet: add it to CORE_LAYERS in scripts/tidy_tables.ts");
  }
  for (const { specifier, line } of importsOf(source)) {
    if (!specifier.startsWith(".")) checkPackageImport(source, specifier, line, complain);
    else checkOwnImport(source, resolveImport(source.path, specifier), line, complain);
  }
};

const resolveImport = (path: string, specifier: string): string =>
  posix.join(posix.dirname(path), specifier);

/** Finds imports that lead back to where they started; each circle is named once. */
function checkCycles(sources: readonly Source[], complain: Complain): void {
  const edges = new Map(sources.map((source) => {
    const own = importsOf(source).filter(({ specifier }) => specifier.startsWith("."));
    return [source.path, own.map(({ specifier }) => resolveImport(source.path, specifier))];
  }));
  const done = new Set<string>();
  const follow = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) {
      complain({ path }, 1, `imports run in a circle: ${[...trail.slice(at), path].join(" → ")}`);
    }
    if (at >= 0 || done.has(path)) return;
    for (const next of edges.get(path) ?? []) follow(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) follow(path, []);
}

// ── The core ─────────────────────────────────────────────────────────────────

const checkCoreGlobals: Rule = (source, complain) => {
  if (source.part.name !== "core") return;
  walk(source.file.program, (syntax, parents) => {
    const line = lineOf(syntax);
    if (syntax.type === "ImportExpression" || syntax.type === "MetaProperty") {
      complain(source, line, "the core imports nothing at run time and asks nothing of its module");
    }
    if (syntax.type === "MemberExpression" && nameOf(syntax.object) === "Math") {
      if (nameOf(syntax.property) === "random") {
        complain(source, line, "randomness comes through the Io, not Math.random");
      }
    }
    if (syntax.type !== "Identifier" || isMemberName(syntax, parents.at(-1))) return;
    if (CORE_FORBIDDEN_GLOBALS.includes(syntax.name)) {
      complain(source, line, `the core knows no runtime: ${syntax.name} is forbidden`);
    } else if (syntax.name === "globalThis" && source.path !== "core/host.ts") {
      complain(source, line, "what is universal is declared in core/host.ts");
    }
  });
};

const checkRuntimeNames: Rule = (source, complain) => {
  if (source.part.name !== "core" && source.part.name !== "mod.ts") return;
  source.lines.forEach((text, index) => {
    const name = wordsOf(text).find((word) => RUNTIME_NAMES.includes(word));
    if (name !== undefined) {
      complain(source, index + 1, `runtimes are not named here, not even in comments: "${name}"`);
    }
  });
};

const checkWords: Rule = (source, complain) => {
  if (source.part.name !== "core") return;
  const imported = new Set<string>();
  const seen = new Set<string>();
  walk(source.file.program, (syntax, parents) => {
    if (syntax.type === "ImportSpecifier") imported.add(syntax.local.name);
    if (syntax.type !== "Identifier") return;
    const parent = parents.at(-1);
    const picks = parent?.type === "MemberExpression" && isMemberName(syntax, parent);
    if (picks || parent?.type === "ImportSpecifier") return;
    if (imported.has(syntax.name) || seen.has(syntax.name)) return;
    seen.add(syntax.name);
    for (const word of wordsOf(syntax.name.replace(BLOCK_IS_PLAIN, ""))) {
      if (!Object.hasOwn(BANNED_WORDS, word) || BANNED_WORDS[word]?.test(source.path)) continue;
      complain(
        source,
        lineOf(syntax),
        `"${word}" in ${syntax.name}: see the words in CONTRIBUTING`,
      );
    }
  });
};

// ── Sizes and names of files ─────────────────────────────────────────────────

const usedExemptions = new Set<string>();

function functionName(syntax: Node, parent: Node | undefined): string {
  const own = "key" in syntax ? syntax.key : "id" in syntax ? syntax.id : undefined;
  const given = parent === undefined || !("id" in parent) ? undefined : parent.id;
  const name = isSyntax(own) ? nameOf(own) : isSyntax(given) ? nameOf(given) : undefined;
  return name ?? "anonymous";
}

const checkSizes: Rule = (source, complain) => {
  if (!/^([a-z0-9]+_)*[a-z0-9]+\.ts$/.test(posix.basename(source.path))) {
    complain(source, 1, "file names are snake_case");
  }
  const count = source.lines.length - 1;
  if (count > LIMITS.fileLines) {
    complain(source, 1, `has ${count} lines, more than ${LIMITS.fileLines}: split it`);
  }
  source.lines.forEach((text, index) => {
    const columns = [...text].length;
    if (columns > LIMITS.columns && !text.includes("://")) {
      complain(source, index + 1, `has ${columns} columns, more than ${LIMITS.columns}`);
    }
  });
  walk(source.file.program, (syntax, parents) => {
    if (!/^(Arrow)?Function|Method$/.test(syntax.type) || !("body" in syntax)) return;
    const parent = parents.at(-1);
    if (parent?.type === "CallExpression" && nameOf(parent.callee) === "describe") return;
    const lines = (syntax.loc?.end.line ?? 1) - lineOf(syntax) + 1;
    if (lines <= LIMITS.functionLines) return;
    const id = `${source.path} ${functionName(syntax, parent)}`;
    if (Object.hasOwn(LONG_FUNCTIONS, id)) usedExemptions.add(id);
    else {complain(
        source,
        lineOf(syntax),
        `${id} has ${lines} lines, limit ${LIMITS.functionLines}`,
      );}
  });
};

// ── Comments and code ────────────────────────────────────────────────────────

const isDocstring = (comment: Comment): boolean =>
  comment.type === "CommentBlock" && comment.value.startsWith("*");

const checkHeader: Rule = (source, complain) => {
  if (source.header === undefined) {
    complain(source, 1, "begins with no docstring that says what the file is responsible for");
  } else if (source.part.product && !source.header.value.includes("@module")) {
    complain(source, 1, "the docstring at its head lacks @module");
  }
};

const checkComments: Rule = (source, complain) => {
  const tests = source.part.name === "tests";
  for (const comment of source.comments) {
    const found = /\b(TODO|FIXME|XXX)\b|@ts-(ignore|nocheck|expect-error)/.exec(comment.value)?.[0];
    if (found === undefined || (tests && found === "@ts-expect-error")) continue;
    complain(source, lineOf(comment), `${found} has no place here`);
  }
};

const checkCode: Rule = (source, complain) => {
  walk(source.file.program, (syntax) => {
    if (syntax.type === "TSAnyKeyword") complain(source, lineOf(syntax), "any is no type");
    if (syntax.type === "CatchClause" && syntax.body.body.length === 0) {
      complain(source, lineOf(syntax), "a catch that does nothing hides errors");
    }
  });
};

const checkDocstrings: Rule = (source, complain) => {
  const missing = new Map<string, number>();
  const documented = new Set<string>();
  for (const syntax of source.file.program.body) {
    if (syntax.type !== "ExportNamedDeclaration" || !syntax.declaration) continue;
    const declared = syntax.declaration;
    const ids = declared.type === "VariableDeclaration"
      ? declared.declarations.map(({ id }) => id)
      : ["id" in declared ? declared.id : undefined];
    const doc = (syntax.leadingComments ?? []).some((comment) =>
      isDocstring(comment) && comment.start !== source.header?.start
    );
    for (const id of ids) {
      const name = nameOf(isSyntax(id) ? id : undefined) ?? "a pattern";
      if (doc) documented.add(name);
      else if (!missing.has(name)) missing.set(name, lineOf(syntax));
    }
  }
  for (const [name, line] of missing) {
    if (!documented.has(name)) complain(source, line, `${name} is exported without a docstring`);
  }
};

// ── The run ──────────────────────────────────────────────────────────────────

const RULES: readonly Rule[] = [
  checkImports,
  checkCoreGlobals,
  checkRuntimeNames,
  checkWords,
  checkSizes,
  checkHeader,
  checkComments,
  checkCode,
  checkDocstrings,
];

function partOf(path: string): Part | undefined {
  return PARTS.find((part) => part.files.test(path));
}

function readSource(path: string, part: Part): Source {
  const text = readText(path);
  const file = parse(text, {
    sourceType: "module",
    plugins: ["typescript", "explicitResourceManagement"],
    createImportExpressions: true,
  });
  const comments = file.comments ?? [];
  const first = comments.find((comment) => !comment.value.startsWith("/ <reference"));
  const start = file.program.body[0]?.start ?? Infinity;
  const opens = first !== undefined && isDocstring(first) && (first.start ?? 0) < start;
  const header = opens ? first : undefined;
  return { path, part, lines: text.split("\n"), file, comments, header };
}

const complaints: string[] = [];
const complain: Complain = ({ path }, line, message) => {
  complaints.push(`${path}:${line}: ${message}`);
};
const paths = filesBelow("", ".ts");
const sources: Source[] = [];
for (const path of paths) {
  const part = partOf(path);
  if (part === undefined) complain({ path }, 1, "is in no known part, see PARTS in tidy_tables.ts");
  else sources.push(readSource(path, part));
}
for (const source of sources) for (const rule of RULES) rule(source, complain);
checkCycles(sources, complain);
for (const id of Object.keys(LONG_FUNCTIONS)) {
  if (!usedExemptions.has(id)) complaints.push(`LONG_FUNCTIONS: "${id}" is not needed any more`);
}
report("tidy", `${paths.length} files`, complaints);
