/**
 * docs/protocol.md: written from the rules and the counterexamples that are kept.
 *
 * @module
 */

import { readSchedule } from "./chooser.ts";
import { searchCreation } from "./creation.ts";
import { ORACLES } from "./history.ts";
import { CREATION, FILE, RULE_NAMES, type RuleName, RULES, rulesWithout } from "./rules.ts";
import { type Counterexample, tell } from "./search.ts";

/** Where it lies. */
export const DOCS_PATH = "docs/protocol.md";

const HEAD = `# The protocol as a model

<!-- Written by \`npm run protocol -- --write-docs\`; do not edit. -->

The rules of the format and of commit, checkpoint, recovery, compaction and creation stand in
[design.md](design.md#the-rules). Here they are the switches of a model that can be run: a store of
four keys over a disk that forgets. With all rules on nothing may go wrong, whatever happens in
whatever order. With one rule off something does, and the shortest way to it that was found is the
reason of that rule.

## Running it

\`\`\`sh
npm run protocol                             # CI's share: all rules on, then each one off
npm run protocol -- --seconds 600 --seed 7   # longer, with other seeds
npm run protocol -- --rule bothMetas         # one rule off: searches, shortens, tells what happens
npm run protocol -- --write-docs             # looks for shorter ways, writes this page
npm run protocol -- --help
\`\`\`

Its last line is a JSON object with what was covered. It ends with 1 where something went wrong with
all rules on, or where a rule was taken off and nothing went wrong.

## What is modelled

- **Store**: a root over two leaves of two keys each, large values in runs of two pages, a
  free-space map of three bitmap pages below an index; two meta pages; a ring of six blocks. A page
  is its number, its epoch and its content; a checksum is a number that no other content has.
- **Disk**: calls in flight take effect late and in any order. A power cut keeps any subset of what
  no sync covered, whole, torn to garbage, or not at all; the size of the file likewise; a place
  that the file grew by may come back with what once stood elsewhere. A killed process leaves what
  was complete, and any part of what was in flight. Writes and syncs fail, and a failed sync is
  reported once. The disk may have less room than the store could use.
- **Silent faults**, one a run: a lost write, a misdirected write, a flipped bit.
- **Work**, all of it side by side: puts and deletes, deferred, durable or blocking; large values;
  transactions, with blocks written ahead of the commit, rolled back, and committed by a checkpoint;
  checkpoints, spills, snapshots, reads in flight, moves of pages, shortening, closing, opening with
  a replay that is cut again and again.
- **Creation** and the first opening of a backup are searched exhaustively: a cut behind each step,
  every subset of what is not durable, again from whatever that leaves.

Not modelled: bytes, and so whether a checksum finds what it must; the shape of trees (splits,
merges, the catalogue); memory (evictions happen, nothing runs short); read-only openings; versions
of the format. Two silent faults in one run are not tried. A meta page whose sync failed is either
on the disk or not: that it is torn there, and that the power fails in the first write of the next
opening, is not tried; then no meta page would be left. Nobody else fills the disk while the store
is closed: closing cuts off the free places that deletes could use.

## What is watched

`;

function oracles(): string {
  return Object.entries(ORACLES).map(([name, text]) => `- **${name}**: ${text}`).join("\n");
}

function traceOf(lines: readonly string[], wrong: string): string {
  return ["```text", ...[...lines, `→ ${wrong}`].map(wrapped), "```"].join("\n");
}

/** A line of a trace, broken where it would be too long. */
function wrapped(line: string): string {
  const words = line.split(" ");
  const lines: string[] = [];
  let current = "";
  for (const word of words) {
    if (current !== "" && current.length + 1 + word.length > 96) {
      lines.push(current);
      current = `    ${word}`;
    } else current = current === "" ? word : `${current} ${word}`;
  }
  return [...lines, current].join("\n");
}

const OPENED = "the store is open with commit 0 of 0";

/** Leaves out how the new store is opened, where nothing happens meanwhile, and its growth. */
function withoutPrelude(rule: RuleName, whole: readonly string[]): readonly string[] {
  const growth = RULES[rule].part === FILE;
  const trace = whole.filter((line) => growth || !line.startsWith("the file grows"));
  const at = trace.indexOf(OPENED);
  const before = trace.slice(0, at + 1);
  const plain = !before.some((line) => /FAULT|POWER CUT|KILLED|FAILURE/.test(line));
  return at >= 0 && plain ? ["a new store is opened", ...trace.slice(at + 1)] : trace;
}

function section(rule: RuleName, kept: ReadonlyMap<RuleName, Counterexample>): string {
  const { text, without, needless, part } = RULES[rule];
  const head = `#### ${rule}\n\n${text}\n`;
  if (needless !== undefined) {
    return `${head}\nThe model finds nothing without it. ${needless}\n`;
  }
  const lost = `${head}\nWithout it: ${without}\n`;
  if (part === CREATION) {
    const { failure } = searchCreation(rulesWithout(rule));
    if (failure === undefined) return lost;
    return `${lost}\n${traceOf(failure.trace, failure.message)}\n`;
  }
  const found = kept.get(rule);
  if (found === undefined) return lost;
  const { trace, wrong } = tell(rule, readSchedule(found.schedule));
  return `${lost}\n${traceOf(withoutPrelude(rule, trace), wrong)}\n`;
}

/** The text of the page. */
export function docsText(kept: ReadonlyMap<RuleName, Counterexample>): string {
  const parts = [...new Set(RULE_NAMES.map((rule) => RULES[rule].part))];
  const needless = RULE_NAMES.filter((rule) => RULES[rule].needless !== undefined);
  const sections = parts.map((part) => {
    const rules = RULE_NAMES.filter((rule) => RULES[rule].part === part);
    return `### ${part}\n\n${rules.map((rule) => section(rule, kept)).join("\n")}`;
  });
  return `${HEAD}${oracles()}

## The rules

${RULE_NAMES.length} rules. Without ${needless.length} of them the model finds nothing wrong; they
are kept as a second line of defence or for what the model does not have, and each says why:
${
    needless.join(", ")
  }. Each was searched for 500,000 steps, with the actions that could show it tried
more often; \`npm run protocol -- --rule NAME --steps N\` searches further.

${sections.join("\n")}`;
}

/** A text without regard to how its lines are broken. */
export function flowing(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
