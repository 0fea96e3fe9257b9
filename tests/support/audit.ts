/**
 * Watches every operation of a store on a {@link RecordingIo} and checks it against the rules of
 * the files, however the store came to it.
 *
 * What is checked at each operation is listed at the methods that do it. The states that the two
 * durable meta pages hold are decoded from the recorded bytes; the states that the engine holds
 * (snapshots, the one being checkpointed, the last committed one) are walked through its memory.
 *
 * One audit watches one Io. What was written under which number and epoch is kept in
 * {@link Writings}, which a test hands on across crashes.
 *
 * @module
 */

import { checksum } from "../../core/checksum.ts";
import type { Engine } from "../../core/engine.ts";
import { INFO_SHIFT } from "../../core/frames.ts";
import { decodeMeta, fileSeed, type Meta } from "../../core/meta.ts";
import { DIRTY, LOADING } from "../../core/page_cache.ts";
import type { State } from "../../core/state.ts";
import type { Kvig } from "../../mod.ts";
import {
  cellsOf,
  childrenOf,
  decodeBlock,
  decodePage,
  groupAt,
  groupsOf,
  KINDS,
  metasOf,
  newestMeta,
  newestSlot,
  type PageReference,
  type PageView,
  reachOf,
  runPages,
  runReference,
  StateWalk,
} from "./image.ts";
import type { Operation, Piece, RecordingIo } from "./recording_io.ts";

/** The engine of a store, which is no business of anybody but a test. */
export function engineOf(store: Kvig): Engine {
  return (store as unknown as { engine: Engine }).engine;
}

/** What was written under each number and epoch, across crashes and openings. */
export class Writings {
  readonly #sums = new Map<string, number>();
  /** The highest epoch that was written. */
  highestEpoch = 0;
  /** Writings noted. */
  count = 0;

  /** Notes a writing; false where another one had the same number and epoch. */
  note(page: number, epoch: number, sum: number): boolean {
    const key = `${page}/${epoch}`;
    const before = this.#sums.get(key);
    this.#sums.set(key, sum);
    this.count++;
    if (epoch > this.highestEpoch) this.highestEpoch = epoch;
    return before === undefined || before === sum;
  }
}

interface DurableMeta {
  readonly meta: Meta;
  readonly pages: ReadonlyMap<number, number>;
}

interface LogGroup {
  number: number;
  start: number;
  blocks: number;
  finished: boolean;
  sum: number;
  operations: Operation[];
}

/** What a page leads to. */
interface Links {
  readonly pages: readonly PageReference[];
  readonly runs: readonly { page: number; epoch: number; count: number }[];
  readonly roots: readonly PageReference[];
}

/** The audit of one store on one Io. */
export class Audit {
  /** Whatever broke a rule. */
  readonly problems: string[] = [];
  /** Meta pages written, in their order. */
  readonly metas: Meta[] = [];
  /** Pages written. */
  pagesWritten = 0;
  /** Groups of the log written as a whole. */
  groupsWritten = 0;
  /** What was written under which number and epoch. */
  readonly writings: Writings;
  readonly #io: RecordingIo;
  readonly #path: string;
  readonly #logPath: string;
  #engine: Engine | undefined = undefined;
  #durable: (DurableMeta | undefined)[] = [undefined, undefined];
  #pending: DurableMeta | undefined = undefined;
  // Of the opening that is under way or over.
  #opening = { data: false, log: false, metas: 0, limit: 0, saltRaised: false };
  #failed = new Set<string>();
  #group: LogGroup | undefined = undefined;
  #groups: LogGroup[] = [];
  #covered = new Map<Operation, number>();
  #durableGroup = 0;
  #held = new Map<State, ReadonlyMap<number, number>>();
  #links = new Map<string, Links>();

