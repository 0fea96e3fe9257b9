/**
 * The parts of the model as they see each other. Each is a class in a file of its own; they are
 * put together in store.ts and world.ts.
 *
 * @module
 */

import type { Chooser } from "./chooser.ts";
import type {
  Block,
  Body,
  Cell,
  LogRecord,
  Meta,
  Page,
  Reference,
  RunReference,
  State,
} from "./contents.ts";
import type { Call, Disk, DiskFile, Entry } from "./disk.ts";
import type { History, Values } from "./history.ts";
import type { Task } from "./process.ts";
import type { RuleSet } from "./rules.ts";

/** A page in memory. */
export interface Frame {
  readonly place: number;
  readonly epoch: number;
  readonly body: Body;
  /** The generation that made it. */
  readonly birth: number;
  /** The generation that gave it up. */
  death: number;
  /** Whether its place holds something else. */
  dirty: boolean;
  /** Whether it was handed to the disk. */
  written: boolean;
  /** Whether a write of it is in flight. */
  busy: boolean;
}

/** Why a state is held. */
export type HoldKind = "committed" | "checkpoint" | "snapshot" | "reader";

/** A state whose pages must stay. */
export interface Hold {
  readonly kind: HoldKind;
  readonly state: State;
}

/** Commits that become durable as a whole. */
export interface Group {
  readonly number: number;
  readonly position: number;
  readonly blocks: number;
  readonly records: readonly LogRecord[];
  /** The first and the last commit in it. */
  readonly first: number;
  readonly last: number;
  /** Whether somebody waits for it. */
  readonly sync: boolean;
  /** Its blocks that were written ahead. */
  readonly ahead: readonly Block[];
}

/** A state, and where the log goes on behind it. */
export interface ClosedState {
  readonly state: State;
  readonly group: number;
  readonly position: number;
}

/** What kind of checkpoint is made. */
export interface CheckpointKind {
  /** It commits a transaction. */
  readonly huge?: boolean;
  /** It is made in recovery, with this salt. */
  readonly salt?: number;
}

/** A transaction under way. */
export interface Transaction {
  /** What its rollback goes back to, and what others see. */
  readonly committed: Hold;
  /** The values as it sees them. */
  values: Values;
  readonly records: LogRecord[];
  /** Whether its records are in the log. */
  logged: boolean;
  /** Whether an operation of it is under way. */
  busy: boolean;
}

/** The pages in memory: frames.ts. */
export interface FramesPart {
  readonly work: State;
  readonly holds: Hold[];
  epoch: number;
  epochLimit: number;
  epochWritten: boolean;
  all(): IterableIterator<Frame>;
  get(reference: Reference): Frame;
  has(reference: Reference): boolean;
  drop(place: number): void;
  inPlace(frame: Frame): boolean;
  create(place: number, body: Body): Frame;
  freshEpoch(): number;
  epochReady(): boolean;
  supersede(frame: Frame): void;
  freeze(): State;
  hold(kind: HoldKind, state: State): Hold;
  release(hold: Hold): void;
  rollback(state: State): void;
  dirtyOf(state: State): Frame[];
  seal(frame: Frame): Page;
}

/** The places of the file: free_space.ts. */
export interface FreeSpacePart {
  stale: boolean;
  ceiling: number;
  grew: boolean;
  take(): number;
  takeRun(): number;
  give(places: number): void;
  touch(frame: Frame): Frame;
  find(need: number, reserve: number): Task<boolean>;
  short(): Task<boolean>;
  settle(): void;
}

/** The tree: tree.ts. */
export interface TreePart {
  set(key: number, cell: Cell): void;
  cell(state: State, key: number): Cell;
  values(state: State): Values;
  sum(value: number, reference: Reference): number;
  readRun(run: RunReference): number;
  relocate(place: number): void;
}

/** The log: log.ts. */
export interface LogPart {
  salt: number;
  tail: number;
  readonly head: number;
  readonly nextGroup: number;
  readonly flushing: boolean;
  readonly ahead: readonly Block[];
  fits(records: number): boolean;
  append(records: readonly LogRecord[], sync: boolean): void;
  endGroup(): void;
  commitTransaction(records: readonly LogRecord[]): Group;
  abandon(): void;
  skipGroup(): void;
  unskipGroup(): void;
  flush(sync: boolean): Task<void>;
  flushNow(): void;
  syncThrough(group: number): Task<void>;
  writeAhead(records: readonly LogRecord[]): Task<void>;
}

/** The meta pages: meta_pages.ts. */
export interface MetaPagesPart {
  readonly slots: readonly (Meta | undefined)[];
  readonly current: Meta;
  states(): State[];
  write(state: State, group: number, position: number, salt: number): Task<void>;
  raiseLimit(): Task<void>;
}

/** Checkpoints: checkpoint.ts. */
export interface CheckpointerPart {
  readonly running: number;
  settled(): Task<void>;
  run(close: () => ClosedState, kind?: CheckpointKind): Task<boolean>;
}

/** Transactions: transaction.ts. */
export interface TransactionsPart {
  readonly open: Transaction | undefined;
  begin(busy?: boolean): Transaction;
  stopLogging(): void;
  commit(): void;
  abort(): void;
  end(): void;
}

/** Writes: writer.ts. */
export interface WritersPart {
  set(key: number, value: number, large: boolean): Task<boolean>;
  makeRoom(): Task<boolean>;
}

/** One opening, as its parts see it: store.ts. */
export interface StoreParts {
  readonly frames: FramesPart;
  readonly free: FreeSpacePart;
  readonly tree: TreePart;
  readonly log: LogPart;
  readonly metas: MetaPagesPart;
  readonly checkpointer: CheckpointerPart;
  readonly transactions: TransactionsPart;
  readonly writers: WritersPart;
  readonly compaction: { readonly moving: boolean };
  readonly opening: boolean;
  turn: string;
  finished(call: Call): Task<void>;
  synced(file: DiskFile, full: boolean): Task<void>;
  writePages(list: readonly Frame[], why: string): Task<boolean>;
  checkpoint(): Task<boolean>;
}

/** What stands around an opening: world.ts. */
export interface Surroundings {
  readonly rules: RuleSet;
  readonly chooser: Chooser;
  readonly disk: Disk;
  readonly history: History;
  mixed: string;
  lastSync: readonly Group[];
  say(text: () => string): void;
  newSum(): number;
  checkOnce(place: number, epoch: number, content: string): void;
  pageAt(reference: Reference): Page;
  write(file: DiskFile, entries: Entry[], why: string): Call;
  acknowledge(sequence: number): void;
  fail(): void;
  closed(): void;
}
