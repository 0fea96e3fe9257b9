/**
 * Judges what a store does while something goes wrong: the codes of its errors, what it promises
 * after an error, what it does to files that it refuses.
 *
 * @module
 */

import { isKvigError, type KvigErrorCode } from "../../core/errors.ts";
import type { VerifyReport } from "../../core/verify.ts";
import type { Phase, Role } from "../sim/cells.ts";
import type { SimOperation } from "../sim/faults.ts";
import type { SimIo } from "../sim/io.ts";
import type { Commit, Contents, Ledger } from "./ledger.ts";
import { DAMAGING, HIDING, type Reaction, reactionTo } from "./reactions.ts";
import { PATH } from "./paths.ts";
import type { Striker } from "./striker.ts";

/** Codes that a call of a store may fail with at all. */
const CLOSED_LIST: readonly KvigErrorCode[] = [
  ...["KVIG_NOT_FOUND", "KVIG_EXISTS", "KVIG_LOCKED", "KVIG_READ_ONLY"] as const,
  ...["KVIG_UNSUPPORTED", "KVIG_ACCESS", "KVIG_FULL", "KVIG_CLOSED", "KVIG_IO"] as const,
  ...["KVIG_FORMAT", "KVIG_CORRUPT", "KVIG_ABORTED", "KVIG_FAILED"] as const,
];

/** Codes that say that an opening refused the files, and so must have left them alone. */
const REFUSALS: readonly KvigErrorCode[] = [
  ...["KVIG_ACCESS", "KVIG_EXISTS", "KVIG_FORMAT", "KVIG_LOCKED"] as const,
  ...["KVIG_NOT_FOUND", "KVIG_UNSUPPORTED", "KVIG_CORRUPT"] as const,
];

/** The files of a disk, to compare with. */
type Files = ReadonlyMap<string, Uint8Array>;

/** A backup that was made, or not. */
export interface Backup {
  /** Its path. */
  readonly path: string;
  /** Whether it succeeded. */
  readonly done: boolean;
  /** What it must hold. */
  readonly contents: Contents;
}

/** Judges one run. */
export class Judge {
  /** What was wrong. */
  readonly violations: string[] = [];
  /** Backups. */
  readonly backups: Backup[] = [];
  /** Whether the store that is open now has failed. */
  hasFailed = false;
  /** Whether any store failed in this run. */
  everFailed = false;
  /** Calls that nothing will ever settle. */
  stuckCalls = 0;
  /** Commits acknowledged by calls that came after a sync that failed. */
  failedSyncAcknowledged = 0;
  /** Syncs of a file one of whose syncs had failed. */
  failedSyncRetried = 0;
  /** The role of the first operation that was struck. */
  role: Role | undefined;
  /** The phase of the first operation that was struck. */
  phase: Phase | undefined;
  /** Commits that were durable before the last sync of the log: no damage there may be cut off. */
  provable = 0;
  readonly #io: SimIo;
  readonly #striker: Striker;
  readonly #ledger: Ledger;
  readonly #failedSyncs = new Set<string>();
  #reaction: Reaction | undefined;
  #lastError: unknown;
  #mayAbort = false;
  #metasStruck = 0;
  #calls = "";

  /** For a run with `striker` on `io`. */
  constructor(io: SimIo, striker: Striker, ledger: Ledger) {
    this.#io = io;
    this.#striker = striker;
    this.#ledger = ledger;
  }

  /** Number of operations that were struck. */
  get struck(): number {
    return this.#striker.struck.length;
  }

  /** Whether the disk holds, or shows, something else than what was written. */
  get damaged(): boolean {
    const { injection } = this.#striker;
    return injection !== undefined && this.struck > 0 && DAMAGING.includes(injection.kind);
  }

  /** The first commits that must be found, whatever was damaged. */
  get least(): number {
    const { acknowledged } = this.#ledger;
    const inLog = this.role === "log write" || this.role === "log read";
    if (inLog && this.hidden) return 0;
    return this.damaged && inLog ? Math.min(this.provable, acknowledged) : acknowledged;
  }

  /** The same where nothing was written: what reads hid is there again when they no longer do. */
  get leastShown(): number {
    const { acknowledged } = this.#ledger;
    return this.hidden && !this.damaged && this.#striker.over ? acknowledged : this.least;
  }

  /** Whether every read of a file gives something else than what is there. */
  get hidden(): boolean {
    const { injection } = this.#striker;
    return injection?.ever === true && this.struck > 0 && HIDING.includes(injection.kind);
  }

  /** What the engine owes; known from the first strike on. */
  get reaction(): Reaction | undefined {
    return this.#reaction;
  }