  /** Begins to watch the store at `path`. */
  constructor(io: RecordingIo, path: string, writings: Writings = new Writings()) {
    this.#io = io;
    this.#path = path;
    this.#logPath = `${path}-wal`;
    this.writings = writings;
    io.onIssue = (operation) => this.#issued(operation);
    io.onDone = (operation) => this.#done(operation);
    this.#readDurable();
  }

  /** Looks into the memory of `store` too: at the states that it holds. */
  watch(store: Kvig): void {
    this.#engine = engineOf(store);
    this.#held.clear();
    this.#links.clear();
  }

  /** Fails where a rule was broken. */
  check(): void {
    this.#io.check();
    if (this.problems.length > 0) throw new Error(this.problems.slice(0, 20).join("\n"));
  }

  /** Walks every state that the engine holds; each must mark exactly the pages that it reaches. */
  checkHeldStates(): void {
    const { pages, cache } = this.#engine!;
    for (const state of pages.holds.states) {
      const find = (page: number, epoch: number): PageView | string => this.#view(page, epoch);
      const walk = new StateWalk(this.#io.live(this.#path), cache.frames.pageBytes, find);
      for (const problem of walk.walk(state).problems) {
        this.problems.push(`the state of commit ${state.sequence}: ${problem}`);
      }
    }
  }

  #problem(operation: Operation, what: string): void {
    this.problems.push(`operation ${operation.index}, ${operation.kind}: ${what}`);
  }

