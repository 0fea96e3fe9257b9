/**
 * Plays operations on a store and keeps the history of what it must show, stopping at every step of
 * the Io for somebody to look at the disk.
 *
 * @module
 */

import { logPath } from "../../core/opening.ts";
import type { CompactReport } from "../../core/compact.ts";
import type { Kvig } from "../../core/database.ts";
import type { Stats } from "../../core/stats.ts";
import { SimDisk } from "../sim/disk.ts";
import { DiskFile, SECTOR_BYTES } from "../sim/disk_file.ts";
import type { OperationKind } from "../sim/faults.ts";
import { SimIo } from "../sim/io.ts";
import { Random } from "../sim/random.ts";
import { openTinySync, type TinyOptions } from "../sim/tiny_store.ts";
import type { Change, History } from "./history.ts";
import { PATH } from "./oracle.ts";

/** Looks at the disk: at all cuts, or those that keep something of an operation from `since` on. */
export type Look = (disk: SimDisk, since: number, step: Step) => void;

/** Where a look takes place. */
export interface Step {
  /** Counted from 0 over the looks of a player. */
  readonly number: number;
  /** What was done last, for people. */
  readonly words: string;
}

const CHANGES: readonly OperationKind[] = [
  ...["batch", "open", "remove", "truncate", "write"] as const,
  ...["sync data", "sync full", "sync directory"] as const,
];
const WRITES: readonly OperationKind[] = ["batch", "truncate", "write"];
const ROLL_BACK = new Error("rolled back on purpose");

interface LastOperation {
  readonly kind: OperationKind;
  readonly number: number;
  readonly words: string;
}

/** Plays one store. */
export class Player {
  /** What the store must show. */
  readonly history: History;
  /** Told of every step; undefined while nobody looks. */
  look: Look | undefined = undefined;
  readonly #options: TinyOptions;
  readonly #random: Random;
  readonly #seed: number;
  #disk: SimDisk;
  #io: SimIo;
  #store: Kvig | undefined = undefined;
  #steps = 0;
  #crashes = 0;
  /** The last operation that changed something and was not looked at. */
  #last: LastOperation | undefined = undefined;
  #serial = 0;

  /** Plays on `disk`. */
  constructor(disk: SimDisk, history: History, options: TinyOptions, seed: number) {
    this.history = history;
    this.#options = options;
    this.#random = new Random(seed);
    this.#seed = seed;
    this.#disk = disk;
    this.#io = this.#process(0);
  }

  /** The disk. */
  get disk(): SimDisk {
    return this.#disk;
  }

