/**
 * The stores that hostile files are made of, with what there is in them to be changed.
 *
 * @module
 */

import { fileSeed, type Meta } from "../../core/meta.ts";
import { makeSubject, type Pair, type Subject, type SubjectShape } from "../damage/subject.ts";
import { DATA, LOG } from "../damage/subject.ts";
import { openTinySync } from "../sim/tiny_store.ts";
import { decodePage, KINDS, metasOf, newestMeta, reachOf } from "../support/image.ts";
import { ImageIo } from "../support/image_io.ts";
import type { Random } from "../support/random.ts";

/** A store that hostile files are made of. */
export interface Base {
  /** Its name. */
  readonly name: string;
  /** Its files; the log is absent in a backup. */
  readonly data: Uint8Array;
  readonly log: Uint8Array | undefined;
  /** What it shows after each number of commits that a damaged copy may show. */
  readonly models: ReadonlyMap<number, readonly Pair[]>;
  /** The keys that it has. */
  readonly keys: readonly string[];
  /** Size of a page and of a block of the log. */
  readonly pageBytes: number;
  /** Seed of its checksums. */
  readonly seed: number;
  /** Its valid meta pages. */
  readonly metas: readonly (Meta | undefined)[];
  /** Pages that the newest meta page shows, by kind; large values are none of these. */
  readonly pages: Readonly<Record<keyof typeof KINDS, readonly number[]>>;
  /** The epoch of each page that is shown. */
  readonly epochs: ReadonlyMap<number, number>;
}

const SHAPES: readonly SubjectShape[] = [
  { killed: false, pageBytes: 512, keys: 40, seed: 1 },
  { killed: true, pageBytes: 512, keys: 30, seed: 2 },
  { killed: false, pageBytes: 512, keys: 91, seed: 10 },
  { killed: true, pageBytes: 512, keys: 46, seed: 12 },
  { killed: false, pageBytes: 4096, keys: 30, seed: 3 },
  { killed: false, pageBytes: 512, keys: 22, seed: 4 },
  { killed: true, pageBytes: 512, keys: 22, seed: 5 },
];
/** The small ones of these: an input of one of them costs the least. */
const SMALL = [5, 6];

function baseOf(
  name: string,
  data: Uint8Array,
  log: Uint8Array | undefined,
  models: ReadonlyMap<number, readonly Pair[]>,
): Base {
  const meta = newestMeta(data);
  const { pageBytes } = meta;
  const seed = fileSeed(meta.fileId);
  const epochs = reachOf(data, meta).pages;
  const pages: Record<keyof typeof KINDS, number[]> = {
    leaf: [],
    branch: [],
    bitmap: [],
    index: [],
  };
  for (const page of epochs.keys()) {
    const view = decodePage(data.subarray(page * pageBytes, (page + 1) * pageBytes), seed);
    if (typeof view === "string") continue;
    for (const [kind, number] of Object.entries(KINDS)) {
      if (number === view.kind) pages[kind as keyof typeof KINDS].push(page);
    }
  }
  const keys = [...models.values()].at(-1)!.map(([key]) => key);
  const metas = metasOf(data);
  return { name, data, log, models, keys, pageBytes, seed, metas, pages, epochs };
}

/** The states that may be left of a subject whose log is damaged: those behind its checkpoints. */
function modelsOf(subject: Subject): Map<number, readonly Pair[]> {
  const sequences = metasOf(subject.images[DATA]).map((meta) => meta?.state.sequence ?? 0);
  const models = new Map<number, readonly Pair[]>();
  for (let n = Math.min(...sequences); n <= subject.commits; n++) models.set(n, subject.models[n]!);
  return models;
}

function emptyBase(): Base {
  const io = new ImageIo(99);
  openTinySync(io, DATA, { logSize: 16 * 512 }).closeSync();
  return baseOf("empty", io.file(DATA).bytes(), io.file(LOG).bytes(), new Map([[0, []]]));
}

function backupBase(): Base {
  const io = new ImageIo(98);
  const store = openTinySync(io, DATA, { logSize: 16 * 512 });
  const pairs: Pair[] = [];
  for (let i = 10; i < 40; i++) {
    const value = new Uint8Array(i * (i % 7 === 0 ? 50 : 3)).fill(i);
    store.putSync(`key ${i}`, value);
    pairs.push([`key ${i}`, value]);
  }
  store.backupSync("backup");
  return baseOf("backup", io.file("backup").bytes(), undefined, new Map([[30, pairs]]));
}

function makeBases(): Base[] {
  const bases = SHAPES.map((shape) => {
    const subject = makeSubject(shape);
    return baseOf(subject.name, subject.images[DATA], subject.images[LOG], modelsOf(subject));
  });
  return [...bases, emptyBase(), backupBase()];
}

let made: readonly Base[] | undefined = undefined;

/** One of the bases: mostly a small one. */
export function pickBase(random: Random): Base {
  const all = bases();
  return random.oneIn(12) ? random.pick(all) : all[random.pick(SMALL)]!;
}

/** All bases, made once. */
export function bases(): readonly Base[] {
  return made ??= makeBases();
}
