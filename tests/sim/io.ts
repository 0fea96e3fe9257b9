/**
 * An Io that simulates a disk with all its faults: what is written may be lost until it is synced,
 * operations take effect and complete in any order, and anything may fail. A seed decides all of
 * it, so that a run can be repeated on any runtime.
 *
 * With no faults and no crash it is an Io in memory like any other.
 *
 * @module
 */

import type { CallOptions, Future, Io, IoFile, IoOpenOptions } from "../../core/io.ts";
import type { Fault } from "./faults.ts";
import { SimFile } from "./file.ts";
import { type Outcome, type SimOptions, SimProcess } from "./process.ts";
import { Random } from "./random.ts";

/** The simulated Io. One process has one; {@link SimProcess.crash} ends it. */
export class SimIo extends SimProcess implements Io {
  readonly #startMs: number;
  readonly #clockJumps: boolean;
  readonly #repeatRandom: boolean;
  readonly #ids: Random;

  /** Makes an Io of a process that begins now. */
  constructor(options: SimOptions = {}) {
    super(options);
    this.#ids = this.chance.fork();
    this.#startMs = options.startMs ?? 1_700_000_000_000;
    this.#clockJumps = options.clockJumps ?? false;
    this.#repeatRandom = options.repeatRandom ?? false;
  }

  /** Opens a file. */
  open(path: string, options: IoOpenOptions = {}): Future<IoFile> {
    const operation = this.begin("open", path, 0, 0, 1);
    return this.perform(operation, options, (fault) => this.#open(path, options, fault));
  }

  #open(path: string, options: IoOpenOptions, fault: Fault | undefined): Outcome<IoFile> {
    if (fault?.kind === "open error") {
      return { code: fault.code ?? "KVIG_ACCESS", message: `${path} cannot be opened` };
    }
    let file = this.disk.files.get(path);
    if (file === undefined) {
      if (options.create !== true) return { code: "KVIG_NOT_FOUND", message: `no ${path}` };
      if (fault?.kind === "full") return { code: "KVIG_FULL", message: "the disk is full" };
      file = this.disk.create(path);
    } else if (options.create === true && options.exclusive === true) {
      return { code: "KVIG_EXISTS", message: `${path} exists` };
    }
    return { value: new SimFile(this, path, file, options.readOnly === true) };
  }

  /** Removes a name. */
  remove(path: string, options?: CallOptions): Future<void> {
    const operation = this.begin("remove", path, 0, 0, 1);
    return this.perform(operation, options, (fault) => {
      if (fault?.kind === "open error") {
        return { code: fault.code ?? "KVIG_ACCESS", message: `${path} cannot be removed` };
      }
      if (this.disk.remove(path)) return { value: undefined };
      return { code: "KVIG_NOT_FOUND", message: `no ${path}` };
    });
  }

  /** Makes all names durable. */
  syncDirectory(path: string, options?: CallOptions): Future<void> {
    const operation = this.begin("sync directory", path, 0, 0, 1);
    return this.perform(operation, options, (fault) => {
      if (fault?.kind === "sync error") {
        return { code: "KVIG_IO", message: `the directory of ${path} is not synced` };
      }
      this.disk.syncNames();
      return { value: undefined };
    });
  }

  /** Memory; its buffer is no larger than asked for. */
  allocate(bytes: number): Uint8Array {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new RangeError(`a number of bytes is a whole number of at least 0, got ${bytes}`);
    }
    const operation = this.begin("allocate", "", 0, bytes, 1);
    const fault = this.choose(operation);
    if (fault !== undefined) throw new RangeError(`${bytes} bytes of memory cannot be had`);
    this.allocatedBytes += bytes;
    return new Uint8Array(bytes);
  }

  /** A time that passes with every hop, and jumps where that was asked for. */
  now(): number {
    const time = this.#startMs + this.operations + this.hops;
    return this.#clockJumps ? time + this.chance.between(-1e9, 1e9) : time;
  }

  /** Bytes that follow from the seed. */
  random(bytes: Uint8Array): void {
    const source = this.#repeatRandom ? new Random(7) : this.#ids;
    for (let i = 0; i < bytes.length; i++) bytes[i] = source.below(256);
  }
}
