/**
 * The look at what a run leaves behind: the store that is still open, its files after closing, and
 * what a killed process or a power cut would have left.
 *
 * @module
 */

import type { Kvig } from "../../core/database.ts";
import { isKvigError } from "../../core/errors.ts";
import type { SimDisk } from "../sim/disk.ts";
import { SimIo } from "../sim/io.ts";
import { Random } from "../sim/random.ts";
import { openTinySync } from "../sim/tiny_store.ts";
import { type Contents, difference } from "./ledger.ts";
import { PATH } from "./paths.ts";
import { engineOf, type Session } from "./session.ts";
import { SYNC_FAULTS } from "./reactions.ts";
import { settled, STUCK } from "./settled.ts";
import type { Striker } from "./striker.ts";

const decoder = new TextDecoder();

/** A disk that a run left, and what must be found on it. */
interface Left {
  readonly name: string;
  readonly disk: SimDisk;
  /** How many of the first commits must be there. */
  readonly least: number;
  /** Whether damage may show. */
  readonly damaged: boolean;
}

/** The look at one run. */
export class Aftermath {
  readonly #session: Session;
  readonly #striker: Striker;
  readonly #random: Random;

  /** After the run of `session`, whose fault is over. */
  constructor(session: Session, striker: Striker, seed: number) {
    this.#session = session;
    this.#striker = striker;
    this.#random = new Random(seed ^ (striker.injection?.index ?? 0) * 7919);
  }

  /** Looks at everything. */
  async look(): Promise<void> {
    const { judge } = this.#session;
    const { injection } = this.#striker;
    if (judge.reaction?.fails === "must" && !judge.everFailed) {
      judge.violate(`${injection?.kind} of a ${judge.role} does not fail the store`);
    }
    const left = this.#left();
    if (injection?.kind === "never" && judge.struck > 0) await this.#lookBesideTheStuck();
    else await this.#lookAtTheOpen();
    for (const disk of left) this.#lookAt(disk);
    for (const { path, done, contents } of judge.backups) this.#lookAtBackup(path, done, contents);
  }

