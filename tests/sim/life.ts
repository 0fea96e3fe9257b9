/**
 * A life: one store, from its creation through calls, faults, crashes and recoveries to its end, as
 * a plan says, compared with its model all the way. What may be found after a crash, and which
 * errors are excused, oracle.ts knows.
 *
 * @module
 */

import { isKvigError } from "../../core/errors.ts";
import { ended, Violation } from "./calls.ts";
import { LifeContext, STORE_PATH } from "./context.ts";
import { SimDisk } from "./disk.ts";
import { type FaultKind, RandomFaults } from "./faults.ts";
import { SimIo } from "./io.ts";
import { sumOf } from "./model.ts";
import { LifeOracle } from "./oracle.ts";
import type { LifePlan, Step } from "./plan.ts";
import { PROFILES } from "./profile.ts";
import { Random } from "./random.ts";
import { readRange } from "./reads.ts";
import { LATENCIES } from "./scheduler.ts";
import { makeCall } from "./steps.ts";
import { openTiny, openTinySync, type TinyOptions } from "./tiny_store.ts";
import { verify } from "./upkeep.ts";

/** What a life came to. */
export interface LifeReport {
  /** A hash of everything that was done. */
  readonly hash: number;
  /** Calls of the store. */
  readonly calls: number;
  /** Operations of the Io. */
  readonly operations: number;
  /** Power cuts and kills. */
  readonly crashes: number;
  /** Faults that happened, by kind. */
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  /** Whether it ended with damage that was noticed and refused. */
  readonly detected: boolean;
}

/** How to live. */
export interface LifeOptions {
  /** Where to keep the trace in words. */
  readonly lines?: string[];
}

/**
 * Lives a plan from beginning to end.
 * @throws {Violation} where a promise of the store is broken.
 */
export async function live(plan: LifePlan, options: LifeOptions = {}): Promise<LifeReport> {
  return await new Life(plan, options).run();
}

class Life {
  readonly #plan: LifePlan;
  readonly #lines: string[] | undefined;
  readonly #context: LifeContext;
  readonly #random: Random;
  readonly #faults: RandomFaults;
  readonly #oracle: LifeOracle;
  #hash = 0;
  #operations = 0;
  #crashes = 0;
  #detected = false;

  constructor(plan: LifePlan, options: LifeOptions) {
    this.#plan = plan;
    this.#lines = options.lines;
    this.#random = new Random(plan.seed);
    this.#faults = new RandomFaults(this.#random.fork(), plan.faults, plan.faultLimit);
    this.#context = new LifeContext(plan, () => this.#oracle.excuses());
    this.#oracle = new LifeOracle(plan, this.#faults, this.#context);
  }

  async run(): Promise<LifeReport> {
    try {
      this.#boot(new SimDisk({}, PROFILES[this.#plan.profile]));
      await this.#openAtLast();
      for (const step of this.#plan.steps) {
        if (this.#detected) break;
        await this.#take(step);
      }
      if (!this.#detected) await this.#finish();
    } finally {
      this.#leave();
    }
    const faults: Partial<Record<FaultKind, number>> = {};
    for (const { fault } of this.#faults.chosen) faults[fault.kind] = (faults[fault.kind] ?? 0) + 1;
    return {
      hash: this.#hash >>> 0,
      calls: this.#context.calls,
      operations: this.#operations,
      crashes: this.#crashes,
      faults,
      detected: this.#detected,
    };
  }

  // Processes

  #boot(disk: SimDisk): void {
    const { blocking, latency, oddHost } = this.#plan;
    const io = new SimIo({
      seed: this.#random.below(2 ** 32),
      disk,
      blocking,
      latency: LATENCIES[latency],
      faults: this.#faults,
      clockJumps: oddHost,
      repeatRandom: oddHost,
      keepTrace: this.#lines !== undefined,
    });
    io.onOperation = (operation, fault) => this.#oracle.issued(operation, fault);
    this.#context.io = io;
    this.#oracle.booted();
  }

  /** Takes leave of the process of now. */
  #leave(): void {
    const { io } = this.#context;
    this.#hash = Math.imul(this.#hash ^ io.trace.hash, 0x9E3779B1) ^ (this.#hash >>> 7);
    this.#operations += io.operations;
    this.#lines?.push(...io.trace.lines);
  }

  #note(line: string): void {
    this.#context.io.trace.note(`— ${line}`);
  }

