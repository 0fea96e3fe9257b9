/**
 * Power cuts: stores on an ext4 and on an XFS that is shut down under them at any moment of
 * opening, writing, merging and closing, then mounted again, which replays its journal.
 *
 * What no sync covered is lost then, but for pieces that are written back just before the cut: so
 * unsynced writes are lost or kept in any mixture.
 *
 * @module
 */

import fs from "node:fs";

import { Random } from "../support/random.ts";
import { type Arena, Disk, type DiskKind } from "./disks.ts";
import type { Life } from "./life.ts";
import type { Report } from "./report.ts";
import { Subject } from "./subject.ts";
import { RUNTIMES, startWorker, type WorkerProcess } from "./worker_process.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 96 * MIB;
const CUTS_PER_FORMAT = 25;
const STORES_PER_DISK = 2;
const NEVER = Infinity;

/** When the power is cut: whichever of these comes first. */
interface Moment {
  /** Milliseconds after the stores began to open. */
  startMs: number;
  /** Milliseconds after the first store was open. */
  openMs: number;
  /** Milliseconds after upkeep (a checkpoint, a compaction, a closing) began. */
  upkeepMs: number;
  /** Lines said. */
  lines: number;
}

function drawMoment(random: Random): Moment {
  const moment: Moment = { startMs: 3000, openMs: NEVER, upkeepMs: NEVER, lines: NEVER };
  const kind = random.below(8);
  if (kind < 2) moment.startMs = random.below(25);
  else if (kind < 4) moment.openMs = random.below(60);
  else if (kind < 6) moment.upkeepMs = random.below(5);
  if (kind >= 4) moment.lines = random.between(4, random.oneIn(4) ? 600 : 120);
  return moment;
}

/** One store in one worker, on a disk with others. */
interface Place {
  subject: Subject;
  worker: WorkerProcess;
  life: Life | undefined;
}

/** One disk, its stores, and its cuts. */
class Lane {
  readonly #arena: Arena;
  readonly #report: Report;
  readonly #random: Random;
  readonly #disk: Disk;
  readonly #kept: string;
  #places: Place[] = [];
  #stores = 0;
  #options = "";
  #cut = false;
  #now: (() => void) | undefined = undefined;
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(arena: Arena, report: Report, kind: DiskKind, random: Random) {
    this.#arena = arena;
    this.#report = report;
    this.#random = random;
    this.#disk = new Disk(arena, kind, DISK_BYTES);
    this.#kept = arena.directory(`before-${kind}`);
  }

  /** Cuts the power `cuts` times. */
  async run(cuts: number): Promise<void> {
    for (let done = 0; done < cuts; done++) {
      if (done % CUTS_PER_FORMAT === 0) await this.#renew(done / CUTS_PER_FORMAT);
      this.#disk.mount(this.#options);
      this.#prepare();
      await this.#untilCut();
      this.#disk.unmount();
      this.#count();
    }
    await this.#leave();
    this.#disk.remove();
  }

  #count(): void {
    const { counts } = this.#report;
    counts.powerCuts++;
    if (this.#disk.kind === "ext4") counts.powerCutsExt4++;
    else counts.powerCutsXfs++;
  }

