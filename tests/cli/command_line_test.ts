/**
 * The command line itself: help, version, what is allowed, and exit codes for what is not.
 */

import { test } from "node:test";

import { COMMANDS } from "../../cli/commands.ts";
import { UsageError } from "../../cli/failures.ts";
import { explain } from "../../cli/help.ts";
import { parseCommandLine, type ParsedArguments } from "../../cli/parse.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "../support/assert.ts";
import { tempDir } from "../support/tmp.ts";
import { fails, kvig, ok } from "./kvig.ts";

function parse(name: string, ...words: string[]): ParsedArguments {
  const command = COMMANDS.find((command) => command.name === name);
  assert(command !== undefined);
  return parseCommandLine(command, words);
}

test("--help names every command and explains the exit codes", () => {
  const help = ok(["--help"]);
  for (const { name } of COMMANDS) assertMatch(help, new RegExp(`^  ${name} +\\w`, "m"));
  for (const code of [0, 1, 2, 130]) assertMatch(help, new RegExp(`^  ${code} +\\w`, "m"));
  assertEquals(ok(["help"]), help);
  assertEquals(ok(["-h"]), help);
  const bare = kvig([]);
  assertEquals([bare.code, bare.out, bare.err], [2, "", help]);
});

test("each command explains itself, with every option and an example", () => {
  for (const command of COMMANDS) {
    const help = explain(command);
    assertMatch(help, new RegExp(`^Usage: kvig ${command.name} (STORE|ADAPTER|DIRECTORY)`));
    for (const { name } of command.options) assertStringIncludes(help, ` --${name}`);
    assertMatch(help, new RegExp(`^Examples?:\n  # \\w[^\n]*\n  [^\n]*kvig ${command.name}`, "m"));
    for (const line of help.split("\n")) assert([...line].length <= 80, line);
  }
});

test("help is printed for a command by each of its three ways", () => {
  for (const { name } of COMMANDS) assert(parse(name, "--help").has("help"));
  const help = ok(["help", "load"]);
  assertMatch(help, /^Usage: kvig load STORE \[FILE\]/);
  assertEquals(ok(["load", "--help"]), help);
  assertEquals(ok(["load", "somewhere", "-h"]), help);
});

test("--version prints the version of the package", () => {
  assertMatch(ok(["--version"]), /^kvig \d+\.\d+\.\d+\n$/);
  assertEquals(ok(["-V"]), ok(["--version"]));
});

test("a command that does not exist is answered with those that do, and the nearest", () => {
  const names = COMMANDS.map(({ name }) => name).join(" ");
  fails(["gte", "x"], 2, new RegExp(`"gte"; did you mean get\\? the commands are ${names}`));
  fails(["help", "lode"], 2, /did you mean load\?/);
  fails(["frobnicate"], 2, new RegExp(`no command "frobnicate"; the commands are ${names}`));
  fails(["--cache-size", "1MiB", "get"], 2, /expected a command before "--cache-size"/);
});

test("an option that does not exist is answered with those that do, and the nearest", () => {
  const unknown = (...words: [string, ...string[]]): string =>
    assertThrows(() => parse(...words), UsageError).message;
  assertMatch(
    unknown("scan", "s", "--limt", "3"),
    /^scan has no option --limt; did you mean --limit\?/,
  );
  assertStringIncludes(unknown("stat", "s", "--nonsense"), "it takes --cache-size --help --json");
  assertStringIncludes(unknown("put", "s", "k", "-5"), "begins with a dash goes behind --");
  assertEquals(parse("put", "s", "--", "k", "-5").operands, ["s", "k", "-5"]);
  assertMatch(unknown("get", "s", "k", "-z"), /^get has no option -z; it takes/);
  fails(["stat", "s", "--nonsense"], 2, /stat has no option --nonsense; it takes/);
});

test("options need their values, and only those", () => {
  const wrong = (...words: [string, ...string[]]): string =>
    assertThrows(() => parse(...words), UsageError).message;
  assertEquals(wrong("scan", "s", "--limit"), "--limit needs a value: --limit COUNT");
  assertMatch(wrong("scan", "s", "--prefix", "--keys"), /joined to it: --prefix=--keys$/);
  assertEquals(wrong("scan", "s", "--keys=yes"), '--keys takes no value, got "yes"');
  assertEquals(parse("scan", "s", "--prefix=--keys").text("prefix"), "--keys");
  assertEquals(parse("scan", "s", "--prefix=").text("prefix"), "");
  assertEquals(parse("scan", "s", "--gt", "-").text("gt"), "-");
  assertEquals(parse("scan", "s", "-rkn5").count("limit", 0), 5);
  assertThrows(() => parse("scan", "s", "--limit", "-1"), UsageError);
  assertThrows(() => parse("scan", "s", "--limit=-1").count("limit", 0), UsageError, "from 0 on");
  assertThrows(() => parse("get", "s", "00", "--hex", "--base64").notation, UsageError, "exclude");
});

test("a command with too few or too many arguments says how it is called", () => {
  const wrong = (...words: [string, ...string[]]): string =>
    assertThrows(() => parse(...words), UsageError).message;
  assertEquals(wrong("put", "s"), "put needs KEY and VALUE: kvig put STORE KEY VALUE");
  assertEquals(wrong("delete", "s"), "delete needs KEY: kvig delete STORE KEY...");
  assertEquals(
    wrong("get", "s", "a", "b"),
    'get got one argument too many, "b": kvig get STORE KEY',
  );
  assertMatch(wrong("get", "", "a"), /^STORE is empty/);
  assertEquals(parse("load", "s").operands, ["s"]);
  assertEquals(parse("delete", "s", "", "b").operands, ["s", "", "b"]);
  fails(["get"], 2, /get needs STORE and KEY/);
});

test("what the library refuses is told in the words of the command line", () => {
  using dir = tempDir();
  const path = dir.file("store");
  fails(["load", path, "--page-size", "1000"], 2, /--page-size must be a power of two, got 1000/);
  fails(["load", path, "--log-size", "10KiB"], 2, /--log-size must be a whole number from 1048576/);
  fails(
    ["load", path, "--cache-size", "64MB"],
    2,
    /--cache-size takes a number of bytes .* "64MB"/,
  );
  fails(["load", path, "--batch", "0"], 2, /--batch takes a whole number from 1 on, got "0"/);
  fails(["backup", path, ""], 2, /TARGET is empty/);
  fails(["get", path, "0", "--hex"], 2, /with --hex, KEY is pairs of hexadecimal digits/);
  fails(["scan", path, "--gt", "!", "--base64"], 2, /with --base64, the KEY of --gt is base64/);
});