  /** How many of the first commits must be on the disk. */
  get #least(): number {
    const { judge, options } = this.#session;
    return options.readOnly === true ? judge.leastShown : judge.least;
  }

  /** What would be left if the process ended now. */
  #left(): Left[] {
    const { io, ledger, judge } = this.#session;
    const { injection } = this.#striker;
    const lied = injection?.kind === "late sync error" && judge.struck > 0;
    const least = this.#least;
    const { damaged } = judge;
    const after = lied ? 0 : least;
    const left: Left[] = [{
      name: "after a power cut that kept only what was durable",
      disk: io.disk.durable(),
      least: after,
      damaged: damaged || lied,
    }];
    if (this.#random.oneIn(2)) {
      left.push({ name: "after a kill", disk: io.disk.killed(), least, damaged });
    } else {
      const disk = io.disk.cut(this.#random.fork());
      left.push({ name: "after a power cut", disk, least: after, damaged: damaged || lied });
    }
    const opening = ["create", "open", "recover"].includes(judge.phase ?? "");
    if (damaged && !opening) {
      const disk = io.disk.killed();
      for (const file of disk.files.values()) file.flaws.clear();
      const name = "after a kill, with the damage taken away";
      left.push({ name, disk, least: ledger.acknowledged, damaged: false });
    }
    return left;
  }

  /** The store is used, verified, closed and opened again. */
  async #lookAtTheOpen(): Promise<void> {
    const session = this.#session;
    const { judge, io } = session;
    if (session.store === undefined) {
      if (this.#mayStayLocked() || judge.beyond) return;
      await session.open("open");
    }
    this.#checkIdle(session.store);
    await this.#use();
    const failed = judge.hasFailed;
    const closed = await session.close();
    if (!closed && !judge.damaged && !failed) judge.violate("the store cannot be closed");
    this.#checkFiles();
    if (this.#mayStayLocked()) return;
    if (failed && SYNC_FAULTS.includes(this.#striker.injection!.kind)) {
      this.#lookAt({
        name: "opened again on the system that failed a sync",
        disk: io.disk,
        least: this.#least,
        damaged: judge.damaged,
      });
    } else {
      const { damaged } = judge;
      this.#lookAt({ name: "after closing", disk: io.disk, least: this.#least, damaged });
    }
  }

  /** Whether a file may still be open: closing it threw, and so nothing was closed. */
  #mayStayLocked(): boolean {
    const { injection, struck } = this.#striker;
    return injection?.kind === "throws" && struck.some(({ kind }) => kind === "close");
  }

  /** Everything that a store offers, now that the fault is over. */
  async #use(): Promise<void> {
    const session = this.#session;
    if (session.store === undefined) return;
    await session.scan("");
    if (session.options.readOnly === true) return await session.verify();
    await session.put("z1", "one");
    await session.get("z1");
    await session.delete("z1");
    await session.verify();
    await session.checkpoint();
    await session.transaction([{ kind: "put", key: "z2", value: "two" }]);
    await session.scan("");
  }

  /** Nothing is left in the middle of something. */
  #checkIdle(store: Kvig | undefined): void {
    const { judge, held } = this.#session;
    if (store === undefined) return;
    const { cache, log, parts, turn, scope, pager, pages } = engineOf(store);
    const left = [
      cache.inFlight > 0 && "frames in flight",
      log.flushing && "a flush",
      parts.checkpointer.running && "a checkpoint",
      parts.meta.busy && "a meta page",
      pager.spilling && "a spill",
      turn.busy && "the turn",
      scope !== undefined && "a transaction",
      pages.holds.states.length > held.size && "a held state",
    ].filter((what) => what !== false);
    if (left.length > 0) judge.violate(`left behind: ${left.join(", ")}`);
  }

  /** Nothing of the store is open any more. */
  #checkFiles(): void {
    const { judge, io } = this.#session;
    if (this.#mayStayLocked()) return;
    for (const [name, { holders }] of io.disk.files) {
      if (holders.size > 0) judge.violate(`${name} is still locked`);
    }
  }

  /** An operation is never over: what does not need it goes on, and closing can be given up. */
  async #lookBesideTheStuck(): Promise<void> {
    const { store, io, judge, ledger } = this.#session;
    if (store === undefined) return;
    const expected = ledger.visible();
    for (const [key, value] of expected) {
      const found = await settled(store.get(key).catch((error) => error), io);
      if (found === STUCK || isKvigError(found)) continue;
      if (!(found instanceof Uint8Array) || decoder.decode(found) !== value) {
        if (!judge.stuckCalls) judge.violate(`beside the stuck operation ${key} is wrong`);
      }
    }
    const stop = new AbortController();
    const closing = settled(store.close({ signal: stop.signal }).catch((error) => error), io);
    stop.abort();
    const closed = await closing;
    if (closed === STUCK) judge.violate("close() does not heed its signal");
    else if (closed !== undefined && !isKvigError(closed, "KVIG_ABORTED", "KVIG_FAILED")) {
      judge.violate(`close() beside a stuck operation ends with ${String(closed)}`);
    }
  }

  /** Opens what is left with an Io that is well. */
  #lookAt({ name, disk, least, damaged }: Left): void {
    const { judge, ledger, options } = this.#session;
    const io = new SimIo({ seed: 5, disk });
    try {
      const store = openTinySync(io, PATH, { ...options, readOnly: false, createIfMissing: true });
      const found: Contents = new Map(
        store.range().toArraySync().map(([key, value]) =>
          [decoder.decode(key), decoder.decode(value)] as const
        ),
      );
      if (!(damaged && judge.beyond) && !ledger.allows(found, least)) {
        judge.violate(
          `${name} the store shows ${found.size} entries, no state that may be found from commit ` +
            `${least} on; of all of them ${difference(found, ledger.visible())}`,
        );
      }
      const report = store.verifySync();
      if (!damaged && !report.ok) {
        judge.violate(`${name} page ${report.problems[0].page}: ${report.problems[0].what}`);
      }
      store.putSync("z3", "three");
      store.closeSync();
    } catch (error) {
      if (damaged && isKvigError(error, "KVIG_CORRUPT", "KVIG_IO")) return;
      judge.violate(`${name}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }

  /** A backup opens as a store, or is not there. */
  #lookAtBackup(path: string, done: boolean, contents: Contents): void {
    const { judge, io, options } = this.#session;
    const bytes = io.disk.files.get(path);
    if (!done) {
      if (bytes !== undefined && this.#striker.injection?.kind !== "never") {
        const removing = this.#striker.struck.some(({ kind }) => kind === "remove");
        if (!removing) judge.violate(`a backup that failed is left at ${path}`);
      }
      return;
    }
    const disk = io.disk.durable();
    for (const name of [...disk.files.keys()]) if (name !== path) disk.files.delete(name);
    try {
      const store = openTinySync(new SimIo({ disk }), path, options);
      const found = new Map(
        store.range().toArraySync().map(([key, value]) =>
          [decoder.decode(key), decoder.decode(value)] as const
        ),
      );
      const odd = difference(found, contents);
      if (odd !== "" && judge.stuckCalls === 0) {
        judge.violate(`the backup is not what was there: ${odd}`);
      }
      store.closeSync();
    } catch (error) {
      // A page of a backup that the disk lost may be its first one.
      const odd = isKvigError(error, "KVIG_CORRUPT", "KVIG_IO", "KVIG_FORMAT");
      if (judge.damaged && odd) return;
      if (this.#striker.injection?.kind === "late sync error") return;
      judge.violate(`the backup does not open: ${String(error)}`);
    }
  }
}