  /** A new file system with new stores, in workers of the runtimes whose turn it is. */
  async #renew(round: number): Promise<void> {
    await this.#leave();
    this.#disk.format();
    const modes = this.#disk.kind === "ext4" ? ["", "", "data=writeback"] : [""];
    this.#options = this.#random.pick(modes);
    const first = round * STORES_PER_DISK + (this.#disk.kind === "ext4" ? 0 : 1);
    const runtimes = Array.from(
      { length: STORES_PER_DISK },
      (_, i) => RUNTIMES[(first + i) % RUNTIMES.length]!,
    );
    const workers = await Promise.all(runtimes.map((runtime) => startWorker(runtime)));
    this.#places = workers.map((worker) => ({
      subject: this.#newSubject(),
      worker,
      life: undefined,
    }));
  }

  #newSubject(): Subject {
    return new Subject(`${this.#disk.path}/store${this.#stores++}`, this.#random);
  }

  /** Looks at all stores once more, in peace, and ends the workers. */
  async #leave(): Promise<void> {
    if (this.#places.length === 0) return;
    this.#disk.mount(this.#options);
    this.#keep();
    await Promise.all(this.#places.map(async (place) => {
      place.life = undefined;
      try {
        await place.subject.assertWell(place.worker);
      } catch (error) {
        this.#violation(place, error);
      }
      this.#tally(place.subject);
      await place.worker.end();
    }));
    this.#places = [];
    this.#disk.unmount();
  }

  #tally({ expected, looks }: Subject): void {
    this.#report.counts.acknowledgedBeforePowerCuts += expected.acknowledgements;
    this.#report.counts.looksAfterPowerCuts += looks;
  }

  /** Some stores begin anew; of the others it is kept what the cut left. */
  #prepare(): void {
    for (const place of this.#places) {
      if (!this.#random.oneIn(6)) continue;
      this.#tally(place.subject);
      for (const file of place.subject.files) fs.rmSync(file);
      place.subject = this.#newSubject();
    }
    this.#keep();
  }

  #keep(): void {
    fs.rmSync(this.#kept, { recursive: true });
    fs.mkdirSync(this.#kept);
    for (const { subject } of this.#places) {
      for (const file of subject.files) {
        fs.copyFileSync(file, `${this.#kept}/${file.slice(this.#disk.path.length + 1)}`);
      }
    }
  }

  async #untilCut(): Promise<void> {
    this.#cut = false;
    const moment = drawMoment(this.#random);
    const cut = new Promise<void>((resolve) => this.#now = resolve);
    this.#later(moment.startMs);
    let lines = 0;
    const lives = this.#places.map((place) =>
      this.#live(place, (word) => {
        if (word === "open") this.#later(moment.openMs);
        else if (word === "upkeep") this.#later(moment.upkeepMs);
        if (++lines === moment.lines) this.#now?.();
      })
    );
    await Promise.race([cut, Promise.all(lives)]);
    this.#timers.splice(0).forEach(clearTimeout);
    this.#cutPower();
    await Promise.all(lives);
  }

  #later(ms: number): void {
    if (ms !== NEVER) this.#timers.push(setTimeout(() => this.#now?.(), ms));
  }

  async #live(place: Place, hear: (word: string) => void): Promise<void> {
    place.life = place.subject.draw(this.#random);
    try {
      const { died } = await place.subject.live(
        place.worker,
        place.life,
        () => this.#cut,
        ([word]) => hear(word!),
      );
      if (died !== undefined) throw new Error(`the worker died: ${died}`);
    } catch (error) {
      this.#violation(place, error);
      await place.worker.end();
      place.worker = await startWorker(place.worker.runtime);
      place.subject = this.#newSubject();
    }
  }

  /** Writes some of what no sync covered back, or not, and cuts the power. */
  #cutPower(): void {
    this.#cut = true;
    if (this.#random.oneIn(2)) {
      for (const { subject } of this.#places) {
        for (const file of subject.files) this.#writeSomeBack(file);
      }
    }
    this.#disk.cut();
  }

  #writeSomeBack(file: string): void {
    const fd = fs.openSync(file, "r");
    try {
      const { size } = fs.fstatSync(fd);
      if (this.#random.oneIn(6)) return fs.fsyncSync(fd);
      for (let pieces = this.#random.below(5); pieces > 0 && size > 0; pieces--) {
        const length = 4096 * this.#random.between(1, this.#random.pick([1, 4, 64]));
        this.#arena.system.writeBack(fd, 4096 * this.#random.below(size / 4096), length);
      }
    } finally {
      fs.closeSync(fd);
    }
  }

  #violation({ subject, worker, life }: Place, error: unknown): void {
    const before = fs.readdirSync(this.#kept).map((name) => `${this.#kept}/${name}`);
    this.#report.violation({
      scenario: `power cuts on ${this.#disk.kind}, ${worker.runtime}`,
      blame: "acknowledgedLost",
      error,
      files: before,
      more: [JSON.stringify(life), `mounted with "${this.#options}"`, subject.path, ...worker.said],
    });
  }
}

/** Cuts the power `cuts` times, on both kinds of file systems together. */
export async function powerCuts(
  arena: Arena,
  report: Report,
  kinds: readonly DiskKind[],
  cuts: number,
): Promise<void> {
  const share = Math.ceil(cuts / kinds.length);
  await Promise.all(kinds.map((kind, index) => {
    const random = new Random(report.seed + index);
    return new Lane(arena, report, kind, random).run(share);
  }));
}
