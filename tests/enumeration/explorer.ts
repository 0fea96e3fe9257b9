/**
 * Explores workloads: plays one, makes every image that a power cut can leave at each step of its
 * last shape, and judges each. Recoveries from some of these images are explored in the same way,
 * and must all end at the same commit.
 *
 * The steps of the shapes before the last one belong to shorter workloads and are not looked at
 * again.
 *
 * @module
 */

import type { Image, SimDisk } from "../sim/disk.ts";
import type { ProfileName } from "../sim/profile.ts";
import { Random } from "../sim/random.ts";
import { type BaseStore, makeBaseStore, OPTIONS } from "./base_store.ts";
import type { RecoveryCut, Violation } from "./crash_case.ts";
import type { Cut } from "./cut.ts";
import { visitCuts } from "./cuts.ts";
import type { History } from "./history.ts";
import { ImageIo } from "./image_io.ts";
import { Moment, type PendingMutation } from "./moment.ts";
import { Oracle } from "./oracle.ts";
import type { Step } from "./player.ts";
import { historyOf, play, playRecovery, type Workload } from "./workload.ts";

/** How much is explored. */
export interface ExplorerOptions {
  /** What everything follows from. */
  readonly seed: number;
  /** The recovery from one image in so many is explored, too. */
  readonly recoveryOneIn: number;
  /** What syncs keep. Default: what local file systems keep, then what the standard promises. */
  readonly profiles?: readonly ProfileName[];
}

/** What was counted. */
export interface Counts {
  /** Sequences of shapes. */
  workloads: number;
  /** Cuts at single steps: each was judged. */
  states: number;
  /** Different images that they left, counted for each workload: each was opened. */
  distinct: number;
  /** Recoveries of which every step was explored. */
  recoveries: number;
  /** Different images that cuts of these recoveries left: each was opened. */
  doubleCrashStates: number;
}

const GARBAGE_BYTES = 4096;
/** Of the images that a cut recovery left, so many times fewer are recovered step by step. */
const DEEPER_ONE_IN = 4;
const DEEPEST = 3;

/** Bytes of garbage that follow from `seed`. */
export function garbageOf(seed: number): Uint8Array {
  const random = new Random(seed ^ 0x5EED);
  return new Uint8Array(GARBAGE_BYTES).map(() => random.below(256));
}

/** How deep in crashes of recoveries an exploration is. */
interface Level {
  /** How many crashes there were. */
  readonly depth: number;
  /** These crashes. */
  readonly path: readonly RecoveryCut[];
  /** The only commit that may be shown; undefined: those that the history allows. */
  readonly commit: number | undefined;
}

/** Explores workloads. */
export class Explorer {
  /** What was counted so far. */
  readonly counts: Counts = {
    workloads: 0,
    states: 0,
    distinct: 0,
    recoveries: 0,
    doubleCrashStates: 0,
  };
  readonly #options: ExplorerOptions;
  readonly #garbage: Uint8Array;
  readonly #io = new ImageIo();
  readonly #base: BaseStore;

  /** Makes the base store. */
  constructor(options: ExplorerOptions) {
    this.#options = options;
    this.#garbage = garbageOf(options.seed);
    this.#base = makeBaseStore(options.seed);
  }