  /** Notes something wrong. */
  violate(what: string): void {
    this.violations.push(this.#calls === "" ? what : `${what} (in ${this.#calls})`);
  }

  /** The first operation is struck. */
  firstStrike(role: Role, phase: Phase): void {
    this.role = role;
    this.phase = phase;
    this.#reaction = reactionTo(this.#striker.injection!, role, phase);
  }

  /** A sync is issued. */
  syncIssued(path: string, data: boolean): void {
    if (this.#failedSyncs.has(path)) this.failedSyncRetried++;
    // Opening syncs the log too, with no group that tells of it.
    if (data && path.endsWith("-wal")) this.provable = this.#ledger.acknowledged;
  }

  /** An operation is struck. */
  struckOperation({ kind, path, at }: SimOperation): void {
    if (kind === "write" && path === PATH && at < 1024) this.#metasStruck++;
  }

  /**
   * Whether more is lost than anything can tell: both meta pages of a commit that the log does not
   * have, because a checkpoint committed it.
   */
  get beyond(): boolean {
    return this.damaged && this.#metasStruck > 1;
  }

  /** A sync failed. */
  syncFailed(path: string): void {
    this.#failedSyncs.add(path);
  }

  /** A call is made. */
  called(name: string): void {
    this.#calls = name;
  }

  /** A call succeeded. */
  succeeded(
    name: string,
    hadFailed: boolean,
    commit: Commit | undefined,
    settles: boolean,
  ): void {
    if (hadFailed) {
      this.violate(`${name} succeeds on a store that has failed`);
      if (settles && this.#failedSyncs.size > 0) this.failedSyncAcknowledged++;
    }
    if (commit !== undefined) commit.fate = settles ? "acknowledged" : "applied";
    if (settles && commit === undefined) this.#ledger.acknowledgeApplied();
  }

  /** Whether calls are made whose signal stops them. */
  expectAborted(expected: boolean): void {
    this.#mayAbort = expected;
  }

  /** A call failed; `struck` and `hadFailed` are as they were when it was made. */
  failed(name: string, error: unknown, struck: number, hadFailed: boolean): void {
    this.#lastError = error;
    if (!isKvigError(error)) {
      this.violate(`${name} fails with ${error instanceof Error ? error.stack : String(error)}`);
      return;
    }
    const { code, outcome, message } = error;
    const what = `${name} fails with ${code}: ${message}`;
    if (!CLOSED_LIST.includes(code)) this.violate(`${what}; that is no code of the list`);
    if (code === "KVIG_ABORTED" && this.#mayAbort) return;
    if (this.struck === 0) this.violate(`${what}; nothing went wrong`);
    if (code === "KVIG_FAILED") {
      this.#failedStore(what, outcome, hadFailed);
      return;
    }
    if (hadFailed) this.violate(`${what}; the store had failed`);
    if (outcome !== undefined) this.violate(`${what}; and says ${outcome} of its outcome`);
    if (this.#mayFail(code, struck)) return;
    this.violate(`${what}; ${this.#owed()}`);
  }

  #failedStore(what: string, outcome: string | undefined, hadFailed: boolean): void {
    this.hasFailed = this.everFailed = true;
    if (this.#reaction?.fails === "never") this.violate(`${what}; ${this.#owed()}`);
    if (outcome !== "none" && (hadFailed || outcome !== "unknown")) {
      this.violate(`${what}; and says ${outcome} of its outcome`);
    }
  }

  #mayFail(code: KvigErrorCode, struck: number): boolean {
    const { injection } = this.#striker;
    if (injection === undefined || this.#reaction === undefined) return false;
    if (this.damaged) return code === "KVIG_CORRUPT" || code === "KVIG_IO";
    // What is never over keeps its files open, and locked.
    if (injection.kind === "never" && this.stuckCalls > 0 && code === "KVIG_LOCKED") return true;
    if (this.#striker.over) return false;
    // Once and past: whatever begins after it succeeds again.
    if (!injection.ever && struck > 0) return false;
    return this.#reaction.codes.includes(code);
  }

  #owed(): string {
    const { injection } = this.#striker;
    if (injection === undefined || this.#reaction === undefined) return "nothing went wrong";
    if (this.#striker.over) return "and the fault is over";
    const { codes, fails } = this.#reaction;
    return `owed is ${codes.join(" or ") || "success"}, and the store fails: ${fails}`;
  }

  /** A call will never be over. */
  stuck(name: string): void {
    this.stuckCalls++;
    const { injection } = this.#striker;
    if (injection?.kind !== "never" || this.struck === 0) this.violate(`${name} is never over`);
  }

  /** An opening begins; what the files are like. */
  beginOpening(): Files {
    this.hasFailed = false;
    this.#failedSyncs.clear();
    return this.#files();
  }

  /** An opening failed: where it refused the files, they are as before. */
  endOpening(before: Files): void {
    this.hasFailed = false;
    const error = this.#lastError;
    if (!isKvigError(error) || !REFUSALS.includes(error.code)) return;
    // What is damaged may show itself when the log is replayed, beside a meta page of then.
    const clean = this.phase === "create" || this.phase === "open";
    if (error.code === "KVIG_CORRUPT" && !clean) return;
    for (const [path, bytes] of this.#files()) {
      const old = before.get(path);
      if (old !== undefined && !equal(old, bytes)) {
        this.violate(`a refused opening changed ${path}`);
      }
    }
  }

  #files(): Files {
    return new Map([...this.#io.disk.files].map(([name, file]) => [name, file.live()]));
  }

  /** A store was verified. */
  verified(name: string, report: VerifyReport): void {
    const [problem] = report.problems;
    if (problem === undefined) return;
    const { injection } = this.#striker;
    const tells = this.damaged || (injection?.ever === true && !this.#striker.over);
    if (!tells) {
      this.violate(`${name} finds page ${problem.page} of ${problem.file} ${problem.what}`);
    }
  }

  /** A backup was made, or not. */
  backedUp(path: string, done: boolean, contents: Contents): void {
    this.backups.push({ path, done, contents });
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
