/**
 * What can stand in a page of the data file or a block of the log, in the model: the fields that
 * the rules are about, without their bytes.
 *
 * @module
 */

/** Places of the data file that the model knows, the two meta pages included. */
export const MAX_PLACES = 30;
/** Places that one bitmap page describes: a full file has three of them. */
export const SEGMENT_PLACES = 10;
/** Blocks of the ring. */
export const RING_BLOCKS = 6;
/** Records that fit one block. */
export const BLOCK_RECORDS = 2;
/** How far above the epochs in use each meta page puts the limit. */
export const EPOCH_STEP = 8;
/** Pages of the run of a large value. */
export const RUN_PAGES = 2;
/** Keys of the store; two share a leaf. */
export const KEYS = 4;

/** A reference to a page. */
export interface Reference {
  /** Where it lies. */
  readonly place: number;
  /** The epoch that it must have. */
  readonly epoch: number;
}

/** A reference to the run of a large value. */
export interface RunReference extends Reference {
  /** Stands for the checksum of the value: no two values share one. */
  readonly sum: number;
}

/** The value of a key: a number, 0 where it is absent; or where its run lies. */
export type Cell = number | RunReference;

/** What a page of a tree or of the map holds. */
export type Body =
  | { readonly kind: "root"; readonly leaves: Reference[] }
  | { readonly kind: "leaf"; readonly cells: Cell[] }
  | { readonly kind: "index"; readonly bitmaps: (Reference | undefined)[] }
  | { readonly kind: "bitmap"; bits: number };

/** A page of a tree or of the map. */
export interface Page {
  readonly kind: "page";
  readonly place: number;
  readonly epoch: number;
  readonly body: Body;
}

/** One page of the run of a large value; it has no header. */
export interface Piece {
  readonly kind: "piece";
  readonly value: number;
  readonly index: number;
}

/** A meta page. */
export interface Meta {
  readonly kind: "meta";
  readonly checkpoint: number;
  readonly state: State;
  readonly group: number;
  readonly position: number;
  readonly salt: number;
  readonly epochLimit: number;
}

/** One record of the log: a key that is set or removed, or the end of a commit. */
export type LogRecord =
  | { readonly kind: "put"; readonly key: number; readonly value: number; readonly large: boolean }
  | { readonly kind: "commit"; readonly sequence: number };

/** A block of the log. */
export interface Block {
  readonly kind: "block";
  readonly salt: number;
  readonly position: number;
  readonly group: number;
  readonly index: number;
  readonly last: boolean;
  /** The last group known durable when it was written. */
  readonly through: number;
  /** Stands for its checksum. */
  readonly sum: number;
  /** The checksum of the block before it in its group, which seeds its own. */
  readonly chain: number;
  readonly records: readonly LogRecord[];
}

/** Bytes of which no checksum fits. */
export interface Garbage {
  readonly kind: "garbage";
}

/** What stands at a place; undefined are zeros. */
export type Content = Page | Piece | Meta | Block | Garbage | undefined;

/** The only garbage. */
export const GARBAGE: Garbage = { kind: "garbage" };

/** What a set of roots shows. */
export interface State {
  /** Its number in the line of history, in memory only. */
  generation: number;
  /** Root of the tree. */
  root: Reference;
  /** Root of the free-space map. */
  index: Reference;
  /** A bit for each place that it reaches. */
  reached: number;
  /** How many places the file has. */
  pageCount: number;
  /** The last commit in it. */
  sequence: number;
}

/** The bit of a place. */
export function bit(place: number): number {
  return (1 << place) >>> 0;
}

/** The highest place in a set of places, −1 where it is empty. */
export function highest(places: number): number {
  return 31 - Math.clz32(places);
}

/** How many places a set has. */
export function countPlaces(places: number): number {
  let count = 0;
  for (let rest = places >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count++;
  return count;
}

/** The places of a run. */
export function runBits(run: Reference): number {
  return (((1 << RUN_PAGES) - 1) << run.place) >>> 0;
}

/** A copy of a body that can be changed on its own. */
export function copyBody(body: Body): Body {
  switch (body.kind) {
    case "root":
      return { kind: "root", leaves: body.leaves.slice() };
    case "leaf":
      return { kind: "leaf", cells: body.cells.slice() };
    case "index":
      return { kind: "index", bitmaps: body.bitmaps.slice() };
    case "bitmap":
      return { kind: "bitmap", bits: body.bits };
  }
}

/** A content in a few words, for traces. */
export function describe(content: Content): string {
  if (content === undefined) return "zeros";
  switch (content.kind) {
    case "garbage":
      return "garbage";
    case "page":
      return `${content.body.kind} page ${content.place} of epoch ${content.epoch}`;
    case "piece":
      return `piece ${content.index} of the large value ${content.value}`;
    case "meta":
      return `meta page ${content.checkpoint} (commit ${content.state.sequence}, ` +
        `group ${content.group} at ${content.position}, salt ${content.salt}, ` +
        `limit ${content.epochLimit})`;
    case "block":
      return `${content.last ? "last " : ""}block ${content.index} of group ${content.group} ` +
        `(position ${content.position}, salt ${content.salt}, through ${content.through})`;
  }
}