  /**
   * Explores the last shape of a workload, or with an empty one the creation of a store, under each
   * profile. Returns what was wrong first.
   */
  explore(workload: Workload): Violation | undefined {
    this.counts.workloads++;
    const seen = new Map<number, number>();
    const { seed, profiles = ["posix", "paranoid"] } = this.#options;
    for (const profile of profiles) {
      const history = historyOf(this.#base, workload);
      const run = new Run(this.#options, this.counts, {
        workload,
        profile,
        history,
        seen,
        garbage: this.#garbage,
        oracle: new Oracle(history, OPTIONS, this.#io),
      });
      play({ base: this.#base, workload, profile, seed, history, look: run.look });
      if (run.violation !== undefined) return run.violation;
    }
    return undefined;
  }
}

/** What one run of a workload works with. */
interface RunParts {
  readonly workload: Workload;
  readonly profile: ProfileName;
  readonly history: History;
  /** The commit that each image shows, by its hash; those of the other profile, too. */
  readonly seen: Map<number, number>;
  readonly garbage: Uint8Array;
  readonly oracle: Oracle;
}

/** Explores one workload under one profile. */
class Run {
  /** What was wrong first. */
  violation: Violation | undefined = undefined;
  readonly #options: ExplorerOptions;
  readonly #counts: Counts;
  readonly #parts: RunParts;
  /** What the last image showed that lost nothing. */
  #killFloor = 0;

  constructor(options: ExplorerOptions, counts: Counts, parts: RunParts) {
    this.#options = options;
    this.#counts = counts;
    this.#parts = parts;
    this.#killFloor = parts.history.acknowledged;
  }

  readonly look = (disk: SimDisk, since: number, step: Step): void => {
    this.#look(disk, since, step, { depth: 0, path: [], commit: undefined });
  };

  #look(disk: SimDisk, since: number, step: Step, level: Level): void {
    if (this.violation !== undefined) return;
    const moment = new Moment(disk, this.#parts.garbage);
    visitCuts(moment, since, level.depth === 0, (cut) => this.#visit(moment, cut, step, level));
  }

  /** Judges what `cut` leaves; false where something was wrong. */
  #visit(moment: Moment, cut: Cut, step: Step, level: Level): boolean {
    const { seen, oracle } = this.#parts;
    if (level.depth === 0) this.#counts.states++;
    const hash = moment.apply(cut);
    let commit = seen.get(hash);
    const fresh = commit === undefined;
    if (commit === undefined) {
      if (level.depth === 0) this.#counts.distinct++;
      else this.#counts.doubleCrashStates++;
      commit = oracle.judge(moment.images(), diceOf(hash));
      seen.set(hash, commit);
    }
    const complaint = commit < 0 ? oracle.complaint : this.#outOfBounds(commit, cut, level);
    if (complaint !== "") {
      this.#note(moment, cut, step, level, complaint);
      return false;
    }
    if (fresh && this.#chosen(hash, level.depth)) {
      const path = [...level.path, { step: step.number, cut }];
      this.#recover(copyOf(moment), { depth: level.depth + 1, path, commit });
    }
    return this.violation === undefined;
  }

  #outOfBounds(commit: number, cut: Cut, { commit: wanted }: Level): string {
    if (wanted !== undefined) {
      if (commit === wanted) return "";
      return `commit ${wanted} was shown, and after a cut of the recovery commit ${commit}`;
    }
    const { acknowledged, issued } = this.#parts.history;
    if (commit < acknowledged || commit > issued) {
      return `it shows commit ${commit}, not one from ${acknowledged} to ${issued}`;
    }
    if (!losesNothing(cut)) return "";
    // What a killed process wrote stays, unless another crash has taken it back.
    const floor = Math.min(this.#killFloor, issued);
    if (commit < floor) return `nothing was lost, and it shows commit ${commit} after ${floor}`;
    this.#killFloor = commit;
    return "";
  }

  #chosen(hash: number, depth: number): boolean {
    if (depth >= DEEPEST) return false;
    const oneIn = this.#options.recoveryOneIn * DEEPER_ONE_IN ** depth;
    return Math.floor(hash / 2 ** 16) % oneIn === 0;
  }

  /** Explores the recovery from an image. */
  #recover(image: Image, level: Level): void {
    this.#counts.recoveries++;
    const { profile, history } = this.#parts;
    playRecovery(image, profile, history, this.#options.seed, level.depth, (disk, since, step) => {
      this.#look(disk, since, step, level);
    });
  }

  #note(moment: Moment, cut: Cut, step: Step, level: Level, complaint: string): void {
    const { workload, profile } = this.#parts;
    const [first, ...recoveries] = [...level.path, { step: step.number, cut }];
    this.violation = {
      crash: { seed: this.#options.seed, profile, workload, ...first, recoveries },
      words: step.words,
      pending: moment.pending.map(describe),
      complaint,
    };
  }
}

/** Whether a cut keeps everything, as the kill of a process does. */
export function losesNothing(cut: Cut): boolean {
  const { kept, tear, sizeOf, missing = [], back = [] } = cut;
  if (tear !== undefined || sizeOf !== undefined || missing.length + back.length > 0) return false;
  return !kept.includes("0");
}

/** A small number that follows from a hash. */
export function diceOf(hash: number): number {
  return hash % 65536;
}

/** A copy of the image that a moment made last. */
export function copyOf(moment: Moment): Image {
  const files = [...moment.images()];
  return Object.fromEntries(files.map(({ name, bytes, size }) => [name, bytes.slice(0, size)]));
}

function describe({ file, mutation }: PendingMutation): string {
  const { at, bytes, operation } = mutation;
  const what = bytes === undefined ? `truncate to ${at}` : `write ${bytes.length} bytes at ${at}`;
  return `${what} of ${file.name} (operation ${operation})`;
}
