/**
 * The progress line: on a made-up terminal with a made-up clock, and on a real one.
 */

import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import process from "node:process";
import { Writable } from "node:stream";
import { test } from "node:test";

import { Progress } from "../../cli/progress.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "../support/assert.ts";
import { shellCommand } from "../support/subprocess.ts";
import { tempDir } from "../support/tmp.ts";
import { assertSound, ENTRY, ENVIRONMENT, kvig } from "./kvig.ts";

class Screen extends Writable {
  readonly isTTY: boolean;
  readonly columns = 20;
  text = "";

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

test("progress is rewritten in place, at most ten times a second, and gone at the end", () => {
  const screen = new Screen(true);
  let now = 0;
  const progress = new Progress(screen, () => now);
  for (; now < 250; now += 10) progress.show(() => `at ${now} ms`);
  progress.end("done");
  assertEquals(
    screen.text,
    "\rat 0 ms\r" + "\rat 100 ms\r" + "\rat 200 ms\r" + `\r${" ".repeat(9)}\r` + "done\n",
  );
});

test("a shorter line covers the longer one before it, and none is wider than the terminal", () => {
  const screen = new Screen(true);
  let now = 0;
  const progress = new Progress(screen, () => now += 100);
  progress.show(() => "a line that is wider than twenty columns");
  progress.show(() => "short");
  progress.clear();
  const [wide, covered, cleared] = screen.text.split("\r").filter((part) => part !== "");
  assertEquals(wide, "a line that is wide");
  assertEquals(covered, "short".padEnd(19));
  assertEquals(cleared, "     ");
});

test("without a terminal there is only the closing line, and when quiet nothing", () => {
  const screen = new Screen(false);
  const progress = new Progress(screen);
  progress.show(() => "on the way");
  progress.clear();
  progress.end("done");
  assertEquals(screen.text, "done\n");
  const silent = new Screen(true);
  const quiet = new Progress(silent);
  quiet.quiet = true;
  quiet.show(() => "on the way");
  quiet.end("done");
  assertEquals(silent.text, "");
});

const scriptProgram = ["/usr/bin/script", "/bin/script"].find((path) => existsSync(path));
const noTerminal = scriptProgram === undefined || process.platform !== "linux"
  ? "util-linux's script is not there to make a terminal with"
  : false;

/** Runs a shell command with a terminal as its standard streams and returns what that showed. */
function onTerminal(command: string): string {
  const { stdout, status } = spawnSync(scriptProgram ?? "", ["-qec", command, "/dev/null"], {
    input: "",
    timeout: 60_000,
    encoding: "utf8",
    env: ENVIRONMENT,
    maxBuffer: 64 * 1024 * 1024,
  });
  assertEquals(status, 0, `${command} failed on a terminal: ${stdout.slice(-500)}`);
  return stdout;
}

/** What stands on the screen after `shown`: what a carriage return goes back over is replaced. */
function left(shown: string): string {
  return shown.split("\n").map((line) => {
    let columns = "";
    for (const part of line.replace(/\r$/, "").split("\r")) {
      columns = part + columns.slice(part.length);
    }
    return columns.trimEnd();
  }).join("\n");
}

test(
  "on a terminal each long command shows its progress and clears it",
  { skip: noTerminal },
  () => {
    using dir = tempDir();
    const [input, store] = [dir.file("input"), dir.file("store")];
    const lines = Array.from(
      { length: 30_000 },
      (_, i) => `{"key":"${i}","value":"${"x".repeat(50)}"}`,
    );
    writeFileSync(input, lines.join("\n"));
    const run = (words: string): string => `${shellCommand(ENTRY)} ${words}`;
    const cases: [string, RegExp, RegExp][] = [
      [
        `load ${store} ${input}`,
        /\rload: [\d,]+ entries \d+ %/,
        /^loaded 30,000 entries in [\d.]+ s\n$/,
      ],
      [
        `dump ${store} > /dev/null`,
        /\rdump: [\d,]+ of 30,000/,
        /^dumped 30,000 entries in [\d.]+ s\n$/,
      ],
      [
        `verify ${store}`,
        /\rverify: \d+ of \d+ pages \d+ %/,
        /^verified \d+ pages .*: no problem\n$/,
      ],
      [`backup ${store} ${store}2`, /\rbackup: \d+ of \d+ pages \d+ %/, /^wrote .* MiB to .*\n$/],
    ];
    for (const [words, during, after] of cases) {
      const shown = onTerminal(run(words));
      assertMatch(shown, during);
      assertMatch(left(shown), after);
    }
    const onScreen = onTerminal(run(`dump ${store}`));
    assert(!onScreen.includes("dump:"), "entries and progress are mixed on one terminal");
    ["compact", "verify"].forEach((word) => {
      assertMatch(left(onTerminal(run(`${word} ${store}`))), /^(compacted|verified) .*\n$/);
    });
    assertStringIncludes(onTerminal(run(`get ${store} 1`)), "x".repeat(50) + "\r\n");
    assertSound(store);
  },
);

test("piped, a long command writes no progress", () => {
  using dir = tempDir();
  const store = dir.file("store");
  const lines = Array.from({ length: 5000 }, (_, i) => `{"key":"${i}","value":""}`).join("\n");
  const cases: [string[], string][] = [
    [["load", store, "--log-size", "1MiB"], lines],
    [["dump", store], ""],
    [["verify", store], ""],
    [["compact", store], ""],
    [["backup", store, `${store}2`], ""],
  ];
  for (const [args, input] of cases) {
    const { err } = kvig(args, input);
    assertMatch(err, /^(loaded|dumped|verified|compacted|wrote) [^\r\n]*\n$/);
    if (args[0] === "load" || args[0] === "backup") continue;
    assertEquals(kvig([...args, "--quiet"]).err, "");
  }
});