  #options(): TinyOptions {
    const { pageBytes, blockBytes, logBlocks, cacheFrames, maxPages } = this.#plan;
    return {
      pageSize: pageBytes,
      cacheSize: cacheFrames * pageBytes,
      logSize: logBlocks * blockBytes,
      logBlockSize: blockBytes,
      ...(maxPages === undefined ? {} : { maxSize: maxPages * pageBytes }),
    };
  }

  // Opening and crashes

  async #open(options: TinyOptions = {}): Promise<boolean> {
    const context = this.#context;
    const { io } = context;
    const all = { ...this.#options(), ...options };
    const opening = io.canBlock && this.#random.oneIn(2)
      ? this.#openSync(all)
      : openTiny(io, STORE_PATH, all);
    const end = await ended(io, opening);
    if (io.dead) return false;
    if (end.how === "value") {
      context.store = end.value;
      return true;
    }
    if (end.how === "stuck") {
      if (!this.#oracle.excuses().faults.has("never")) throw new Violation("opening never ends");
      return false;
    }
    this.#note(`opening failed: ${String(end.error)}`);
    const what = options.readOnly === true ? "opening read-only" : "opening";
    const error = context.refused(what, end.error, false);
    context.failed = false;
    if (error.code === "KVIG_CORRUPT" || error.code === "KVIG_FORMAT") this.#detected = true;
    return false;
  }

  async #openSync(options: TinyOptions): ReturnType<typeof openTiny> {
    await undefined;
    return openTinySync(this.#context.io, STORE_PATH, options);
  }

  /** Opens, as often as faults and more crashes want; recovery ends in the same state. */
  async #openAtLast(): Promise<void> {
    for (let tries = 0; !this.#detected; tries++) {
      // In the end it must come up: no faults, and no deaths, which creation may not outrun.
      if (tries > 8) this.#faults.enabled = false;
      else if (tries > 0 && this.#random.oneIn(4)) {
        this.#context.io.dieAfter(this.#random.below(12));
      }
      if (await this.#open()) return;
      if (tries > 12 && !this.#detected) this.#givenUp("the store cannot be opened any more");
      this.#restart(this.#random.oneIn(3) ? "kill" : "power");
    }
  }

  #restart(how: "power" | "kill"): void {
    this.#crashes++;
    const disk = this.#context.io.crash(how, { tear: true });
    this.#note(`${how === "kill" ? "killed" : "power cut"}`);
    this.#leave();
    this.#context.forget();
    this.#boot(disk);
  }

  /** A sector that cannot be read may be one without which nothing can be shown. */
  #givenUp(what: string): void {
    if (!this.#oracle.excuses().faults.has("unreadable sector")) throw new Violation(what);
    this.#detected = true;
  }

  /** Crashes, opens, and compares. */
  async #crash(how: "power" | "kill"): Promise<void> {
    this.#restart(how);
    await this.#openAtLast();
    if (!this.#detected) await this.#recovered();
    this.#faults.enabled = true;
  }

  /** What was recovered must be one of the versions that may be. */
  async #recovered(): Promise<void> {
    const context = this.#context;
    const end = await ended(context.io, context.store.range().toArray());
    // A death that a step has set may come between opening and the first read.
    if (context.io.dead) return await this.#crash("power");
    if (end.how === "stuck") return await this.#again(end);
    if (end.how === "error") {
      const error = context.refused("reading after a crash", end.error, false);
      if (error.code === "KVIG_CORRUPT" && !this.#oracle.excuses().reverted) this.#detected = true;
      else await this.#again(end);
      return;
    }
    const sum = sumOf(end.value);
    const version = this.#oracle.match(sum, end.value.length);
    if (version < 0) context.model.reset(end.value);
    else context.model.rebase(version);
    context.acknowledged = 0;
    this.#oracle.rebased();
    if (this.#random.oneIn(3)) {
      verify(context, { do: "verify" });
      await this.#settle(0);
    }
  }

  async #again(end: unknown): Promise<void> {
    const { faults } = this.#oracle.excuses();
    if (faults.size === 0) throw new Violation("what was recovered cannot be read", end);
    if (!this.#faults.enabled) {
      // Nothing goes wrong any more but what lies on the disk.
      this.#givenUp("what was recovered cannot be read");
      return;
    }
    this.#faults.enabled = false;
    this.#restart("kill");
    await this.#openAtLast();
    if (!this.#detected) await this.#recovered();
  }

  // Steps

  async #take(step: Step): Promise<void> {
    const context = this.#context;
    this.#note(JSON.stringify(step));
    if (context.failed && step.do !== "crash") {
      this.#expectFailed();
      return await this.#crash(this.#random.oneIn(2) ? "kill" : "power");
    }
    await this.#do(step);
    if (this.#detected) return;
    context.check();
    if (!context.io.dead && !(await context.settle(step.beside ?? 0))) {
      if (!this.#oracle.excuses().faults.has("never")) throw new Violation(`${step.do} never ends`);
      return await this.#crash("kill");
    }
    context.check();
    if (context.io.dead) await this.#crash("power");
  }

  #expectFailed(): void {
    const { store } = this.#context;
    for (const call of [() => store.countSync(), () => store.putSync("a", "b")]) {
      try {
        call();
      } catch (error) {
        if (isKvigError(error, "KVIG_FAILED")) continue;
        throw error;
      }
      throw new Violation("a store that has failed goes on");
    }
  }

  async #do(step: Step): Promise<void> {
    if (!makeCall(this.#context, step)) await this.#doWithFiles(step);
  }

  async #doWithFiles(step: Step): Promise<void> {
    const context = this.#context;
    if (step.do === "reopen") await this.#reopen();
    else if (step.do === "read-only") await this.#reopen(true);
    else if (step.do === "open twice") await this.#openTwice();
    else if (step.do === "disk") {
      const { disk } = context.io;
      this.#oracle.limited ||= step.freeBytes !== undefined;
      disk.capacityBytes = step.freeBytes === undefined
        ? Infinity
        : disk.usedBytes + step.freeBytes;
    } else if (step.do === "crash") {
      if (step.how === "kill" || this.#random.oneIn(3)) await this.#crash(step.how);
      else context.io.dieAfter(this.#random.below(20));
    }
  }

  async #settle(beside: number): Promise<boolean> {
    const context = this.#context;
    const done = await context.settle(beside);
    context.check();
    if (!done && !this.#oracle.excuses().faults.has("never")) {
      throw new Violation("calls never end");
    }
    return done;
  }

  /** Closes and opens again; in between perhaps read-only. */
  async #reopen(readOnly = false): Promise<void> {
    const context = this.#context;
    if (!(await this.#settle(0)) || context.io.dead) return await this.#crash("power");
    if (context.failed) return;
    const end = await ended(context.io, context.store.close());
    if (context.io.dead) return await this.#crash("power");
    if (end.how === "stuck") {
      if (!this.#oracle.excuses().faults.has("never")) throw new Violation("close() never ends");
      return await this.#crash("kill");
    }
    if (end.how === "error") {
      context.refused("close", end.error, false);
      return await this.#crash("kill");
    }
    context.acknowledged = context.model.last;
    context.snapshots = [];
    context.iterations = [];
    if (readOnly) await this.#lookReadOnly();
    if (context.io.dead || !(await this.#open())) {
      if (!this.#detected) await this.#crash("power");
      return;
    }
    await this.#recovered();
  }

  /** A read-only opening shows the same and writes nothing. */
  async #lookReadOnly(): Promise<void> {
    const context = this.#context;
    const { io } = context;
    const { onOperation } = io;
    const forbidden: string[] = [];
    io.onOperation = (operation, fault) => {
      onOperation(operation, fault);
      if (!["open", "read", "lock", "close", "allocate"].includes(operation.kind)) {
        forbidden.push(operation.kind);
      }
    };
    if (await this.#open({ readOnly: true })) {
      const shown = await ended(io, context.store.range().toArray());
      if (shown.how === "error") context.refused("reading read-only", shown.error, false);
      if (shown.how === "value") this.#oracle.match(sumOf(shown.value), shown.value.length);
      const closed = await ended(io, context.store.close());
      if (closed.how === "error") context.refused("close", closed.error, false);
    }
    io.onOperation = onOperation;
    if (forbidden.length > 0) throw new Violation(`a read-only opening issued ${forbidden[0]}`);
  }

  /** A second opening in one process is refused, and the first one goes on. */
  async #openTwice(): Promise<void> {
    const { io } = this.#context;
    const end = await ended(io, openTiny(io, STORE_PATH, this.#options()));
    if (io.dead || end.how === "stuck") return;
    if (end.how === "value") throw new Violation("a store was opened twice");
    if (isKvigError(end.error, "KVIG_LOCKED")) return;
    this.#context.refused("opening twice", end.error, false);
  }

  /** Ends the life well: everything is compared once more, and after a clean close too. */
  async #finish(): Promise<void> {
    const context = this.#context;
    this.#faults.enabled = false;
    context.io.disk.capacityBytes = Infinity;
    if (!(await this.#settle(0)) || context.failed || context.io.dead) await this.#crash("kill");
    if (this.#detected) return;
    await this.#reopen();
    if (this.#detected) return;
    verify(context, { do: "verify" });
    readRange(context, { do: "range", range: {} });
    await this.#settle(0);
  }
}
