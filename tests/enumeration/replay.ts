/**
 * Makes one crash happen again.
 *
 * @module
 */

import { makeBaseStore, OPTIONS } from "./base_store.ts";
import type { CrashCase, RecoveryCut } from "./crash_case.ts";
import type { Cut } from "./cut.ts";
import { copyOf, diceOf, garbageOf, losesNothing } from "./explorer.ts";
import type { History } from "./history.ts";
import { Moment } from "./moment.ts";
import { Oracle } from "./oracle.ts";
import type { Look } from "./player.ts";
import { historyOf, play, playRecovery } from "./workload.ts";

/**
 * Plays a workload, cuts the power, opens what is left, and so on; returns what is wrong with what
 * the store shows then, or "" where nothing is. Where the steps of the store have changed so that
 * there is no such cut any more, nothing is wrong either.
 */
export function replayCrash(crash: CrashCase): string {
  const { seed, profile, workload } = crash;
  const base = makeBaseStore(seed);
  const history = historyOf(base, workload);
  const replay = new Replay(crash, history);
  play({ base, workload, profile, seed, history, look: replay.look });
  return replay.complaint;
}

class Replay {
  /** What was wrong. */
  complaint = "";
  readonly #crash: CrashCase;
  readonly #history: History;
  readonly #garbage: Uint8Array;
  readonly #oracle: Oracle;
  #killFloor: number;

  constructor(crash: CrashCase, history: History) {
    this.#crash = crash;
    this.#history = history;
    this.#garbage = garbageOf(crash.seed);
    this.#oracle = new Oracle(history, OPTIONS);
    this.#killFloor = history.acknowledged;
  }

  readonly look: Look = (disk, _, step) => {
    const { cut, recoveries = [] } = this.#crash;
    if (step.number > this.#crash.step) return;
    const moment = new Moment(disk, this.#garbage);
    const { acknowledged, issued } = this.#history;
    if (step.number < this.#crash.step) {
      if (losesNothing(cut)) this.#raiseFloor(moment);
      return;
    }
    const commit = this.#judge(moment, cut);
    if (commit === undefined) return;
    if (commit < acknowledged || commit > issued) {
      this.complaint = `it shows commit ${commit}, not one from ${acknowledged} to ${issued}`;
    } else if (losesNothing(cut) && commit < Math.min(this.#killFloor, issued)) {
      this.complaint = `nothing was lost, and it shows commit ${commit} after ${this.#killFloor}`;
    } else this.#recover(moment, commit, recoveries, 1);
  };

  /** What a kill at an earlier step leaves stays. */
  #raiseFloor(moment: Moment): void {
    const commit = this.#judge(moment, { kept: "1".repeat(moment.pending.length) });
    if (commit !== undefined) this.#killFloor = commit;
  }

  /** The commit that the store shows; undefined where it shows none, or there is no such cut. */
  #judge(moment: Moment, cut: Cut): number | undefined {
    if (cut.kept.length !== moment.pending.length) return undefined;
    const dice = diceOf(moment.apply(cut));
    const commit = this.#oracle.judge(moment.images(), dice);
    this.complaint = this.#oracle.complaint;
    return commit < 0 ? undefined : commit;
  }

  #recover(
    moment: Moment,
    commit: number,
    recoveries: readonly RecoveryCut[],
    depth: number,
  ): void {
    const [recovery, ...further] = recoveries;
    if (recovery === undefined) return;
    const { profile, seed } = this.#crash;
    playRecovery(copyOf(moment), profile, this.#history, seed, depth, (disk, _, step) => {
      if (step.number !== recovery.step || this.complaint !== "") return;
      const next = new Moment(disk, this.#garbage);
      const found = this.#judge(next, recovery.cut);
      if (found === undefined) return;
      if (found !== commit) {
        this.complaint = `commit ${commit} was shown, and after a cut of the recovery ${found}`;
      } else this.#recover(next, commit, further, depth + 1);
    });
  }
}