  /** A process on the disk, which goes on to count operations: the disk knows those before. */
  #process(operations: number): SimIo {
    const io = new SimIo({ seed: this.#seed + 100 * this.#crashes, disk: this.#disk });
    io.operations = operations;
    io.onOperation = ({ kind, number, path, at, length }) => {
      if (io !== this.#io) return;
      this.#lookNow();
      if (!CHANGES.includes(kind)) return;
      const where = WRITES.includes(kind) ? ` ${length} bytes at ${at}` : "";
      this.#last = { kind, number, words: `${kind} of ${path}${where}` };
    };
    return io;
  }

  #lookNow(): void {
    const last = this.#last;
    this.#last = undefined;
    if (last === undefined) return;
    // Bytes that were written just now are what is new; a sync takes possibilities away.
    const since = WRITES.includes(last.kind) ? last.number : 0;
    this.look?.(this.disk, since, { number: this.#steps++, words: `after the ${last.words}` });
  }

  /** Looks at everything that is possible now. */
  settle(words: string): void {
    this.#lookNow();
    this.look?.(this.disk, 0, { number: this.#steps++, words });
  }

  /** What the caller did that the contract forbids. */
  get breaches(): readonly string[] {
    return this.#io.breaches;
  }

  /** The store. */
  get store(): Kvig {
    if (this.#store === undefined) throw new Error("the store is not open");
    return this.#store;
  }

  /** Its figures. */
  get stats(): Stats {
    return this.store.stats();
  }

  /** A number that is another one each time. */
  serial(): number {
    return this.#serial++;
  }

  /** Bytes that are others each time, of any length. */
  value(length: number): Uint8Array {
    return this.#random.bytes(length);
  }

  /** Opens the store. */
  open(): void {
    this.#store = openTinySync(this.#io, PATH, this.#options);
    this.settle("after opening");
  }

  /** Closes the store. */
  close(): void {
    this.store.closeSync();
    this.#acknowledge("after closing");
  }

  /**
   * The process is killed in a put, when the log is written and not synced. Another one opens the
   * store, and finds the commit.
   */
  killInPut(name: string, value: Uint8Array): void {
    this.history.issue([{ name, value }]);
    const isLog = ({ words }: Step): boolean => words.includes(`write of ${logPath(PATH)}`);
    this.#restart(this.#copyAt(isLog, () => this.store.putSync(name, value)));
  }

  /**
   * The process is killed in a checkpoint, when the meta page is written and not synced. Another
   * one opens the store.
   */
  killInCheckpoint(): void {
    const isMeta = ({ words }: Step): boolean => /write of s \d+ bytes at (0|512)$/.test(words);
    this.#restart(this.#copyAt(isMeta, () => this.store.checkpointSync()));
  }

  /**
   * Power goes while a put is written: of the last block of the log nothing arrives, and all else
   * does. Another process opens the store.
   */
  tearPut(name: string, value: Uint8Array): void {
    this.history.issue([{ name, value }]);
    const isLog = ({ words }: Step): boolean => words.includes(`write of ${logPath(PATH)}`);
    const disk = this.#copyAt(isLog, () => this.store.putSync(name, value));
    const log = disk.files.get(logPath(PATH))!;
    const { at, bytes } = log.pending.at(-1)!;
    this.history.withdraw();
    const image = log.durable();
    image.set(bytes!.subarray(0, bytes!.length - SECTOR_BYTES), at);
    this.#restart(new SimDisk({ ...disk.image(), [logPath(PATH)]: image }, disk.profile));
  }

  /** A copy of the disk at the first step of `run` that is wanted; what comes then never was. */
  #copyAt(isWanted: (step: Step) => boolean, run: () => void): SimDisk {
    this.settle("before a crash");
    const { look } = this;
    const steps = this.#steps;
    let copy: SimDisk | undefined = undefined;
    this.look = (disk, since, step) => {
      if (copy !== undefined) return;
      look?.(disk, since, step);
      if (isWanted(step)) copy = copyOf(disk);
    };
    run();
    this.look = look;
    this.#last = undefined;
    if (copy === undefined) throw new Error(`no such step in ${this.#steps - steps} steps`);
    return copy;
  }

  #restart(disk: SimDisk): void {
    this.#crashes++;
    this.#disk = disk;
    this.#io = this.#process(this.#io.operations);
    this.open();
    // What a store shows when it is open must survive.
    this.#acknowledge("after reopening");
  }

  #acknowledge(words: string): void {
    // What was possible before this moment is judged by what was promised then.
    this.#lookNow();
    this.history.acknowledge();
    this.settle(words);
  }

  /** Commits one change, durable unless it is `deferred`. */
  put(name: string, value: Uint8Array, deferred = false): void {
    this.history.issue([{ name, value }]);
    this.store.putSync(name, value, deferred ? { durability: "deferred" } : {});
    if (!deferred) this.#acknowledge("after a put");
  }

  /** Commits changes together. */
  commit(changes: readonly Change[]): void {
    this.history.issue(changes);
    this.store.transactionSync((tx) => {
      for (const { name, value } of changes) {
        if (value === undefined) tx.deleteSync(name);
        else tx.putSync(name, value);
      }
    });
    this.#acknowledge("after a transaction");
  }

  /** Commits nothing. */
  commitNothing(): void {
    this.store.transactionSync(() => undefined);
    this.settle("after an empty transaction");
  }

  /** Makes changes and takes them back. */
  abort(changes: readonly Change[]): void {
    try {
      this.store.transactionSync((tx) => {
        for (const { name, value } of changes) {
          if (value === undefined) tx.deleteSync(name);
          else tx.putSync(name, value);
        }
        throw ROLL_BACK;
      });
    } catch (error) {
      if (error !== ROLL_BACK) throw error;
    }
    this.settle("after an aborted transaction");
  }

  /** Removes the keys from one up to, not including, another. */
  clear(from: string, to: string): void {
    const gone = this.history.current.filter(({ name }) => name >= from && name < to);
    this.history.issue(gone.map(({ name }) => ({ name, value: undefined })));
    this.store.clearSync({ gte: from, lt: to });
    this.#acknowledge("after clearing a range");
  }

  /** Makes everything durable. */
  flush(): void {
    this.store.flushSync();
    this.#acknowledge("after a flush");
  }

  /** Makes a checkpoint. */
  checkpoint(): void {
    this.store.checkpointSync();
    this.#acknowledge("after a checkpoint");
  }

  /** Compacts. */
  compact(): CompactReport {
    const report = this.store.compactSync();
    this.#acknowledge("after compacting");
    return report;
  }
}

/** A copy of a disk, whatever is pending on it complete. */
function copyOf(disk: SimDisk): SimDisk {
  const copy = new SimDisk({}, disk.profile);
  for (const [name, original] of disk.files) {
    const file = new DiskFile(original.durable(), original.nameDurable);
    for (const { at, bytes, operation } of original.pending) {
      const mutation = bytes === undefined
        ? file.truncate(at, operation)
        : file.write(at, bytes, 0, bytes.length, operation);
      mutation.completed = true;
    }
    copy.files.set(name, file);
  }
  return copy;
}