  #issued(operation: Operation): void {
    const { kind, path } = operation;
    if (path === this.#path) {
      if (kind === "open" && operation.options?.readOnly !== true) this.#begin();
      if (kind === "write" || kind === "batch") {
        for (const piece of operation.pieces) this.#dataWrite(operation, piece);
      }
      if (kind === "truncate") this.#dataTruncate(operation);
    } else if (path === this.#logPath) {
      if (kind === "write" || kind === "batch") {
        for (const piece of operation.pieces) this.#logWrite(operation, piece);
      }
      if (kind === "truncate" && this.#current?.noLog === false) {
        this.#problem(operation, "the log changes its size");
      }
    } else return;
    if (kind === "sync") this.#syncIssued(operation);
  }

  /** A failed sync is never retried, nor anything written behind a failed write of the log. */
  #syncIssued(operation: Operation): void {
    const { path } = operation;
    if (this.#failed.has(path)) this.#problem(operation, "it comes after a failure of its file");
    if (path !== this.#logPath) return;
    const groups = this.#groups.filter((group) =>
      group.finished && group.operations.every(({ state }) => state === "done")
    );
    this.#covered.set(operation, Math.max(0, ...groups.map(({ number }) => number)));
  }

  #done(operation: Operation): void {
    const { kind, path, state } = operation;
    if (path !== this.#path && path !== this.#logPath) return;
    if (state === "failed") {
      const meta = path === this.#path && kind === "write" && this.#isMeta(operation.pieces[0]);
      const log = path === this.#logPath && kind === "write";
      if (kind === "sync" || meta || log) this.#failed.add(path);
      return;
    }
    if (kind !== "sync") return;
    if (path === this.#path) {
      this.#readDurable();
      if (operation.how === "full") this.#opening.data = true;
    } else {
      this.#durableGroup = Math.max(this.#durableGroup, this.#covered.get(operation) ?? 0);
      if (operation.how === "full") this.#opening.log = true;
    }
  }

  get #current(): Meta | undefined {
    const [first, second] = this.#durable;
    return (first?.meta.checkpoint ?? -1) > (second?.meta.checkpoint ?? -1)
      ? first?.meta
      : second?.meta;
  }

  /** A new opening: what is expected of it follows from what it finds. */
  #begin(): void {
    const data = this.#io.live(this.#path);
    this.#failed.clear();
    this.#group = undefined;
    this.#groups = [];
    this.#durableGroup = 0;
    this.#opening = { data: false, log: false, metas: 0, limit: -1, saltRaised: false };
    if (metasOf(data).every((meta) => meta === undefined)) return;
    this.#opening.limit = newestMeta(data).epochLimit;
  }

  #readDurable(): void {
    const data = this.#io.durable(this.#path);
    metasOf(data).forEach((meta, slot) => {
      if (meta === undefined) {
        this.#durable[slot] = undefined;
      } else if (this.#durable[slot]?.meta.checkpoint !== meta.checkpoint) {
        const known = this.#pending?.meta.checkpoint === meta.checkpoint
          ? this.#pending
          : undefined;
        this.#durable[slot] = known ?? { meta, pages: reachOf(data, meta).pages };
        if (known !== undefined) this.#pending = undefined;
      }
    });
  }

  // The data file

  #isMeta(piece: Piece): boolean {
    const pageBytes = this.#current?.pageBytes;
    return pageBytes !== undefined && piece.length === pageBytes && piece.at <= pageBytes;
  }

  #dataWrite(operation: Operation, piece: Piece): void {
    const current = this.#current;
    if (current === undefined) return;
    if (this.#isMeta(piece)) return this.#metaWrite(operation, piece, current);
    if (operation.kind === "batch") return this.#pageWrite(operation, piece, current);
    this.#plainWrite(operation, piece, current);
  }

  /**
   * A meta page: the next checkpoint number, the slot of the older one, a raised limit, everything
   * that it reaches durable, its bitmap exact, the log durable up to it.
   */
  #metaWrite(operation: Operation, piece: Piece, current: Meta): void {
    const complain = (what: string): void => this.#problem(operation, `the meta page: ${what}`);
    const data = this.#io.durable(this.#path);
    const slot = piece.at === 0 ? 0 : 1;
    const meta = decodeMeta(piece.bytes, slot);
    if (meta === undefined) return complain("it is not valid");
    if (this.#failed.has(this.#path)) complain("it comes after a failure of its file");
    if (slot === newestSlot(data)) complain("it takes the slot of the newer one");
    if (meta.checkpoint !== current.checkpoint + 1) complain("it skips a checkpoint number");
    if (meta.epochLimit <= current.epochLimit) complain("it does not raise the epoch limit");
    if (meta.epochLimit <= this.writings.highestEpoch) complain("its limit is below an epoch");
    if (meta.state.sequence < current.state.sequence) complain("it takes commits back");
    if (meta.state.pageCount * meta.pageBytes > data.length) complain("the file is not that long");
    const reach = reachOf(data, meta);
    for (const problem of reach.problems.slice(0, 3)) complain(`of what is durable, ${problem}`);
    this.#checkLogOfMeta(meta, current, complain);
    this.#checkOpeningMeta(meta, current, complain);
    this.#pending = { meta, pages: reach.pages };
    this.metas.push(meta);
  }

  #checkLogOfMeta(meta: Meta, current: Meta, complain: (what: string) => void): void {
    if (meta.group < current.group || meta.position < current.position) {
      complain("it goes back in the log");
    }
    const log = this.#io.durable(this.#logPath);
    const groups = groupsOf(log, current).filter(({ number }) => number < meta.group);
    const last = groups.at(-1);
    const group = last === undefined ? current.group : last.number + 1;
    const position = last === undefined ? current.position : last.position + last.blocks.length;
    // A commit that a checkpoint makes takes a number and leaves no group.
    const byCheckpoint = meta.group === group + 1 && meta.state.sequence > current.state.sequence;
    if (group !== meta.group && !byCheckpoint) {
      complain(`the log is durable up to group ${group}, not ${meta.group}`);
    } else if (position !== meta.position) complain(`the log goes on at ${position}`);
    if (meta.salt === current.salt) return;
    if (meta.salt !== current.salt + 1) complain("its salt is not the next one");
    if (this.#opening.saltRaised) complain("it raises the salt a second time");
    this.#opening.saltRaised = true;
    const live = this.#io.live(this.#logPath);
    if (groupAt(live, current, meta.position, meta.group, current.salt) !== undefined) {
      complain("it raises the salt, and groups before it are not replayed");
    }
  }

  #checkOpeningMeta(meta: Meta, current: Meta, complain: (what: string) => void): void {
    if (this.#opening.metas++ > 0) return;
    if (!this.#opening.data) complain("the opening did not sync the data file before it");
    if (!this.#opening.log) complain("the opening did not sync the log before it");
    const same = meta.state.freePage === current.state.freePage &&
      meta.state.freeEpoch === current.state.freeEpoch &&
      meta.state.catalogue.page === current.state.catalogue.page &&
      meta.state.catalogue.epoch === current.state.catalogue.epoch &&
      meta.group === current.group && meta.position === current.position;
    if (!same) complain("the opening did not repeat the roots in it");
    // What was just created had no limit before.
    if (this.#opening.limit < 0) this.#opening.limit = current.epochLimit;
  }

  /**
   * A page: its place is its number; number and epoch never had another content; the epoch is below
   * the durable limit and not below the limit that the opening found; nobody reaches what was
   * there.
   */
  #pageWrite(operation: Operation, piece: Piece, current: Meta): void {
    const { pageBytes, fileId } = current;
    this.pagesWritten++;
    const page = piece.at / pageBytes;
    const complain = (what: string): void => this.#problem(operation, `page ${page}: ${what}`);
    const view = decodePage(piece.bytes, fileSeed(fileId));
    if (typeof view === "string") return complain(view);
    if (view.number !== page) complain(`it says that it is page ${view.number}`);
    if (piece.length !== pageBytes) complain(`it has ${piece.length} bytes`);
    const sum = checksum(piece.bytes, 0, pageBytes, 0);
    if (!this.writings.note(page, view.epoch, sum)) complain(`epoch ${view.epoch} comes again`);
    if (view.epoch >= current.epochLimit) {
      complain(`its epoch ${view.epoch} is not below the limit`);
    }
    if (view.epoch < this.#opening.limit) complain(`its epoch ${view.epoch} is of an old opening`);
    this.#checkUnreached(page, view.epoch, complain);
    if (view.kind !== KINDS.leaf) return;
    for (const { value, large } of cellsOf(view)) {
      if (!large) continue;
      const run = runReference(value);
      if (run.epoch >= current.epochLimit) complain("a run's epoch is not below the limit");
    }
  }

  /** A write outside of batches: growth, which is zeros, or a large value. */
  #plainWrite(operation: Operation, piece: Piece, current: Meta): void {
    const { pageBytes } = current;
    const first = Math.floor(piece.at / pageBytes);
    const count = Math.ceil((piece.at + piece.length) / pageBytes) - first;
    const zeros = piece.bytes.every((byte) => byte === 0);
    const epoch = this.#engine?.pages.epoch ?? 0;
    for (let i = 0; i < count; i++) {
      const complain = (what: string): void =>
        this.#problem(operation, `page ${first + i}: ${what}`);
      this.#checkUnreached(first + i, -1, complain);
      if (zeros) continue;
      if (epoch === 0) continue;
      const at = first * pageBytes + i * pageBytes - piece.at;
      const length = Math.min(pageBytes, piece.length - at);
      const sum = checksum(piece.bytes, at, length, length);
      if (!this.writings.note(first + i, epoch, sum)) complain(`epoch ${epoch} comes again`);
      if (epoch >= current.epochLimit) complain(`its epoch ${epoch} is not below the limit`);
    }
    if (operation.sizeBefore <= piece.at && !zeros) {
      this.#problem(operation, "the file grows by something else than zeros");
    }
  }

  #dataTruncate(operation: Operation): void {
    const current = this.#current;
    if (current === undefined) return;
    const { pageBytes, state } = current;
    for (let page = operation.size / pageBytes; page * pageBytes < operation.sizeBefore; page++) {
      this.#checkUnreached(page, -1, (what) => this.#problem(operation, `page ${page}: ${what}`));
    }
    if (operation.size < state.pageCount * pageBytes) {
      this.#problem(operation, "the file gets shorter than its page count");
    }
  }

  #checkUnreached(page: number, epoch: number, complain: (what: string) => void): void {
    this.#durable.forEach((durable, slot) => {
      if (durable?.pages.has(page) === true) {
        complain(`it is overwritten while durable meta page ${slot} reaches it`);
      }
    });
    if (this.#pending?.pages.has(page) === true) complain("the meta page in flight reaches it");
    if (this.#engine === undefined) return;
    for (const state of this.#engine.pages.holds.states) {
      const reached = this.#pagesOf(state).get(page);
      if (reached !== undefined && reached !== epoch) {
        complain(`it is overwritten while a held state reaches it with epoch ${reached}`);
      }
    }
  }

  // States in the engine's memory

  #pagesOf(state: State): ReadonlyMap<number, number> {
    const known = this.#held.get(state);
    if (known !== undefined) return known;
    const pages = new Map<number, number>();
    const { freePage: page, freeEpoch: epoch } = state;
    const waiting: [PageReference, boolean][] = [[state.catalogue, true], [{ page, epoch }, false]];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [reference, catalogue] = next;
      if (reference.page === 0) continue;
      pages.set(reference.page, reference.epoch);
      const links = this.#linksOf(reference, catalogue);
      for (const child of links.pages) waiting.push([child, catalogue]);
      for (const root of links.roots) waiting.push([root, false]);
      for (const run of links.runs) {
        for (let i = 0; i < run.count; i++) pages.set(run.page + i, run.epoch);
      }
    }
    if (this.#held.size > 64) this.#held.clear();
    this.#held.set(state, pages);
    return pages;
  }

  #linksOf({ page, epoch }: PageReference, catalogue: boolean): Links {
    const key = `${page}/${epoch}/${catalogue}`;
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const view = this.#view(page, epoch);
    if (typeof view === "string") {
      this.problems.push(`page ${page} of a held state: ${view}`);
      return { pages: [], runs: [], roots: [] };
    }
    const cells = view.kind === KINDS.leaf ? cellsOf(view) : [];
    const pageBytes = view.bytes.length;
    const links: Links = {
      pages: childrenOf(view),
      runs: cells.filter(({ large }) => large).map(({ value }) => {
        const run = runReference(value);
        return { page: run.page, epoch: run.epoch, count: runPages(run, pageBytes) };
      }),
      roots: catalogue ? cells.map(({ value }) => rootIn(value)) : [],
    };
    // A page that was never written can give way to another of the same number and epoch.
    const { cache } = this.#engine!;
    const frame = cache.lookup(page);
    if (frame < 0 || (cache.flags[frame] & DIRTY) === 0) this.#links.set(key, links);
    return links;
  }

  /** A page of a held state: from the cache while it is there, else from the file. */
  #view(page: number, epoch: number): PageView | string {
    const { cache } = this.#engine!;
    const { frames } = cache;
    const frame = cache.lookup(page);
    if (frame >= 0 && cache.epoch[frame] === epoch && (cache.flags[frame] & LOADING) === 0) {
      const at = frame << INFO_SHIFT;
      const [count, prefixBytes, , level, kind] = frames.info.subarray(at, at + 5);
      const base = frames.base(frame);
      const bytes = frames.u8.subarray(base, base + frames.pageBytes);
      return { bytes, number: page, epoch, kind, level, count, prefixBytes };
    }
    const at = page * frames.pageBytes;
    const bytes = this.#io.live(this.#path).subarray(at, at + frames.pageBytes);
    if (bytes.length < frames.pageBytes) return "it lies outside of the file";
    const view = decodePage(bytes, this.#engine!.pager.seed);
    if (typeof view === "string") return view;
    if (view.number !== page || view.epoch !== epoch) {
      return `${page}/${epoch} is referred to, ${view.number}/${view.epoch} is there`;
    }
    return view;
  }

  // The log

  /**
   * Blocks of the log: whole and in their places, each group on blocks of its own, in order and
   * without a gap; no whole group is written again; nothing is written over what the durable meta
   * page still needs; what a block says to be durable is so.
   */
  #logWrite(operation: Operation, piece: Piece): void {
    const current = this.#current;
    if (current === undefined) return;
    const complain = (what: string): void => this.#problem(operation, `the log: ${what}`);
    if (this.#failed.has(this.#logPath)) complain("it comes after a failure of its file");
    const { logBlockBytes, logBytes } = current;
    if (piece.at + piece.length > logBytes) complain("the log grows");
    if (current.noLog) {
      if (piece.bytes.some((byte) => byte !== 0)) complain("a backup's log is made of zeros");
      return;
    }
    if (piece.at % logBlockBytes !== 0 || piece.length % logBlockBytes !== 0) {
      return complain("a part of a block is written");
    }
    for (let at = 0; at < piece.length; at += logBlockBytes) {
      const bytes = piece.bytes.subarray(at, at + logBlockBytes);
      this.#block(operation, bytes, piece.at + at, current, complain);
    }
  }

  #block(
    operation: Operation,
    bytes: Uint8Array,
    at: number,
    current: Meta,
    complain: (what: string) => void,
  ): void {
    const { fileId, logBlockBytes, logBytes } = current;
    const index = new DataView(bytes.buffer, bytes.byteOffset).getUint32(28, true);
    const block = decodeBlock(bytes, fileId, index === 0 ? undefined : this.#group?.sum);
    if (block === undefined) {
      return complain(`block at ${at} is not valid behind the one before it`);
    }
    const ringBlocks = logBytes / logBlockBytes;
    const { position, group } = block;
    if ((position % ringBlocks) * logBlockBytes !== at) {
      complain(`position ${position} is elsewhere`);
    }
    if (block.first !== (index === 0)) complain("the mark of a first block is wrong");
    if (block.salt !== current.salt) complain(`salt ${block.salt} is not that of the meta page`);
    if (position - ringBlocks >= current.position) complain(`position ${position} is not free`);
    const durable = Math.max(this.#durableGroup, current.group - 1);
    if (block.durableThrough > durable) {
      complain(`group ${block.durableThrough} is said to be durable, ${durable} is`);
    }
    if (index === 0) this.#firstBlock(position, group, current, complain);
    const forming = this.#group!;
    if (group !== forming.number || position !== forming.start + index || forming.finished) {
      complain(`block ${index} of group ${group} does not follow the one before it`);
    }
    if (index !== forming.blocks) complain(`block ${index} follows ${forming.blocks} blocks`);
    forming.blocks = index + 1;
    forming.sum = block.sum;
    forming.operations.push(operation);
    if (!block.last) return;
    forming.finished = true;
    this.groupsWritten++;
  }

  #firstBlock(
    position: number,
    group: number,
    current: Meta,
    complain: (what: string) => void,
  ): void {
    const before = this.#group;
    let next = { group: current.group, position: current.position };
    if (before !== undefined) {
      next = before.finished
        ? { group: before.number + 1, position: before.start + before.blocks }
        : { group: before.number, position: before.start };
      const skipped = current.group === next.group + 1 && current.position === next.position;
      if (skipped) next.group++;
    }
    if (group !== next.group || position !== next.position) {
      complain(`group ${group} begins at ${position}, not ${next.group} at ${next.position}`);
    }
    this.#group = {
      number: group,
      start: position,
      blocks: 0,
      finished: false,
      sum: 0,
      operations: [],
    };
    if (this.#groups.length > 300) this.#groups.splice(0, 200);
    this.#groups.push(this.#group);
  }
}

function rootIn(value: Uint8Array): PageReference {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return { page: view.getUint32(0, true), epoch: view.getUint32(4, true) };
}
