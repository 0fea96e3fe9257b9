/**
 * `npm run bench:uring`: what io_uring gains over the portable way, on each runtime that has it, as
 * ratios measured in one run, and beside what `fio` reaches on the same file.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import process from "node:process";

import { table } from "./support/figures.ts";
import { root } from "./support/places.ts";
import { Scratch } from "./support/scratch.ts";

const worker = join(root, "bench/uring/worker.ts");
const RUNTIMES: Readonly<Record<string, readonly string[]>> = {
  "Node.js 26": [
    join(root, "node_modules/node26/bin/node"),
    "--disable-warning=ExperimentalWarning",
    worker,
  ],
  Deno: [
    join(root, "node_modules/.bin/deno"),
    "run",
    "--allow-all",
    "--no-check",
    worker,
  ],
  Bun: [join(root, "node_modules/.bin/bun"), worker],
};

type Figures = Record<string, number>;

/** A row: what it is, from which figures, the target, and in which direction that lies. */
interface Line {
  readonly what: string;
  readonly value: (figures: Figures) => number;
  readonly least?: number;
  readonly most?: number;
}

const over = (one: string, other: string) => (figures: Figures): number =>
  figures[one]! / figures[other]!;

const LINES: readonly Line[] = [
  {
    what: "checkpoint: times the portable way, O_DIRECT",
    value: over("checkpoint direct ms", "checkpoint ring ms"),
    least: 3,
  },
  {
    what: "checkpoint: times the portable way, buffered",
    value: over("checkpoint buffered ms", "checkpoint ring ms"),
    least: 1.3,
  },
  {
    what: "checkpoint: event loop blocked, ms",
    value: (figures) => figures["checkpoint ring blocked ms"]!,
    most: 5,
  },
  {
    what: "batch and sync at once: times the portable way, buffered",
    value: over("checkpoint buffered ms", "checkpoint together ms"),
  },
  {
    what: "cold reads, 64 tasks: times the portable way",
    value: over("reads ring /s", "reads direct /s"),
    least: 2,
  },
  {
    what: "cold reads, 64 tasks: share of fio",
    value: over("reads ring /s", "fio"),
    least: 0.7,
  },
  {
    what: "one commit: times the portable way",
    value: over("commit buffered µs", "commit ring µs"),
    least: 0.9,
  },
  {
    what: "one commit, spinning: times the portable way",
    value: over("commit buffered µs", "commit spinning µs"),
  },
  {
    what: "commits of 64 tasks: times the portable way",
    value: over("commit of 64 tasks buffered µs", "commit of 64 tasks ring µs"),
    least: 1,
  },
];

const load = (): string => fs.readFileSync("/proc/loadavg", "utf8").split(" ")[0]!;

/** Random reads per second of fio, 64 in flight; NaN where there is no fio. */
function fioReads(path: string): number {
  const words = [
    "--name=reads",
    `--filename=${path}`,
    "--ioengine=io_uring",
    "--iodepth=64",
  ];
  words.push(
    "--rw=randread",
    "--bs=4k",
    "--direct=1",
    "--runtime=3",
    "--time_based",
  );
  const { status, stdout } = spawnSync("fio", [
    ...words,
    "--output-format=json",
  ], {
    encoding: "utf8",
  });
  if (status !== 0) return NaN;
  return (JSON.parse(stdout) as { jobs: [{ read: { iops: number } }] }).jobs[0]
    .read.iops;
}

function runOnce([program, ...words]: readonly string[]): Figures {
  using scratch = new Scratch();
  const child = spawnSync(program!, [...words, scratch.path], {
    encoding: "utf8",
  });
  if (child.status !== 0) throw new Error(`${program}: ${child.stderr}`);
  const { io, figures } = JSON.parse(
    child.stdout.trim().split("\n").at(-1)!,
  ) as {
    io: string;
    figures: Figures;
  };
  console.log(`${io}; load ${load()}`);
  return { ...figures, fio: fioReads(scratch.file("checkpoint-direct")) };
}

function cell({ value, least, most }: Line, figures: Figures): string {
  const number = value(figures);
  const target = least === undefined ? most === undefined ? "" : ` (≤ ${most})` : ` (≥ ${least})`;
  const met = (least === undefined || number >= least) &&
    (most === undefined || number <= most);
  const mark = target === "" ? "" : met ? " met" : " MISSED";
  return `${number.toFixed(2)}${target}${mark}`;
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in RUNTIMES));
if (unknown.length > 0) {
  const names = Object.keys(RUNTIMES).join(", ");
  console.error(
    `unknown runtime "${unknown[0]}"; allowed are ${names}, or none for all`,
  );
  process.exit(2);
}
const names = wanted.length > 0 ? wanted : Object.keys(RUNTIMES);
const all = names.map((name) => runOnce(RUNTIMES[name]!));
console.log(table([
  ["", ...names],
  ...LINES.map((
    line,
  ) => [line.what, ...all.map((figures) => cell(line, figures))]),
  ...Object.keys(all[0]!).map((
    key,
  ) => [key, ...all.map((figures) => figures[key]!.toFixed(1))]),
]));
